package e2e

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// mavenPlugins is where e2e/setup keeps the plugins of mvn.
const mavenPlugins = "../.tools/maven"

// maven is mvn, pointed at a server that has the repositories team, shared and company, each
// the upstream of the one before it. All that mvn finds it finds there, its own plugins too.
type maven struct {
	*codeartifact.Client
	t     *testing.T
	s     *server
	path  string
	token string
	local string // its local repository
}

func (s *server) packages() *codeartifact.Client {
	return codeartifact.New(codeartifact.Options{
		BaseEndpoint: &s.url, Region: region,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")),
	})
}

// newMaven starts a server and publishes mvn's plugins to company.
func newMaven(t *testing.T) *maven {
	t.Helper()
	m := &maven{t: t, path: client(t, "mvn"), local: t.TempDir()}
	if _, err := os.Stat(filepath.Join(mavenPlugins, "complete")); err != nil {
		missing(t, "the plugins of mvn are not here (run e2e/setup)")
	}
	m.on(start(t))
	ctx := t.Context()
	if _, err := m.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: new("models")}); err != nil {
		t.Fatal(err)
	}
	for _, chain := range [][]string{{"company"}, {"shared", "company"}, {"team", "shared"}} {
		in := &codeartifact.CreateRepositoryInput{Domain: new("models"), Repository: &chain[0]}
		if len(chain) > 1 {
			in.Upstreams = []types.UpstreamRepository{{RepositoryName: &chain[1]}}
		}
		if _, err := m.CreateRepository(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	out, err := m.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	m.token = *out.AuthorizationToken
	m.publishPlugins()
	return m
}

// on points it at a server.
func (m *maven) on(s *server) { m.s, m.Client = s, s.packages() }

// url is the endpoint of a repository, below a server.
func (m *maven) url(base, repository string) string {
	return base + "/codeartifact/models-000000000000/maven/" + repository + "/"
}

// publishPlugins publishes all that e2e/setup has fetched, with the checksums that came with it.
func (m *maven) publishPlugins() {
	m.t.Helper()
	versions := map[string][]string{} // by the folder of the artifact
	err := filepath.WalkDir(mavenPlugins, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".jar") && !strings.HasSuffix(path, ".pom") {
			return err
		}
		relative, err := filepath.Rel(mavenPlugins, path)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		for _, ending := range []string{"", ".sha1"} {
			b, err := os.ReadFile(path + ending)
			if err != nil && ending != "" {
				continue // what was built here has none
			} else if err != nil {
				return err
			}
			m.put(relative+ending, b)
		}
		folder := filepath.ToSlash(filepath.Dir(relative))
		artifact, version := folder[:strings.LastIndexByte(folder, '/')], folder[strings.LastIndexByte(folder, '/')+1:]
		if !slices.Contains(versions[artifact], version) {
			versions[artifact] = append(versions[artifact], version)
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	for artifact, all := range versions {
		m.put(artifact+"/maven-metadata.xml", []byte("<metadata><versioning><versions><version>"+strings.Join(all, "</version><version>")+"</version></versions></versioning></metadata>"))
	}
}

func (m *maven) put(path string, body []byte) {
	m.t.Helper()
	q, err := http.NewRequestWithContext(m.t.Context(), http.MethodPut, m.url(m.s.url, "company")+path, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	q.SetBasicAuth("aws", m.token)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		m.t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		m.t.Fatalf("PUT %s: %s %s", path, answer.Status, text)
	}
}

// command is mvn in a folder, which finds everything in a repository and publishes to one at a
// server of its own, if that is given.
func (m *maven) command(ctx context.Context, folder, from string, args ...string) *exec.Cmd {
	m.t.Helper()
	settings := filepath.Join(m.t.TempDir(), "settings.xml")
	text := `<settings><servers><server><id>packages</id><username>aws</username><password>${env.CODEARTIFACT_AUTH_TOKEN}</password></server></servers>
		<mirrors><mirror><id>packages</id><mirrorOf>*</mirrorOf><url>` + m.url(m.s.url, from) + `</url></mirror></mirrors>
		<profiles><profile><id>packages</id><repositories><repository><id>packages</id><url>` + m.url(m.s.url, from) + `</url>
		<snapshots><enabled>true</enabled></snapshots></repository></repositories></profile></profiles>
		<activeProfiles><activeProfile>packages</activeProfile></activeProfiles></settings>`
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, m.path, append([]string{"-B", "-C", "-s", settings, "-gs", settings, "-Dmaven.repo.local=" + m.local}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(cleanEnv(), "CODEARTIFACT_AUTH_TOKEN="+m.token, "MAVEN_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	return cmd
}

// run runs mvn, which must succeed.
func (m *maven) run(folder, from string, args ...string) string {
	m.t.Helper()
	out, err := m.command(m.t.Context(), folder, from, args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("mvn %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// fails runs mvn, which must fail.
func (m *maven) fails(folder, from string, args ...string) string {
	m.t.Helper()
	out, err := m.command(m.t.Context(), folder, from, args...).CombinedOutput()
	if err == nil {
		m.t.Fatalf("mvn %q succeeded:\n%s", args, out)
	}
	return string(out)
}

// to is the argument by which a project is deployed to a repository.
func (m *maven) to(base, repository string) string {
	return "-DaltDeploymentRepository=packages::" + m.url(base, repository)
}

// project copies one of the projects, with some texts in place of others.
func (m *maven) project(name string, replace ...string) string {
	m.t.Helper()
	folder := filepath.Join(m.t.TempDir(), name)
	if err := os.CopyFS(folder, os.DirFS(filepath.Join("testdata/maven", name))); err != nil {
		m.t.Fatal(err)
	}
	m.change(folder, replace...)
	return folder
}

func (m *maven) change(folder string, replace ...string) {
	m.t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".java") && d.Name() != "pom.xml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.NewReplacer(replace...).Replace(string(b))), 0o600)
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// versions are the versions of org.example:name in a repository, "1.0 Published".
func (m *maven) versions(repository, name string) string {
	m.t.Helper()
	out, err := m.ListPackageVersions(m.t.Context(), &codeartifact.ListPackageVersionsInput{
		Domain: new("models"), Repository: &repository, Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: &name,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	var all []string
	for _, v := range out.Versions {
		all = append(all, *v.Version+" "+string(v.Status))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// says runs the application that was built in a folder, with the newest base that mvn has.
func (m *maven) says(folder string) string {
	m.t.Helper()
	jars, err := filepath.Glob(filepath.Join(m.local, "org/example/base/*/*.jar"))
	if err != nil || len(jars) == 0 {
		m.t.Fatal("mvn has not resolved the library", err)
	}
	newest := slices.MaxFunc(jars, func(a, b string) int {
		one, _ := os.Stat(a)
		two, _ := os.Stat(b)
		return one.ModTime().Compare(two.ModTime())
	})
	java := exec.CommandContext(m.t.Context(), client(m.t, "java"), "-cp", filepath.Join(folder, "target/classes")+string(filepath.ListSeparator)+newest, "org.example.app.App")
	out, err := java.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestMavenDeploysResolvesAndBuilds deploys a library to the last of three repositories, and
// builds an application on it through the first, with an empty local repository: every plugin
// comes through the chain.
func TestMavenDeploysResolvesAndBuilds(t *testing.T) {
	t.Parallel()
	m := newMaven(t)
	base, app := m.project("base"), m.project("app")
	m.run(base, "company", m.to(m.s.url, "company"), "deploy")
	if got := m.versions("company", "base"); got != "1.0 Published" {
		t.Error(got)
	}
	m.local = t.TempDir()
	m.run(app, "team", m.to(m.s.url, "team"), "deploy")
	if got := m.says(app); got != "from the base" {
		t.Error(got)
	}
	// What was resolved stays here, and nowhere between.
	if got := m.versions("team", "base") + ", " + m.versions("team", "app"); got != "1.0 Published, 1.0 Published" {
		t.Error(got)
	}
	if _, err := m.ListPackageVersions(t.Context(), &codeartifact.ListPackageVersionsInput{
		Domain: new("models"), Repository: new("shared"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("base"),
	}); err == nil {
		t.Error("the repository between has the library")
	}

	// A release does not change; mvn tells why in its own words.
	m.change(base, "from the base", "from another base")
	if out := m.fails(base, "company", m.to(m.s.url, "company"), "deploy"); !strings.Contains(out, "409") {
		t.Error(out)
	}
	m.token = "nonsense"
	if out := m.fails(base, "company", m.to(m.s.url, "company"), "deploy"); !strings.Contains(out, "401") {
		t.Error(out)
	}
}

// TestMavenSnapshots builds on a snapshot, and again on the next build of it.
func TestMavenSnapshots(t *testing.T) {
	t.Parallel()
	m := newMaven(t)
	base, app := m.project("base", "<version>1.0<", "<version>1.1-SNAPSHOT<"), m.project("app", "[1.0,2.0)", "1.1-SNAPSHOT")
	ours := m.local
	for i, text := range []string{"from the base", "from the second", "from the third"} {
		m.change(base, "from the base", text, "from the second", text)
		m.local = ours
		m.run(base, "company", m.to(m.s.url, "company"), "deploy")
		m.local = filepath.Join(t.TempDir(), "local")
		m.run(app, "team", "compile")
		if got := m.says(app); got != text {
			t.Errorf("after build %d: %s", i+1, got)
		}
	}
	got := m.versions("company", "base")
	if strings.Count(got, "Unlisted") != 3 || !strings.HasSuffix(got, "1.1-SNAPSHOT Published") || !strings.Contains(got, "-3 Unlisted") {
		t.Error(got)
	}
}

// TestMavenDeploysAtOnce runs several mvn that deploy different versions, and builds of one
// snapshot: nothing gets lost.
func TestMavenDeploysAtOnce(t *testing.T) {
	t.Parallel()
	m := newMaven(t)
	file := filepath.Join(t.TempDir(), "content.jar")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	deploy := func(version string, more ...string) {
		one := *m
		one.local = t.TempDir() // which processes must not share
		one.run(t.TempDir(), "company", append([]string{"org.apache.maven.plugins:maven-deploy-plugin:3.1.2:deploy-file", "-DrepositoryId=packages", "-Durl=" + m.url(m.s.url, "company"), "-Dfile=" + file,
			"-DgroupId=org.example", "-DartifactId=base", "-Dversion=" + version}, more...)...)
	}
	deploy("1.0")
	var done sync.WaitGroup
	for _, version := range []string{"1.1", "1.2", "1.10"} {
		done.Go(func() { deploy(version) })
	}
	for _, classifier := range []string{"linux", "windows"} {
		done.Go(func() { deploy("2.0-SNAPSHOT", "-Dclassifier="+classifier) })
	}
	done.Wait()
	got := m.versions("company", "base")
	if strings.Count(got, "Published") != 5 || strings.Contains(got, "Unfinished") {
		t.Error(got)
	}
	for path, want := range map[string]string{
		"org/example/base/maven-metadata.xml":              "<release>1.10</release>\n    <versions>\n      <version>1.0</version>\n      <version>1.1</version>\n      <version>1.2</version>\n      <version>1.10</version>\n      <version>2.0-SNAPSHOT</version>",
		"org/example/base/2.0-SNAPSHOT/maven-metadata.xml": "<classifier>windows</classifier>",
	} {
		if got := m.get(path); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", path, got)
		}
	}
	if got := m.get("org/example/base/2.0-SNAPSHOT/maven-metadata.xml"); !strings.Contains(got, "<classifier>linux</classifier>") {
		t.Error(got)
	}
}

// TestMavenFindsPluginsByPrefix asks for a plugin that mvn knows only by its prefix: group and
// version come from the metadata that the server makes.
func TestMavenFindsPluginsByPrefix(t *testing.T) {
	t.Parallel()
	m := newMaven(t)
	if out := m.run(t.TempDir(), "team", "jar:help"); !strings.Contains(out, "jar:test-jar") {
		t.Error(out)
	}
}

func (m *maven) get(path string) string {
	m.t.Helper()
	q, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.url(m.s.url, "company")+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	q.SetBasicAuth("aws", m.token)
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// TestMavenDeployIsKilled kills mvn, or the server, when all files of a deploy have come but not
// the metadata that completes it: the version is unfinished, and the next deploy completes it.
func TestMavenDeployIsKilled(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"mvn", "server"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			m := newMaven(t)
			base := m.project("base")
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			target, err := url.Parse(m.s.url)
			if err != nil {
				t.Fatal(err)
			}
			proxy := httputil.NewSingleHostReverseProxy(target)
			between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "maven-metadata.xml") {
					if who == "mvn" {
						kill() // which sends SIGKILL
					} else {
						m.s.kill()
					}
					panic(http.ErrAbortHandler)
				}
				proxy.ServeHTTP(w, r)
			}))
			defer between.Close()
			out, err := m.command(ctx, base, "company", m.to(between.URL, "company"), "deploy").CombinedOutput()
			if err == nil {
				t.Fatalf("mvn succeeded:\n%s", out)
			}
			if who == "server" {
				m.on(startOn(t, m.s.data))
			}
			if got := m.versions("company", "base"); got != "1.0 Unfinished" {
				t.Fatalf("%s\n%s", got, out)
			}
			m.run(base, "company", m.to(m.s.url, "company"), "deploy")
			if got := m.versions("company", "base"); got != "1.0 Published" {
				t.Error(got)
			}
		})
	}
}
