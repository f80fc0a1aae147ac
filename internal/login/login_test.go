package login_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/login"
)

const endpoint = "http://127.0.0.1:4780/codeartifact/models-000000000000/FORMAT/team/"

// home is a user's, with files in it.
type home struct {
	t      *testing.T
	folder string
	env    map[string]string
}

func newHome(t *testing.T) *home {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("settings are elsewhere here")
	}
	return &home{t: t, folder: t.TempDir(), env: map[string]string{}}
}

func (h *home) path(name string) string { return filepath.Join(h.folder, name) }

func (h *home) write(name, content string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func (h *home) plan(tool, token, scope string) ([]login.File, error) {
	h.t.Helper()
	found, ok := login.Find(tool)
	if !ok {
		h.t.Fatal("no tool", tool)
	}
	return found.Plan(login.User{Home: h.folder, Getenv: func(name string) string { return h.env[name] }}, login.Repository{
		Endpoint: strings.Replace(endpoint, "FORMAT", found.Format, 1), Token: token, Namespace: scope, Expires: time.Unix(0, 0),
	})
}

func (h *home) login(tool, token, scope string) {
	h.t.Helper()
	files, err := h.plan(tool, token, scope)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		if err := f.Write(); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestLoginFiles logs tools in where they have no settings, and where they have some, which
// stay: each text of a file is the whole of it.
func TestLoginFiles(t *testing.T) {
	for name, c := range map[string]struct {
		tool, scope   string
		file          string
		before, after string
	}{
		"pip":                  {"pip", "", ".config/pip/pip.conf", "", "[global]\nindex-url = http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/simple/\n"},
		"pip keeps":            {"pip", "", ".config/pip/pip.conf", "# mine\n[global]\ntimeout = 60\nIndex-URL: https://example.com/simple\n  # more of it\n\n[install]\nuser = yes\n", "# mine\n[global]\ntimeout = 60\nindex-url = http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/simple/\n\n[install]\nuser = yes\n"},
		"pip's other spelling": {"pip", "", ".config/pip/pip.conf", "[global]\nindex-url = x\nindex_url = y\n", "[global]\nindex-url = http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/simple/\n"},
		"pip adds":             {"pip", "", ".config/pip/pip.conf", "[global]\ntimeout = 60\n\n[install]\nindex-url = x\n", "[global]\ntimeout = 60\nindex-url = http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/simple/\n\n[install]\nindex-url = x\n"},
		"twine":                {"twine", "", ".pypirc", "", "[distutils]\nindex-servers =\n    pypi\n    codeartifact\n\n[codeartifact]\nrepository = http://127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/\nusername = aws\npassword = SECRET\n"},
		"twine keeps": {"twine", "", ".pypirc", "[distutils]\nindex-servers =\n  own\n  codeartifact\n\n[own]\nrepository: https://example.com\n[codeartifact]\nrepository = old\npassword = old\n",
			"[distutils]\nindex-servers =\n    own\n    codeartifact\n\n[own]\nrepository: https://example.com\n[codeartifact]\nrepository = http://127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/\npassword = SECRET\nusername = aws\n"},
		"uv": {"uv", "", ".config/uv/uv.toml", "", uvIndex(true)},
		"uv keeps": {"uv", "", ".config/uv/uv.toml", "# mine\nnative-tls = true\nmatrix = [\n  [1],\n]\n[[index]]\nname = \"own\"\nurl = \"https://example.com\"\n\n[[index]]\nname = \"codeartifact\"\nurl = \"old\"\n[pip]\nstrict = true\n",
			"# mine\nnative-tls = true\nmatrix = [\n  [1],\n]\n" + uvIndex(true) + "\n[[index]]\nname = \"own\"\nurl = \"https://example.com\"\n\n[pip]\nstrict = true\n"},
		"uv has a default": {"uv", "", ".config/uv/uv.toml", "[[index]]\nurl = \"https://example.com\"\ndefault = true\n", uvIndex(false) + "\n[[index]]\nurl = \"https://example.com\"\ndefault = true\n"},
		"npm":              {"npm", "", ".npmrc", "", "registry=http://127.0.0.1:4780/codeartifact/models-000000000000/npm/team/\n//127.0.0.1:4780/codeartifact/models-000000000000/npm/team/:_authToken=SECRET\n"},
		"npm keeps": {"npm", "", ".npmrc", "; mine\nregistry = https://example.com/\n//example.com/:_authToken=theirs\nregistry=https://example.org/\n\n[section]\nregistry=x\n",
			"; mine\nregistry=http://127.0.0.1:4780/codeartifact/models-000000000000/npm/team/\n//example.com/:_authToken=theirs\n//127.0.0.1:4780/codeartifact/models-000000000000/npm/team/:_authToken=SECRET\n\n[section]\nregistry=x\n"},
		"pnpm with a scope": {"pnpm", "@team", ".npmrc", "registry=https://example.com/\r\n", "registry=https://example.com/\n@team:registry=http://127.0.0.1:4780/codeartifact/models-000000000000/npm/team/\n//127.0.0.1:4780/codeartifact/models-000000000000/npm/team/:_authToken=SECRET\n"},
		"yarn": {"yarn", "", ".yarnrc.yml", "", `unsafeHttpWhitelist:
  - "127.0.0.1"
npmRegistryServer: http://127.0.0.1:4780/codeartifact/models-000000000000/npm/team/
npmRegistries:
  //127.0.0.1:4780/codeartifact/models-000000000000/npm/team:
    npmAlwaysAuth: true
    npmAuthToken: SECRET
`},
		"yarn with a scope keeps": {"yarn", "@team", ".yarnrc.yml", "# mine\nnodeLinker: node-modules # old\nnpmMinimalAgeGate: 3d\nnpmScopes:\n  other:\n    npmRegistryServer: https://example.com\nunsafeHttpWhitelist: [\"localhost\"]\n", `# mine
nodeLinker: node-modules # old
npmMinimalAgeGate: 3d
npmScopes:
  other:
    npmRegistryServer: https://example.com
  team:
    npmMinimalAgeGate: 3d
    npmRegistryServer: http://127.0.0.1:4780/codeartifact/models-000000000000/npm/team/
unsafeHttpWhitelist: ["localhost", "127.0.0.1"]
npmRegistries:
  //127.0.0.1:4780/codeartifact/models-000000000000/npm/team:
    npmAlwaysAuth: true
    npmAuthToken: SECRET
`},
		"gradle": {"gradle", "", ".gradle/gradle.properties", "org.gradle.caching = true\ncodeartifactPassword: old\n", "org.gradle.caching = true\ncodeartifactPassword=SECRET\ncodeartifactUrl=http://127.0.0.1:4780/codeartifact/models-000000000000/maven/team/\ncodeartifactUsername=aws\n"},
		"mvn":    {"mvn", "", ".m2/settings.xml", "", mavenSettings("", "")},
		"mvn keeps": {"mvn", "", ".m2/settings.xml", `<?xml version="1.0"?>
<settings><!-- mine -->
  <localRepository>/tmp/own</localRepository>
  <servers>
    <server><id>own</id><password>a &amp; b</password></server>
    <server>
      <id> codeartifact </id><password>old</password>
    </server>
  </servers>
  <mirrors>
    <mirror><id>own</id><mirrorOf>*</mirrorOf><url>https://example.com</url></mirror>
  </mirrors>
  <profiles/>
  <activeProfiles>
    <activeProfile>own</activeProfile>
  </activeProfiles>
</settings>
`, `<?xml version="1.0"?>
<settings><!-- mine -->
  <localRepository>/tmp/own</localRepository>
  <servers>
    <server><id>own</id><password>a &amp; b</password></server>
    <server>
      <id>codeartifact</id>
      <username>aws</username>
      <password>SECRET</password>
    </server>
  </servers>
  <mirrors>
    <mirror>
      <id>codeartifact</id>
      <mirrorOf>*</mirrorOf>
      <url>http://127.0.0.1:4780/codeartifact/models-000000000000/maven/team/</url>
    </mirror>
    <mirror><id>own</id><mirrorOf>*</mirrorOf><url>https://example.com</url></mirror>
  </mirrors>
  <profiles>
` + mavenProfile + `  </profiles>
  <activeProfiles>
    <activeProfile>own</activeProfile>
    <activeProfile>codeartifact</activeProfile>
  </activeProfiles>
</settings>
`},
		"mvn has an empty file": {"mvn", "", ".m2/settings.xml", "<settings a=\"1\" />", strings.TrimSuffix(mavenSettings(` a="1"`, ""), "\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			if c.before != "" {
				h.write(c.file, c.before)
			}
			h.login(c.tool, "SECRET", c.scope)
			if got := h.read(c.file); got != c.after {
				t.Errorf("the file is\n%s\nand not\n%s", got, c.after)
			}
			info, err := os.Stat(h.path(c.file))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			// A second login changes nothing but the token.
			h.login(c.tool, "SECRET2", c.scope)
			h.login(c.tool, "SECRET", c.scope)
			if got := h.read(c.file); got != c.after {
				t.Errorf("after another login the file is\n%s", got)
			}
		})
	}
}

func uvIndex(isDefault bool) string {
	text := `[[index]]
name = "codeartifact"
url = "http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/simple/"
publish-url = "http://aws:SECRET@127.0.0.1:4780/codeartifact/models-000000000000/pypi/team/"
default = `
	if isDefault {
		return text + "true\n"
	}
	return text + "false\n"
}

const mavenProfile = `    <profile>
      <id>codeartifact</id>
      <repositories>
        <repository>
          <id>codeartifact</id>
          <url>http://127.0.0.1:4780/codeartifact/models-000000000000/maven/team/</url>
          <snapshots><enabled>true</enabled></snapshots>
        </repository>
      </repositories>
    </profile>
`

func mavenSettings(attributes, more string) string {
	return "<settings" + attributes + ">\n" + more + `  <servers>
    <server>
      <id>codeartifact</id>
      <username>aws</username>
      <password>SECRET</password>
    </server>
  </servers>
  <mirrors>
    <mirror>
      <id>codeartifact</id>
      <mirrorOf>*</mirrorOf>
      <url>http://127.0.0.1:4780/codeartifact/models-000000000000/maven/team/</url>
    </mirror>
  </mirrors>
  <profiles>
` + mavenProfile + `  </profiles>
  <activeProfiles>
    <activeProfile>codeartifact</activeProfile>
  </activeProfiles>
</settings>
`
}

// TestLoginLeavesWhatItCannotRead refuses files that are none of the tool's, which stay.
func TestLoginLeavesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ tool, file, content, why string }{
		{"uv", ".config/uv/uv.toml", "[[index]\n", "stays as it is"},
		{"uv", ".config/uv/uv.toml", "index = [{url = \"https://example.com\"}]\n", "an index cannot be added"},
		{"yarn", ".yarnrc.yml", "- a\n", "no mapping"},
		{"yarn", ".yarnrc.yml", "npmRegistries: 3\n", "npmRegistries has a value of another kind"},
		{"yarn", ".yarnrc.yml", "a: [\n", "stays as it is"},
		{"mvn", ".m2/settings.xml", "<settings><servers></settings>", "stays as it is"},
		{"mvn", ".m2/settings.xml", "<project/>", "its root is <project>"},
		{"mvn", ".m2/settings.xml", "words", "no element"},
	} {
		h := newHome(t)
		h.write(c.file, c.content)
		if _, err := h.plan(c.tool, "SECRET", ""); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %q: %v", c.tool, c.content, err)
		}
		if got := h.read(c.file); got != c.content {
			t.Errorf("%s is now %q", c.file, got)
		}
	}
	h := newHome(t)
	if _, err := h.plan("pip", "SECRET", "@team"); err == nil || !strings.Contains(err.Error(), "no namespaces") {
		t.Error(err)
	}
	if _, err := h.plan("npm", "a\nregistry=x", ""); err == nil {
		t.Error("a token has lines")
	}
}

