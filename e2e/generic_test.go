package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestAWSCommandGenericPackages publishes a version of two files with the aws command, and
// reads them through an upstream.
func TestAWSCommandGenericPackages(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", "shared")
	aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", "team", "--upstreams", "repositoryName=shared")
	folder := t.TempDir()
	of := func(repository string) []string {
		return []string{"--domain", "models", "--repository", repository, "--format", "generic", "--namespace", "iris", "--package", "weights", "--package-version", "1.0"}
	}
	contents := map[string][]byte{"weights.bin": bytes.Repeat([]byte("weights"), 1<<20), "notes.md": []byte("# Iris\n")}
	publish := func(name, sum string, more ...string) []string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, contents[name], 0o600); err != nil {
			t.Fatal(err)
		}
		if sum == "" {
			of := sha256.Sum256(contents[name])
			sum = hex.EncodeToString(of[:])
		}
		args := append([]string{"codeartifact", "publish-package-version"}, of("shared")...)
		return append(append(args, "--asset-name", name, "--asset-content", path, "--asset-sha256", sum), more...)
	}
	if said := aws.fails(publish("weights.bin", strings.Repeat("0", 64))...); !strings.Contains(said, "when calling the PublishPackageVersion operation") {
		t.Error(said)
	}
	if out := aws.run(publish("weights.bin", "", "--unfinished")...); at(t, out, "status") != "Unfinished" {
		t.Errorf("%v", out)
	}
	out := aws.run(publish("notes.md", "")...)
	sum := sha256.Sum256(contents["notes.md"])
	if at(t, out, "status") != "Published" || at(t, out, "asset", "hashes", "SHA-256") != hex.EncodeToString(sum[:]) || at(t, out, "asset", "size") != float64(len(contents["notes.md"])) {
		t.Errorf("%v", out)
	}
	contents["notes.md"] = []byte("# Another\n")
	if said := aws.fails(publish("notes.md", "")...); !strings.Contains(said, "(ConflictException) when calling the PublishPackageVersion operation") {
		t.Error(said)
	}
	contents["notes.md"] = []byte("# Iris\n")
	for name, want := range contents {
		path := filepath.Join(folder, "got-"+name)
		told := aws.run(append(append([]string{"codeartifact", "get-package-version-asset"}, of("team")...), "--asset", name, path)...)
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) || at(t, told, "packageVersion") != "1.0" {
			t.Errorf("%s: %d bytes, %v, %v", name, len(got), err, told)
		}
	}
	listed := aws.run(append([]string{"codeartifact", "list-package-version-assets"}, of("team")...)...)
	if all := at(t, listed, "assets").([]any); len(all) != 2 {
		t.Errorf("%v", listed)
	}
}

// generic is a client of the API that streams assets of any size.
type generic struct {
	t   *testing.T
	url string
}

// ask asks the API about version of the asset "weights.bin"; body's hash is sum.
func (g generic) ask(ctx context.Context, method, path, version string, body io.Reader, size int64, sum string) (*http.Response, error) {
	q := url.Values{"domain": {"models"}, "repository": {"main"}, "format": {"generic"}, "package": {"weights"}, "version": {version}, "asset": {"weights.bin"}}
	r, err := http.NewRequestWithContext(ctx, method, g.url+path+"?"+q.Encode(), body)
	if err != nil {
		return nil, err
	}
	r.ContentLength = size
	r.Header.Set("X-Amz-Content-Sha256", sum)
	if err := v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, r, sum, "codeartifact", region, time.Now()); err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

