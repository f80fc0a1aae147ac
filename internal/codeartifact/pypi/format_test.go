package pypi_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"golang.org/x/crypto/blake2b"

	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a server with a domain, spoken to as pip and twine do.
type world struct {
	*sdk.Client
	t     testing.TB
	aws   aws.Config
	token string
	base  string // of endpoints, to which a repository's name is added
}

// newWorld starts a server with a domain that has repositories, each with those after it as
// its upstream: the last has none.
func newWorld(t testing.TB, repositories ...string) *world {
	t.Helper()
	return newWorldWith(t, func(*server.Config) {}, repositories...)
}

// newWorldWith is newWorld with a change of the server's settings.
func newWorldWith(t testing.TB, change func(*server.Config), repositories ...string) *world {
	t.Helper()
	s := servertest.Start(t, change)
	w := &world{t: t, aws: s.AWS(), Client: sdk.NewFromConfig(s.AWS())}
	domain := "models"
	if _, err := w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: &domain}); err != nil {
		t.Fatal(err)
	}
	for i, name := range slices.Backward(repositories) {
		in := &sdk.CreateRepositoryInput{Domain: &domain, Repository: &name}
		if i+1 < len(repositories) {
			in.Upstreams = []types.UpstreamRepository{{RepositoryName: &repositories[i+1]}}
		}
		if _, err := w.CreateRepository(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	token, err := w.GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: &domain})
	if err != nil {
		t.Fatal(err)
	}
	w.token = *token.AuthorizationToken
	at, err := w.GetRepositoryEndpoint(t.Context(), &sdk.GetRepositoryEndpointInput{Domain: &domain, Repository: &repositories[0], Format: types.PackageFormatPypi})
	if err != nil {
		t.Fatal(err)
	}
	w.base = strings.TrimSuffix(*at.RepositoryEndpoint, repositories[0]+"/")
	return w
}

// answer is what the server said.
type answer struct {
	*http.Response
	body []byte
}

// plain is a client that follows nothing.
var plain = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (w *world) do(method, path string, body io.Reader, header ...string) (a answer) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.SetBasicAuth("aws", w.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if n, ok := body.(*stuck); ok {
		r.ContentLength = n.length
	}
	if a.Response, err = plain.Do(r); err != nil {
		w.t.Fatal(err)
	}
	defer a.Body.Close()
	if a.body, err = io.ReadAll(a.Body); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) get(path string, header ...string) answer {
	w.t.Helper()
	return w.do("GET", path, nil, header...)
}

// wheel is one with metadata, and more of it after the name and version.
func wheel(t testing.TB, name, version, more string) (filename string, content []byte) {
	t.Helper()
	stem := strings.ReplaceAll(name, "-", "_") + "-" + version
	return stem + "-py3-none-any.whl", zipped(t, map[string]string{
		stem + ".dist-info/METADATA": coreMetadata(name, version, more),
		stem + ".dist-info/WHEEL":    "Wheel-Version: 1.0\n",
	})
}

func coreMetadata(name, version, more string) string {
	return "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n" + more
}

