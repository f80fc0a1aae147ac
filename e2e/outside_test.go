package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// outside is the public repositories of the tools, or what stands for them.
type outside struct {
	pypi, npm, maven string // the URLs of --upstream
	real             bool   // they are the machine's own, and told to nobody
}

// fakeOutside is repositories with the files that a test adds.
type fakeOutside struct {
	*httptest.Server
	mu      sync.Mutex
	content map[string][]byte // by path
	npm     map[string]any    // packuments
}

func newFakeOutside(t *testing.T) *fakeOutside {
	f := &fakeOutside{content: map[string][]byte{}, npm: map[string]any{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if b, ok := f.content[r.URL.Path]; ok {
			if strings.HasSuffix(r.URL.Path, "/") {
				w.Header().Set("Content-Type", "text/html")
			}
			_, _ = w.Write(b)
		} else if doc := f.npm[strings.TrimPrefix(r.URL.Path, "/npm/")]; doc != nil {
			_ = json.NewEncoder(w).Encode(doc)
		} else if file, ok := strings.CutPrefix(r.URL.Path, "/maven/"); ok {
			http.ServeFileFS(w, r, os.DirFS(mavenPlugins), file)
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeOutside) urls() outside {
	return outside{pypi: f.URL + "/simple/", npm: f.URL + "/npm/", maven: f.URL + "/maven/"}
}

// wheel adds a wheel of a project, which is normalized.
func (f *fakeOutside) wheel(t *testing.T, project, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	name := filepath.Base(file)
	sum := sha256.Sum256(b)
	f.content["/files/"+name] = b
	page := "/simple/" + project + "/"
	f.content[page] = fmt.Appendf(f.content[page], "<a href=\"../../files/%s#sha256=%x\">%s</a><br>\n", name, sum, name)
}

// script adds a package of npm of one version.
func (f *fakeOutside) script(t *testing.T, name, version string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for file, text := range map[string]string{
		"package/package.json": fmt.Sprintf(`{"name":%q,"version":%q,"main":"index.js"}`, name, version),
		"package/index.js":     "module.exports = 'theirs'\n",
	} {
		err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at := "/npm/-/" + name + ".tgz"
	f.content[at] = b.Bytes()
	sum := sha1.Sum(b.Bytes())
	f.npm[name] = map[string]any{
		"name": name, "dist-tags": map[string]string{"latest": version}, "time": map[string]string{version: "2020-01-02T03:04:05.000Z"},
		"versions": map[string]any{version: map[string]any{"name": name, "version": version, "main": "index.js", "dist": map[string]string{"tarball": f.URL + at, "shasum": hex.EncodeToString(sum[:])}}},
	}
}

// mavenMetadata adds the maven-metadata.xml of all artifacts that e2e/setup has fetched.
func (f *fakeOutside) mavenMetadata(t *testing.T) {
	t.Helper()
	var poms []string
	err := filepath.WalkDir(mavenPlugins, func(file string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(file, ".pom") {
			poms = append(poms, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	versions := map[string][]string{}
	for _, file := range poms {
		relative, err := filepath.Rel(mavenPlugins, file)
		if err != nil {
			t.Fatal(err)
		}
		folder := path.Dir(filepath.ToSlash(relative))
		versions[path.Dir(folder)] = append(versions[path.Dir(folder)], path.Base(folder))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for artifact, all := range versions {
		f.content["/maven/"+artifact+"/maven-metadata.xml"] = []byte("<metadata><versioning><versions><version>" + strings.Join(all, "</version><version>") + "</version></versions></versioning></metadata>")
	}
}

// connect starts a server whose repository "public" has a connection to each of the public
// repositories, and "team" that as its upstream. A connection is for one format, so there
// is a public one for each: public-pypi and its like.
func (o outside) connect(t *testing.T) *server {
	t.Helper()
	var flags []string
	urls := map[string]string{"pypi": o.pypi, "npmjs": o.npm, "maven-central": o.maven}
	for name, u := range urls {
		if u == "" {
			continue
		}
		at, err := url.Parse(u)
		if err != nil {
			t.Fatal("the URL cannot be read") // without it: it is the machine's own
		}
		flags = append(flags, "--upstream", "public:"+name+"="+u, "--allow-egress", at.Hostname())
		// Files may be on another host, at the same address.
		addresses, err := net.DefaultResolver.LookupHost(t.Context(), at.Hostname())
		if err != nil {
			t.Fatal("the host cannot be found")
		}
		for _, one := range addresses {
			flags = append(flags, "--allow-egress", one)
		}
	}
	s := start(t, flags...)
	s.discreet = o.real
	c, ctx := s.packages(), t.Context()
	domain := new("models")
	if _, err := c.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: domain}); err != nil {
		t.Fatal(err)
	}
	team := &codeartifact.CreateRepositoryInput{Domain: domain, Repository: new("team")}
	for name, u := range urls {
		if u == "" {
			continue
		}
		repository := new("public-" + name)
		if _, err := c.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{Domain: domain, Repository: repository}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.AssociateExternalConnection(ctx, &codeartifact.AssociateExternalConnectionInput{Domain: domain, Repository: repository, ExternalConnection: new("public:" + name)}); err != nil {
			t.Fatal(err)
		}
		team.Upstreams = append(team.Upstreams, types.UpstreamRepository{RepositoryName: repository})
	}
	if _, err := c.CreateRepository(ctx, team); err != nil {
		t.Fatal(err)
	}
	return s
}

// group makes a package group, so that what only looks like its packages is blocked.
func (s *server) group(t *testing.T, pattern string) {
	t.Helper()
	if _, err := s.packages().CreatePackageGroup(t.Context(), &codeartifact.CreatePackageGroupInput{Domain: new("models"), PackageGroup: &pattern}); err != nil {
		t.Fatal(err)
	}
}

// TestDependencyConfusionByPip publishes an internal project, of which there is a higher
// version outside. pip and uv install ours by each of eight spellings, and nothing by names
// that only look like it.
func TestDependencyConfusionByPip(t *testing.T) {
	t.Parallel()
	f := newFakeOutside(t)
	s := outside{pypi: f.urls().pypi}.connect(t)
	p := s.pythonAt(t)
	for _, name := range []string{"acme_models", "acme_mode1s", "acme_m0dels", "acrne_models", "free"} {
		f.wheel(t, strings.ReplaceAll(name, "_", "-"), p.wheel(name, "99.0", "theirs", "", 0))
	}
	index := p.endpoint("team", true) + "simple/"
	install := func(tool, name string) (target string, args []string) {
		target = t.TempDir()
		args = []string{"install", "--no-cache-dir", "--no-deps", "--index-url", index, "--target", target, name}
		if tool == "uv" {
			args = []string{"pip", "install", "--no-cache", "--no-deps", "--index-url", index, "--target", target, name}
		}
		return target, args
	}
	// What is only outside comes from there: the attack would work.
	target, args := install("pip", "free")
	if p.run("pip", args...); installed(t, target, "free") != "value = \"theirs\"\n" {
		t.Error("a public project is not installed")
	}
	p.run("twine", p.twine("team", p.wheel("acme_models", "1.0", "ours", "", 0))...)
	s.group(t, "/pypi//acme-models$")
	for _, tool := range []string{"pip", "uv"} {
		for _, spelling := range []string{"acme-models", "acme_models", "acme.models", "Acme-Models", "ACME_MODELS", "acme--models", "acme-_.models", "aCmE.mOdElS"} {
			target, args := install(tool, spelling)
			if p.run(tool, args...); installed(t, target, "acme_models") != "value = \"ours\"\n" {
				t.Errorf("%s installs %s from outside", tool, spelling)
			}
		}
		for _, name := range []string{"acme-mode1s", "acme-m0dels", "acrne-models", "acme-models==99.0", "acme-models>1"} {
			if _, args := install(tool, name); true {
				if out, err := p.try(tool, args...); err == nil {
					t.Errorf("%s installs %s: %s", tool, name, out)
				}
			}
		}
	}
}

// TestDependencyConfusionByNpm is the same by npm, to which each spelling is another
// package: ours is installed by its name, and nothing by eight others.
func TestDependencyConfusionByNpm(t *testing.T) {
	t.Parallel()
	f := newFakeOutside(t)
	s := outside{npm: f.urls().npm}.connect(t)
	lookalikes := []string{"acme_models", "acme.models", "acme--models", "acme-mode1s", "acme-m0dels", "acrne-models", "acme-_models", "acme-modeis"}
	for _, name := range append(lookalikes, "acme-models", "free") {
		f.script(t, name, "99.0.0")
	}
	u := s.newNpmUser(t, npmClients[0], "team")
	install := func(name string) (string, error) {
		u.write("app/package.json", `{"name":"app","version":"1.0.0"}`)
		_ = os.RemoveAll(filepath.Join(u.home, "app/node_modules"))
		_ = os.Remove(filepath.Join(u.home, "app/package-lock.json"))
		return u.try("app", "install --no-audit --no-fund "+name)
	}
	if out, err := install("free"); err != nil || !strings.Contains(u.read("app/node_modules/free/index.js"), "theirs") {
		t.Errorf("a public package is not installed: %v %s", err, out)
	}
	u.pack("models", "acme-models", "1.0.0", "{}")
	u.run("models", "publish --tag latest") // npm itself sees their higher version, and wants to be told
	s.group(t, "/npm//acme-models$")
	if out, err := install("acme-models"); err != nil || !strings.Contains(u.read("app/node_modules/acme-models/index.js"), "acme-models 1.0.0") {
		t.Errorf("ours is not installed: %v %s", err, out)
	}
	for _, name := range append(lookalikes, "acme-models@99.0.0", "acme-models@>1") {
		if out, err := install(name); err == nil {
			t.Errorf("%s is installed: %s", name, out)
		}
	}
}

// TestToolsInstallFromOutside has pip, npm and mvn install through an external connection:
// of a repository of the test's own, and of the real ones where the machine's own settings
// of the tools lead to some.
func TestToolsInstallFromOutside(t *testing.T) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		f := newFakeOutside(t)
		f.mavenMetadata(t)
		s := f.urls().connect(t)
		p := s.pythonAt(t)
		f.wheel(t, "free", p.wheel("free", "1.0", "theirs", "", 0))
		f.script(t, "free", "1.0.0")
		s.installFromOutside(t, "pip", "free", "free/__init__.py")
		s.installFromOutside(t, "npm", "free", "free/index.js")
		s.installFromOutside(t, "mvn", "", "")
	})
	for _, tool := range []string{"pip", "npm", "mvn"} {
		t.Run("real "+tool, func(t *testing.T) {
			t.Parallel()
			o := outside{real: true}
			at := &o.pypi
			switch tool {
			case "npm":
				at = &o.npm
			case "mvn":
				at = &o.maven
			}
			if *at = settingsOf(t, tool); *at == "" {
				t.Skip("the settings of " + tool + " lead nowhere")
			}
			s := o.connect(t)
			switch tool {
			case "pip":
				s.installFromOutside(t, "pip", "iniconfig", "iniconfig/__init__.py")
			case "npm":
				s.installFromOutside(t, "npm", "ms", "ms/index.js")
			case "mvn":
				s.installFromOutside(t, "mvn", "", "")
			}
		})
	}
}

// installFromOutside has a tool install a package from team and checks that a file of it is
// there, that the package came through, and that it installs again while nothing is asked.
func (s *server) installFromOutside(t *testing.T, tool, name, file string) {
	t.Helper()
	format, connection := types.PackageFormatPypi, "pypi"
	switch tool {
	case "pip":
		p := s.pythonAt(t)
		target := t.TempDir()
		p.run("pip", "install", "--no-cache-dir", "--no-deps", "--index-url", p.endpoint("team", true)+"simple/", "--target", target, name)
		if _, err := os.Stat(filepath.Join(target, file)); err != nil {
			t.Error(err)
		}
	case "npm":
		format, connection = types.PackageFormatNpm, "npmjs"
		u := s.newNpmUser(t, npmClients[0], "team")
		u.write("app/package.json", `{"name":"app","version":"1.0.0"}`)
		u.run("app", "install --no-audit --no-fund "+name)
		if len(u.read("app/node_modules/"+file)) == 0 {
			t.Error("the package is empty")
		}
	case "mvn":
		format, connection = types.PackageFormatMaven, "maven-central"
		m := &maven{t: t, path: client(t, "mvn"), local: t.TempDir()}
		m.on(s)
		out, err := m.GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: new("models")})
		if err != nil {
			t.Fatal(err)
		}
		m.token = *out.AuthorizationToken
		m.run(m.project("base"), "team", "-q", "process-resources")
	}
	for _, repository := range []string{"team", "public-" + connection} {
		out, err := s.packages().ListPackages(t.Context(), &codeartifact.ListPackagesInput{Domain: new("models"), Repository: &repository, Format: format})
		if err != nil || len(out.Packages) == 0 {
			t.Errorf("%s keeps nothing of it: %v", repository, err)
		}
	}
}

// pythonAt is the tools of Python, at a server that has its repositories.
func (s *server) pythonAt(t *testing.T) *pythonTools {
	t.Helper()
	out, err := s.packages().GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	return s.pythonTools(t, *out.AuthorizationToken)
}

// settingsOf returns the URL of the repository that a tool's own settings lead to, "" if
// there is none that answers. It is the machine's own, and told to nobody.
func settingsOf(t *testing.T, tool string) string {
	t.Helper()
	var at string
	ask := func(name string, args ...string) string {
		out, err := exec.CommandContext(t.Context(), name, args...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	switch tool {
	case "pip":
		if at = os.Getenv("PIP_INDEX_URL"); at == "" {
			at = ask("python3", "-m", "pip", "config", "get", "global.index-url")
		}
		if at == "" { // pip's own
			at = ask("python3", "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)")
		}
	case "npm":
		at = ask("npm", "config", "get", "registry")
	case "mvn":
		at = mavenSettings(t)
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil {
		return ""
	}
	get := &http.Client{Timeout: 20 * time.Second}
	answer, err := get.Get(strings.TrimSuffix(at, "/") + map[string]string{"pip": "/iniconfig/", "npm": "/ms", "mvn": "/junit/junit/maven-metadata.xml"}[tool])
	if err != nil {
		return ""
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return ""
	}
	return at
}

// mavenSettings is the mirror of the central repository in mvn's settings, or the one that
// mvn itself knows.
func mavenSettings(t *testing.T) string {
	t.Helper()
	home, _ := os.UserHomeDir()
	mvn, _ := exec.LookPath("mvn")
	mvn, _ = filepath.EvalSymlinks(mvn)
	for _, file := range []string{filepath.Join(home, ".m2/settings.xml"), filepath.Join(filepath.Dir(mvn), "../conf/settings.xml"), "/etc/maven/settings.xml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var settings struct {
			Mirrors []struct {
				Of  string `xml:"mirrorOf"`
				URL string `xml:"url"`
			} `xml:"mirrors>mirror"`
		}
		if xml.Unmarshal(b, &settings) != nil {
			continue
		}
		for _, m := range settings.Mirrors {
			if of := strings.Split(m.Of, ","); slices.Contains(of, "*") || slices.Contains(of, "central") || slices.Contains(of, "external:*") {
				return strings.TrimSpace(m.URL)
			}
		}
	}
	for _, folder := range []string{filepath.Join(filepath.Dir(mvn), "../lib"), "/usr/share/maven/lib"} {
		jars, _ := filepath.Glob(filepath.Join(folder, "maven-model-builder-*.jar"))
		for _, jar := range jars {
			z, err := zip.OpenReader(jar)
			if err != nil {
				continue
			}
			b, err := readFrom(&z.Reader, "org/apache/maven/model/pom-4.0.0.xml")
			_ = z.Close()
			var project struct {
				URL string `xml:"repositories>repository>url"`
			}
			if err == nil && xml.Unmarshal(b, &project) == nil && project.URL != "" {
				return strings.TrimSpace(project.URL)
			}
		}
	}
	return ""
}

func readFrom(z *zip.Reader, name string) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
