package codeartifact_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// lines is the least format that can be imported: an index has a line for each file,
// "version file sha256 URL". It serves the same at index/NAME, and files at
// file/NAME/VERSION/FILE. It has taken the name of a format that there is not yet.
type lines struct{}

var _ codeartifact.Importer = lines{}

func (lines) Name() string { return "ruby" }

func (f lines) Normalize(_, name string) (codeartifact.PackageName, error) {
	return codeartifact.PackageName{Format: f.Name(), Name: name}, nil
}
func (lines) NormalizeVersion(version string) (string, error) { return version, nil }
func (lines) CompareVersions(a, b string) int                 { return strings.Compare(a, b) }

func (lines) IndexPath(n codeartifact.PackageName) (path, accept string) {
	return "index/" + n.Name, "text/plain"
}

func (lines) ReadIndex(_ codeartifact.PackageName, index *codeartifact.Index) (*codeartifact.Imports, error) {
	in := &codeartifact.Imports{}
	scanner := bufio.NewScanner(index.Body)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) != 4 {
			return nil, errors.New("an index of another form")
		}
		i := slices.IndexFunc(in.Versions, func(v *codeartifact.Version) bool { return v.Version == fields[0] })
		if i < 0 {
			i = len(in.Versions)
			in.Versions = append(in.Versions, &codeartifact.Version{Version: fields[0]})
		}
		sum := fields[2]
		in.Versions[i].Assets = append(in.Versions[i].Assets, codeartifact.Asset{Name: fields[1], Remote: fields[3], Hashes: codeartifact.Hashes{SHA256: sum}})
	}
	return in, scanner.Err()
}

func (lines) Import(context.Context, codeartifact.PackageName, *codeartifact.Version, []byte, io.ReaderAt, *codeartifact.Publication) error {
	return nil
}

func (lines) Merge(v, further *codeartifact.Version) *codeartifact.Version {
	merged := *v
	merged.Assets = slices.Clone(v.Assets)
	for _, a := range further.Assets {
		if v.Asset(a.Name) == nil {
			merged.Assets = append(merged.Assets, a)
		}
	}
	return &merged
}

func (f lines) Serve(x *codeartifact.Exchange) error {
	parts, err := x.Parts()
	if err != nil || len(parts) < 2 {
		return x.NothingHere()
	}
	n, _ := f.Normalize("", parts[1])
	if x.Request.Method == http.MethodPut {
		staged, err := x.Stage(x.Request.Body)
		if err != nil {
			return err
		}
		_, err = x.Publish(n, codeartifact.Publication{Version: parts[2], Assets: []codeartifact.NewAsset{{Name: parts[3], Staged: staged}}})
		if err != nil {
			return err
		}
		return x.Send(http.StatusOK, "text/plain", nil)
	}
	view, err := x.View(n)
	if err != nil {
		return err
	}
	if parts[0] == "file" {
		return x.SendAsset(view, parts[2], parts[3], "application/octet-stream")
	}
	all, err := view.Versions(x.Context())
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, v := range all {
		for _, a := range v.Assets {
			fmt.Fprintf(&b, "%s/%s\n", v.Version, a.Name)
		}
	}
	return x.Send(http.StatusOK, "text/plain", []byte(b.String()))
}

// publicIndex is another repository, which counts what it is asked.
type publicIndex struct {
	*httptest.Server
	mu     sync.Mutex
	files  map[string]string // by name/version/file
	hashes map[string]string // that are promised in place of the real ones
	asked  map[string]int
	down   bool
	handle func(w http.ResponseWriter, r *http.Request) bool // answers in place of it
}