// form is what twine sends, with further fields or others.
func form(t testing.TB, name, version, filename string, content []byte, fields ...string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	sum5, sum256, sum2 := md5.Sum(content), sha256.Sum256(content), blake2b.Sum256(content)
	all := map[string]string{
		":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1", "name": name, "version": version,
		"md5_digest": hex.EncodeToString(sum5[:]), "sha256_digest": hex.EncodeToString(sum256[:]), "blake2_256_digest": hex.EncodeToString(sum2[:]),
	}
	for i := 0; i < len(fields); i += 2 {
		all[fields[i]] = fields[i+1]
	}
	body = &bytes.Buffer{}
	m := multipart.NewWriter(body)
	for k, v := range all {
		if err := m.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	part, err := m.CreateFormFile("content", filename)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return body, m.FormDataContentType()
}

func (w *world) upload(repository, name, version, filename string, content []byte, fields ...string) answer {
	w.t.Helper()
	body, contentType := form(w.t, name, version, filename, content, fields...)
	return w.do("POST", repository+"/", body, "Content-Type", contentType)
}

// publish publishes a wheel that must be taken.
func (w *world) publish(repository, name, version, more string) (filename string, content []byte) {
	w.t.Helper()
	filename, content = wheel(w.t, name, version, more)
	if a := w.upload(repository, name, version, filename, content); a.StatusCode != http.StatusOK {
		w.t.Fatal(a.Status, string(a.body))
	}
	return filename, content
}

// index is a project's page as JSON.
func (w *world) index(repository, project string) *pypi.Project {
	w.t.Helper()
	path := repository + "/simple/" + project + "/"
	a := w.get(path, "Accept", pypi.TypeJSON)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != pypi.TypeJSON {
		w.t.Fatal(a.Status, a.Header, string(a.body))
	}
	p, err := pypi.ParsePage(bytes.NewReader(a.body), pypi.TypeJSON, w.base+path, project)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestPublishAndInstall publishes a wheel and an sdist, finds both in each form of the index,
// and reads them.
func TestPublishAndInstall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	filename, content := w.publish("main", "Iris.Model", "1.0", "Requires-Python: >=3.9\n")
	sdist := tarred(t, []string{"iris_model-1.0/PKG-INFO"}, coreMetadata("iris-model", "1.0", ""))
	if a := w.upload("main", "Iris.Model", "1.0", "iris_model-1.0.tar.gz", sdist, "filetype", "sdist"); a.StatusCode != 200 {
		t.Fatal(a.Status, string(a.body))
	}
	fromJSON := w.index("main", "iris-model")
	if len(fromJSON.Files) != 2 || !slices.Equal(fromJSON.Versions, []string{"1.0"}) {
		t.Fatalf("%+v", fromJSON)
	}
	sum := sha256.Sum256(content)
	f := fromJSON.Files[0]
	if f.Filename != filename || f.SHA256 != hex.EncodeToString(sum[:]) || f.Size != int64(len(content)) || f.RequiresPython != ">=3.9" || f.Yanked || f.Uploaded.IsZero() {
		t.Errorf("%+v", f)
	}
	if fromJSON.Files[1].MetadataSHA256 != "" {
		t.Error("the metadata of an sdist is announced, which is not what is built of it")
	}
	for accept, kind := range map[string]string{"": "text/html; charset=utf-8", "*/*": "text/html; charset=utf-8", pypi.TypeHTML: pypi.TypeHTML + "; charset=utf-8"} {
		a := w.get("main/simple/iris-model/", "Accept", accept)
		fromHTML, err := pypi.ParsePage(bytes.NewReader(a.body), "text/html", w.base+"main/simple/iris-model/", "iris-model")
		if err != nil || a.Header.Get("Content-Type") != kind || a.Header.Get("Vary") != "Accept" {
			t.Fatal(err, a.Header)
		}
		for i, g := range fromHTML.Files {
			if want := fromJSON.Files[i]; g.URL != want.URL || g.SHA256 != want.SHA256 || g.MetadataSHA256 != want.MetadataSHA256 || g.RequiresPython != want.RequiresPython {
				t.Errorf("%+v, want %+v", g, want)
			}
		}
	}
	path := strings.TrimPrefix(f.URL, w.base)
	whole := w.get(path)
	if !bytes.Equal(whole.body, content) || whole.Header.Get("Etag") == "" || whole.Header.Get("Cache-Control") == "" {
		t.Error(whole.Status, whole.Header)
	}
	if a := w.get(path, "Range", "bytes=-22"); a.StatusCode != 206 || !bytes.Equal(a.body, content[len(content)-22:]) {
		t.Error(a.Status)
	}
	if a := w.get(path, "If-None-Match", whole.Header.Get("Etag")); a.StatusCode != 304 {
		t.Error(a.Status)
	}
	if a := w.do("HEAD", path, nil); a.StatusCode != 200 || a.ContentLength != int64(len(content)) {
		t.Error(a.Status, a.ContentLength)
	}
}

// TestMetadataBesideTheWheel serves METADATA by the hash that the index announces (PEP 658).
func TestMetadataBesideTheWheel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "team", "shared")
	w.publish("shared", "iris", "1.0+cu12", "Requires-Dist: numpy>=2\n\nReadme")
	f := w.index("team", "iris").Files[0]
	path := strings.TrimPrefix(f.URL, w.base) + ".metadata"
	a := w.get(path)
	sum := sha256.Sum256(a.body)
	if a.StatusCode != 200 || string(a.body) != coreMetadata("iris", "1.0+cu12", "Requires-Dist: numpy>=2\n\nReadme") || hex.EncodeToString(sum[:]) != f.MetadataSHA256 {
		t.Errorf("%s %q, announced as %s", a.Status, a.body, f.MetadataSHA256)
	}
	if b := w.get(path, "If-None-Match", a.Header.Get("Etag")); b.StatusCode != 304 {
		t.Error(b.Status)
	}
	if b := w.do("HEAD", path, nil); b.StatusCode != 200 || b.ContentLength != int64(len(a.body)) {
		t.Error(b.Status, b.ContentLength)
	}
	if b := w.get(path, "Range", "bytes=0-7"); string(b.body) != "Metadata" {
		t.Error(b.Status, string(b.body))
	}
}