// TestLoginFollowsLinksAndVariables writes where the tools are told to look.
func TestLoginFollowsLinksAndVariables(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("dotfiles/npmrc", "fund=false\n")
	if err := os.Symlink(h.path("dotfiles/npmrc"), h.path(".npmrc")); err != nil {
		t.Fatal(err)
	}
	h.login("npm", "SECRET", "")
	if got := h.read("dotfiles/npmrc"); !strings.Contains(got, "SECRET") || !strings.HasPrefix(got, "fund=false\n") {
		t.Error(got)
	}
	if info, err := os.Lstat(h.path(".npmrc")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	h.env = map[string]string{"XDG_CONFIG_HOME": h.path("xdg"), "npm_config_userconfig": h.path("other"), "GRADLE_USER_HOME": h.path("g"), "UV_CONFIG_FILE": h.path("uv.toml")}
	for tool, file := range map[string]string{"pip": "xdg/pip/pip.conf", "npm": "other", "gradle": "g/gradle.properties", "uv": "uv.toml"} {
		h.login(tool, "SECRET", "")
		if !strings.Contains(h.read(file), "SECRET") {
			t.Error(tool)
		}
	}
}

// TestLoginTellsWhatCountsBeforeIt names the variables that lead a tool elsewhere.
func TestLoginTellsWhatCountsBeforeIt(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PIP_EXTRA_INDEX_URL": "x", "npm_config_registry": "y", "UV_INDEX": ""}
	for name, want := range map[string]string{"pip": "PIP_EXTRA_INDEX_URL", "npm": "npm_config_registry", "yarn": "npm_config_registry", "uv": "", "mvn": ""} {
		tool, _ := login.Find(name)
		if got := strings.Join(tool.Overridden(login.User{Getenv: func(name string) string { return env[name] }}), " "); got != want {
			t.Errorf("%s: %q, and not %q", name, got, want)
		}
	}
}

// TestLoginTellsOfOtherIndexes names the settings of pip.conf by which pip looks elsewhere too.
func TestLoginTellsOfOtherIndexes(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for text, want := range map[string]string{
		"": "", "[global]\nindex-url = x\n": "",
		"[global]\nextra_index_url =\n  https://example.com\n[install]\nindex-url = x\n[list]\nfind-links = y\n": "[global] extra-index-url, [install] index-url",
	} {
		h.write(".config/pip/pip.conf", text)
		files, err := h.plan("pip", "SECRET", "")
		if err != nil || strings.Join(files[0].Others, ", ") != want {
			t.Errorf("%q: %v %+v", text, err, files)
		}
	}
}

// TestLoginShowsNoToken shows what it would write without the token, and only that.
func TestLoginShowsNoToken(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write(".npmrc", "fund=false\n//example.com/:_authToken=theirs\n")
	for _, tool := range login.Names() {
		files, err := h.plan(tool, "SECRET", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			shown := strings.Join(f.Added(), "\n")
			if strings.Contains(shown, "SECRET") || strings.Contains(shown, "theirs") || !strings.Contains(shown, "codeartifact") {
				t.Errorf("%s: %s", tool, shown)
			}
		}
	}
	if _, err := os.Stat(h.path(".pypirc")); err == nil {
		t.Error("a plan has been written")
	}
}

// FuzzLogin changes any file without a panic, and keeps what it has changed once.
func FuzzLogin(f *testing.F) {
	for _, text := range []string{"", "[global]\nindex-url=x\n y\n", "registry=x\n[a]\n", "<settings/>", "<settings><servers/><mirrors><mirror/></mirrors></settings>", "[[index]]\nname='codeartifact'\n", "a: &b [*b]\n", "npmRegistries:\n", "# x\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for tool, file := range map[string]string{"pip": ".config/pip/pip.conf", "twine": ".pypirc", "uv": ".config/uv/uv.toml", "yarn": ".yarnrc.yml", "mvn": ".m2/settings.xml", "gradle": ".gradle/gradle.properties"} {
			h := newHome(t)
			h.write(file, text)
			files, err := h.plan(tool, "SECRET", "")
			if err != nil {
				continue
			}
			for _, f := range files {
				if err := f.Write(); err != nil {
					t.Fatal(err)
				}
			}
			once := h.read(file)
			h.login(tool, "SECRET", "")
			if got := h.read(file); got != once || !strings.Contains(got, "SECRET") {
				t.Errorf("%s: %q and then %q", tool, once, got)
			}
		}
	})
}
