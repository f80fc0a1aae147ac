package npm_test

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
)

// public is another registry.
type public struct {
	*httptest.Server
	mu       sync.Mutex
	packages map[string]map[string]any // packuments by name
	tarballs map[string]string         // by path
	asked    map[string]int
}

func newPublic(t testing.TB) *public {
	p := &public{packages: map[string]map[string]any{}, tarballs: map[string]string{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked[r.URL.Path]++
		if doc := p.packages[strings.TrimPrefix(r.URL.Path, "/")]; doc != nil {
			_ = json.NewEncoder(w).Encode(doc)
			return
		}
		if content, ok := p.tarballs[r.URL.Path]; ok {
			_, _ = w.Write([]byte(content))
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// add publishes a version there, as its latest.
func (p *public) add(name, version, content string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	doc := p.packages[name]
	if doc == nil {
		doc = map[string]any{"name": name, "versions": map[string]any{}, "time": map[string]any{}, "dist-tags": map[string]any{}}
		p.packages[name] = doc
	}
	path := "/tarballs/" + strings.ReplaceAll(name, "/", "-") + "-" + version + ".tgz"
	p.tarballs[path] = content
	sum := sha1.Sum([]byte(content))
	doc["versions"].(map[string]any)[version] = map[string]any{
		"name": name, "version": version, "dependencies": map[string]string{"needed": "^1.0.0"},
		"dist": map[string]string{"tarball": p.URL + path, "shasum": hex.EncodeToString(sum[:])},
	}
	doc["time"].(map[string]any)[version] = "2020-01-02T03:04:05.000Z"
	doc["dist-tags"].(map[string]any)["latest"] = version
}

// connected is a world of team, with the upstream between, with the upstream public, which
// has the connection.
func connected(t testing.TB, p *public) *world {
	t.Helper()
	w := newWorldWith(t, func(c *server.Config) {
		c.AllowEgress = []string{"127.0.0.1"}
		c.Upstreams = []string{"public:npmjs=" + p.URL}
	}, "public", "between<public", "team<between")
	_, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:npmjs")})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// shown are the versions of a packument, sorted; nil if there is none.
func (w *world) shown(repository, path string) (versions []string, latest any) {
	w.t.Helper()
	a := w.do(http.MethodGet, repository, path, "")
	if a.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if a.StatusCode != http.StatusOK {
		w.t.Fatalf("%s of %s: %d %s", path, repository, a.StatusCode, a.body)
	}
	doc := a.doc(w.t)
	for version := range doc["versions"].(map[string]any) {
		versions = append(versions, version)
	}
	slices.Sort(versions)
	return versions, doc["dist-tags"].(map[string]any)["latest"]
}

func TestAPackageFromOutside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"left", "@acme/left"} {
		p := newPublic(t)
		p.add(name, "1.0.0", "one")
		p.add(name, "2.0.0", "two")
		w := connected(t, p)
		if got, latest := w.shown("team", strings.Replace(name, "/", "%2f", 1)); !slices.Equal(got, []string{"1.0.0", "2.0.0"}) || latest != "2.0.0" {
			t.Fatalf("%s: the packument has %v, latest %v", name, got, latest)
		}
		doc := w.do(http.MethodGet, "team", name, "").doc(t)
		one := doc["versions"].(map[string]any)["1.0.0"].(map[string]any)
		tarball := one["dist"].(map[string]any)["tarball"].(string)
		if !strings.HasPrefix(tarball, w.url("team", "")) || doc["time"].(map[string]any)["1.0.0"] != "2020-01-02T03:04:05.000Z" {
			t.Errorf("%s: the version is %v", name, one)
		}
		path := strings.TrimPrefix(tarball, w.url("team", ""))
		for range 2 {
			if a := w.do(http.MethodGet, "team", path, ""); a.StatusCode != http.StatusOK || a.body != "one" {
				t.Errorf("%s: the tarball: %d %s", name, a.StatusCode, a.body)
			}
		}
		p.Close()
		if a := w.do(http.MethodGet, "team", path, ""); a.StatusCode != http.StatusOK || a.body != "one" {
			t.Errorf("%s: the tarball on an outage: %d %s", name, a.StatusCode, a.body)
		}
		if got, _ := w.shown("between", name); !slices.Equal(got, []string{"1.0.0", "2.0.0"}) {
			t.Errorf("%s: the packument on an outage has %v", name, got)
		}
	}
}

func TestATarballWithAnotherHashIsNotLetIn(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	p.add("left", "1.0.0", "one")
	p.tarballs["/tarballs/left-1.0.0.tgz"] = "evil"
	w := connected(t, p)
	if a := w.do(http.MethodGet, "team", "left/-/left-1.0.0.tgz", ""); a.StatusCode != http.StatusBadGateway {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestDependencyConfusion(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	p.add("acme-models", "99.0.0", "theirs")
	w := connected(t, p)
	if got, _ := w.shown("team", "acme-models"); !slices.Equal(got, []string{"99.0.0"}) {
		t.Fatalf("the packument has %v", got)
	}
	w.publish("team", release{name: "acme-models", version: "1.0.0"})
	if got, latest := w.shown("team", "acme-models"); !slices.Equal(got, []string{"1.0.0"}) || latest != "1.0.0" {
		t.Errorf("the packument has %v, latest %v", got, latest)
	}
	if a := w.do(http.MethodGet, "team", "acme-models/-/acme-models-99.0.0.tgz", ""); a.StatusCode != http.StatusNotFound {
		t.Errorf("their tarball: %d", a.StatusCode)
	}
	_, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: new("/npm//acme-models$")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme_models", "acme.models", "Acme-Models", "acme--models", "acme-mode1s", "acme-m0dels", "acrne-models", "ACME-.MODELS"} {
		p.add(name, "99.0.0", "theirs")
		for _, repository := range []string{"team", "between", "public"} {
			if got, _ := w.shown(repository, name); got != nil {
				t.Errorf("%s: the packument of %s has %v", name, repository, got)
			}
			if a := w.do(http.MethodGet, repository, name+"/-/"+name+"-99.0.0.tgz", ""); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: the tarball from %s: %d", name, repository, a.StatusCode)
			}
		}
		if p.asked["/"+name] != 0 {
			t.Errorf("%s was asked for", name)
		}
	}
}

func TestTagsFromOutsideWin(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	p.add("left", "2.0.0", "two")
	w := connected(t, p)
	_, err := w.PutPackageOriginConfiguration(t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: new("models"), Repository: new("team"), Format: types.PackageFormatNpm, Package: new("left"),
		Restrictions: &types.PackageOriginRestrictions{Publish: "ALLOW", Upstream: "ALLOW"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.publish("team", release{name: "left", version: "1.0.0"})
	w.publish("team", release{name: "left", version: "3.0.0", tag: "next"})
	if got, latest := w.shown("team", "left"); !slices.Equal(got, []string{"1.0.0", "2.0.0", "3.0.0"}) || latest != "2.0.0" {
		t.Errorf("the packument has %v, latest %v", got, latest)
	}
	// What is outside cannot be published here.
	body, _ := release{name: "left", version: "2.0.0"}.document()
	if a := w.do(http.MethodPut, "team", "left", body); a.StatusCode != http.StatusConflict {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}
