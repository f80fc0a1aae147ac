package maven_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

const domain = "models"

// world is a server with a domain. Its clock stands still unless it is told to go.
type world struct {
	*sdk.Client
	t      testing.TB
	server *servertest.Server
	token  string
	mu     sync.Mutex
	time   time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// newWorld starts a server whose domain has repositories, each the upstream of the one before
// it.
func newWorld(t testing.TB, repositories ...string) *world {
	t.Helper()
	return newWorldWith(t, func(*server.Config) {}, repositories...)
}

// newWorldWith is newWorld with a change of the server's settings.
func newWorldWith(t testing.TB, change func(*server.Config), repositories ...string) *world {
	t.Helper()
	w := &world{t: t, time: time.Now().UTC()}
	w.server = servertest.Start(t, func(c *server.Config) { c.Now = w.now; change(c) })
	w.Client = sdk.NewFromConfig(w.server.AWS())
	must(t)(w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new(domain)}))
	for i := range repositories {
		r := repositories[len(repositories)-1-i]
		in := &sdk.CreateRepositoryInput{Domain: new(domain), Repository: &r}
		if i > 0 {
			in.Upstreams = []types.UpstreamRepository{{RepositoryName: &repositories[len(repositories)-i]}}
		}
		must(t)(w.CreateRepository(t.Context(), in))
	}
	out, err := w.GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: new(domain)})
	must(t)(out, err)
	w.token = *out.AuthorizationToken
	return w
}

// must ends the test at an error; what comes with it does not matter.
func must(t testing.TB) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// repository is one as Maven's tools see it.
type repository struct {
	w     *world
	name  string
	token string
}

func (w *world) in(name string) *repository { return &repository{w, name, w.token} }

func (r *repository) url(path string) string {
	return r.w.server.URL() + "/codeartifact/" + domain + "-" + servertest.Account + "/maven/" + r.name + "/" + path
}

// answer is what became of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *repository) do(method, path, body string, headers ...string) answer {
	r.w.t.Helper()
	q, err := http.NewRequestWithContext(r.w.t.Context(), method, r.url(path), strings.NewReader(body))
	if err != nil {
		r.w.t.Fatal(err)
	}
	q.SetBasicAuth("aws", r.token)
	if method == http.MethodPut {
		q.Header.Set("Expect", "100-continue")
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultClient.Do(q)
	if err != nil {
		r.w.t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(b)}
}

func (r *repository) get(path string) answer       { return r.do(http.MethodGet, path, "") }
func (r *repository) put(path, body string) answer { return r.do(http.MethodPut, path, body) }

// want puts a file, or gets one if body is "", and checks the status.
func (r *repository) want(status int, path, body string) string {
	r.w.t.Helper()
	got := answer{}
	method := http.MethodGet
	if body != "" {
		method = http.MethodPut
	}
	if got = r.do(method, path, body); got.status != status {
		r.w.t.Fatalf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
	}
	return got.body
}

// upload puts a file with the checksums that the resolver sends.
func (r *repository) upload(path, body string) {
	r.w.t.Helper()
	r.want(http.StatusCreated, path, body)
	r.want(http.StatusOK, path+".sha1", sum("sha1", body))
	r.want(http.StatusOK, path+".md5", sum("md5", body))
}

func sum(kind, body string) string {
	var b []byte
	switch kind {
	case "md5":
		s := md5.Sum([]byte(body))
		b = s[:]
	case "sha1":
		s := sha1.Sum([]byte(body))
		b = s[:]
	case "sha256":
		s := sha256.Sum256([]byte(body))
		b = s[:]
	default:
		s := sha512.Sum512([]byte(body))
		b = s[:]
	}
	return hex.EncodeToString(b)
}

// pom is a small POM.
func pom(version string) string {
	return fmt.Sprintf(`<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>model</artifactId><version>%s</version>
		<name>Model</name><description>Made at %s</description></project>`, version, version)
}

// listing is the artifact's metadata as a client sends it.
func listing(versions ...string) string {
	return "<metadata><groupId>org.example</groupId><artifactId>model</artifactId><versioning><release>" + versions[len(versions)-1] +
		"</release><versions><version>" + strings.Join(versions, "</version><version>") + "</version></versions></versioning></metadata>"
}

// release deploys a release as the resolver does.
func (r *repository) release(version, content string) {
	r.w.t.Helper()
	file := "org/example/model/" + version + "/model-" + version
	r.upload(file+".jar", content)
	r.upload(file+".pom", pom(version))
	r.metadata("org/example/model", listing(version))
}

func (r *repository) metadata(folder, document string) {
	r.w.t.Helper()
	r.want(http.StatusOK, folder+"/maven-metadata.xml", document)
	r.want(http.StatusOK, folder+"/maven-metadata.xml.sha1", sum("sha1", document))
	r.want(http.StatusOK, folder+"/maven-metadata.xml.md5", sum("md5", document))
}

// snapshot deploys a build of 1.0-SNAPSHOT as the resolver does; files are endings.
func (r *repository) snapshot(timestamp string, number int, files map[string]string) {
	r.w.t.Helper()
	for ending, content := range files {
		r.upload(fmt.Sprintf("org/example/model/1.0-SNAPSHOT/model-1.0-%s-%d%s", timestamp, number, ending), content)
	}
	r.metadata("org/example/model/1.0-SNAPSHOT", building(timestamp, number))
	r.metadata("org/example/model", listing("1.0-SNAPSHOT"))
}

func building(timestamp string, number int) string {
	return fmt.Sprintf(`<metadata modelVersion="1.1.0"><groupId>org.example</groupId><artifactId>model</artifactId><version>1.0-SNAPSHOT</version>
		<versioning><snapshot><timestamp>%s</timestamp><buildNumber>%d</buildNumber></snapshot></versioning></metadata>`, timestamp, number)
}

// statuses are the versions of org.example:model in a repository, "1.0 Published".
func (r *repository) statuses() string {
	r.w.t.Helper()
	out, err := r.w.ListPackageVersions(r.w.t.Context(), &sdk.ListPackageVersionsInput{
		Domain: new(domain), Repository: &r.name, Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"),
	})
	must(r.w.t)(out, err)
	var all []string
	for _, v := range out.Versions {
		all = append(all, *v.Version+" "+string(v.Status))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