// TestAFileNeverChanges takes the same bytes again and refuses others.
func TestAFileNeverChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	filename, content := w.publish("main", "iris", "1.0", "Summary: one\n")
	before := w.get("main/simple/iris/").Header.Get("Etag")
	if a := w.upload("main", "iris", "1.0", filename, content); a.StatusCode != 200 {
		t.Error("the same again:", a.Status)
	}
	if a := w.get("main/simple/iris/", "If-None-Match", before); a.StatusCode != 304 {
		t.Error("the same again is a change:", a.Status)
	}
	_, other := wheel(t, "iris", "1.0", "Summary: two\n")
	if a := w.upload("main", "iris", "1.0", filename, other); a.StatusCode != 409 || !strings.Contains(string(a.body), "already exists") {
		t.Error("other bytes:", a.Status, string(a.body))
	}
}

// TestVersionGainsFiles adds files to a version that is there.
func TestVersionGainsFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	w.publish("main", "iris", "1.0", "")
	for _, python := range []string{"cp312", "cp313"} {
		_, content := wheel(t, "iris", "1.0", "Summary: "+python+"\n")
		if a := w.upload("main", "iris", "1.0", "iris-1.0-"+python+"-"+python+"-linux_x86_64.whl", content); a.StatusCode != 200 {
			t.Fatal(a.Status, string(a.body))
		}
	}
	if p := w.index("main", "iris"); len(p.Files) != 3 || len(p.Versions) != 1 {
		t.Errorf("%+v", p)
	}
}

// TestRefusedUploads tells why, and publishes nothing.
func TestRefusedUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	filename, content := wheel(t, "iris", "1.0", "")
	_, misnamed := wheel(t, "other", "1.0", "")
	_, misversioned := wheel(t, "iris", "2.0", "")
	zero := strings.Repeat("0", 64)
	for _, c := range []struct {
		name, file string
		content    []byte
		fields     []string
		want       string
	}{
		{"a wrong SHA-256", filename, content, []string{"sha256_digest", zero}, "The SHA-256 digest"},
		{"a wrong MD5", filename, content, []string{"md5_digest", zero[:32]}, "The MD5 digest"},
		{"a wrong BLAKE2", filename, content, []string{"blake2_256_digest", zero}, "The BLAKE2 digest"},
		{"no archive", filename, []byte("bytes"), nil, "not a readable archive"},
		{"no metadata", filename, zipped(t, map[string]string{"a": "b"}), nil, "no metadata"},
		{"another project inside", filename, misnamed, nil, `of the project "other"`},
		{"another version inside", filename, misversioned, nil, `of version "2.0"`},
		{"another action", filename, content, []string{":action", "submit"}, "file_upload"},
		{"an egg", "iris-1.0-py3.egg", content, nil, "neither a wheel"},
		{"no name", filename, content, []string{"name", ""}, "is not valid"},
	} {
		if a := w.upload("main", "iris", "1.0", c.file, c.content, c.fields...); a.StatusCode != 400 || !strings.Contains(string(a.body), c.want) {
			t.Errorf("%s: %s %s", c.name, a.Status, a.body)
		}
	}
	if a := w.do("POST", "main/", strings.NewReader("x")); a.StatusCode != 400 {
		t.Error("no form:", a.Status)
	}
	if a := w.get("main/simple/iris/"); a.StatusCode != 404 || !strings.Contains(string(a.body), "Package not found") {
		t.Error("something was published:", a.Status, string(a.body))
	}
}

