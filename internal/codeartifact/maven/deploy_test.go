package maven_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/codeartifact/maven"
)

// TestDeployOfARelease sends what the resolver sends, in its order, and reads it as the
// resolver does.
func TestDeployOfARelease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	const folder = "org/example/model/1.0/"
	document := `<?xml version="1.0"?><project><groupId>org.example</groupId><artifactId>model</artifactId><version>1.0</version>
		<name>The model</name><description>Knows things.</description><url>https://example.org/model</url>
		<licenses><license><name>Apache-2.0</name><url>https://example.org/license</url></license></licenses>
		<parent><groupId>org.example</groupId><artifactId>base</artifactId><version>7</version></parent>
		<dependencies><dependency><groupId>org.slf4j</groupId><artifactId>slf4j-api</artifactId><version>2.0.9</version></dependency>
		<dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>[4,5)</version><scope>test</scope></dependency>
		<dependency><groupId>a</groupId><artifactId>b</artifactId><version>1</version><optional>true</optional></dependency></dependencies></project>`
	files := map[string]string{
		"model-1.0.jar": "the jar", "model-1.0.pom": document, "model-1.0-sources.jar": "the sources", "model-1.0-linux.tar.gz": "an archive",
		"model-1.0.jar.asc": "a signature", "model-1.0.module": `{"formatVersion":"1.1"}`,
	}
	r.want(http.StatusNotFound, "org/example/model/maven-metadata.xml", "")
	for name, content := range files {
		r.upload(folder+name, content)
		r.want(http.StatusOK, folder+name+".sha256", strings.ToUpper(sum("sha256", content))+"  "+name+"\n")
		r.want(http.StatusOK, folder+name+".sha512", sum("sha512", content))
	}
	// Until its metadata has come the version is there for nobody.
	if got := r.statuses(); got != "1.0 Unfinished" {
		t.Error(got)
	}
	r.want(http.StatusNotFound, folder+"model-1.0.jar", "")
	r.want(http.StatusNotFound, folder+"model-1.0.jar.sha1", "")
	r.want(http.StatusNotFound, "org/example/model/maven-metadata.xml", "")
	r.metadata("org/example/model", listing("1.0"))
	if got := r.statuses(); got != "1.0 Published" {
		t.Error(got)
	}

	types := map[string]string{"model-1.0.jar": "application/java-archive", "model-1.0.pom": "application/xml", "model-1.0.module": "application/json", "model-1.0.jar.asc": "text/plain"}
	for name, content := range files {
		got := r.get(folder + name)
		if got.status != http.StatusOK || got.body != content || got.header.Get("X-Checksum-Sha1") != sum("sha1", content) {
			t.Errorf("%s: %+v", name, got)
		}
		if want := types[name]; want != "" && got.header.Get("Content-Type") != want {
			t.Errorf("%s: %s", name, got.header.Get("Content-Type"))
		}
		if head := r.do(http.MethodHead, folder+name, ""); head.status != http.StatusOK || head.header.Get("Content-Length") != fmt.Sprint(len(content)) {
			t.Errorf("%s: %+v", name, head)
		}
		for _, kind := range maven.Checksums {
			if got := r.want(http.StatusOK, folder+name+"."+kind, ""); got != sum(kind, content) {
				t.Errorf("%s.%s: %s", name, kind, got)
			}
		}
	}
	if got := r.do(http.MethodGet, folder+"model-1.0.jar", "", "Range", "bytes=4-"); got.status != http.StatusPartialContent || got.body != "jar" {
		t.Errorf("%+v", got)
	}
	for _, path := range []string{folder + "model-1.0.war", folder + "model-1.0.war.sha1", "org/example/model/1.1/model-1.1.jar", "org/example/other/1.0/other-1.0.jar", ".meta/prefixes.txt", ""} {
		r.want(http.StatusNotFound, path, "")
	}
	wantAPI(t, w, len(files))
}

