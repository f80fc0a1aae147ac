package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/deps"
)

// What the model's Python package is called.
const (
	packageName = modelID
	moduleName  = "iris_species"
)

// module is the model in Python, beside its weights: nothing else is needed to ask it.
const module = `"""Tells the species of an iris by its measurements in centimetres."""
import json, math, os

with open(os.path.join(os.path.dirname(__file__), "model.json")) as f:
    model = json.load(f)


def predict(measurements):
    x = [(measurements[f] - m) / s for f, m, s in zip(model["Features"], model["Mean"], model["Scale"])]
    scores = [math.exp(sum(a * b for a, b in zip(w, x + [1.0]))) for w in model["Weights"]]
    return model["Species"][scores.index(max(scores))]


if __name__ == "__main__":
    import sys
    for line in sys.stdin:
        print(predict([float(word) for word in line.split(",")]))
`

// publish publishes a version as a Python package, and locks what the version is built from.
func publish(ctx context.Context, cfg aws.Config, p *platform, v *version) (*deps.Repository, *deps.Lock, error) {
	shelf := &deps.Repository{Client: codeartifact.NewFromConfig(cfg), Domain: p.domain, Name: p.repository}
	wheel, err := packWheel(v)
	if err != nil {
		return nil, nil, err
	}
	if err := upload(ctx, shelf, v.number, wheel); err != nil {
		return nil, nil, err
	}
	lock, err := lockVersion(ctx, shelf, v)
	return shelf, lock, err
}

// wheelName is what the file of a version is called.
func wheelName(version string) string { return moduleName + "-" + version + "-py3-none-any.whl" }

// packWheel makes the wheel of a version (a zip, PEP 427). It needs no Python, and from the same
// model it makes the same bytes.
func packWheel(v *version) ([]byte, error) {
	weights, err := v.weights()
	if err != nil {
		return nil, err
	}
	info := moduleName + "-" + v.number + ".dist-info/"
	files := []struct{ name, content string }{
		{moduleName + "/__init__.py", ""},
		{moduleName + "/__main__.py", module},
		{moduleName + "/model.json", string(weights)},
		{info + "METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: %s\nRequires-Python: >=3.6\n", packageName, v.number, v.description)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: modelwharf-demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	record := ""
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.content))
		record += fmt.Sprintf("%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
	}
	files = append(files, struct{ name, content string }{info + "RECORD", record + info + "RECORD,,\n"})
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Store})
		if err == nil {
			_, err = io.WriteString(w, f.content)
		}
		if err != nil {
			return nil, err
		}
	}
	err = z.Close()
	return b.Bytes(), err
}

// upload publishes a wheel by the form that twine sends. One of an earlier run stays: a file
// does not change, and the very same file again is no change.
func upload(ctx context.Context, shelf *deps.Repository, version string, wheel []byte) error {
	at, err := shelf.Client.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{
		Domain: &shelf.Domain, Repository: &shelf.Name, Format: types.PackageFormatPypi,
	})
	if err != nil {
		return err
	}
	token, err := shelf.Client.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{Domain: &shelf.Domain})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(wheel)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"metadata_version", "2.1"}, {"name", packageName}, {"version", version},
		{"filetype", "bdist_wheel"}, {"pyversion", "py3"}, {"sha256_digest", hex.EncodeToString(sum[:])},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("content", wheelName(version))
	if err == nil {
		_, err = part.Write(wheel)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, *at.RepositoryEndpoint, &body)
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", form.FormDataContentType())
	q.SetBasicAuth("aws", *token.AuthorizationToken)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		say("%s published: %d bytes, sha256 %x", wheelName(version), len(wheel), sum)
	case http.StatusConflict:
		say("%s is there from an earlier run, built otherwise; it stays", wheelName(version))
	default:
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("publish %s: %s %s", wheelName(version), answer.Status, said)
	}
	return nil
}

