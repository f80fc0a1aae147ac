package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// login runs `modelwharf login` for somebody with an environment of their own.
func login(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, err := tryLogin(t, env, args...)
	if err != nil {
		t.Fatalf("modelwharf login %q: %v\n%s", args, err, out)
	}
	return out
}

func tryLogin(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"login", "--domain", "models"}, args...)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestLoginPython logs pip, twine and uv in, which then publish and install.
func TestLoginPython(t *testing.T) {
	t.Parallel()
	p := start(t).python(t, "team", "shared")
	p.env = slices.DeleteFunc(p.env, func(v string) bool { return strings.HasPrefix(v, "UV_NO_CONFIG") })
	if out := login(t, p.env, "--tool", "pip", "--repository", "team", "--dry-run"); !strings.Contains(out, "index-url = http://aws:TOKEN@") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(p.home, ".config")); err == nil {
		t.Error("a dry run has written something")
	}
	for _, tool := range []string{"pip", "twine", "uv"} {
		out := login(t, p.env, "--tool", tool, "--repository", "team", "--duration", "1h")
		if !strings.Contains(out, tool+" uses "+p.endpoint("team", false)) || !strings.Contains(out, "(1h0m0s from now)") {
			t.Error(out)
		}
	}
	p.run("twine", "upload", "--repository", "codeartifact", p.wheel("iris", "1.0", "iris", "Requires-Dist: petals\n", 0))
	p.run("uv", "publish", "--index", "codeartifact", p.wheel("petals", "1.0", "petals", "", 0))
	for name, install := range map[string][]string{"pip": {"install", "--no-cache-dir"}, "uv": {"pip", "install", "--no-cache"}} {
		target := t.TempDir()
		p.run(name, append(install, "--target", target, "iris")...)
		if got := installed(t, target, "iris") + installed(t, target, "petals"); got != "value = \"iris\"\nvalue = \"petals\"\n" {
			t.Errorf("%s installed %q", name, got)
		}
	}

	// A project that is locked by uv does not have the token in its lock file.
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "pyproject.toml"), []byte("[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.8\"\ndependencies = [\"iris\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("uv", "lock", "--no-cache", "--project", project)
	lock, err := os.ReadFile(filepath.Join(project, "uv.lock"))
	if err != nil || !strings.Contains(string(lock), `name = "petals"`) || strings.Contains(string(lock), "aws:") {
		t.Errorf("%v %s", err, lock)
	}

	for text, args := range map[string][]string{
		"Repository not found":     {"--tool", "pip", "--repository", "absent"},
		"has no namespaces":        {"--tool", "pip", "--repository", "team", "--namespace", "@team"},
		"--tool must be one of":    {"--tool", "conda", "--repository", "team"},
		"'durationSeconds' failed": {"--tool", "pip", "--repository", "team", "--duration", "13h"},
	} {
		if out, err := tryLogin(t, p.env, args...); err == nil || !strings.Contains(out, text) {
			t.Errorf("%q: %v %s", args, err, out)
		}
	}
	bare := slices.DeleteFunc(slices.Clone(p.env), func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT_URL") })
	if out, err := tryLogin(t, bare, "--tool", "pip", "--repository", "team"); err == nil || !strings.Contains(out, "which server?") {
		t.Errorf("%v %s", err, out)
	}
}

// TestLoginNpm logs npm, pnpm and both yarns in, for everything and for a scope; they then
// publish and install.
func TestLoginNpm(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	for _, name := range []string{"team", "elsewhere"} {
		aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", name)
	}
	for _, c := range npmClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := s.newNpmUser(t, c, "elsewhere")
			u.write(".npmrc", "fund=false\n")
			u.write(".yarnrc.yml", "nodeLinker: node-modules # mine\nenableGlobalCache: false\nenableImmutableInstalls: false\nnpmMinimalAgeGate: 0\n")
			tool := strings.TrimRight(c.name, "14")
			login(t, u.env, "--tool", tool, "--repository", "team")
			model := "@team/model-" + c.name
			u.words = map[string]string{"NAME": model}
			u.pack("model", model, "1.0.0", "{}")
			u.publish("model")

			// The scope alone: everything else is asked elsewhere.
			login(t, u.env, "--tool", tool, "--repository", "elsewhere")
			login(t, u.env, "--tool", tool, "--repository", "team", "--namespace", "team")
			u.write("app/package.json", `{"name":"app","version":"1.0.0","private":true}`)
			u.write("app/yarn.lock", "")
			u.run("app", c.add)
			if got := u.read("app/node_modules/" + model + "/index.js"); got != "module.exports = '"+model+" 1.0.0'\n" {
				t.Error(got)
			}
			if !strings.Contains(u.read(".npmrc"), "fund=false\n") || !strings.Contains(u.read(".yarnrc.yml"), "# mine") {
				t.Error("settings are gone")
			}
			u.words = map[string]string{"NAME": "model-" + c.name}
			if out, err := u.try("app", c.add); err == nil {
				t.Error(out)
			}
		})
	}
}

// TestLoginMaven logs mvn in beside settings that it has; it then deploys, resolves and builds.
func TestLoginMaven(t *testing.T) {
	t.Parallel()
	m := newMaven(t)
	home := t.TempDir()
	settings := filepath.Join(home, ".m2", "settings.xml")
	if err := os.Mkdir(filepath.Dir(settings), 0o700); err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(home, "local")
	own := "<settings>\n  <localRepository>" + local + "</localRepository>\n  <mirrors>\n    <mirror><id>own</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:1/</url></mirror>\n  </mirrors>\n</settings>\n"
	if err := os.WriteFile(settings, []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	login(t, append(m.s.env(), "HOME="+home), "--tool", "mvn", "--repository", "team")
	for _, project := range []string{"base", "app"} {
		cmd := exec.CommandContext(t.Context(), m.path, "-B", "-C", "-s", settings, "-gs", settings, "-DaltDeploymentRepository=codeartifact::"+m.url(m.s.url, "team"), "deploy")
		cmd.Dir = m.project(project)
		cmd.Env = append(cleanEnv(), "HOME="+home, "MAVEN_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC", "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", project, err, out)
		}
		if got := m.versions("team", project); got != "1.0 Published" {
			t.Error(project, got)
		}
	}
	if _, err := os.Stat(filepath.Join(local, "org/example/base/1.0")); err != nil {
		t.Error("the user's own settings do not count:", err)
	}
}
