package server_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// hostile is a server that is sent what nobody should send.
type hostile struct {
	*codeartifact.Client
	t      *testing.T
	server *servertest.Server
	token  string
	passed atomic.Int64 // by which the server's clock is ahead, ns
	nights int64
}

// The quota of the hostile server's assets.
const hostileAsset = 8 << 20

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{t: t}
	h.server = servertest.Start(t, func(c *server.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(h.passed.Load())) }
		c.Quotas = []string{fmt.Sprint("codeartifact-asset-bytes=", hostileAsset)}
	})
	h.Client = codeartifact.NewFromConfig(h.server.AWS())
	domain := new("models")
	if _, err := h.CreateDomain(t.Context(), &codeartifact.CreateDomainInput{Domain: domain}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CreateRepository(t.Context(), &codeartifact.CreateRepositoryInput{Domain: domain, Repository: new("main")}); err != nil {
		t.Fatal(err)
	}
	out, err := h.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: domain})
	if err != nil {
		t.Fatal(err)
	}
	h.token = *out.AuthorizationToken
	return h
}

// send sends a request to a path below an endpoint, which goes as it is written.
func (h *hostile) send(method, path string, body io.Reader, length int64, contentType string) (status int, text string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL(), body)
	if err != nil {
		h.t.Fatal(err)
	}
	at := "/codeartifact/models-" + servertest.Account + "/" + path
	r.URL.Opaque = strings.TrimPrefix(h.server.URL(), "http:") + at
	if length != 0 {
		r.ContentLength = length
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if length > 0 {
		r.Header.Set("Expect", "100-continue") // so that a refusal is read before the body goes
	}
	r.SetBasicAuth("aws", h.token)
	answer, err := patient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Error(err)
	}
	return answer.StatusCode, string(b)
}

// patient waits for the server's word before it sends a body, and follows nothing.
var patient = &http.Client{
	Transport:     &http.Transport{ExpectContinueTimeout: time.Minute, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// repeated is a body without an end.
type repeated struct {
	text string
	sent atomic.Int64
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r.text[(int(r.sent.Load())+n)%len(r.text):])
	}
	r.sent.Add(int64(n))
	return n, nil
}

// after is a body that begins with a text.
func after(text string, then io.Reader) io.Reader {
	return io.MultiReader(strings.NewReader(text), then)
}

