package npm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a server with a domain "models" and a client of its API. Its clock goes a second
// with each look at it.
type world struct {
	*sdk.Client
	t      testing.TB
	ctx    context.Context
	server *servertest.Server
	token  string
}

// newWorld makes the repositories that are named, "main" if none is; "a<b" is one with the
// upstream b, made before.
func newWorld(t testing.TB, repositories ...string) *world {
	t.Helper()
	return newWorldWith(t, func(*server.Config) {}, repositories...)
}

// newWorldWith is newWorld with a change of the server's settings.
func newWorldWith(t testing.TB, change func(*server.Config), repositories ...string) *world {
	t.Helper()
	var mu sync.Mutex
	now := time.Now().UTC()
	s := servertest.Start(t, func(c *server.Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(10 * time.Millisecond)
			return now
		}
		change(c)
	})
	w := &world{t: t, ctx: t.Context(), server: s, Client: sdk.NewFromConfig(s.AWS())}
	if _, err := w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new("models")}); err != nil {
		t.Fatal(err)
	}
	if len(repositories) == 0 {
		repositories = []string{"main"}
	}
	for _, text := range repositories {
		name, upstreams, _ := strings.Cut(text, "<")
		in := &sdk.CreateRepositoryInput{Domain: new("models"), Repository: &name}
		for up := range strings.FieldsFuncSeq(upstreams, func(r rune) bool { return r == ',' }) {
			in.Upstreams = append(in.Upstreams, types.UpstreamRepository{RepositoryName: &up})
		}
		if _, err := w.CreateRepository(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	w.token = w.login(w.Client)
	return w
}

func (w *world) login(c *sdk.Client) string {
	w.t.Helper()
	out, err := c.GetAuthorizationToken(w.t.Context(), &sdk.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.AuthorizationToken
}

func (w *world) url(repository, path string) string {
	return w.server.URL() + "/codeartifact/models-" + servertest.Account + "/npm/" + repository + "/" + path
}

// answer is what a request brought.
type answer struct {
	*http.Response
	body string
}

func (a answer) doc(t testing.TB) (doc map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%s: %.200s: %v", a.Status, a.body, err)
	}
	return doc
}

// do asks; header are names and values.
func (w *world) do(method, repository, path, body string, header ...string) answer {
	w.t.Helper()
	a, err := w.try(method, repository, path, body, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) try(method, repository, path, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(w.ctx, method, w.url(repository, path), strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+w.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := plain.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return answer{response, string(b)}, err
}

// plain unpacks nothing and asks for nothing that a test does not.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}

// want fails unless the status is the one.
func (w *world) want(status int, a answer) answer {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s %s: %s %.300s, want %d", a.Request.Method, a.Request.URL, a.Status, a.body, status)
	}
	return a
}

// pack is a tarball as npm makes it: the same bytes for the same manifest.
func pack(manifest string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"package/package.json": manifest} {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		_, _ = io.WriteString(w, text)
	}
	_ = w.Close()
	_ = z.Close()
	return b.Bytes()
}

// release is a version that a test publishes.
type release struct {
	name, version string
	more          string // members of the manifest, each with a ',' before it
	tag           string // "latest" if empty
	tarball       []byte // made of the manifest if nil
}

func (r release) document() (body string, tarball []byte) {
	manifest := fmt.Sprintf(`{"name":%q,"version":%q%s}`, r.name, r.version, r.more)
	if tarball = r.tarball; tarball == nil {
		tarball = pack(manifest)
	}
	tag := r.tag
	if tag == "" {
		tag = "latest"
	}
	return fmt.Sprintf(`{"_id":%q,"name":%q,"dist-tags":{%q:%q},"versions":{%q:%s},"access":"public","_attachments":{"%s-%s.tgz":{"content_type":"application/octet-stream","data":%q,"length":%d}}}`,
		r.name, r.name, tag, r.version, r.version, manifest, r.name, r.version, base64.StdEncoding.EncodeToString(tarball), len(tarball)), tarball
}

// escaped is a name as npm asks for it.
func escaped(name string) string { return strings.Replace(name, "/", "%2f", 1) }

func (w *world) publish(repository string, r release) []byte {
	w.t.Helper()
	body, tarball := r.document()
	w.want(http.StatusOK, w.do("PUT", repository, escaped(r.name), body))
	return tarball
}

func (w *world) tags(repository, name string) string {
	w.t.Helper()
	return w.want(http.StatusOK, w.do("GET", repository, "-/package/"+escaped(name)+"/dist-tags", "")).body
}

// versions are those of a packument, in its order.
func (w *world) versions(repository, name string) string {
	w.t.Helper()
	a := w.want(http.StatusOK, w.do("GET", repository, escaped(name), ""))
	var doc struct{ Versions json.RawMessage }
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		w.t.Fatal(err)
	}
	var names []string
	d := json.NewDecoder(bytes.NewReader(doc.Versions))
	_, _ = d.Token()
	for d.More() {
		name, err := d.Token()
		if err != nil {
			w.t.Fatal(err)
		}
		names = append(names, name.(string))
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			w.t.Fatal(err)
		}
	}
	return strings.Join(names, " ")
}