// TestNamesLeadToOneAddress redirects every spelling of a project to its normalized one, and
// pages without their final '/'.
func TestNamesLeadToOneAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	w.publish("main", "Iris_Model", "1.0", "")
	for path, to := range map[string]string{
		"main/simple/Iris._Model/?a=b": "main/simple/iris-model/?a=b",
		"main/simple/iris-model":       "main/simple/iris-model/",
		"main/simple":                  "main/simple/",
		"main/":                        "main/simple/",
	} {
		if a := w.get(path); a.StatusCode != 301 || a.Header.Get("Location") != w.base+to {
			t.Errorf("%s: %s to %s", path, a.Status, a.Header.Get("Location"))
		}
	}
	if a := w.get("main/simple/Iris_Model/v1.0/Iris_Model-1.0-py3-none-any.whl"); a.StatusCode != 200 {
		t.Error(a.Status)
	}
}

// TestRootIndex lists the projects of a repository and its upstreams.
func TestRootIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "team", "shared")
	w.publish("team", "b", "1", "")
	w.publish("shared", "a", "1", "")
	w.publish("shared", "b", "2", "")
	a := w.get("team/simple/", "Accept", pypi.TypeJSON)
	var page struct{ Projects []struct{ Name string } }
	if err := json.Unmarshal(a.body, &page); err != nil || len(page.Projects) != 2 || page.Projects[0].Name != "a" {
		t.Errorf("%v %s", err, a.body)
	}
	if b := w.get("team/simple/", "Accept", pypi.TypeJSON, "If-None-Match", a.Header.Get("Etag")); b.StatusCode != 304 {
		t.Error(b.Status)
	}
	if b := w.get("team/simple/"); !strings.Contains(string(b.body), `<a href="a/">a</a>`) {
		t.Error(string(b.body))
	}
}

// TestNothingThere answers 404 with a text for what is not there, 405 to what cannot be done
// and 406 to who wants neither JSON nor HTML.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	w.publish("main", "iris", "1.0", "")
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "main/simple/none/", 404, "Package not found"},
		{"GET", "main/simple/-/", 404, "nothing"},
		{"GET", "main/simple/iris/2.0/iris-2.0-py3-none-any.whl", 404, "Package version not found"},
		{"GET", "main/simple/iris/1.0/iris-1.0.tar.gz", 404, "Asset not found"},
		{"GET", "main/simple/iris/1.0/iris-1.0.tar.gz.metadata", 404, "Asset not found"},
		{"GET", "main/simple/iris/one/iris-one.tar.gz", 404, "nothing"},
		{"GET", "main/simple/iris/1.0/", 404, "nothing"},
		{"GET", "main/else", 404, "nothing"},
		{"DELETE", "main/simple/iris/", 405, "not allowed"},
		{"PUT", "main/", 405, "not allowed"},
	} {
		if a := w.do(c.method, c.path, nil); a.StatusCode != c.status || !strings.Contains(string(a.body), c.text) {
			t.Errorf("%s %s: %s %s", c.method, c.path, a.Status, a.body)
		}
	}
	if a := w.get("main/simple/iris/", "Accept", "image/png"); a.StatusCode != 406 {
		t.Error(a.Status)
	}
	if a := w.get("main/simple/iris/?format="+pypi.TypeJSON[:len(pypi.TypeJSON)-5]+"%2Bjson", "Accept", "text/html"); a.Header.Get("Content-Type") != pypi.TypeJSON {
		t.Error(a.Header)
	}
}