func newPublicIndex(t testing.TB) *publicIndex {
	p := &publicIndex{files: map[string]string{}, hashes: map[string]string{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *publicIndex) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	switch {
	case p.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case p.handle != nil && p.handle(w, r):
		return
	}
	if file, ok := strings.CutPrefix(r.URL.Path, "/file/"); ok {
		content, ok := p.files[file]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, content)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/index/")
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		parts := strings.Split(path, "/")
		if parts[0] != name {
			continue
		}
		sum := sha256.Sum256([]byte(p.files[path]))
		fmt.Fprintf(&b, "%s %s %s %s\n", parts[1], parts[2], cmp.Or(p.hashes[path], hex.EncodeToString(sum[:])), p.URL+"/file/"+path)
	}
	if b.Len() == 0 {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256([]byte(b.String()))
	etag := `"` + hex.EncodeToString(sum[:4]) + `"`
	w.Header().Set("Etag", etag)
	if r.Header.Get("If-None-Match") == etag {
		p.asked["304"]++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = io.WriteString(w, b.String())
}

func (p *publicIndex) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

func (p *publicIndex) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// outer is a world with a connection: repositories team, then between, then public, which
// has it.
type outer struct {
	*world
	public *publicIndex
	token  string
}

func newOuter(t testing.TB, change ...func(*server.Config)) *outer {
	t.Helper()
	public := newPublicIndex(t)
	w := &world{t: t, time: time.Now().UTC()}
	w.server = servertest.Start(t, append([]func(*server.Config){func(c *server.Config) {
		c.Now = w.now
		c.PackageFormats = []codeartifact.Format{lines{}}
		c.AllowEgress = []string{"127.0.0.1"}
		c.Upstreams = []string{"public:ruby-gems-org=" + public.URL}
	}}, change...)...)
	w.Client = sdk.NewFromConfig(w.server.AWS())
	w.domain("models", "public")
	w.repository("models", "between", "public")
	w.repository("models", "team", "between")
	_, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:ruby-gems-org")})
	if err != nil {
		t.Fatal(err)
	}
	return &outer{w, public, w.token(w.Client, "models", nil)}
}

// ask reads below a repository's endpoint.
func (o *outer) ask(repository, path string) (status int, body string) {
	o.t.Helper()
	r, b := o.get(o.server.URL()+"/codeartifact/models-"+servertest.Account+"/ruby/"+repository+"/"+path, func(r *http.Request) { r.SetBasicAuth("aws", o.token) })
	return r.StatusCode, b
}

// want asks and checks the answer.
func (o *outer) want(repository, path string, status int, body string) {
	o.t.Helper()
	if gotStatus, got := o.ask(repository, path); gotStatus != status || status == http.StatusOK && got != body {
		o.t.Errorf("%s/%s: %d %q, want %d %q", repository, path, gotStatus, got, status, body)
	}
}

func (o *outer) put(repository, path, content string) int {
	o.t.Helper()
	r, _ := o.get(o.server.URL()+"/codeartifact/models-"+servertest.Account+"/ruby/"+repository+"/"+path, func(r *http.Request) {
		r.Method, r.Body = http.MethodPut, io.NopCloser(strings.NewReader(content))
		r.SetBasicAuth("aws", o.token)
	})
	return r.StatusCode
}

// has tells whether a repository itself has a version of a package.
func (o *outer) has(repository, name, version string) bool {
	o.t.Helper()
	out, err := o.ListPackageVersions(o.t.Context(), &sdk.ListPackageVersionsInput{Domain: new("models"), Repository: &repository, Format: types.PackageFormatRuby, Package: &name})
	if err != nil {
		o.wantCode(err, "ResourceNotFoundException")
		return false
	}
	return slices.ContainsFunc(out.Versions, func(v types.PackageVersionSummary) bool { return *v.Version == version })
}

func TestAConnectionWhoseURLIsNotConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "public")
	for _, name := range []string{"public:pypi", "public:npmjs", "public:maven-central", "public:ruby-gems-org"} {
		_, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: &name})
		if w.wantCode(err, "ValidationException"); !strings.Contains(err.Error(), "--upstream "+name+"=URL") {
			t.Errorf("the error is %v", err)
		}
	}
	_, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:nowhere")})
	w.wantCode(err, "ResourceNotFoundException")
}

