package pypi_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Friendly-Bard": "friendly-bard", "FRIENDLY.bard": "friendly-bard", "friendly__bard": "friendly-bard",
		"FrIeNdLy-._.-bArD": "friendly-bard", "a": "a", "zope.interface": "zope-interface",
		"": "", "-a": "", "a-": "", "a b": "", "ä": "", "a/b": "", "..": "", strings.Repeat("a", 256): "",
	} {
		got, err := pypi.Normalize(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestParseFilename(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, project, want string }{
		{"iris_model-1.0-py3-none-any.whl", "", "iris-model 1.0 true"},
		{"Iris.Model-1.0.0-1build-py2.py3-none-any.whl", "", "iris-model 1.0.0 true"},
		{"iris-model-1.0.tar.gz", "", "iris-model 1.0 false"},
		{"iris_model-1.0rc1.zip", "iris-model", "iris-model 1.0rc1 false"},
		{"py-1-2.0.tar.gz", "py-1", "py-1 2.0 false"},
		{"iris-1.0.exe", "", ""}, {"iris.whl", "", ""}, {"../iris-1.0.tar.gz", "", ""}, {".iris-1.0.tar.gz", "", ""},
		{"a/b-1.0.tar.gz", "", ""}, {"iris-1.0.tar.gz\n", "", ""}, {"<b>-1.0.tar.gz", "", ""}, {"other-1.0.tar.gz", "iris", ""},
		{"-1.0.tar.gz", "", ""}, {".whl", "", ""},
	} {
		d, err := pypi.ParseFilename(c.file, c.project)
		got := ""
		if err == nil {
			got = fmt.Sprint(d.Project, " ", d.Version, " ", d.Wheel)
		}
		if got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.file, got, err, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"1.0": "1.0", "v1.0": "1.0", "1.0-RC.1": "1.0rc1", "1!2.0.post3.dev4+Local_7": "1!2.0.post3.dev4+local.7", "01.02": "1.2", "1.0-1": "1.0.post1", "1.0alpha": "1.0a0", "1.0.Preview-2": "1.0rc2", "1.0+ab.01": "1.0+ab.1",
		"": "", "latest": "", "1.0; rm": "", "1.0/..": "",
	} {
		if got, err := pypi.Version(v); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", v, got, err, want)
		}
	}
}

