package deps_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/modelwharf/modelwharf/internal/deps"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a server with the domain models, whose repository team has shared as its upstream.
type world struct {
	*deps.Repository
	t      *testing.T
	server *servertest.Server
	token  string
}

func newWorld(t *testing.T, changes ...func(*server.Config)) *world {
	t.Helper()
	s := servertest.Start(t, changes...)
	client := codeartifact.NewFromConfig(s.AWS())
	ctx := t.Context()
	if _, err := client.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: new("models")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{Domain: new("models"), Repository: new("shared")}); err != nil {
		t.Fatal(err)
	}
	_, err := client.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{
		Domain: new("models"), Repository: new("team"), Upstreams: []types.UpstreamRepository{{RepositoryName: new("shared")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := client.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	return &world{&deps.Repository{Client: client, Domain: "models", Name: "team"}, t, s, *token.AuthorizationToken}
}

// user makes a user with a policy, and returns a client that acts as it.
func (w *world) user(policy string) *codeartifact.Client {
	w.t.Helper()
	users, name := iam.NewFromConfig(w.server.AWS()), rand.Text()
	if _, err := users.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: &name}); err != nil {
		w.t.Fatal(err)
	}
	if policy != "" {
		if _, err := users.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy}); err != nil {
			w.t.Fatal(err)
		}
	}
	key, err := users.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		w.t.Fatal(err)
	}
	return codeartifact.NewFromConfig(w.server.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
}

// write writes a file of wishes.
func (w *world) write(name, text string) (path string) {
	w.t.Helper()
	path = filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) send(method, format, repository, path, contentType string, body io.Reader) {
	w.t.Helper()
	at, err := w.Client.GetRepositoryEndpoint(w.t.Context(), &codeartifact.GetRepositoryEndpointInput{Domain: &w.Domain, Repository: &repository, Format: types.PackageFormat(format)})
	if err != nil {
		w.t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(w.t.Context(), method, *at.RepositoryEndpoint+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	q.SetBasicAuth("aws", w.token)
	q.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode/100 != 2 {
		w.t.Fatalf("%s %s: %s %s", method, path, answer.Status, said)
	}
}

// python publishes a wheel with a module of one value, and returns its SHA-256.
func (w *world) python(repository, name, version, value string) string {
	return w.wheel(repository, name, version, "py3-none-any", value)
}

func (w *world) wheel(repository, name, version, tag, value string) string {
	w.t.Helper()
	filename, whole := wheelOf(w.t, name, version, tag, value)
	sum := sha256.Sum256(whole)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range [][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"name", name}, {"version", version}} {
		if err := form.WriteField(f[0], f[1]); err != nil {
			w.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("content", filename)
	if err == nil {
		_, err = part.Write(whole)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(http.MethodPost, "pypi", repository, "", form.FormDataContentType(), &body)
	return hex.EncodeToString(sum[:])
}

// wheelOf makes a wheel.
func wheelOf(t *testing.T, name, version, tag, value string) (filename string, whole []byte) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	info := name + "-" + version + ".dist-info/"
	for _, f := range [][2]string{
		{name + "/__init__.py", "value = '" + value + "'\n"}, {info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: " + tag + "\n"}, {info + "RECORD", ""},
	} {
		out, err := z.Create(f[0])
		if err == nil {
			_, err = out.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return name + "-" + version + "-" + tag + ".whl", b.Bytes()
}

// node publishes a package of npm, and returns its integrity.
func (w *world) node(repository, name, version, value string) string {
	w.t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	t := tar.NewWriter(g)
	manifest := fmt.Sprintf(`{"name":%q,"version":%q,"description":%q}`, name, version, value)
	err := t.WriteHeader(&tar.Header{Name: "package/package.json", Mode: 0o644, Size: int64(len(manifest))})
	if err == nil {
		_, err = t.Write([]byte(manifest))
	}
	if err == nil {
		err = t.Close()
	}
	if err == nil {
		err = g.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	sum := sha512.Sum512(b.Bytes())
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	file := name + "-" + version + ".tgz"
	document, err := json.Marshal(map[string]any{
		"_id": name, "name": name, "dist-tags": map[string]string{"latest": version},
		"versions": map[string]any{version: map[string]any{
			"name": name, "version": version, "description": value, "dist": map[string]string{"integrity": integrity, "tarball": "http://127.0.0.1/" + file},
		}},
		"_attachments": map[string]any{file: map[string]any{"content_type": "application/octet-stream", "data": b.Bytes(), "length": b.Len()}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(http.MethodPut, "npm", repository, strings.Replace(name, "/", "%2f", 1), "application/json", bytes.NewReader(document))
	return integrity
}

// status sets the status of a version.
func (w *world) status(format types.PackageFormat, name, version string, to types.PackageVersionStatus) {
	w.t.Helper()
	out, err := w.Client.UpdatePackageVersionsStatus(w.t.Context(), &codeartifact.UpdatePackageVersionsStatusInput{
		Domain: &w.Domain, Repository: &w.Name, Format: format, Package: &name, Versions: []string{version}, TargetStatus: to,
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

func (w *world) dispose(format types.PackageFormat, name, version string) {
	w.t.Helper()
	out, err := w.Client.DisposePackageVersions(w.t.Context(), &codeartifact.DisposePackageVersionsInput{
		Domain: &w.Domain, Repository: &w.Name, Format: format, Package: &name, Versions: []string{version},
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

// remove deletes a version.
func (w *world) remove(repository string, format types.PackageFormat, namespace *string, name, version string) {
	w.t.Helper()
	out, err := w.Client.DeletePackageVersions(w.t.Context(), &codeartifact.DeletePackageVersionsInput{
		Domain: &w.Domain, Repository: &repository, Format: format, Namespace: namespace, Package: &name, Versions: []string{version},
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

// make makes a lock.
func (w *world) make(version string, files ...string) *deps.Lock {
	w.t.Helper()
	lock, _, err := w.Make(w.t.Context(), deps.Request{Model: "iris", ModelVersion: version, Files: files})
	if err != nil {
		w.t.Fatal(err)
	}
	return lock
}

// lock makes and publishes one.
func (w *world) lock(version string, files ...string) *deps.Lock {
	w.t.Helper()
	lock := w.make(version, files...)
	if _, err := w.Publish(w.t.Context(), lock); err != nil {
		w.t.Fatal(err)
	}
	return lock
}

// refuses expects a lock to fail with a text.
func (w *world) refuses(text string, q deps.Request) {
	w.t.Helper()
	q.Model, q.ModelVersion = "iris", "1.0"
	if _, _, err := w.Make(w.t.Context(), q); err == nil || !strings.Contains(err.Error(), text) {
		w.t.Errorf("it fails with\n%v\nand not with\n%s", err, text)
	}
}

// problems are what a verification says, in both ways.
func (w *world) problems(version string, full ...string) {
	w.t.Helper()
	w.problemsIn(version, false, full...)
	w.problemsIn(version, true, full...)
}

func (w *world) problemsIn(version string, fast bool, want ...string) {
	w.t.Helper()
	lock, err := w.Load(w.t.Context(), "iris", version)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.Verify(w.t.Context(), lock, fast, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.Package+" "+p.Reason)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("fast %v: the problems are %q, and not %q: %v", fast, got, want, all)
	}
}