func TestARepositoryHasOneConnectionOrUpstreams(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	associate := func(repository string) error {
		_, err := o.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: &repository, ExternalConnection: new("public:ruby-gems-org")})
		return err
	}
	o.wantCode(associate("team"), "ValidationException")
	o.wantCode(associate("public"), "ConflictException")
	out, err := o.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: new("public")})
	if err != nil || len(out.Repository.ExternalConnections) != 1 || *out.Repository.ExternalConnections[0].ExternalConnectionName != "public:ruby-gems-org" {
		t.Errorf("the repository is %v, %v", out, err)
	}
	remove := func() error {
		_, err := o.DisassociateExternalConnection(t.Context(), &sdk.DisassociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:ruby-gems-org")})
		return err
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	o.wantCode(remove(), "ResourceNotFoundException")
}

func TestWhatWasFetchedStaysDownstreamAndAtTheConnectionNeverBetween(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"], o.public.files["a/2.0/x"] = "one", "two"
	o.want("team", "index/a", http.StatusOK, "1.0/x\n2.0/x\n")
	for _, r := range []string{"team", "between", "public"} {
		if o.has(r, "a", "1.0") {
			t.Errorf("%s has it before anybody asked for it", r)
		}
	}
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
	if !o.has("team", "a", "1.0") || o.has("between", "a", "1.0") || !o.has("public", "a", "1.0") || o.has("public", "a", "2.0") {
		t.Error("it does not stay where it should")
	}
	// Without the connection, and without the upstream, it is there.
	if _, err := o.DisassociateExternalConnection(t.Context(), &sdk.DisassociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:ruby-gems-org")}); err != nil {
		t.Fatal(err)
	}
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	o.want("between", "file/a/1.0/x", http.StatusOK, "one")
	o.want("team", "file/a/2.0/x", http.StatusNotFound, "")
	if _, err := o.UpdateRepository(t.Context(), &sdk.UpdateRepositoryInput{Domain: new("models"), Repository: new("team"), Upstreams: []types.UpstreamRepository{}}); err != nil {
		t.Fatal(err)
	}
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
}

func TestAnIndexIsRefreshedAfterHalfAnHourAndRevalidated(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"] = "one"
	for range 3 {
		o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	}
	if n := o.public.count("/index/a"); n != 1 {
		t.Errorf("the index was asked %d times", n)
	}
	o.advance(31 * time.Minute)
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	if n := o.public.count("304"); n != 1 {
		t.Errorf("it was revalidated %d times", n)
	}
	o.public.set(func() { o.public.files["a/1.0/y"] = "more"; o.public.files["a/3.0/x"] = "three" })
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	o.advance(31 * time.Minute)
	o.want("team", "index/a", http.StatusOK, "1.0/x\n1.0/y\n3.0/x\n")
}

func TestOnAnOutageWhatIsKnownIsServed(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"], o.public.files["a/2.0/x"] = "one", "two"
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
	o.public.set(func() { o.public.down = true })
	o.advance(time.Hour)
	o.want("team", "index/a", http.StatusOK, "1.0/x\n2.0/x\n")
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
	o.want("team", "file/a/2.0/x", http.StatusBadGateway, "")
	o.want("team", "index/unknown", http.StatusBadGateway, "")
	before := o.public.count("/index/a")
	o.want("team", "index/a", http.StatusOK, "1.0/x\n2.0/x\n")
	if n := o.public.count("/index/a"); n != before {
		t.Error("it was asked again at once")
	}
	o.public.set(func() { o.public.down = false })
	o.advance(time.Minute)
	o.want("team", "file/a/2.0/x", http.StatusOK, "two")
}

func TestThatAPackageIsNotThereIsRemembered(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	for range 5 {
		o.want("team", "index/a", http.StatusNotFound, "")
	}
	if n := o.public.count("/index/a"); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	o.public.set(func() { o.public.files["a/1.0/x"] = "one" })
	o.advance(6 * time.Minute)
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
}

func TestWhatIsGoneUpstreamStaysIfItWasFetched(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"], o.public.files["a/2.0/x"] = "one", "two"
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
	o.public.set(func() { clear(o.public.files) })
	o.advance(time.Hour)
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	o.want("public", "file/a/1.0/x", http.StatusOK, "one")
}

func TestFiftyClientsFetchOnce(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	content := strings.Repeat("wheel", 100_000)
	o.public.files["a/1.0/x"] = content
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { o.want("team", "file/a/1.0/x", http.StatusOK, content) })
	}
	wg.Wait()
	if i, f := o.public.count("/index/a"), o.public.count("/file/a/1.0/x"); i != 1 || f != 1 {
		t.Errorf("the index was asked %d times, the file %d times", i, f)
	}
}