// lockVersion locks what a version is built from: as `modelwharf deps lock` does.
func lockVersion(ctx context.Context, shelf *deps.Repository, v *version) (*deps.Lock, error) {
	folder, err := os.MkdirTemp("", "iris-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	requirements := filepath.Join(folder, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(packageName+"=="+v.number+"\n"), 0o600); err != nil {
		return nil, err
	}
	lock, _, err := shelf.Make(ctx, deps.Request{Model: modelID, ModelVersion: v.number, Files: []string{requirements}})
	if err != nil {
		return nil, err
	}
	fresh, err := shelf.Publish(ctx, lock)
	if err != nil {
		return nil, err
	}
	said := "locked"
	if !fresh {
		said = "was locked alike by an earlier run"
	}
	files, size := lock.Files()
	say("%s %s %s: %d package, %d file, %d bytes", modelID, v.number, said, len(lock.Packages), files, size)
	return lock, nil
}

// proveLock verifies a lock, tries to lock something else under the same version, and shows that
// a missing file does not go unnoticed.
func proveLock(ctx context.Context, shelf *deps.Repository, lock *deps.Lock) error {
	problems, err := shelf.Verify(ctx, lock, false, nil)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("what was just locked is not as it was: %v", problems)
	}
	say("verified: every locked byte was read, and is as it was")

	other := *lock
	other.Packages = []deps.Package{}
	if _, err := shelf.Publish(ctx, &other); !errors.Is(err, deps.ErrLocked) {
		return fmt.Errorf("locking something else as %s answered %v", lock.ModelVersion, err)
	}
	say("something else locked as %s: refused", lock.ModelVersion)

	forged := *lock
	forged.Packages = slices.Clone(lock.Packages)
	forged.Packages[0].Assets = slices.Clone(lock.Packages[0].Assets)
	forged.Packages[0].Assets[0].SHA256 = strings.Repeat("0", 64)
	if problems, err = shelf.Verify(ctx, &forged, false, nil); err != nil || len(problems) != 1 || problems[0].Reason != "changed" {
		return fmt.Errorf("another hash is not noticed: %v %v", problems, err)
	}
	say("a single other hash in the lock: noticed")
	return nil
}

// install installs what is locked with pip, by its hashes, into a folder that is thrown away,
// and asks the installed model what the model here answers. Without pip it says so.
func install(ctx context.Context, shelf *deps.Repository, lock *deps.Lock, v *version) error {
	python, err := exec.LookPath("python3")
	if err != nil || exec.CommandContext(ctx, python, "-m", "pip", "--version").Run() != nil {
		say("there is no Python with pip here: nothing is installed")
		return nil
	}
	folder, err := os.MkdirTemp("", "iris-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	exact, target := filepath.Join(folder, "requirements.txt"), filepath.Join(folder, "installed")
	if err := os.WriteFile(exact, []byte(lock.Requirements()), 0o600); err != nil {
		return err
	}
	index, err := shelf.Index(ctx)
	if err != nil {
		return err
	}
	pip := deps.Pip(ctx, []string{python, "-m", "pip"}, index, "install", "--quiet", "--no-cache-dir", "--require-hashes", "--target", target, "-r", exact)
	if out, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("pip install: %w\n%s", err, out)
	}
	var questions, want strings.Builder
	for _, f := range v.heldOut {
		fmt.Fprintln(&want, v.model.says(f))
		fmt.Fprintln(&questions, f.csv())
	}
	ask := exec.CommandContext(ctx, python, "-m", moduleName)
	ask.Env = append(os.Environ(), "PYTHONPATH="+target)
	ask.Stdin = strings.NewReader(questions.String())
	out, err := ask.Output()
	if err != nil {
		return fmt.Errorf("ask the installed package: %w", err)
	}
	if strings.ReplaceAll(string(out), "\r\n", "\n") != want.String() {
		return fmt.Errorf("the installed package answers otherwise than the model:\n%s", out)
	}
	say("installed by pip with --require-hashes: %s answers all %d held-out flowers as the model does", packageName, len(v.heldOut))
	return nil
}
