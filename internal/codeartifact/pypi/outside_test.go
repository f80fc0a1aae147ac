package pypi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/server"
)

// public is another index.
type public struct {
	*httptest.Server
	mu       sync.Mutex
	projects map[string]*pypi.Project
	files    map[string][]byte
	html     bool
	asked    map[string]int
	sent     int64 // bytes of files
	ranges   bool  // files are given in parts, too
	down     bool
}

func newPublic(t testing.TB) *public {
	p := &public{projects: map[string]*pypi.Project{}, files: map[string][]byte{}, asked: map[string]int{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	if p.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/simple/"); ok {
		project := p.projects[strings.TrimSuffix(name, "/")]
		switch {
		case project == nil:
			http.NotFound(w, r)
		case p.html:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(project.AppendHTML(nil))
		default:
			w.Header().Set("Content-Type", pypi.TypeJSON)
			_, _ = w.Write(project.AppendJSON(nil))
		}
		return
	}
	content, ok := p.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	counting := &countingWriter{ResponseWriter: w}
	if p.ranges {
		http.ServeContent(counting, r, "", time.Time{}, bytes.NewReader(content))
	} else {
		_, _ = counting.Write(content)
	}
	p.sent += counting.n
}

type countingWriter struct {
	http.ResponseWriter
	n int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n += int64(n)
	return n, err
}

// add puts a wheel of a project there, and returns it.
func (p *public) add(t testing.TB, name, version, more string) (filename string, content []byte) {
	filename, content = wheel(t, name, version, more)
	sum := sha256.Sum256(content)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.projects[name] == nil {
		p.projects[name] = &pypi.Project{Name: name}
	}
	p.files["/files/"+filename] = content
	p.projects[name].Files = append(p.projects[name].Files, pypi.File{
		Filename: filename, URL: "../../files/" + filename, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), RequiresPython: ">=3.9",
	})
	return filename, content
}

func (p *public) set(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// connected is a world whose last repository, public, has an external connection.
func connected(t testing.TB, p *public) (w *world, advance func(time.Duration)) {
	t.Helper()
	var mu sync.Mutex
	now := time.Now().UTC()
	w = newWorldWith(t, func(c *server.Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		c.AllowEgress = []string{"127.0.0.1"}
		c.Upstreams = []string{"public:pypi=" + p.URL + "/simple"}
	}, "team", "between", "public")
	_, err := w.AssociateExternalConnection(t.Context(), &sdk.AssociateExternalConnectionInput{Domain: new("models"), Repository: new("public"), ExternalConnection: new("public:pypi")})
	if err != nil {
		t.Fatal(err)
	}
	return w, func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
}

// files are the names of the files that a repository shows of a project; nil if it has none.
func (w *world) files(repository, project string) (names []string, yanked []bool) {
	w.t.Helper()
	a := w.get(repository+"/simple/"+project+"/", "Accept", pypi.TypeJSON)
	if a.StatusCode == http.StatusMovedPermanently {
		a = w.get(repository+"/simple/"+strings.TrimSuffix(a.Header.Get("Location")[strings.LastIndex(a.Header.Get("Location"), "/simple/")+8:], "/")+"/", "Accept", pypi.TypeJSON)
	}
	if a.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	page, err := pypi.ParsePage(strings.NewReader(string(a.body)), a.Header.Get("Content-Type"), "http://here/", project)
	if a.StatusCode != http.StatusOK || err != nil {
		w.t.Fatalf("%s of %s: %d %v", project, repository, a.StatusCode, err)
	}
	for _, f := range page.Files {
		names, yanked = append(names, f.Filename), append(yanked, f.Yanked)
	}
	return names, yanked
}

func TestAWheelFromOutside(t *testing.T) {
	t.Parallel()
	for _, html := range []bool{false, true} {
		p := newPublic(t)
		p.html = html
		filename, content := p.add(t, "numpy", "2.0", "Summary: Arrays\nRequires-Dist: libc (>1)\n")
		w, advance := connected(t, p)
		if got, _ := w.files("team", "numpy"); !slices.Equal(got, []string{filename}) {
			t.Fatalf("the index has %v", got)
		}
		a := w.get("team/simple/numpy/2.0/" + filename)
		if a.StatusCode != http.StatusOK || string(a.body) != string(content) {
			t.Fatalf("the wheel: %d, %d bytes", a.StatusCode, len(a.body))
		}
		if a = w.get("team/simple/numpy/2.0/" + filename + ".metadata"); a.StatusCode != http.StatusOK || !strings.Contains(string(a.body), "Summary: Arrays") {
			t.Errorf("its metadata: %d %s", a.StatusCode, a.body)
		}
		for repository, want := range map[string]bool{"team": true, "between": false, "public": true} {
			v, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{
				Domain: new("models"), Repository: &repository, Format: types.PackageFormatPypi, Package: new("numpy"), PackageVersion: new("2.0"),
			})
			if (err == nil) != want {
				t.Errorf("%s: %v", repository, err)
			} else if want && (*v.PackageVersion.Summary != "Arrays" || *v.PackageVersion.Origin.DomainEntryPoint.ExternalConnectionName != "public:pypi") {
				t.Errorf("%s: the version is %v", repository, v.PackageVersion)
			}
		}
		// The version gains a file, and is yanked.
		more, _ := wheel(t, "numpy", "2.0", "more")
		p.set(func() {
			f := p.projects["numpy"].Files
			f[0].Yanked = true
			other := f[0]
			other.Filename, other.Yanked = strings.Replace(more, "-py3-", "-py2-", 1), false
			p.projects["numpy"].Files = append(f, other)
		})
		advance(31 * time.Minute)
		if got, yanked := w.files("team", "numpy"); len(got) != 2 || !slices.Equal(yanked, []bool{true, false}) {
			t.Errorf("the index has %v, yanked %v", got, yanked)
		}
		// What was retained is there without the outside.
		p.set(func() { p.down = true })
		advance(time.Hour)
		if a = w.get("team/simple/numpy/2.0/" + filename); a.StatusCode != http.StatusOK || string(a.body) != string(content) {
			t.Errorf("the wheel on an outage: %d", a.StatusCode)
		}
	}
}