const metadata = `Metadata-Version: 2.1
Name: Iris.Model
Version: 1.0
Summary: Petals
License: MIT
Requires-Python: >=3.9
Requires-Dist: numpy (>=1.20)
Requires-Dist: pytest>=7; extra == "test"
Description-Content-Type: text/markdown

# Iris
`

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		// Stored as it is: a compressor for each of many empty files takes long.
		method := zip.Deflate
		if files[name] == "" {
			method = zip.Store
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = io.WriteString(w, files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarred(t testing.TB, names []string, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	g := gzip.NewWriter(&b)
	w := tar.NewWriter(g)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadMetadata(t *testing.T) {
	t.Parallel()
	wheel := zipped(t, map[string]string{"iris/__init__.py": "", "iris_model-1.0.dist-info/METADATA": metadata, "a/b.dist-info/METADATA": "no"})
	sdist := tarred(t, []string{"iris-1.0/setup.py", "iris-1.0/src/iris.egg-info/PKG-INFO", "iris-1.0/PKG-INFO"}, metadata)
	for name, b := range map[string][]byte{"iris_model-1.0-py3-none-any.whl": wheel, "iris-1.0.tar.gz": sdist, "iris-1.0.zip": zipped(t, map[string]string{"iris-1.0/PKG-INFO": metadata})} {
		raw, err := pypi.ReadMetadata(bytes.NewReader(b), int64(len(b)), name)
		if err != nil || string(raw) != metadata {
			t.Fatalf("%s: %v %q", name, err, raw)
		}
	}
	m, err := pypi.ParseMetadata(t.Context(), []byte(metadata))
	want := pypi.Metadata{
		Name: "Iris.Model", Version: "1.0", Summary: "Petals", Description: m.Description, DescriptionIn: "text/markdown", Licenses: []string{"MIT"}, RequiresPython: ">=3.9",
		Dependencies: []pypi.Dependency{{Project: "numpy", Range: ">=1.20"}, {Project: "pytest", Range: ">=7", Extra: "test"}},
	}
	if err != nil || !reflect.DeepEqual(m, want) || strings.TrimSpace(m.Description) != "# Iris" {
		t.Errorf("got %+v, %v", m, err)
	}
}

// TestHostileArchives has archives that would take all memory or time, were they believed.
func TestHostileArchives(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	bomb := zipped(t, map[string]string{"x-1.0.dist-info/METADATA": strings.Repeat("a", 5<<20)})
	many := make(map[string]string, 100_001)
	for i := range 100_001 {
		many[fmt.Sprint(i)] = ""
	}
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	w := tar.NewWriter(g)
	_ = w.WriteHeader(&tar.Header{Name: "x-1.0/zeros", Size: 40 << 20, Typeflag: tar.TypeReg})
	zeros := make([]byte, 1<<20)
	for range 40 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	_ = g.Close()
	for _, c := range []struct {
		name, file string
		b          []byte
		want       error
	}{
		{"a METADATA of 5 MiB", "x-1.0-py3-none-any.whl", bomb, pypi.ErrArchive},
		{"100,001 entries", "x-1.0-py3-none-any.whl", zipped(t, many), pypi.ErrArchive},
		{"no zip", "x-1.0-py3-none-any.whl", []byte("PK"), pypi.ErrArchive},
		{"nothing", "x-1.0-py3-none-any.whl", nil, pypi.ErrArchive},
		{"an sdist of 40 MiB of zeros", "x-1.0.tar.gz", gz.Bytes(), pypi.ErrArchive},
		{"no gzip", "x-1.0.tar.gz", []byte("hello"), pypi.ErrArchive},
		{"no metadata", "x-1.0.tar.gz", tarred(t, []string{"x-1.0/a"}, ""), pypi.ErrNoMetadata},
		{"an sdist of another kind", "x-1.0.tar.xz", []byte("hello"), pypi.ErrNoMetadata},
	} {
		if _, err := pypi.ReadMetadata(bytes.NewReader(c.b), int64(len(c.b)), c.file); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func page() *pypi.Project {
	return &pypi.Project{Name: "iris-model", Versions: []string{"1.0", "1.1"}, Files: []pypi.File{
		{
			Filename: "iris_model-1.0-py3-none-any.whl", URL: "https://models.example/f/iris_model-1.0-py3-none-any.whl", SHA256: strings.Repeat("a", 64),
			RequiresPython: ">=3.9,<4", MetadataSHA256: strings.Repeat("b", 64), Size: 12, Uploaded: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		},
		{Filename: "iris-model-1.1.tar.gz", URL: "https://models.example/f/iris-model-1.1.tar.gz", Size: -1, Yanked: true, YankedReason: `broken "<1>"`},
		{Filename: "iris-model-1.2.tar.gz", URL: "https://models.example/f/iris-model-1.2.tar.gz", Size: 0, Yanked: true},
	}}
}

// TestPageForms writes a page in both forms and reads it again.
func TestPageForms(t *testing.T) {
	t.Parallel()
	got, err := pypi.ParsePage(bytes.NewReader(page().AppendJSON(nil)), pypi.TypeJSON, "https://models.example/simple/iris-model/", "iris-model")
	if err != nil || !reflect.DeepEqual(got, page()) {
		t.Errorf("JSON: %+v, %v", got, err)
	}
	want := page()
	want.Versions = nil
	for i := range want.Files { // which this form does not have
		want.Files[i].Size, want.Files[i].Uploaded = -1, time.Time{}
	}
	got, err = pypi.ParsePage(bytes.NewReader(page().AppendHTML(nil)), "text/html; charset=utf-8", "https://models.example/simple/iris-model/", "iris-model")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("HTML: %+v, %v", got, err)
	}
}

func TestParsePageLeavesOutWhatIsNoDistribution(t *testing.T) {
	t.Parallel()
	const body = `<a href="../../f/iris-1.0.tar.gz#sha256=AB">iris-1.0.tar.gz</a><a href="javascript:x">iris-1.1.tar.gz</a>
		<a href="x">../../etc/passwd</a><a href="x">iris-1.0.exe</a><a>iris-1.2.tar.gz`
	p, err := pypi.ParsePage(strings.NewReader(body), "text/html", "https://up.example/simple/iris/", "iris")
	if err != nil || len(p.Files) != 1 || p.Files[0].URL != "https://up.example/f/iris-1.0.tar.gz" || p.Files[0].SHA256 != "ab" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := pypi.ParsePage(strings.NewReader(`{"meta":{"api-version":"2.0"},"files":[]}`), pypi.TypeJSON, "https://up.example/", "iris"); err == nil {
		t.Error("a page of version 2 was read")
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "text/html", "*/*": "text/html", "text/html": "text/html",
		pypi.TypeJSON + ", " + pypi.TypeHTML + "; q=0.1, text/html; q=0.01":                    pypi.TypeJSON,
		"application/vnd.pypi.simple.v1+html;q=0.2, application/vnd.pypi.simple.v1+json;q=0.1": pypi.TypeHTML,
		"application/vnd.pypi.simple.latest+json":                                              pypi.TypeJSON,
		"application/json": "", "text/html;q=0": "",
	} {
		if got := pypi.Negotiate(accept); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}

// upload is a request as twine sends it.
func upload(t *testing.T, filename, content string, fields ...string) *http.Request {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if filename != "" {
		f, err := w.CreateFormFile("content", filename)
		if err == nil {
			_, err = io.WriteString(f, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", &b)
	r.Header.Set("Content-Type", w.FormDataContentType())
	return r
}

func TestReadUpload(t *testing.T) {
	t.Parallel()
	good := []string{":action", "file_upload", "protocol_version", "1", "name", "Iris_Model", "version", "1.0", "filetype", "bdist_wheel", "sha256_digest", "AB"}
	var got string
	read := func(_ *pypi.Upload, r io.Reader) error {
		b, err := io.ReadAll(r)
		got = string(b)
		return err
	}
	u, err := pypi.ReadUpload(upload(t, "iris_model-1.0-py3-none-any.whl", "bytes", good...), read)
	if err != nil || got != "bytes" || u.Name != "Iris_Model" || u.SHA256 != "ab" {
		t.Fatalf("%+v %q %v", u, got, err)
	}
	with := func(name, value string) []string {
		fields := append([]string(nil), good...)
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == name {
				fields[i+1] = value
			}
		}
		return fields
	}
	for _, c := range []struct {
		name, file string
		fields     []string
		want       string
	}{
		{"another action", "iris_model-1.0-py3-none-any.whl", with(":action", "submit"), "file_upload is the one"},
		{"no file", "", good, "no file"},
		{"a file of another project", "other-1.0-py3-none-any.whl", good, "is not of version 1.0"},
		{"a file of another version", "iris_model-1.1-py3-none-any.whl", good, "is not of version 1.0"},
		{"a file of another type", "iris_model-1.0-py3-none-any.whl", with("filetype", "sdist"), "is not of the type"},
		{"a path", "../iris_model-1.0-py3-none-any.whl", good, "has no name"},
		{"a bad name", "iris_model-1.0-py3-none-any.whl", with("name", "-"), "is not valid"},
		{"a bad version", "iris_model-1.0-py3-none-any.whl", with("version", "new"), "PEP 440"},
	} {
		_, err := pypi.ReadUpload(upload(t, c.file, "", c.fields...), read)
		var form *pypi.ErrForm
		if !errors.As(err, &form) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	big := upload(t, "iris_model-1.0-py3-none-any.whl", "", append(good, "description", strings.Repeat("x", 5<<20))...)
	if _, err := pypi.ReadUpload(big, read); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("a large field: %v", err)
	}
	cut := upload(t, "iris_model-1.0-py3-none-any.whl", "bytes", good...)
	b, _ := io.ReadAll(cut.Body)
	cut.Body = io.NopCloser(bytes.NewReader(b[:len(b)-20]))
	if _, err := pypi.ReadUpload(cut, read); err == nil {
		t.Error("a form that was cut short was taken")
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(string(page().AppendJSON(nil)), true)
	f.Add(string(page().AppendHTML(nil)), false)
	f.Add(`<a href="%zz">x-1.0.tar.gz</a>`, false)
	f.Fuzz(func(t *testing.T, body string, asJSON bool) {
		kind := "text/html"
		if asJSON {
			kind = pypi.TypeJSON
		}
		p, err := pypi.ParsePage(strings.NewReader(body), kind, "https://up.example/simple/x/", "x")
		if err != nil {
			return
		}
		again, err := pypi.ParsePage(bytes.NewReader(p.AppendJSON(nil)), pypi.TypeJSON, "https://up.example/simple/x/", "x")
		if err != nil || len(again.Files) != len(p.Files) {
			t.Fatalf("%v: %d files became %d", err, len(p.Files), len(again.Files))
		}
	})
}

func FuzzReadMetadata(f *testing.F) {
	f.Add(zipped(f, map[string]string{"x-1.0.dist-info/METADATA": metadata}), true)
	f.Add(tarred(f, []string{"x-1.0/PKG-INFO"}, metadata), false)
	f.Fuzz(func(t *testing.T, b []byte, wheel bool) {
		name := "x-1.0.tar.gz"
		if wheel {
			name = "x-1.0-py3-none-any.whl"
		}
		if raw, err := pypi.ReadMetadata(bytes.NewReader(b), int64(len(b)), name); err == nil {
			_, _ = pypi.ParseMetadata(t.Context(), raw)
		}
	})
}

// TestKnown makes versions of another index's page, whose files are remote.
func TestKnown(t *testing.T) {
	t.Parallel()
	p := &pypi.Project{Name: "iris", Files: []pypi.File{
		{Filename: "iris-1.10.tar.gz", URL: "http://x.test/b", Size: -1, Yanked: true, YankedReason: "bad"},
		{Filename: "iris-1.9.tar.gz", URL: "http://x.test/a", SHA256: "ab", Size: 7, MetadataSHA256: "cd", RequiresPython: ">=3"},
		{Filename: "iris-1.9-py3-none-any.whl", URL: "http://x.test/c", SHA256: "ef", Size: 8},
		{Filename: "other-1.0-py3-none-any.whl", URL: "http://x.test/d"},
	}}
	known := p.Known()
	if len(known) != 2 || known[0].Version != "1.9" || len(known[0].Assets) != 2 || known[1].Version != "1.10" {
		t.Fatalf("%+v", known)
	}
	if a := known[0].Assets[0]; !known[0].Remote || a.Remote != "http://x.test/a" || a.Size != 7 || a.SHA256 != "ab" || known[1].Assets[0].Size != 0 {
		t.Errorf("%+v", known)
	}
}

// TestMerge adds files and yanks to a version that came from the same place, and to no other.
func TestMerge(t *testing.T) {
	t.Parallel()
	version := func(connection string, files ...pypi.File) *codeartifact.Version {
		v := (&pypi.Project{Name: "iris", Files: files}).Known()[0]
		v.Origin.Connection = connection
		return v
	}
	one := pypi.File{Filename: "iris-1.0.tar.gz", URL: "http://x.test/a", SHA256: "ab", RequiresPython: ">=3"}
	yanked, more := one, pypi.File{Filename: "iris-1.0-py3-none-any.whl", URL: "http://x.test/b"}
	yanked.Yanked, yanked.YankedReason, yanked.RequiresPython = true, "bad", "other"
	v, further := version("public:pypi", one), version("public:pypi", yanked, more)
	m := pypi.Format{}.Merge(v, further)
	if len(m.Assets) != 2 || string(m.Assets[0].Data) != `{"python":"\u003e=3","yanked":true,"reason":"bad"}` || len(v.Assets) != 1 || strings.Contains(string(v.Assets[0].Data), "yanked") {
		t.Errorf("%+v of %+v", m, v)
	}
	// A yank is taken back as well.
	if m := (pypi.Format{}).Merge(further, v); len(m.Assets) != 2 || strings.Contains(string(m.Assets[0].Data), "yanked") {
		t.Errorf("%+v", m)
	}
	if m := (pypi.Format{}).Merge(version("", one), further); len(m.Assets) != 1 {
		t.Errorf("what was published here gains files of others: %+v", m)
	}
	archived := version("public:pypi", one)
	archived.Status = codeartifact.Archived
	if m := (pypi.Format{}).Merge(archived, further); len(m.Assets) != 1 {
		t.Errorf("an archived version gains files: %+v", m)
	}
}

func FuzzReadUpload(f *testing.F) {
	for _, s := range []string{
		"--b\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"a-1.tar.gz\"\r\n\r\nx\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"../a\"\r\n\r\n", "--b--",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		u, err := pypi.ReadUpload(r, func(_ *pypi.Upload, content io.Reader) error {
			_, err := io.Copy(io.Discard, content)
			return err
		})
		if err == nil {
			if _, err := pypi.ParseFilename(u.Filename, ""); err != nil && !strings.Contains(u.Filename, "-") {
				t.Errorf("%+v was taken: %v", u, err)
			}
		}
	})
}

// FuzzVersion has one spelling for what is a version, which is its own.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"1.0", "v01.0-ALPHA.1", "1!2.0.post3.dev4+Local_1", "1-2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := pypi.Version(s)
		if err != nil {
			return
		}
		if again, err := pypi.Version(v); err != nil || again != v || (pypi.Format{}).CompareVersions(v, v) != 0 {
			t.Errorf("%q becomes %q and then %q, %v", s, v, again, err)
		}
	})
}