// wantAPI checks what the API tells of the version of TestDeployOfARelease: no checksums among
// its assets, and what its POM says.
func wantAPI(t *testing.T, w *world, files int) {
	t.Helper()
	assets, err := w.ListPackageVersionAssets(t.Context(), &sdk.ListPackageVersionAssetsInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), PackageVersion: new("1.0"),
	})
	if err != nil || len(assets.Assets) != files {
		t.Fatal(assets, err)
	}
	described, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), PackageVersion: new("1.0"),
	})
	if err != nil {
		t.Fatal(err)
	}
	v := described.PackageVersion
	if *v.DisplayName != "The model" || *v.Summary != "Knows things." || *v.HomePage != "https://example.org/model" || len(v.Licenses) != 1 || *v.Licenses[0].Name != "Apache-2.0" || *v.Licenses[0].Url != "https://example.org/license" {
		t.Errorf("%+v", v)
	}
	dependencies, err := w.ListPackageVersionDependencies(t.Context(), &sdk.ListPackageVersionDependenciesInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), PackageVersion: new("1.0"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range dependencies.Dependencies {
		got = append(got, fmt.Sprintf("%s:%s %s %s", *d.Namespace, *d.Package, *d.DependencyType, *d.VersionRequirement))
	}
	if got, want := strings.Join(got, ", "), "org.example:base parent 7, org.slf4j:slf4j-api compile 2.0.9, junit:junit test [4,5), a:b optional 1"; got != want {
		t.Error(got)
	}
}

// TestPathsThatCannotBePublished answers 400, and nothing is kept.
func TestPathsThatCannotBePublished(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	for path, message := range map[string]string{
		"model-1.0.jar":         "The path cannot be published to",
		"org/example/model.jar": "a file lies at group/artifact/version/file",
		"org/example/model/1.0-SNAPSHOT/model-1.0-SNAPSHOT.jar":                        "Only unique snapshots are supported",
		"org/example/model/1.0-SNAPSHOT/readme.txt":                                    "Only unique snapshots are supported",
		"org/example/model/1.0-20260102.030405-6/model-1.0-20260102.030405-6.jar":      "below the snapshot's own version, 1.0-SNAPSHOT",
		"org/example/model/1.0/model-1.0.pom":                                          "model-1.0.pom is no POM",
		"org/example/model/maven-metadata.xml":                                         "the metadata cannot be read",
		"org/example/model/1.0/%2e%2e":                                                 "The path is malformed",
		"org/example/model/1.0/model-1.0%00.jar":                                       "The path is malformed",
		"org/example/" + strings.Repeat("x", 300) + "/1.0/" + strings.Repeat("x", 300): "is no element of one",
	} {
		if got := r.put(path, "text"); got.status != http.StatusBadRequest || !strings.Contains(got.body, message) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.do(http.MethodDelete, "org/example/model/1.0/model-1.0.jar", ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", got)
	}
	r.want(http.StatusNotFound, "org/example/model/1.0/model-1.0.jar.sha1", "0000")
}

// TestChecksumsMustMatch answers 400 to a checksum that is not that of the file that came.
func TestChecksumsMustMatch(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	const file = "org/example/model/1.0/model-1.0.jar"
	r.want(http.StatusCreated, file, "content")
	for _, kind := range maven.Checksums {
		for _, wrong := range []string{sum(kind, "other"), "", " ", "x", sum(kind, "content")[1:]} {
			if got := r.put(file+"."+kind, wrong); got.status != http.StatusBadRequest || !strings.Contains(got.body, "does not match") {
				t.Errorf("%s %q: %d %s", kind, wrong, got.status, got.body)
			}
		}
		r.want(http.StatusOK, file+"."+kind, sum(kind, "content"))
	}
}

// TestReleasesAreImmutable answers 409 to other bytes, and to more files, of a release; the
// same bytes again change nothing.
func TestReleasesAreImmutable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	r.release("1.0", "first")
	w.advance(time.Hour)
	r.release("1.0", "first")
	r.want(http.StatusConflict, "org/example/model/1.0/model-1.0.jar", "second")
	r.want(http.StatusConflict, "org/example/model/1.0/model-1.0-sources.jar", "late")
	if got := r.want(http.StatusOK, "org/example/model/1.0/model-1.0.jar", ""); got != "first" {
		t.Error(got)
	}
}

