package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// npmClient is how a real client of npm packages does what all of them do. In the commands
// $NAME and $VERSION are a package and $HOME the user's folder; "" is what the client has no
// command for, or hands on to npm.
type npmClient struct {
	name      string
	program   []string // "npm", or a script below .tools/node/node_modules
	prepare   string   // before it publishes
	publish   string   // in the package's folder
	next      string   // the same, with the tag next
	add       string
	install   string // what the lock file says, and nothing else
	lock      string // the lock file
	view      string
	tag       string // $NAME@1.0.0 as stable
	tags      string
	removeTag string
	whoami    string
	deprecate string // the version 1.0.0
}

var npmClients = []npmClient{
	{
		name: "npm", program: []string{"npm"}, publish: "publish", next: "publish --tag next", add: "install $NAME", install: "ci", lock: "package-lock.json",
		view: "view $NAME versions --json", tag: "dist-tag add $NAME@1.0.0 stable", tags: "dist-tag ls $NAME", removeTag: "dist-tag rm $NAME stable", whoami: "whoami",
		deprecate: "deprecate $NAME@1.0.0 broken",
	},
	{
		name: "pnpm", program: []string{"pnpm/bin/pnpm.cjs"}, publish: "publish --no-git-checks", next: "publish --no-git-checks --tag next", add: "add $NAME",
		install: "install --frozen-lockfile", lock: "pnpm-lock.yaml", view: "view $NAME versions --json", tag: "dist-tag add $NAME@1.0.0 stable", tags: "dist-tag ls $NAME",
		removeTag: "dist-tag rm $NAME stable", whoami: "whoami", deprecate: "deprecate $NAME@1.0.0 broken",
	},
	{
		name: "yarn1", program: []string{"yarn/bin/yarn.js"}, publish: "publish --non-interactive", next: "publish --non-interactive --tag next", add: "add $NAME",
		install: "install --frozen-lockfile", lock: "yarn.lock", view: "info $NAME versions --json", tag: "tag add $NAME@1.0.0 stable", tags: "tag list $NAME",
		removeTag: "tag remove $NAME stable",
	},
	{
		name: "yarn4", program: []string{"@yarnpkg/cli-dist/bin/yarn.js"}, prepare: "install", publish: "npm publish", next: "npm publish --tag next", add: "add $NAME",
		install: "install --immutable", lock: "yarn.lock", view: "npm info $NAME --fields versions --json", tag: "npm tag add $NAME@1.0.0 stable", tags: "npm tag list $NAME",
		removeTag: "npm tag remove $NAME stable", whoami: "npm whoami",
	},
}

// npmUser is somebody with a home who uses a client at a repository.
type npmUser struct {
	t      *testing.T
	client npmClient
	argv   []string
	home   string
	env    []string
	words  map[string]string
}