// TestMetadataOfAWheelThatIsElsewhere asks for the metadata of a large wheel that nobody has
// fetched. What is beside it is taken if it is what the index promises, else the parts of
// the wheel; only where neither can be had the wheel is brought.
func TestMetadataOfAWheelThatIsElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	const more = "Requires-Dist: libc (>1)\n"
	weights := make([]byte, 8<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(weights)
	want := coreMetadata("big", "1.0", more)
	sum := sha256.Sum256([]byte(want))
	for name, c := range map[string]struct {
		beside   string // the file there; "" for none
		promised bool   // the index promises it
		sized    bool   // the index tells the size of the wheel
		ranges   bool
		most     int64 // bytes that the other index may have sent
	}{
		"beside":                   {want, true, true, false, 10 << 10},
		"beside, but other bytes":  {strings.Replace(want, "libc", "evil", 1), true, true, true, 300 << 10},
		"promised and not there":   {"", true, true, true, 300 << 10},
		"in parts":                 {"", false, true, true, 300 << 10},
		"in parts of unknown size": {"", false, false, true, 300 << 10},
		"by the wheel alone":       {"", false, true, false, 18 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublic(t)
			p.ranges = c.ranges
			filename := "big-1.0-py3-none-any.whl"
			content := zipped(t, map[string]string{"big-1.0.dist-info/METADATA": want, "big/weights.bin": string(weights)})
			of := sha256.Sum256(content)
			file := pypi.File{Filename: filename, URL: "../../files/" + filename, SHA256: hex.EncodeToString(of[:]), Size: -1}
			if c.sized {
				file.Size = int64(len(content))
			}
			if c.promised {
				file.MetadataSHA256 = hex.EncodeToString(sum[:])
			}
			p.projects["big"], p.files["/files/"+filename] = &pypi.Project{Name: "big", Files: []pypi.File{file}}, content
			if c.beside != "" {
				p.files["/files/"+filename+".metadata"] = []byte(c.beside)
			}
			w, _ := connected(t, p)
			for _, kind := range []string{pypi.TypeJSON, pypi.TypeHTML} {
				if page := string(w.get("team/simple/big/", "Accept", kind).body); !strings.Contains(page, `"core-metadata":true`) && !strings.Contains(page, `data-core-metadata="true"`) && !strings.Contains(page, hex.EncodeToString(sum[:])) {
					t.Errorf("the index does not offer the metadata: %s", page)
				}
			}
			for range 3 {
				if a := w.get("team/simple/big/1.0/" + filename + ".metadata"); a.StatusCode != http.StatusOK || string(a.body) != want {
					t.Fatalf("%d %s", a.StatusCode, a.body)
				}
			}
			p.mu.Lock() // the last answer may not have ended for its server
			sent, beside := p.sent, p.asked["/files/"+filename+".metadata"]
			p.mu.Unlock()
			if sent > c.most {
				t.Errorf("%d bytes were sent", sent)
			}
			if c.promised && beside != 1 {
				t.Errorf("the file beside was asked for %d times", beside)
			}
			// Then the wheel itself comes, and has the same.
			if a := w.get("team/simple/big/1.0/" + filename); a.StatusCode != http.StatusOK || !bytes.Equal(a.body, content) {
				t.Errorf("the wheel: %d, %d bytes", a.StatusCode, len(a.body))
			}
			if a := w.get("team/simple/big/1.0/" + filename + ".metadata"); a.StatusCode != http.StatusOK || string(a.body) != want {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if page := string(w.get("team/simple/big/", "Accept", pypi.TypeJSON).body); !strings.Contains(page, hex.EncodeToString(sum[:])) {
				t.Errorf("the index does not promise the metadata: %s", page)
			}
		})
	}
}