// TestUnlistedIsYanked shows a version that is unlisted as yanked, and none that is archived.
func TestUnlistedIsYanked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	filename, _ := w.publish("main", "iris", "1.0", "")
	for _, c := range []struct {
		status types.PackageVersionStatus
		files  int
		yanked bool
		get    int
	}{
		{types.PackageVersionStatusUnlisted, 1, true, 200}, {types.PackageVersionStatusArchived, 0, false, 404}, {types.PackageVersionStatusPublished, 1, false, 200},
	} {
		_, err := w.UpdatePackageVersionsStatus(t.Context(), &sdk.UpdatePackageVersionsStatusInput{
			Domain: new("models"), Repository: new("main"), Format: types.PackageFormatPypi, Package: new("Iris"), Versions: []string{"1.0"}, TargetStatus: c.status,
		})
		if err != nil {
			t.Fatal(err)
		}
		p := w.index("main", "iris")
		if len(p.Files) != c.files || c.files == 1 && p.Files[0].Yanked != c.yanked {
			t.Errorf("%s: %+v", c.status, p)
		}
		if a := w.get("main/simple/iris/1.0/" + filename); a.StatusCode != c.get {
			t.Errorf("%s: %s", c.status, a.Status)
		}
	}
}

// TestDescription is told by the API as the wheel's metadata has it, also after an sdist.
func TestDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	w.publish("main", "Iris", "1.0", "Summary: Finds irises\nLicense: text\nClassifier: License :: OSI Approved :: MIT License\nProject-URL: Homepage, https://iris.test\n"+
		"Project-URL: Source, https://code.test/iris\nRequires-Dist: numpy (>=2)\nRequires-Dist: Torch_Vision; extra == 'gpu'\n\n# Iris\n")
	sdist := tarred(t, []string{"iris-1.0/PKG-INFO"}, coreMetadata("Iris", "1.0", "Summary: another\n"))
	if a := w.upload("main", "Iris", "1.0", "iris-1.0.tar.gz", sdist); a.StatusCode != 200 {
		t.Fatal(a.Status, string(a.body))
	}
	domain, repository, name, version := new("models"), new("main"), new("IRIS"), new("1.0")
	out, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{Domain: domain, Repository: repository, Format: types.PackageFormatPypi, Package: name, PackageVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	if v := out.PackageVersion; *v.PackageName != "iris" || *v.Summary != "Finds irises" || *v.HomePage != "https://iris.test" || *v.SourceCodeRepository != "https://code.test/iris" ||
		len(v.Licenses) != 1 || *v.Licenses[0].Name != "MIT License" {
		t.Errorf("%+v", v)
	}
	readme, err := w.GetPackageVersionReadme(t.Context(), &sdk.GetPackageVersionReadmeInput{Domain: domain, Repository: repository, Format: types.PackageFormatPypi, Package: name, PackageVersion: version})
	if err != nil || !strings.HasPrefix(*readme.Readme, "# Iris") {
		t.Errorf("%v %+v", err, readme)
	}
	needs, err := w.ListPackageVersionDependencies(t.Context(), &sdk.ListPackageVersionDependenciesInput{Domain: domain, Repository: repository, Format: types.PackageFormatPypi, Package: name, PackageVersion: version})
	if err != nil || len(needs.Dependencies) != 2 || *needs.Dependencies[0].Package != "numpy" || *needs.Dependencies[1].Package != "torch-vision" {
		t.Errorf("%v %+v", err, needs)
	}
}

// TestChainOfUpstreams installs from the end of a chain, which retains at its beginning alone.
func TestChainOfUpstreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "team", "unit", "firm", "world")
	filename, content := w.publish("world", "iris", "1.0", "")
	f := w.index("team", "iris").Files[0]
	path := strings.TrimPrefix(f.URL, w.base)
	if a := w.get(path); !bytes.Equal(a.body, content) {
		t.Fatal(a.Status)
	}
	// A further file of the version upstream is seen, and comes too.
	_, more := wheel(t, "iris", "1.0", "Summary: more\n")
	if a := w.upload("world", "iris", "1.0", "iris-1.0-cp313-cp313-linux_x86_64.whl", more); a.StatusCode != 200 {
		t.Fatal(a.Status)
	}
	p := w.index("team", "iris")
	if len(p.Files) != 2 {
		t.Fatalf("the version gained no file: %+v", p.Files)
	}
	if a := w.get(strings.TrimPrefix(p.Files[1].URL, w.base)); !bytes.Equal(a.body, more) {
		t.Error(a.Status)
	}
	_, err := w.DeletePackage(t.Context(), &sdk.DeletePackageInput{Domain: new("models"), Repository: new("world"), Format: types.PackageFormatPypi, Package: new("iris")})
	if err != nil {
		t.Fatal(err)
	}
	if p := w.index("team", "iris"); len(p.Files) != 2 || p.Files[0].Filename != filename {
		t.Errorf("%+v", p)
	}
	if a := w.get("unit/simple/iris/"); a.StatusCode != 404 {
		t.Error("a repository between retained:", a.Status)
	}
}

