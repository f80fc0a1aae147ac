package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tryDeps runs `modelwharf deps` for the version 1.0 of a model.
func tryDeps(t *testing.T, env []string, command string, args ...string) (string, error) {
	t.Helper()
	words := append(strings.Fields(command), "--domain", "models", "--repository", "team", "--model", "flowers", "--model-version", "1.0")
	cmd := exec.CommandContext(t.Context(), binary, append(append([]string{"deps"}, words...), args...)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func runDeps(t *testing.T, env []string, command string, args ...string) string {
	t.Helper()
	out, err := tryDeps(t, env, command, args...)
	if err != nil {
		t.Fatalf("modelwharf deps %s: %v\n%s", command, err, out)
	}
	return out
}

// TestDepsPython has pip resolve a requirement through an upstream, locks what it needs as well,
// installs exactly that with pip and uv, and finds out when something is not as it was.
func TestDepsPython(t *testing.T) {
	t.Parallel()
	p := start(t).python(t, "team", "shared")
	p.run("twine", p.twine("team", p.wheel("iris", "1.0", "iris", "Requires-Dist: petals>=1\n", 0))...)
	p.run("twine", p.twine("shared", p.wheel("petals", "1.5", "petals", "", 0))...)
	p.run("twine", p.twine("shared", p.wheel("petals", "2.0", "petals", "", 3<<20))...)
	folder := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	requirements := file("requirements.txt", "-c constraints.txt\niris>=1\n")
	file("constraints.txt", "petals<2\n")
	out := runDeps(t, p.env, "lock", requirements)
	if !strings.Contains(out, "pip has chosen 2 packages") || !strings.Contains(out, "flowers 1.0 is locked: 2 packages, 2 files") || strings.Contains(out, p.token) {
		t.Error(out)
	}
	if out := runDeps(t, p.env, "lock", requirements); !strings.Contains(out, "was locked already, alike") {
		t.Error(out)
	}
	if out := runDeps(t, p.env, "verify"); !strings.Contains(out, "2 files") || !strings.Contains(out, "all read and compared") {
		t.Error(out)
	}
	if out := runDeps(t, p.env, "show"); !strings.Contains(out, "petals-1.5-py3-none-any.whl") {
		t.Error(out)
	}
	var lock struct {
		SchemaVersion int
		Packages      []struct{ Name, Version string }
	}
	if err := json.Unmarshal([]byte(runDeps(t, p.env, "show --json")), &lock); err != nil || lock.SchemaVersion != 1 || len(lock.Packages) != 2 || lock.Packages[1].Version != "1.5" {
		t.Errorf("%v %+v", err, lock)
	}

	exact := file("exact.txt", runDeps(t, p.env, "show --requirements"))
	index := p.endpoint("team", true) + "simple/"
	for name, install := range map[string][]string{
		"pip": {"install", "--no-cache-dir", "--require-hashes", "--index-url", index}, "uv": {"pip", "install", "--no-cache", "--require-hashes", "--index-url", index},
	} {
		target := t.TempDir()
		p.run(name, append(install, "--target", target, "-r", exact)...)
		if got := installed(t, target, "petals"); got != "value = \"petals\"\n" {
			t.Errorf("%s installed %q", name, got)
		}
	}
	// The exact file can be locked by itself, without pip.
	if out, err := tryDeps(t, p.env, "lock", exact); err == nil || !strings.Contains(out, "it is locked already with other content") || !strings.Contains(out, "exact.txt") {
		t.Error(out)
	}
	if out := runDeps(t, p.env, "lock --dry-run", exact); !strings.Contains(out, `"name": "petals"`) {
		t.Error(out)
	}

	aws := p.server.aws(t)
	of := []string{"--domain", "models", "--repository", "team", "--format", "pypi", "--package"}
	aws.run(append([]string{"codeartifact", "update-package-versions-status", "--versions", "1.5", "--target-status", "Archived"}, append(of, "petals")...)...)
	aws.run(append([]string{"codeartifact", "delete-package-versions", "--versions", "1.0"}, append(of, "iris")...)...)
	p.run("twine", p.twine("team", p.wheel("iris", "1.0", "another", "", 0))...)
	for _, how := range []string{"verify", "verify --fast"} {
		out, err := tryDeps(t, p.env, how)
		if err == nil || !strings.Contains(out, "pypi iris 1.0: iris-1.0-py3-none-any.whl is changed: its sha256 is") ||
			!strings.Contains(out, "pypi petals 1.5: petals-1.5-py3-none-any.whl is archived") || !strings.Contains(out, "2 of 2 files: not everything that was locked is installable as it was") {
			t.Errorf("%s: %v %s", how, err, out)
		}
	}
	listing := exec.CommandContext(t.Context(), binary, "deps", "list", "--domain", "models", "--repository", "team")
	listing.Env = p.env
	if out, err := listing.CombinedOutput(); err != nil || !strings.Contains(string(out), "flowers  1.0      Published") {
		t.Errorf("%v %s", err, out)
	}
}

// TestDepsUVAndNpm locks what uv and npm have locked, byte for byte, and refuses another tarball.
func TestDepsUVAndNpm(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := s.python(t, "team")
	p.run("twine", p.twine("team", p.wheel("iris", "1.0", "iris", "Requires-Dist: petals\n", 0))...)
	p.run("twine", p.twine("team", p.wheel("petals", "1.0", "petals", "", 0))...)
	u := s.newNpmUser(t, npmClients[0], "team")
	for name, needs := range map[string]string{"left": "{}", "model": `{"left":"^1.0.0"}`} {
		u.pack(name, "@team/"+name, "1.0.0", strings.Replace(needs, "left", "@team/left", 1))
		u.publish(name)
	}
	u.write("app/package.json", `{"name":"app","version":"1.0.0","private":true}`)
	u.run("app", "install @team/model")
	project := t.TempDir()
	for name, text := range map[string]string{"iris.in": "iris\n", "pyproject.toml": "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.8\"\ndependencies = [\"iris\"]\n"} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index := p.endpoint("team", true) + "simple/"
	of := func(name string) string { return filepath.Join(project, name) }
	p.run("uv", "lock", "--no-cache", "--index-url", index, "--project", project)
	p.run("uv", "pip", "compile", "--no-cache", "--generate-hashes", "--index-url", index, of("iris.in"), "-o", of("requirements.txt"))
	p.run("uv", "pip", "compile", "--no-cache", "--index-url", index, of("iris.in"), "-o", of("pylock.toml"))
	packages := filepath.Join(u.home, "app", "package-lock.json")
	out := runDeps(t, p.env, "lock", of("uv.lock"), of("requirements.txt"), of("pylock.toml"), packages)
	if !strings.Contains(out, "is locked: 4 packages, 4 files") || strings.Contains(out, "pip has chosen") {
		t.Error(out)
	}
	if out := runDeps(t, p.env, "verify"); !strings.Contains(out, "4 files") {
		t.Error(out)
	}
	text := u.read("app/package-lock.json")
	at := strings.Index(text, "sha512-") + len("sha512-")
	u.write("app/package-lock.json", text[:at]+"AAAA"+text[at+4:])
	if out, err := tryDeps(t, p.env, "lock", packages); err == nil || !strings.Contains(out, "no file of the repository has the hash that is wanted, sha512:") {
		t.Errorf("%v %s", err, out)
	}
}