func TestAWheelOfAnotherProjectIsNotLetIn(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	filename, _ := p.add(t, "numpy", "2.0", "")
	_, evil := wheel(t, "evil", "1.0", "")
	sum := sha256.Sum256(evil)
	p.files["/files/"+filename] = evil
	p.projects["numpy"].Files[0].SHA256, p.projects["numpy"].Files[0].Size = hex.EncodeToString(sum[:]), int64(len(evil))
	w, _ := connected(t, p)
	if a := w.get("team/simple/numpy/2.0/" + filename); a.StatusCode != http.StatusBadGateway {
		t.Errorf("%d", a.StatusCode)
	}
}

func TestDependencyConfusion(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	theirs, _ := p.add(t, "acme-models", "99.0", "")
	w, advance := connected(t, p)
	// Somebody may have looked before anything is published here.
	if got, _ := w.files("team", "acme-models"); !slices.Equal(got, []string{theirs}) {
		t.Fatalf("the index has %v", got)
	}
	ours, content := wheel(t, "acme-models", "1.0", "")
	body, contentType := form(t, "acme-models", "1.0", ours, content)
	if a := w.do("POST", "team/", body, "Content-Type", contentType); a.StatusCode != http.StatusOK {
		t.Fatalf("publish: %d %s", a.StatusCode, a.body)
	}
	_, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: new("/pypi//acme-models$")})
	if err != nil {
		t.Fatal(err)
	}
	advance(time.Hour)
	for _, spelling := range []string{"acme-models", "acme_models", "acme.models", "Acme-Models", "ACME_MODELS", "acme--models", "acme-_.models", "aCmE.mOdElS"} {
		if got, _ := w.files("team", spelling); !slices.Equal(got, []string{ours}) {
			t.Errorf("%s: the index has %v", spelling, got)
		}
		if a := w.get("team/simple/" + spelling + "/99.0/" + theirs); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: their file: %d", spelling, a.StatusCode)
		}
	}
	// Names that only look like it are other packages, and blocked by the group.
	lookalikes := []string{"acme-mode1s", "acme-m0dels", "acrne-models", "acme-rnodels", "acme-modeis", "acme-m0de1s", "acrne-mode1s", "acme-m0deis"}
	for _, name := range lookalikes {
		p.add(t, name, "99.0", "")
	}
	for _, name := range lookalikes {
		for _, repository := range []string{"team", "between", "public"} {
			if got, _ := w.files(repository, name); got != nil {
				t.Errorf("%s: the index of %s has %v", name, repository, got)
			}
			file := strings.ReplaceAll(name, "-", "_") + "-99.0-py3-none-any.whl"
			if a := w.get(repository + "/simple/" + name + "/99.0/" + file); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s: the file from %s: %d", name, repository, a.StatusCode)
			}
		}
	}
}