// TestDeployThatWasGivenUp leaves an unfinished version, which another deploy completes: with
// the same bytes at once, with others when nothing has come for a minute.
func TestDeployThatWasGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	const file = "org/example/model/1.0/model-1.0"
	r.upload(file+".jar", "first")
	r.upload(file+"-old.jar", "of the first only")
	// The deploy of another version does not complete this one.
	r.release("2.0", "two")
	if got := r.statuses(); got != "1.0 Unfinished, 2.0 Published" {
		t.Error(got)
	}
	r.upload(file+".jar", "first")
	if got := r.put(file+".jar", "second"); got.status != http.StatusConflict || !strings.Contains(got.body, "is being published") {
		t.Errorf("%+v", got)
	}
	w.advance(time.Minute)
	r.release("1.0", "second")
	if got := r.statuses(); got != "1.0 Published, 2.0 Published" {
		t.Error(got)
	}
	if got := r.want(http.StatusOK, file+".jar", ""); got != "second" {
		t.Error(got)
	}
	r.want(http.StatusNotFound, file+"-old.jar", "")
}

// TestConcurrentDeploys deploys versions at once, each of which sends metadata of its own alone:
// what the server tells has all of them, in Maven's order.
func TestConcurrentDeploys(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	var done sync.WaitGroup
	for i := range 12 {
		done.Go(func() { r.release(fmt.Sprintf("1.%d", i), fmt.Sprint(i)) })
	}
	done.Wait()
	document := r.want(http.StatusOK, "org/example/model/maven-metadata.xml", "")
	m, err := maven.ReadMetadata(strings.NewReader(document))
	if err != nil || len(m.Versioning.Versions.List) != 12 || m.Versioning.Versions.List[2] != "1.2" || m.Versioning.Release != "1.11" || m.Versioning.Latest != "1.11" {
		t.Errorf("%s %v", document, err)
	}
	for _, kind := range maven.Checksums {
		if got := r.want(http.StatusOK, "org/example/model/maven-metadata.xml."+kind, ""); got != sum(kind, document) {
			t.Errorf("%s: %s", kind, got)
		}
	}
	head := r.do(http.MethodHead, "org/example/model/maven-metadata.xml", "")
	if got := r.do(http.MethodGet, "org/example/model/maven-metadata.xml", "", "If-None-Match", head.header.Get("Etag")); got.status != http.StatusNotModified {
		t.Errorf("%+v", got)
	}
}

// TestOneOfFiftyDeploysWins deploys one version from fifty machines at once, each with other
// files: all files of the version are of one of them, and the others are told 409.
func TestOneOfFiftyDeploysWins(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	const file = "org/example/model/1.0/model-1.0"
	won := make(chan string, 50)
	for i := range cap(won) {
		go func() {
			content := fmt.Sprint("machine ", i)
			for _, ending := range []string{".jar", "-sources.jar", "-javadoc.jar"} {
				if a := r.put(file+ending, content); a.status != http.StatusCreated {
					if a.status != http.StatusConflict {
						t.Errorf("%s: %d %s", content, a.status, a.body)
					}
					won <- ""
					return
				}
			}
			won <- content
		}()
	}
	winner := ""
	for range cap(won) {
		if one := <-won; one != "" {
			if winner != "" {
				t.Errorf("both %s and %s have published", winner, one)
			}
			winner = one
		}
	}
	r.metadata("org/example/model", listing("1.0"))
	for _, ending := range []string{".jar", "-sources.jar", "-javadoc.jar"} {
		if got := r.want(http.StatusOK, file+ending, ""); got != winner || winner == "" {
			t.Errorf("%s is of %q, the winner is %q", ending, got, winner)
		}
	}
}

// TestMetadataHasPublishedVersionsOnly leaves out what is unlisted, archived or deleted.
func TestMetadataHasPublishedVersionsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	for _, version := range []string{"1", "2", "3", "4"} {
		r.release(version, version)
	}
	for version, status := range map[string]types.PackageVersionStatus{"3": types.PackageVersionStatusUnlisted, "4": types.PackageVersionStatusArchived} {
		must(t)(w.UpdatePackageVersionsStatus(t.Context(), &sdk.UpdatePackageVersionsStatusInput{
			Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), Versions: []string{version}, TargetStatus: status,
		}))
	}
	must(t)(w.DeletePackageVersions(t.Context(), &sdk.DeletePackageVersionsInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), Versions: []string{"1"},
	}))
	got := r.want(http.StatusOK, "org/example/model/maven-metadata.xml", "")
	m, err := maven.ReadMetadata(strings.NewReader(got))
	if err != nil || len(m.Versioning.Versions.List) != 1 || m.Versioning.Release != "2" {
		t.Errorf("%s %v", got, err)
	}
	r.want(http.StatusOK, "org/example/model/3/model-3.jar", "")
	r.want(http.StatusNotFound, "org/example/model/4/model-4.jar", "")
}