func TestHostileUpstreams(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(p *publicIndex)
		handle  func(w http.ResponseWriter, r *http.Request) bool
		path    string
	}{
		"another hash": {prepare: func(p *publicIndex) { p.hashes["a/1.0/x"] = strings.Repeat("0", 64) }, path: "file/a/1.0/x"},
		"errors": {handle: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}, path: "index/a"},
		"nonsense": {handle: func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, "<html>welcome</html>")
			return true
		}, path: "index/a"},
		"a huge index": {handle: func(w http.ResponseWriter, _ *http.Request) bool {
			line := []byte("1.0 x y " + strings.Repeat("z", 50_000) + "\n")
			for range (codeartifact.MaxIndex + 1<<20) / len(line) {
				if _, err := w.Write(line); err != nil {
					break
				}
			}
			return true
		}, path: "index/a"},
		"a redirect to a private address": {handle: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
			return true
		}, path: "index/a"},
		"a redirect to itself": {handle: func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
			return true
		}, path: "index/a"},
		"a file at a private address": {handle: func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprintf(w, "1.0 x %s http://10.0.0.1/secret\n", strings.Repeat("0", 64))
			return true
		}, path: "file/a/1.0/x"},
		"a file elsewhere": {handle: func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprintf(w, "1.0 x %s file:///etc/passwd\n", strings.Repeat("0", 64))
			return true
		}, path: "file/a/1.0/x"},
		"a short body": {handle: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/file/") {
				return false
			}
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, "one")
			return true
		}, path: "file/a/1.0/x"},
		"a body beyond all bounds": {handle: func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasPrefix(r.URL.Path, "/file/") {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(codeartifact.MaxAsset+1))
			w.WriteHeader(http.StatusOK)
			return true
		}, path: "file/a/1.0/x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOuter(t)
			o.public.files["a/1.0/x"] = "one"
			o.public.handle = c.handle
			if c.prepare != nil {
				c.prepare(o.public)
			}
			o.want("team", c.path, http.StatusBadGateway, "")
			if o.has("team", "a", "1.0") || o.has("public", "a", "1.0") {
				t.Error("something of it stays")
			}
		})
	}
}

func TestAnAddressThatIsNotAllowedIsRefused(t *testing.T) {
	t.Parallel()
	o := newOuter(t, func(c *server.Config) { c.AllowEgress = nil })
	o.public.files["a/1.0/x"] = "one"
	status, body := o.ask("team", "index/a")
	if status != http.StatusBadGateway || !strings.Contains(body, "--allow-egress") || o.public.count("/index/a") != 0 {
		t.Errorf("%d %q", status, body)
	}
}

func TestAPackageGroupThatBlocksExternalUpstreams(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"], o.public.files["a/2.0/x"] = "one", "two"
	o.want("team", "file/a/1.0/x", http.StatusOK, "one")
	o.group("models", "/ruby/*", "EXTERNAL_UPSTREAM", "BLOCK")
	o.want("team", "index/a", http.StatusOK, "1.0/x\n")
	o.want("public", "index/a", http.StatusOK, "1.0/x\n")
	o.want("team", "file/a/2.0/x", http.StatusNotFound, "")
	o.public.set(func() { o.public.files["b/1.0/x"] = "b" })
	o.want("team", "index/b", http.StatusNotFound, "")
	if o.public.count("/index/b") != 0 {
		t.Error("it was asked for what is blocked")
	}
	o.restrict("models", "/ruby/*", "EXTERNAL_UPSTREAM", "ALLOW")
	o.want("team", "file/b/1.0/x", http.StatusOK, "b")
}

func TestWhatIsOnlyKnownFromOutsideDoesNotKeepFromPublishing(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/99.0/x"] = "theirs"
	for _, r := range []string{"public", "team"} {
		o.want(r, "index/a", http.StatusOK, "99.0/x\n")
		if status := o.put(r, "file/a/1.0/x", "ours"); status != http.StatusOK {
			t.Fatalf("published to %s: %d", r, status)
		}
		// From now on there is nothing but what is published here.
		o.want(r, "index/a", http.StatusOK, "1.0/x\n")
		o.want(r, "file/a/99.0/x", http.StatusNotFound, "")
		if _, err := o.DeletePackage(t.Context(), &sdk.DeletePackageInput{Domain: new("models"), Repository: &r, Format: types.PackageFormatRuby, Package: new("a")}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatWasIngestedIsNotPublishedOver(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.files["a/1.0/x"] = "theirs"
	o.want("team", "file/a/1.0/x", http.StatusOK, "theirs")
	for _, r := range []string{"public", "team"} {
		if status := o.put(r, "file/a/2.0/x", "ours"); status != http.StatusConflict {
			t.Errorf("published to %s: %d", r, status)
		}
	}
	// Allowed both, a version that the outside has still cannot be.
	_, err := o.PutPackageOriginConfiguration(t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: new("models"), Repository: new("team"), Format: types.PackageFormatRuby, Package: new("a"),
		Restrictions: &types.PackageOriginRestrictions{Publish: "ALLOW", Upstream: "ALLOW"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.public.set(func() { o.public.files["a/2.0/x"] = "theirs" })
	o.advance(time.Hour)
	if status := o.put("team", "file/a/2.0/x", "ours"); status != http.StatusConflict {
		t.Errorf("published what is outside: %d", status)
	}
	if status := o.put("team", "file/a/3.0/x", "ours"); status != http.StatusOK {
		t.Errorf("published what is not outside: %d", status)
	}
}
