package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// killingReader ends a server when a number of bytes of a body have gone.
type killingReader struct {
	io.Reader
	left int
	end  func()
}

func (k *killingReader) Read(p []byte) (int, error) {
	if k.left <= 0 {
		k.end()
		k.end = func() {}
	}
	n, err := k.Reader.Read(p[:min(len(p), max(k.left, 1))])
	k.left -= n
	return n, err
}

// TestKilledPublication kills the server at places of a publication, and after its last byte:
// then the version is there, whole, with its tag, or nothing of it is; one that was
// acknowledged is there, and to publish again succeeds.
func TestKilledPublication(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", "main")
	token := at(t, aws.run("codeartifact", "get-authorization-token", "--domain", "models"), "authorizationToken").(string)
	do := func(method, path string, body io.Reader) (int, []byte, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/codeartifact/models-000000000000/npm/main/"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		return a.StatusCode, b, err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	there := 0
	for i := range setting(t, "MODELWHARF_PUBLICATION_KILLS", 10) {
		version := fmt.Sprintf("1.0.%d", i)
		tarball := noise(rng, 2<<20)
		document := fmt.Sprintf(`{"name":"model","dist-tags":{"latest":%q},"versions":{%q:{"name":"model","version":%q}},"_attachments":{"model-%s.tgz":{"data":%q}}}`,
			version, version, version, version, base64.StdEncoding.EncodeToString(tarball))
		left := []int{0, len(document) / 2, len(document) - 40, len(document), len(document) + 1}[i%5]
		ended := make(chan struct{})
		end := func() {
			if left < len(document) {
				s.kill()
				close(ended)
				return
			}
			go func() { // while it is at work on what it has
				s.kill()
				close(ended)
			}()
		}
		killer := &killingReader{Reader: strings.NewReader(document), left: left, end: end}
		status, _, err := do("PUT", "model", killer)
		killer.end()
		<-ended
		acknowledged := err == nil && status == http.StatusOK
		s = startOn(t, data)
		status, body, err := do("GET", "model", nil)
		if err != nil || status != http.StatusOK && status != http.StatusNotFound {
			t.Fatal(status, err)
		}
		var packument struct {
			Versions map[string]json.RawMessage
			Tags     map[string]string `json:"dist-tags"`
		}
		if err := json.Unmarshal(body, &packument); err != nil {
			t.Fatal(err)
		}
		whole := func() {
			t.Helper()
			if status, b, err := do("GET", "model/-/model-"+version+".tgz", nil); err != nil || status != http.StatusOK || !bytes.Equal(b, tarball) {
				t.Errorf("%s: the tarball is not whole: %d, %d bytes, %v", version, status, len(b), err)
			}
		}
		switch _, listed := packument.Versions[version]; {
		case listed:
			there++
			whole()
			if packument.Tags["latest"] != version {
				t.Errorf("%s is there without its tag", version)
			}
		case acknowledged:
			t.Errorf("%s was acknowledged and is not there", version)
		case packument.Tags["latest"] == version:
			t.Errorf("%s is not there, but its tag is", version)
		default:
			if status, _, _ := do("GET", "model/-/model-"+version+".tgz", nil); status != http.StatusNotFound {
				t.Errorf("%s is not there, but its tarball is: %d", version, status)
			}
		}
		if status, b, err := do("PUT", "model", strings.NewReader(document)); err != nil || status != http.StatusOK {
			t.Fatalf("%s cannot be published again: %d %s %v", version, status, b, err)
		}
		whole()
	}
	t.Logf("%d versions were there after the kill", there)
}