func (g generic) publish(ctx context.Context, version string, body io.Reader, size int64, sum string) (status int, said string, err error) {
	res, err := g.ask(ctx, http.MethodPost, "/v1/package/version/publish", version, body, size, sum)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// get reads the asset to its end and returns how many bytes it has and their hash.
func (g generic) get(version string) (status int, size int64, sum string) {
	g.t.Helper()
	empty := sha256.Sum256(nil)
	res, err := g.ask(g.t.Context(), http.MethodGet, "/v1/package/version/asset", version, nil, 0, hex.EncodeToString(empty[:]))
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	h := sha256.New()
	if size, err = io.Copy(h, res.Body); err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, size, hex.EncodeToString(h.Sum(nil))
}

// main makes the repository "main" of the domain "models".
func (s *server) main(t *testing.T) {
	t.Helper()
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", "main")
}

// TestLargeAsset publishes an asset and reads it, and the server's memory does not grow with
// it: 64 MiB at most.
//
// MODELWHARF_ASSET_MIB makes it larger.
func TestLargeAsset(t *testing.T) {
	t.Parallel()
	const grown = 64 << 20
	size := int64(setting(t, "MODELWHARF_ASSET_MIB", 256)) << 20
	folder := t.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err == nil && int64(disk.Bavail)*int64(disk.Bsize) < size+size/4 {
		t.Skipf("no room for an asset of %d bytes", size)
	}
	s := startOn(t, filepath.Join(folder, "data"))
	s.main(t)
	g := generic{t, s.url}
	content := noiseOf{1}
	sum := content.digest(size).Encoded()
	watch := s.watchMemory(t)
	began := time.Now()
	status, said, err := g.publish(t.Context(), "1.0", content.section(0, size), size, sum)
	published := time.Since(began)
	if err != nil || status != http.StatusOK {
		t.Fatal(status, said, err)
	}
	began = time.Now()
	status, got, gotSum := g.get("1.0")
	read := time.Since(began)
	if status != http.StatusOK || got != size || gotSum != sum {
		t.Errorf("%d, %d bytes with the hash %s; want %d with %s", status, got, gotSum, size, sum)
	}
	peak := watch()
	if peak > grown {
		t.Errorf("the server's memory grew by %d MiB", peak>>20)
	}
	t.Logf("%d MiB: published at %.0f MiB/s, read at %.0f MiB/s; memory grew by %.1f MiB at most",
		size>>20, float64(size>>20)/published.Seconds(), float64(size>>20)/read.Seconds(), float64(peak)/(1<<20))
}

// TestKilledGenericPublication kills the server at places of a publication by the API, and
// after its last byte: the asset is there, whole, or nothing of it is; one that was
// acknowledged is there, and to publish again succeeds.
func TestKilledGenericPublication(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	s.main(t)
	const size = 4 << 20
	there := 0
	rounds := setting(t, "MODELWHARF_PUBLICATION_KILLS", 10)
	for i := range rounds {
		g := generic{t, s.url}
		version := fmt.Sprint("1.", i)
		content := noiseOf{byte(i)}
		sum := content.digest(size).Encoded()
		left := []int{0, size / 2, size - 1, size, size + 1}[i%5]
		ended := make(chan struct{})
		end := func() {
			kill := func() { s.kill(); close(ended) }
			if left < size {
				kill()
			} else {
				go kill() // while it is at work on what it has
			}
		}
		killer := &killingReader{Reader: content.section(0, size), left: left, end: end}
		status, _, err := g.publish(t.Context(), version, killer, size, sum)
		killer.end()
		<-ended
		acknowledged := err == nil && status == http.StatusOK
		s = startOn(t, data)
		g = generic{t, s.url}
		switch status, got, gotSum := g.get(version); {
		case status == http.StatusOK && (got != size || gotSum != sum):
			t.Errorf("version %s is there with %d bytes of %d, or others", version, got, size)
		case status == http.StatusOK:
			there++
		case status != http.StatusNotFound || acknowledged:
			t.Errorf("version %s: %d; acknowledged: %v", version, status, acknowledged)
		}
		if status, said, err := g.publish(t.Context(), version, content.section(0, size), size, sum); err != nil || status != http.StatusOK {
			t.Fatalf("version %s cannot be published again: %d %s %v", version, status, said, err)
		}
		if _, got, gotSum := g.get(version); got != size || gotSum != sum {
			t.Errorf("version %s is not whole", version)
		}
	}
	if uploads, err := os.ReadDir(filepath.Join(data, "packages", "uploads")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	} else if len(uploads) > 2*rounds { // each kill may leave one with its state, for a day
		t.Errorf("%d uploads are left", len(uploads))
	}
	t.Logf("%d of %d versions were there after the kill", there, rounds)
}