// TestOnePublisherWins lets 50 clients publish other bytes under one name at once: one wins,
// and again with the same bytes: all succeed.
func TestOnePublisherWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	race := func(version string, summary func(i int) string) (won int) {
		status := make([]int, 50)
		var racing sync.WaitGroup
		begin := make(chan struct{})
		for i := range status {
			filename, content := wheel(t, "iris", version, "Summary: "+summary(i)+"\n")
			body, contentType := form(t, "iris", version, filename, content)
			racing.Go(func() {
				<-begin
				status[i] = w.do("POST", "main/", body, "Content-Type", contentType).StatusCode
			})
		}
		close(begin)
		racing.Wait()
		for i, s := range status {
			switch s {
			case 200:
				won++
			case 409:
			default:
				t.Errorf("client %d: %d", i, s)
			}
		}
		return won
	}
	if won := race("1.0", func(i int) string { return fmt.Sprint(i) }); won != 1 {
		t.Errorf("%d clients won", won)
	}
	if won := race("2.0", func(int) string { return "same" }); won != 50 {
		t.Errorf("%d clients published the same bytes", won)
	}
	if p := w.index("main", "iris"); len(p.Files) != 2 {
		t.Errorf("%+v", p)
	}
}

// TestWhoMayPublish refuses a publication by policy before the file is read: the client that
// waits for leave to send it is told at once.
func TestWhoMayPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	w.publish("main", "iris", "1.0", "")
	users, name := iam.NewFromConfig(w.aws), new("reader")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["codeartifact:GetAuthorizationToken","codeartifact:ReadFromRepository","sts:GetServiceBearerToken"],"Resource":"*"},` +
		`{"Effect":"Allow","Action":"codeartifact:PublishPackageVersion","Resource":"arn:aws:codeartifact:*:*:package/models/main/pypi//own-*"}]}`
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := users.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	reader := w.aws.Copy()
	reader.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	token, err := sdk.NewFromConfig(reader).GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	w.token = *token.AuthorizationToken
	if p := w.index("main", "iris"); len(p.Files) != 1 {
		t.Errorf("%+v", p)
	}
	filename, content := wheel(t, "Own.Model", "1.0", "")
	if a := w.upload("main", "Own.Model", "1.0", filename, content); a.StatusCode != 200 {
		t.Error(a.Status, string(a.body))
	}
	filename, content = wheel(t, "iris", "2.0", "")
	if a := w.upload("main", "iris", "2.0", filename, content); a.StatusCode != 403 || !strings.Contains(string(a.body), "not authorized") {
		t.Error(a.Status, string(a.body))
	}
	body, contentType := form(t, "iris", "2.0", filename, content)
	begun := body.Bytes()[:bytes.Index(body.Bytes(), []byte("PK"))]
	large := &stuck{bytes.NewReader(begun), 1 << 30, make(chan struct{})}
	defer close(large.end)
	if a := w.do("POST", "main/", large, "Content-Type", contentType); a.StatusCode != 403 {
		t.Error(a.Status, string(a.body))
	}
}

// stuck is a body that stops coming.
type stuck struct {
	begun  io.Reader
	length int64
	end    chan struct{}
}

func (s *stuck) Read(b []byte) (int, error) {
	if n, err := s.begun.Read(b); err == nil {
		return n, nil
	}
	<-s.end
	return 0, io.EOF
}