// zipped is a zip of a file of zeros, with other files before it.
func zipped(t testing.TB, name string, zeros int, others ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(others); i += 2 {
		w, err := z.Create(others[i])
		if err == nil {
			_, err = io.WriteString(w, others[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.Create(name)
	if err == nil {
		_, err = io.CopyN(w, zero{}, int64(zeros))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zero is an endless file of zeros.
type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// crowded is a zip of n files whose end does not say so.
func crowded(n int) []byte {
	entry := make([]byte, 47)
	copy(entry, "PK\x01\x02")
	entry[28], entry[46] = 1, 'x'
	b := bytes.Repeat(entry, n)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	end[8], end[10] = 1, 1
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)))
	return append(b, end...)
}

// tarred is a tar.gz of a file of zeros and files of names.
func tarred(t testing.TB, zeros int64, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	g, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(g)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
	}
	err = w.WriteHeader(&tar.Header{Name: "iris-1.0/zeros", Size: zeros, Typeflag: tar.TypeReg})
	if err == nil {
		_, err = io.CopyN(w, zero{}, zeros)
	}
	if err := errors.Join(err, w.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// formOf is what twine sends.
func formOf(t testing.TB, name, version, filename string, content []byte, fields ...string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = m.WriteField(fields[i], fields[i+1])
	}
	for _, f := range [][2]string{{":action", "file_upload"}, {"name", name}, {"version", version}} {
		_ = m.WriteField(f[0], f[1])
	}
	w, err := m.CreateFormFile("content", filename)
	if err == nil {
		_, err = w.Write(content)
	}
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), m.FormDataContentType()
}

// documentOf is what npm sends.
func documentOf(name, version, more string, tarball []byte) string {
	return fmt.Sprintf(`{"name":%q,"dist-tags":{"latest":%q},"versions":{%q:{"name":%q,"version":%q%s}},"_attachments":{"%s-%s.tgz":{"data":%q}}}`,
		name, version, version, name, version, more, name, version, base64.StdEncoding.EncodeToString(tarball))
}

// hostileCase is a request and how it is answered.
type hostileCase struct {
	name   string
	send   func(h *hostile) (int, string)
	status int
	want   string // in the answer
}

// wheelOf sends a file of a Python project.
func wheelOf(name, filename string, content []byte, fields ...string) func(*hostile) (int, string) {
	return func(h *hostile) (int, string) {
		body, contentType := formOf(h.t, name, "1.0", filename, content, fields...)
		return h.send("POST", "pypi/main/", bytes.NewReader(body), 0, contentType)
	}
}

func npmOf(path, document string) func(*hostile) (int, string) {
	return func(h *hostile) (int, string) {
		return h.send("PUT", "npm/main/"+path, strings.NewReader(document), 0, "application/json")
	}
}

func mavenOf(path string, content []byte) func(*hostile) (int, string) {
	return func(h *hostile) (int, string) {
		return h.send("PUT", "maven/main/"+path, bytes.NewReader(content), 0, "")
	}
}

// genericOf publishes by the API.
func genericOf(name, asset, content, sum string) func(*hostile) (int, string) {
	if sum == "" {
		of := sha256.Sum256([]byte(content))
		sum = hex.EncodeToString(of[:])
	}
	return func(h *hostile) (int, string) {
		_, err := h.PublishPackageVersion(h.t.Context(), &codeartifact.PublishPackageVersionInput{
			Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: &name, PackageVersion: new("1"),
			AssetName: &asset, AssetContent: strings.NewReader(content), AssetSHA256: &sum,
		})
		return statusOf(err), fmt.Sprint(err)
	}
}

func statusOf(err error) int {
	if e, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

const wheelName = "iris-1.0-py3-none-any.whl"

// hostileUploads are the uploads that are refused, each by its reason.
func hostileUploads(t testing.TB) []hostileCase {
	const metadata = "iris-1.0.dist-info/METADATA"
	own := "Metadata-Version: 2.1\nName: iris\nVersion: 1.0\n"
	good := zipped(t, "zeros", 1, metadata, own)
	bomb := zipped(t, metadata, 64<<20)
	zeros64 := strings.Repeat("0", 64)
	var cyclic strings.Builder
	cyclic.WriteString(`<!DOCTYPE p [<!ENTITY a0 "lol">`)
	for i := range 30 {
		fmt.Fprintf(&cyclic, `<!ENTITY a%d "&a%d;&a%d;">`, i+1, i, i)
	}
	cyclic.WriteString(`]><project><name>&a30;</name></project>`)
	pom := func(text string) func(*hostile) (int, string) {
		return mavenOf("org/acme/iris/1.0/iris-1.0.pom", []byte(text))
	}
	tgz := tarred(t, 10, "package/package.json")
	return []hostileCase{
		{"a wheel whose METADATA unpacks to 64 MiB", wheelOf("iris", wheelName, bomb), 400, "METADATA is larger than 4194304 bytes"},
		{"a wheel that lies about it", wheelOf("iris", wheelName, lied(bomb, 64<<20, 100)), 400, "METADATA is damaged"},
		{"an sdist of zeros before its PKG-INFO", wheelOf("iris", "iris-1.0.tar.gz", tarred(t, 64<<20)), 400, "unpacks to more than is read"},
		{"an sdist of 100,001 files", wheelOf("iris", "iris-1.0.tar.gz", tarred(t, 1, slices.Repeat([]string{"iris-1.0/x"}, 100_001)...)), 400, "more than 100000 entries"},
		{"a wheel of 100,001 files", wheelOf("iris", wheelName, crowded(100_001)), 400, "has more than 100000 files"},
		{"a wheel of a million files", wheelOf("iris", wheelName, crowded(1_000_000)[40_000_000:]), 400, "not a readable archive"},
		{"a wheel that leads out of its folder", wheelOf("iris", wheelName, zipped(t, "../../../etc/cron.d/x", 1, metadata, own)), 400, `leads out of it`},
		{"a wheel with two METADATA", wheelOf("iris", wheelName, zipped(t, "zeros", 1, metadata, own, metadata, own)), 400, "it has both"},
		{"a false SHA-256", wheelOf("iris", wheelName, good, "sha256_digest", zeros64), 400, "The SHA-256 digest of the file"},
		{"a false MD5", wheelOf("iris", wheelName, good, "md5_digest", zeros64[:32]), 400, "The MD5 digest of the file"},
		{"a file that names a path", wheelOf("iris", "../../"+wheelName, good), 400, "The file of the form has no name"},
		{"a name with a NUL", wheelOf("iris\x00", wheelName, good), 400, "is not valid"},
		{"a name of another alphabet", wheelOf("ïris", wheelName, good), 400, "is not valid"},
		{"a file of another alphabet", wheelOf("iris", "ïris-1.0-py3-none-any.whl", good), 400, "is not valid"},
		{"a field of 5 MiB", wheelOf("iris", wheelName, good, "description", strings.Repeat("x", 5<<20)), 400, `The field "description" of the form is too large`},
		{"1,001 fields", wheelOf("iris", wheelName, good, slices.Repeat([]string{"classifiers", "x"}, 1001)...), 400, "more than 1000 fields"},
		{"a wheel beyond the quota", wheelOf("iris", wheelName, make([]byte, hostileAsset+1)), 402, "The asset has more than 8388608 bytes"},
		{"a form of another type", func(h *hostile) (int, string) {
			return h.send("POST", "pypi/main/", strings.NewReader("{}"), 0, "application/json")
		}, 400, "must be a form of the type multipart/form-data"},
		{"a form without a boundary", func(h *hostile) (int, string) {
			return h.send("POST", "pypi/main/", strings.NewReader("{}"), 0, "multipart/form-data")
		}, 400, "must be a form of the type multipart/form-data"},

		{"a tarball with a false shasum", npmOf("iris", documentOf("iris", "1.0.0", `,"dist":{"shasum":"`+zeros64[:40]+`"}`, tgz)), 400, "its SHA-1 is"},
		{"a tarball with a false integrity", npmOf("iris", documentOf("iris", "1.0.0", `,"dist":{"integrity":"sha512-AAAA"}`, tgz)), 400, "its integrity is"},
		{"a document of another package", npmOf("iris", documentOf("rose", "1.0.0", "", tgz)), 400, `is of \"rose\"`},
		{"a name that leads upwards", npmOf("..%2firis", documentOf("../iris", "1.0.0", "", tgz)), 404, "There is nothing"},
		{"an npm name with a NUL", npmOf("iris%00", documentOf("iris\x00", "1.0.0", "", tgz)), 400, "The path is malformed"},
		{"an npm name of another alphabet", npmOf("%ef%bd%89ris", documentOf("ｉris", "1.0.0", "", tgz)), 404, "There is nothing"},
		{"a version that leads upwards", npmOf("iris", documentOf("iris", "../1.0.0", "", tgz)), 400, "is not a version"},
		{"arrays in arrays", npmOf("iris", strings.Repeat("[", 1<<20)), 400, "nested too deeply"},
		{"a text without an end", npmOf("iris", `{"readme":"`), 400, "ends too early"},
		{"a document of 17 MiB", npmOf("iris", `{"readme":"`+strings.Repeat("x", 17<<20)+`"}`), 400, "more than 16777216 bytes beside its attachments"},
		{"a manifest of 5 MiB", npmOf("iris", documentOf("iris", "1.0.0", `,"x":"`+strings.Repeat("x", 5<<20)+`"`, tgz)), 400, "more than 4194304 bytes"},
		{"a tarball beyond the quota", npmOf("iris", documentOf("iris", "1.0.0", "", make([]byte, hostileAsset+1))), 402, "The asset has more than 8388608 bytes"},
		{"a form in place of a document", npmOf("iris", "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"), 400, "not JSON"},

		{"entities of entities", pom(cyclic.String()), 400, "is no POM"},
		{"a file of the machine as an entity", pom(`<!DOCTYPE p [<!ENTITY a SYSTEM "file:///etc/passwd">]><project><name>&a;</name></project>`), 400, "is no POM"},
		{"elements in elements", pom("<project>" + strings.Repeat("<a>", 1<<19)), 400, "is no POM"},
		{"a POM that is none", pom("hello"), 400, "is no POM"},
		{"a POM of 5 MiB", pom("<project><name>" + strings.Repeat("x", 5<<20) + "</name></project>"), 400, "is larger than"},
		{"a Maven path upwards", mavenOf("org/acme/iris/1.0/..%2f..%2fx.jar", nil), 400, "cannot be published to"},
		{"a Maven path upwards in a part", mavenOf("org/%2e%2e/iris/1.0/iris-1.0.jar", nil), 400, "The path is malformed"},
		{"a Maven group with a NUL", mavenOf("org/a%00/iris/1.0/iris-1.0.jar", nil), 400, "The path is malformed"},
		{"a Maven group of another alphabet", mavenOf("org/%ef%bd%81cme/iris/1.0/iris-1.0.jar", nil), 400, "cannot be published to"},
		{"a jar beyond the quota", mavenOf("org/acme/iris/1.0/iris-1.0.jar", make([]byte, hostileAsset+1)), 402, "The asset has more than 8388608 bytes"},

		// The hash is signed, as that of the body.
		{"other content than its hash", genericOf("iris", "a", "content", zeros64), 403, "InvalidSignatureException"},
		{"a generic name with a NUL", genericOf("iris\x00", "a", "content", ""), 400, "ValidationException"},
		{"an asset's name with a NUL", genericOf("iris", "a\x00", "content", ""), 400, "ValidationException"},
		{"an asset that leads upwards", genericOf("iris", "../a", "content", ""), 400, "The asset name '../a' is not valid"},
		{"an asset of two dots", genericOf("iris", "..", "content", ""), 400, "The asset name '..' is not valid"},
		{"a generic name that leads upwards", genericOf("../iris", "a", "content", ""), 400, "ValidationException"},
	}
}

// lied is a zip in which the size of a file is said to be another one.
func lied(b []byte, size, other uint32) []byte {
	return bytes.ReplaceAll(b, binary.LittleEndian.AppendUint32(nil, size), binary.LittleEndian.AppendUint32(nil, other))
}

// endlessUploads are those that would never end, and that claim to be larger than anything.
var endlessUploads = []struct {
	name, method, path, begin, repeat, contentType string
	length                                         int64
	status                                         int
	want                                           string
	most                                           int64 // that the server reads
}{
	{"a jar", "PUT", "maven/main/org/acme/iris/1.0/iris-1.0.jar", "", "x", "", 0, 402, "The asset has more than 8388608 bytes", hostileAsset + 1<<20},
	{"a checksum", "PUT", "maven/main/org/acme/iris/1.0/iris-1.0.jar.sha1", "", "x", "", 0, 404, "Version '1.0' of package 'iris'", 1 << 20},
	{"a maven-metadata.xml", "PUT", "maven/main/org/acme/iris/maven-metadata.xml", "<metadata>", "<a></a>", "", 0, 400, "cannot be published", 8 << 20},
	{"a form before its first part", "POST", "pypi/main/", "", "nothing\r\n", "multipart/form-data; boundary=b", 0, 402, "The request has more than", hostileAsset*2 + 32<<20},
	{"a part's header", "POST", "pypi/main/", "--b\r\n", "A: b\r\n", "multipart/form-data; boundary=b", 0, 400, "malformed", 16 << 20},
	{"a form's field", "POST", "pypi/main/", "--b\r\nContent-Disposition: form-data; name=description\r\n\r\n", "x", "multipart/form-data; boundary=b", 0, 400, "is too large", 8 << 20},
	{"fields of a form", "POST", "pypi/main/", "", "--b\r\nContent-Disposition: form-data; name=c\r\n\r\nx\r\n", "multipart/form-data; boundary=b", 0, 400, "more than 1000 fields", 1 << 20},
	{"a file of a form", "POST", "pypi/main/", "--b\r\nContent-Disposition: form-data; name=content; filename=" + wheelName + "\r\n\r\n", "x", "multipart/form-data; boundary=b", 0, 402, "The asset has more than", 16 << 20},
	{"blanks", "PUT", "npm/main/iris", "", " ", "", 0, 400, "beside its attachments", 32 << 20},
	{"a tarball", "PUT", "npm/main/iris", `{"_attachments":{"iris.tgz":{"data":"`, "AAAA", "", 0, 402, "The asset has more than", 32 << 20},
	{"a proof beside it", "PUT", "npm/main/iris", `{"_attachments":{"iris.sigstore":{"data":"`, "AAAA", "", 0, 402, "The request has more than", hostileAsset*2 + 32<<20},
	{"a tag", "PUT", "npm/main/-/package/iris/dist-tags/latest", `"`, "x", "", 0, 400, "The body has more than", 2 << 20},
	{"a jar that says so", "PUT", "maven/main/org/acme/iris/1.0/iris-1.0.jar", "", "x", "", 1 << 50, 402, "The request has more than", 0},
	{"a form that says so", "POST", "pypi/main/", "", "x", "multipart/form-data; boundary=b", 1 << 50, 402, "The request has more than", 0},
	{"a document that says so", "PUT", "npm/main/iris", "", "x", "", 1 << 50, 402, "The request has more than", 0},
}

// trickyPaths are paths that mean another one when they are read once more, or once less.
// None is anything.
var trickyPaths = []struct {
	path   string
	status int
	want   string
}{
	{"pypi/main/simple/..%2f..%2f..%2f..%2fsecret.key", 404, "nothing at"},
	{"pypi/main/simple/..%2f..%2fsecret.key/", 404, "nothing at"},
	{"pypi/main/simple/%2e%2e/%2e%2e/secret.key", 400, "The path is malformed"},
	{"pypi/main/simple/../../../../secret.key", 400, "The path is malformed"},
	{"pypi/main/simple/iris/1.0/..%2f..%2f..%2fsecret.key", 404, "Package not found"},
	{"pypi/main/simple/iris/..%2f1.0/" + wheelName, 404, "nothing at"},
	{"pypi/main/simple/iris/1.0/%252e%252e%252fsecret.key", 404, "Package not found"},
	{"pypi/main/simple/iris%5c..%5c..%5csecret.key/", 400, "The path is malformed"},
	{"pypi/main/simple/iris%00/", 400, "The path is malformed"},
	{"pypi/main/simple/%c0%ae%c0%ae/", 400, "The path is malformed"},
	{"pypi/main/simple/%ff/", 400, "The path is malformed"},
	{"npm/main/..%2f..%2fsecret.key", 404, "nothing at"},
	{"npm/main/@..%2f..", 404, "nothing at"},
	{"npm/main/@scope%2f..%2fsecret.key", 404, "nothing at"},
	{"npm/main/@scope%2F%2e%2e", 404, "nothing at"},
	{"npm/main/iris/-/..%2f..%2fsecret.key", 404, "nothing at"},
	{"npm/main/iris/-/%2e%2e/secret.key", 400, "The path is malformed"},
	{"npm/main/-/package/..%2firis/dist-tags", 404, "nothing at"},
	{"npm/main/%252e%252e%252fsecret.key", 404, "nothing at"},
	{"npm/main/iris%00", 400, "The path is malformed"},
	{"maven/main/org/..%2f..%2fsecret.key", 404, "nothing at"},
	{"maven/main/org/acme/iris/1.0/..%2f..%2fsecret.key", 404, "nothing at"},
	{"maven/main/org/%2e%2e/%2e%2e/secret.key", 400, "The path is malformed"},
	{"maven/main//etc/passwd", 404, "nothing at"},
	{"maven/main/%2fetc%2fpasswd", 404, "nothing at"},
	{"maven/main/org/acme/iris/1.0/iris-1.0.jar%00.sha1", 400, "The path is malformed"},
	{"generic/main/..%2f..%2fsecret.key", 404, "nothing at"},
	{"generic/main/weights/1.0/%2e%2e", 404, "nothing at"},
	{"pypi/..%2fmain/simple/", 404, "Repository not found"},
	{"pypi/%2e%2e/simple/", 404, "Repository not found"},
	{"pypi/%00/simple/", 404, "Repository not found"},
	{"..%2fpypi/main/simple/", 404, "is not supported"},
	{"%2e%2e/secret.key/x/", 404, "is not supported"},
}

// taken are hostile archives that nothing opens here: they are kept as they are, in little
// memory.
func takenUploads(t testing.TB) []hostileCase {
	properties := "<project><properties><a>" + strings.Repeat("x", 1<<20) + "</a></properties><dependencies>" +
		strings.Repeat("<dependency><groupId>${a}${a}</groupId></dependency>", 40_000) + "</dependencies></project>"
	return []hostileCase{
		{"a tarball that unpacks to 64 MiB", npmOf("iris", documentOf("iris", "1.0.0", "", tarred(t, 64<<20, "package/package.json", "../../etc/passwd"))), 200, "ok"},
		{"a jar whose plugin.xml unpacks to 64 MiB", mavenOf("org/acme/bomb/1.0/bomb-1.0.jar", zipped(t, "META-INF/maven/plugin.xml", 64<<20)), 201, ""},
		{"a jar of 150,000 files", mavenOf("org/acme/crowd/1.0/crowd-1.0.jar", crowded(150_000)), 201, ""},
		{"properties that would be gigabytes", mavenOf("org/acme/grow/1.0/grow-1.0.pom", []byte(properties)), 201, ""},
	}
}

// maxTaken is how many bytes a hostile request may make the process allocate, given back at
// once or not, the test's own client among them. What is sent would unpack to more.
const maxTaken = 256 << 20

// TestHostilePackages sends what nobody should send to each format. Each gets its error, and
// neither memory nor the disk keeps anything of it. Not parallel: it counts allocations.
func TestHostilePackages(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector allocates, too, and what runs here is tested under it elsewhere")
	}
	h := newHostile(t)
	check := func(name string, send func(*hostile) (int, string), status int, want string) {
		t.Run(name, func(t *testing.T) {
			h.t = t
			var before, then runtime.MemStats
			runtime.ReadMemStats(&before)
			got, text := send(h)
			runtime.ReadMemStats(&then)
			if got != status || !strings.Contains(text, want) {
				t.Errorf("%d %.300q, want %d %q", got, text, status, want)
			}
			if taken := then.TotalAlloc - before.TotalAlloc; taken > maxTaken {
				t.Errorf("%d MiB were allocated", taken>>20)
			}
		})
	}
	for _, c := range hostileUploads(t) {
		check(c.name, c.send, c.status, c.want)
	}
	for _, c := range endlessUploads {
		check(c.name+" without an end", func(h *hostile) (int, string) {
			read := h.received()
			status, text := h.send(c.method, c.path, after(c.begin, &repeated{text: c.repeat}), c.length, c.contentType)
			if read = h.received() - read; read > c.most+1<<20 {
				h.t.Errorf("%d bytes were read of it", read)
			}
			return status, text
		}, c.status, c.want)
	}
	for _, c := range trickyPaths {
		check(url.PathEscape(c.path), func(h *hostile) (int, string) { return h.send("GET", c.path, nil, 0, "") }, c.status, c.want)
	}
	h.t = t
	h.wantNothing()

	for _, c := range takenUploads(t) {
		check(c.name, c.send, c.status, c.want)
	}
	h.t = t
	for _, p := range h.packages() {
		if _, err := h.DeletePackage(t.Context(), &codeartifact.DeletePackageInput{Domain: new("models"), Repository: new("main"), Format: p.Format, Namespace: p.Namespace, Package: p.Package}); err != nil {
			t.Error(err)
		}
	}
	h.wantNothing()
	if status, text := h.send("GET", "maven/main/org/acme/maven-metadata.xml", nil, 0, ""); status != 404 {
		t.Errorf("a plugin is there: %d %s", status, text)
	}
}

// received is how many bytes of requests the server has read of package tools.
func (h *hostile) received() int64 {
	h.t.Helper()
	_, body := get(h.t, h.server.URL()+"/metrics")
	var n float64
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, `modelwharf_request_bytes_total{direction="in",service="packages"} `); ok {
			_, _ = fmt.Sscan(text, &n)
		}
	}
	return int64(n)
}

func (h *hostile) packages() (all []types.PackageSummary) {
	h.t.Helper()
	out, err := h.ListPackages(h.t.Context(), &codeartifact.ListPackagesInput{Domain: new("models"), Repository: new("main")})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Packages
}

// wantNothing checks that there is no package, no upload under way, and, once leases are
// over, not a byte.
func (h *hostile) wantNothing() {
	h.t.Helper()
	if some := h.packages(); len(some) > 0 {
		h.t.Errorf("there are %d packages: %+v", len(some), *some[0].Package)
	}
	uploads := filepath.Join(h.server.Data, "packages", "uploads")
	if left := files(h.t, uploads); len(left) > 0 {
		h.t.Errorf("uploads are left: %v", left)
	}
	// After any lease a collection takes all. Then the clock is set right again.
	h.nights++
	h.passed.Store(h.nights * int64(48*time.Hour))
	defer h.passed.Store(0)
	var left []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = files(h.t, filepath.Join(h.server.Data, "packages")); len(left) == 0 {
			break
		}
	}
	if len(left) > 0 {
		h.t.Errorf("bytes are left: %v", left)
	}
}

// files are those below a folder.
func files(t testing.TB, folder string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
