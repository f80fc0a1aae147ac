package codeartifact_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/generic"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// shelf is a format of the tests: PUT <name>/<version>/<asset> publishes, GET of the same
// reads, GET <name>/ lists the versions.
type shelf struct {
	generic.Format
	renders *atomic.Int64
}

func (s shelf) Serve(x *codeartifact.Exchange) error {
	parts, err := x.Parts()
	if err != nil || len(parts) < 2 {
		return x.NothingHere()
	}
	n := codeartifact.PackageName{Format: s.Name(), Name: parts[0]}
	if x.Request.Method == http.MethodPut {
		staged, err := x.Stage(x.Request.Body)
		if err != nil {
			return err
		}
		_, err = x.Publish(n, codeartifact.Publication{Version: parts[1], Append: true, Assets: []codeartifact.NewAsset{{Name: parts[2], Staged: staged}}})
		if err != nil {
			return err
		}
		return x.Send(http.StatusCreated, "text/plain", []byte(x.URL(parts...)))
	}
	v, err := x.View(n)
	if err != nil {
		return err
	}
	if parts[1] != "" {
		return x.SendAsset(v, parts[1], parts[2], "application/x-shelf")
	}
	return x.SendDocument(v, "list", "text/x-shelf", func(ctx context.Context) ([]byte, error) {
		s.renders.Add(1)
		var names []string
		all, err := v.Versions(ctx)
		for _, one := range all {
			names = append(names, one.Version)
		}
		return []byte(strings.Join(names, " ")), err
	})
}

// served is a service with the format shelf on a loopback port, and how often it rendered.
func served(t testing.TB) (b *bare, do func(method, path, body string, header ...string) (*http.Response, string), renders *atomic.Int64) {
	renders = new(atomic.Int64)
	b = newBare(t, shelf{renders: renders})
	out, err := b.GetAuthorizationToken(b.ctx, &api.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	h := b.Handler(native.Door{Begin: func(*http.Request) *wharf.Request { return &wharf.Request{Time: b.now()} }})
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return b, func(method, path, body string, header ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/codeartifact/models-111111111111/generic/main/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("aws", *out.AuthorizationToken)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		content, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(content)
	}, renders
}

// TestAssetsByHTTP reads assets whole, by HEAD, in ranges and not again.
func TestAssetsByHTTP(t *testing.T) {
	t.Parallel()
	_, do, _ := served(t)
	if answer, body := do("PUT", "w/1/a%20file", "0123456789"); answer.StatusCode != 201 || !strings.HasSuffix(body, "/generic/main/w/1/a%20file") {
		t.Fatal(answer.Status, body)
	}
	answer, body := do("GET", "w/1/a%20file", "")
	etag := answer.Header.Get("Etag")
	if answer.StatusCode != 200 || body != "0123456789" || answer.ContentLength != 10 || answer.Header.Get("Content-Type") != "application/x-shelf" || etag == "" {
		t.Error(answer.Status, body, answer.Header)
	}
	if answer, body := do("HEAD", "w/1/a%20file", ""); answer.StatusCode != 200 || body != "" || answer.ContentLength != 10 {
		t.Error(answer.Status, body)
	}
	if answer, body := do("GET", "w/1/a%20file", "", "Range", "bytes=-3"); answer.StatusCode != 206 || body != "789" {
		t.Error(answer.Status, body)
	}
	if answer, _ := do("GET", "w/1/a%20file", "", "Range", "bytes=10-"); answer.StatusCode != 416 {
		t.Error(answer.Status)
	}
	if answer, body := do("GET", "w/1/a%20file", "", "If-None-Match", etag); answer.StatusCode != 304 || body != "" {
		t.Error(answer.Status, body)
	}
	for path, want := range map[string]int{"w/1/b": 404, "w/2/a": 404, "x/1/a": 404, "w/1/..": 404, "w/%2e%2e/a": 404, "%ff/1/a": 404, "": 404} {
		if answer, _ := do("GET", path, ""); answer.StatusCode != want {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if answer, _ := do("PUT", "w/1/a%20file", "other"); answer.StatusCode != 409 {
		t.Error(answer.Status)
	}
}

// TestDocumentsAreRenderedOnce renders a document once after each change of its package, and
// answers 304 to whoever has it.
func TestDocumentsAreRenderedOnce(t *testing.T) {
	t.Parallel()
	_, do, renders := served(t)
	do("PUT", "w/1/a", "one")
	var etag string
	for range 5 {
		answer, body := do("GET", "w/", "")
		if answer.StatusCode != 200 || body != "1" {
			t.Error(answer.Status, body)
		}
		etag = answer.Header.Get("Etag")
	}
	if answer, _ := do("GET", "w/", "", "If-None-Match", `"other", `+etag); answer.StatusCode != 304 {
		t.Error(answer.Status)
	}
	do("PUT", "w/1/a", "one") // which changes nothing
	if answer, _ := do("GET", "w/", "", "If-None-Match", etag); answer.StatusCode != 304 {
		t.Error(answer.Status)
	}
	if n := renders.Load(); n != 1 {
		t.Errorf("the document was rendered %d times", n)
	}
	do("PUT", "w/2/a", "two")
	if answer, body := do("GET", "w/", "", "If-None-Match", etag); answer.StatusCode != 200 || body != "1 2" {
		t.Error(answer.Status, body)
	}
	if n := renders.Load(); n != 2 {
		t.Errorf("the document was rendered %d times", n)
	}
}

// FuzzEndpoint asks any host and path. Nothing may panic, and nobody without a token may be
// told anything but that.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range [][2]string{
		{"127.0.0.1", "/codeartifact/models-111111111111/generic/main/x"}, {"127.0.0.1", "/codeartifact/"},
		{"models-111111111111.d.codeartifact.eu-west-1.x", "/generic/main/"}, {"-111111111111.d.codeartifact..", "//%2f/%zz"},
		{"a-b-c-111111111111.d.codeartifact.eu-west-1.x:80", "/npm/r/@s%2fn"},
	} {
		f.Add(seed[0], seed[1])
	}
	b := newBare(f)
	h := b.Handler(native.Door{})
	f.Fuzz(func(t *testing.T, host, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		u, err := r.URL.Parse("http://x/")
		if err != nil {
			return
		}
		if u, err = u.Parse(path); err != nil {
			return
		}
		r.Host, r.URL = host, u
		if !h.Serves(r) {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
