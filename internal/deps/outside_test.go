package deps_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/deps"
	"github.com/modelwharf/modelwharf/internal/server"
)

// public is another index, with wheels of one project for several platforms.
type public struct {
	mu    sync.Mutex
	page  *pypi.Project
	files map[string][]byte
	asked map[string]int
	down  bool
}

func (p *public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, isFile := p.files[r.URL.Path]
	switch {
	case p.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/simple/"+p.page.Name+"/":
		w.Header().Set("Content-Type", pypi.TypeJSON)
		_, _ = w.Write(p.page.AppendJSON(nil))
	case isFile:
		p.asked[r.URL.Path]++
		_, _ = w.Write(content)
	default:
		http.NotFound(w, r)
	}
}

func (p *public) fetched() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func (p *public) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// TestLockKeepsWhatIsOutside locks a version that only an external connection has: what is locked
// is verified while the other index is down, and of what is not needed nothing is fetched.
func TestLockKeepsWhatIsOutside(t *testing.T) {
	t.Parallel()
	p := &public{page: &pypi.Project{Name: "flowers"}, files: map[string][]byte{}, asked: map[string]int{}}
	var wanted string
	for _, tag := range []string{"py3-none-any", "cp312-cp312-win_amd64", "cp313-cp313-win_amd64"} {
		filename, whole := wheelOf(t, "flowers", "1.0", tag, tag)
		sum := sha256.Sum256(whole)
		if wanted == "" {
			wanted = hex.EncodeToString(sum[:])
		}
		p.files["/files/"+filename] = whole
		p.page.Files = append(p.page.Files, pypi.File{Filename: filename, URL: "../../files/" + filename, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(whole))})
	}
	other := httptest.NewServer(p)
	defer other.Close()
	w := newWorld(t, func(c *server.Config) {
		c.AllowEgress, c.Upstreams = []string{"127.0.0.1"}, []string{"public:pypi=" + other.URL + "/simple"}
	})
	_, err := w.Client.AssociateExternalConnection(t.Context(), &codeartifact.AssociateExternalConnectionInput{Domain: &w.Domain, Repository: new("shared"), ExternalConnection: new("public:pypi")})
	if err != nil {
		t.Fatal(err)
	}
	needed, _, err := w.Make(t.Context(), deps.Request{Model: "iris", ModelVersion: "1.0", Needed: true, Files: []string{w.write("requirements.txt", "flowers==1.0 --hash=sha256:"+wanted+"\n")}})
	if err != nil || len(needed.Packages) != 1 || len(needed.Packages[0].Assets) != 1 || p.fetched() != 1 {
		t.Errorf("%v %+v, and %d files were fetched", err, needed, p.fetched())
	}
	_, _, err = w.Make(t.Context(), deps.Request{Model: "iris", ModelVersion: "1.0", Needed: true, Files: []string{w.write("requirements.txt", "flowers==1.0 --hash=sha256:"+strings.Repeat("ab", 32)+"\n")}})
	if err == nil || !strings.Contains(err.Error(), "no file of the repository has the hash") || p.fetched() != 1 {
		t.Errorf("%v, and %d files were fetched", err, p.fetched())
	}
	if _, err := w.Publish(t.Context(), needed); err != nil {
		t.Fatal(err)
	}
	if whole := w.lock("2.0", w.write("requirements.txt", "flowers==1.0\n")); len(whole.Packages[0].Assets) != 3 || p.fetched() != 3 {
		t.Errorf("%+v, and %d files were fetched", whole, p.fetched())
	}
	p.set(true)
	w.problems("1.0")
	w.problems("2.0")

	// An outage is told as that, also where pip would take it for a project without versions.
	python := w.write("python", "#!/bin/sh\necho 'Could not find a version' >&2; exit 1\n")
	if err := os.Chmod(python, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"unheard-of>=1\n", "unheard-of==1\n"} {
		_, _, err := w.Make(t.Context(), deps.Request{Model: "iris", ModelVersion: "3.0", Python: python, Files: []string{w.write("requirements.txt", line)}})
		if err == nil || !strings.Contains(err.Error(), "502") {
			t.Errorf("%q: %v", line, err)
		}
	}
}