// TestUpstreams reads through a chain of three, merges the versions of all, and retains what was
// read in the repository that was asked.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "team", "shared", "company")
	team, company := w.in("team"), w.in("company")
	company.release("1.0", "of the company")
	w.in("shared").release("1.1", "shared")
	// What is published to a repository comes from no upstream, unless its owner wants both.
	must(t)(w.PutPackageOriginConfiguration(t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: new(domain), Repository: new("shared"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"),
		Restrictions: &types.PackageOriginRestrictions{Publish: types.AllowPublishAllow, Upstream: types.AllowUpstreamAllow},
	}))
	got := team.want(http.StatusOK, "org/example/model/maven-metadata.xml", "")
	m, err := maven.ReadMetadata(strings.NewReader(got))
	if err != nil || len(m.Versioning.Versions.List) != 2 || m.Versioning.Release != "1.1" {
		t.Errorf("%s %v", got, err)
	}
	if got := team.want(http.StatusOK, "org/example/model/1.0/model-1.0.jar.sha1", ""); got != sum("sha1", "of the company") {
		t.Error(got)
	}
	team.want(http.StatusOK, "org/example/model/1.0/model-1.0.jar", "")
	if got := team.statuses(); got != "1.0 Published" {
		t.Error(got)
	}
	must(t)(w.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{Domain: new(domain), Repository: new("company")}))
	for name, want := range map[string]string{"jar": "of the company", "pom": pom("1.0")} {
		if got := team.want(http.StatusOK, "org/example/model/1.0/model-1.0."+name, ""); got != want {
			t.Error(got)
		}
	}
}

// TestRefusalComesBeforeTheBody answers a PUT that policy denies without asking for its body.
func TestRefusalComesBeforeTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	must(t)(w.PutRepositoryPermissionsPolicy(t.Context(), &sdk.PutRepositoryPermissionsPolicyInput{
		Domain: new(domain), Repository: new("main"),
		PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"codeartifact:PublishPackageVersion","Resource":"*"}]}`),
	}))
	r := w.in("main")
	for name, token := range map[string]string{"403 Forbidden": w.token, "401 Unauthorized": "nonsense"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL(), "http://"))
		must(t)(c, err)
		q, err := http.NewRequest(http.MethodPut, r.url("org/example/model/1.0/model-1.0.jar"), nil)
		must(t)(q, err)
		q.SetBasicAuth("aws", token)
		fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nExpect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n", q.URL.Path, q.URL.Host, q.Header.Get("Authorization"))
		b, err := io.ReadAll(c) // the server closes the connection, whose body will not come
		if err != nil && !errors.Is(err, net.ErrClosed) || !strings.HasPrefix(string(b), "HTTP/1.1 "+name) {
			t.Errorf("%s: %s %v", name, b, err)
		}
		must(t)(nil, c.Close())
	}
}

// TestPluginsOfAGroup tells the prefixes of a group's plugins, which are read from their jars;
// what a client says of them does not count.
func TestPluginsOfAGroup(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	f, err := z.Create("META-INF/maven/plugin.xml")
	must(t)(f, err)
	fmt.Fprint(f, "<plugin><name>The wharf plugin</name><goalPrefix>wharf</goalPrefix></plugin>")
	must(t)(nil, z.Close())
	r.release("1.0", jar.String())
	r.metadata("org/example", "<metadata><plugins><plugin><prefix>false</prefix><artifactId>x</artifactId></plugin></plugins></metadata>")
	r.metadata("org", "<metadata><plugins><plugin><prefix>false</prefix><artifactId>x</artifactId></plugin></plugins></metadata>")
	got := r.want(http.StatusOK, "org/example/maven-metadata.xml", "")
	m, err := maven.ReadMetadata(strings.NewReader(got))
	if err != nil || len(m.Plugins.List) != 1 || m.Plugins.List[0] != (maven.Plugin{Name: "The wharf plugin", Prefix: "wharf", Artifact: "model"}) {
		t.Errorf("%s %v", got, err)
	}
	if sha := r.want(http.StatusOK, "org/example/maven-metadata.xml.sha1", ""); sha != sum("sha1", got) {
		t.Error(sha)
	}
	r.want(http.StatusNotFound, "org/maven-metadata.xml", "")
}