// newNpmUser logs in to a repository: by the aws command, or for modern yarn, which reads no
// .npmrc, by the file that it reads.
func (s *server) newNpmUser(t *testing.T, c npmClient, repository string) *npmUser {
	t.Helper()
	u := &npmUser{t: t, client: c, home: t.TempDir()}
	if filepath.Ext(c.program[0]) == "" {
		u.argv = []string{client(t, c.program[0])}
	} else {
		script, err := filepath.Abs(filepath.Join("../.tools/node/node_modules", c.program[0]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(script); err != nil {
			missing(t, c.name+" is not here (run e2e/setup)")
		}
		u.argv = []string{client(t, "node"), script}
	}
	u.env = slices.DeleteFunc(s.env(), func(v string) bool {
		v = strings.ToLower(v)
		return strings.HasPrefix(v, "npm_") || strings.HasPrefix(v, "yarn_") || strings.HasPrefix(v, "pnpm_") || strings.HasPrefix(v, "home=") || strings.HasPrefix(v, "xdg_")
	})
	u.env = append(u.env, "HOME="+u.home, "CI=1", "YARN_ENABLE_TELEMETRY=0", "PNPM_HOME="+u.home, "npm_config_update_notifier=false")
	aws := &awsCommand{t, client(t, "aws"), u.env}
	if out, stderr, err := aws.try("codeartifact", "login", "--tool", "npm", "--domain", "models", "--repository", repository); err != nil || !strings.Contains(out, "Successfully configured npm") {
		t.Fatalf("login: %v %s %s", err, out, stderr)
	}
	endpoint := at(t, aws.run("codeartifact", "get-repository-endpoint", "--domain", "models", "--repository", repository, "--format", "npm"), "repositoryEndpoint").(string)
	token := at(t, aws.run("codeartifact", "get-authorization-token", "--domain", "models"), "authorizationToken").(string)
	u.write(".yarnrc.yml", fmt.Sprintf("npmRegistryServer: %q\nnpmAuthToken: %q\nnpmAlwaysAuth: true\nunsafeHttpWhitelist: [\"127.0.0.1\"]\nnodeLinker: node-modules\nenableGlobalCache: false\nenableImmutableInstalls: false\nnpmMinimalAgeGate: 0\n", endpoint, token))
	if c.name == "yarn1" { // which otherwise logs in for scoped packages only
		u.write(".npmrc", u.read(".npmrc")+"always-auth=true\n")
	}
	return u
}

func (u *npmUser) write(name, content string) {
	u.t.Helper()
	path := filepath.Join(u.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

func (u *npmUser) read(name string) string {
	u.t.Helper()
	b, err := os.ReadFile(filepath.Join(u.home, name))
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b)
}

// try runs a command of the client in a folder of the home.
func (u *npmUser) try(folder, command string) (string, error) {
	words := strings.Fields(os.Expand(command, func(name string) string { return u.words[name] }))
	cmd := exec.CommandContext(u.t.Context(), u.argv[0], append(u.argv[1:len(u.argv):len(u.argv)], words...)...)
	cmd.Dir, cmd.Env = filepath.Join(u.home, folder), u.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (u *npmUser) run(folder, command string) string {
	u.t.Helper()
	out, err := u.try(folder, command)
	if err != nil {
		u.t.Fatalf("%s %s: %v\n%s", u.client.name, command, err, out)
	}
	return out
}

// pack writes a package.
func (u *npmUser) pack(folder, name, version, dependencies string) {
	u.t.Helper()
	b, err := json.Marshal(map[string]any{"name": name, "version": version, "description": "of " + u.client.name, "main": "index.js", "license": "MIT", "dependencies": json.RawMessage(dependencies)})
	if err != nil {
		u.t.Fatal(err)
	}
	u.write(folder+"/package.json", string(b))
	u.write(folder+"/index.js", "module.exports = '"+name+" "+version+"'\n")
	u.write(folder+"/README.md", "# "+name+"\n")
	u.write(folder+"/yarn.lock", "")
}

func (u *npmUser) prepare(folder string) {
	u.t.Helper()
	if u.client.prepare != "" {
		u.run(folder, u.client.prepare)
	}
}

func (u *npmUser) publish(folder string) {
	u.t.Helper()
	u.prepare(folder)
	u.run(folder, u.client.publish)
}

// TestNpmClients has every client publish to a repository, and install, from nothing and by
// its lock file, from one that has the first as its upstream's upstream's upstream.
func TestNpmClients(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	upstream := ""
	for _, name := range []string{"store", "shared", "team", "main"} {
		args := []string{"codeartifact", "create-repository", "--domain", "models", "--repository", name}
		if upstream != "" {
			args = append(args, "--upstreams", "repositoryName="+upstream)
		}
		aws.run(args...)
		upstream = name
	}
	for _, c := range npmClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := s.newNpmUser(t, c, "store")
			left, model := "left-"+c.name, "@team/model-"+c.name
			u.words = map[string]string{"NAME": model}
			u.pack("left", left, "1.0.0", "{}")
			u.publish("left")
			u.pack("model", model, "1.0.0", `{"`+left+`":"^1.0.0"}`)
			u.publish("model")
			u.pack("model", model, "2.0.0-rc.1", `{"`+left+`":"^1.0.0"}`)
			u.prepare("model")
			u.run("model", c.next)
			// A version is published once, whatever it has.
			u.write("model/index.js", "changed")
			if out, err := u.try("model", c.publish); err == nil {
				t.Errorf("a version was published twice: %s", out)
			}
			u.run("model", c.tag)
			out := u.run("model", c.tags)
			for _, tag := range []string{"stable(:| →) 1.0.0", "next(:| →) 2.0.0-rc.1", "latest(:| →) 1.0.0"} {
				if !regexp.MustCompile(tag).MatchString(out) {
					t.Error(out)
				}
			}

			// Another one, behind three upstreams.
			other := s.newNpmUser(t, c, "main")
			other.words = u.words
			other.write("app/package.json", `{"name":"app","version":"1.0.0","private":true}`)
			other.write("app/yarn.lock", "")
			if out := other.run("app", c.view); !strings.Contains(out, "2.0.0-rc.1") {
				t.Error(out)
			}
			other.run("app", c.add)
			installed := func() {
				t.Helper()
				for name, version := range map[string]string{model: "1.0.0", left: "1.0.0"} {
					path := "app/node_modules/" + name
					if name == left && c.name == "pnpm" {
						path = "app/node_modules/.pnpm/node_modules/" + name
					}
					if got := other.read(path + "/index.js"); got != "module.exports = '"+name+" "+version+"'\n" {
						t.Errorf("%s is %q", name, got)
					}
				}
			}
			installed()
			// By the lock file, with what the repository has retained: its upstream is gone for
			// this package, and the version is unlisted.
			aws := s.aws(t)
			aws.run("codeartifact", "delete-package-versions", "--domain", "models", "--repository", "store", "--format", "npm", "--namespace", "team", "--package", "model-"+c.name, "--versions", "1.0.0")
			if c.name != "pnpm" { // whose lock file is of versions, which it looks up again
				aws.run("codeartifact", "update-package-versions-status", "--domain", "models", "--repository", "main", "--format", "npm", "--namespace", "team", "--package", "model-"+c.name, "--versions", "1.0.0", "--target-status", "Unlisted")
			}
			third := s.newNpmUser(t, c, "main")
			third.words = u.words
			third.write("app/package.json", other.read("app/package.json"))
			third.write("app/"+c.lock, other.read("app/"+c.lock))
			third.run("app", c.install)
			other = third
			installed()

			u.pack("left", left, "1.1.0", "{}")
			u.publish("left")
			u.words = map[string]string{"NAME": left}
			u.run("left", c.tag)
			u.run("left", c.removeTag)
			if out := u.run("left", c.tags); strings.Contains(out, "stable") {
				t.Error(out)
			}
			if c.whoami != "" {
				if out := u.run("left", c.whoami); !strings.Contains(out, "root") {
					t.Error(out)
				}
			}
			if c.deprecate != "" {
				u.run("left", c.deprecate)
				u.write("old/package.json", `{"name":"old","version":"1.0.0","private":true}`)
				if out := u.run("old", strings.ReplaceAll(c.add, "$NAME", "$NAME@1.0.0")); !strings.Contains(out, "deprecated") {
					t.Error(out)
				}
			}
		})
	}
}

// TestNpmAlone has npm do what only it can, and what there is not fail so that one sees why.
func TestNpmAlone(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	aws.run("codeartifact", "create-repository", "--domain", "models", "--repository", "main")
	u := s.newNpmUser(t, npmClients[0], "main")
	if out := u.run("", "ping"); !strings.Contains(out, "PONG") {
		t.Error(out)
	}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		u.pack("model", "@team/model", version, "{}")
		u.run("model", "publish")
	}
	u.write("old/package.json", `{"name":"old","private":true,"dependencies":{"@team/model":"1.0.0"}}`)
	u.run("old", "install")
	if out, _ := u.try("old", "outdated"); !strings.Contains(out, "1.1.0") { // whose status tells that something is
		t.Error(out)
	}
	u.run("old", "install @team/model@^1.0.0")
	if out := u.run("", "view @team/model dist.tarball readme"); !strings.Contains(out, s.url+"/codeartifact/models-000000000000/npm/main/@team/model/-/model-1.1.0.tgz") || !strings.Contains(out, "# @team/model") {
		t.Error(out)
	}
	readme := aws.run("codeartifact", "get-package-version-readme", "--domain", "models", "--repository", "main", "--format", "npm", "--namespace", "team", "--package", "model", "--package-version", "1.1.0")
	if at(t, readme, "readme") != "# @team/model\n" {
		t.Error(readme)
	}
	for command, why := range map[string]string{
		"unpublish @team/model@1.0.0": "delete-package-versions", "unpublish @team/model --force": "delete-package-versions",
		"search model": "neither search", "view absent": "Package not found", "dist-tag rm @team/model latest": "cannot be removed", "dist-tag add @team/model@9.0.0 canary": "Package version not found",
		"deprecate @team/model@1 x --registry http://127.0.0.1:1": "ECONNREFUSED",
	} {
		if out, err := u.try("", command+" --fetch-retries 0"); err == nil || !strings.Contains(out, why) {
			t.Errorf("npm %s: %v %s", command, err, out)
		}
	}
	if out := u.run("", "view @team/model versions --json"); !strings.Contains(out, "1.0.0") {
		t.Error(out)
	}
	u.write(".npmrc", strings.ReplaceAll(u.read(".npmrc"), "_authToken=", "_authToken=x"))
	if out, err := u.try("", "view @team/model"); err == nil || !strings.Contains(out, "E401") {
		t.Error(out, err)
	}
}
