package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// registryClient is how a real client of registries does what all of them do. In the
// commands $HOST is the registry, $IMAGE and $COPY are images with their tags, $REPOSITORY
// is one without, and $LAYOUT a folder with the image "1.0"; all run in a folder of their own.
type registryClient struct {
	program string
	login   string // reads the password
	push    []string
	copy    string // from $IMAGE to $COPY
	pull    string // $COPY
	list    string // tags of $REPOSITORY; "" if the client cannot
	remove  string // $COPY; "" if the client cannot
}

var registryClients = []registryClient{
	{
		program: "skopeo", login: "skopeo login --tls-verify=false -u AWS --password-stdin $HOST",
		push: []string{"skopeo copy --dest-tls-verify=false oci:$LAYOUT:1.0 docker://$IMAGE"},
		copy: "skopeo copy --src-tls-verify=false --dest-tls-verify=false docker://$IMAGE docker://$COPY",
		pull: "skopeo copy --src-tls-verify=false docker://$COPY oci:pulled:1.0",
		list: "skopeo list-tags --tls-verify=false docker://$REPOSITORY", remove: "skopeo delete --tls-verify=false docker://$COPY",
	},
	{
		program: "podman", login: "podman $STORE login --tls-verify=false -u AWS --password-stdin $HOST",
		push: []string{
			"podman $STORE pull -q oci:$LAYOUT:1.0", "podman $STORE tag $IMAGEID $IMAGE",
			"podman $STORE push --tls-verify=false $IMAGE",
		},
		copy: "podman $STORE push --tls-verify=false $IMAGE docker://$COPY",
		pull: "podman $STORE pull --tls-verify=false $COPY", list: "podman $STORE search --list-tags --tls-verify=false $REPOSITORY",
	},
	{
		program: "crane", login: "crane auth login $HOST -u AWS --password-stdin",
		push: []string{"crane --insecure push $LAYOUT $IMAGE"}, copy: "crane --insecure copy $IMAGE $COPY",
		pull: "crane --insecure pull $COPY pulled.tar", list: "crane --insecure ls $REPOSITORY", remove: "crane --insecure delete $COPY",
	},
	{
		program: "regctl", login: "regctl --host reg=$HOST,tls=disabled registry login $HOST -u AWS --pass-stdin --skip-check",
		push: []string{"regctl --host reg=$HOST,tls=disabled image copy ocidir://$LAYOUT:1.0 $IMAGE"},
		copy: "regctl --host reg=$HOST,tls=disabled image copy $IMAGE $COPY",
		pull: "regctl --host reg=$HOST,tls=disabled image export $COPY pulled.tar",
		list: "regctl --host reg=$HOST,tls=disabled tag ls $REPOSITORY", remove: "regctl --host reg=$HOST,tls=disabled tag delete $COPY",
	},
	{
		program: "oras", login: "oras login --plain-http -u AWS --password-stdin $HOST",
		push: []string{"oras copy --from-oci-layout --to-plain-http $LAYOUT:1.0 $IMAGE"},
		copy: "oras copy --from-plain-http --to-plain-http $IMAGE $COPY",
		pull: "oras copy --from-plain-http --to-oci-layout $COPY pulled:1.0",
		list: "oras repo tags --plain-http $REPOSITORY", remove: "oras manifest delete --plain-http -f $COPY",
	},
}

// TestRegistryClients has every client log in, push, copy, list, pull and delete, by the
// server's own host with its Bearer challenge and by ECR's with its Basic one; then with a
// config.json as docker writes it instead of a login; then pull a public image as nobody.
func TestRegistryClients(t *testing.T) {
	t.Parallel()
	s := start(t, "--domain", "wharf.test")
	aws := s.aws(t)
	for _, name := range []string{"team/model", "team/copy"} {
		aws.run("ecr", "create-repository", "--repository-name", name)
	}
	shown := at(t, aws.run("ecr-public", "create-repository", "--repository-name", "model"), "repository", "repositoryUri").(string)
	publicHost, public, _ := strings.Cut(shown, "/")
	own := strings.TrimPrefix(s.url, "http://")
	account := "000000000000.dkr.ecr.us-east-1.wharf.test" + own[strings.LastIndexByte(own, ':'):]
	token := at(t, aws.run("ecr", "get-authorization-token"), "authorizationData", 0, "authorizationToken").(string)
	resolver := virtualHosts(t, s.url)

	for _, c := range registryClients {
		t.Run(c.program, func(t *testing.T) {
			t.Parallel()
			path := client(t, c.program)
			for _, at := range []struct{ challenge, host, team, publicHost string }{
				{"Bearer", own, own + "/000000000000/us-east-1/team", own},
				{"Basic", account, account + "/team", publicHost},
			} {
				u := newRegistryUser(t, c, path, resolver)
				u.set("HOST", at.host, "REPOSITORY", at.team+"/model", "IMAGE", at.team+"/model:"+c.program+at.challenge, "COPY", at.team+"/copy:"+c.program+at.challenge)
				u.run(c.login, password(t, token))
				u.all()

				// A login that docker made.
				u = newRegistryUser(t, c, path, resolver)
				u.set("HOST", at.host, "REPOSITORY", at.team+"/model", "IMAGE", at.team+"/model:"+c.program+at.challenge, "COPY", at.team+"/copy:"+c.program+at.challenge+"2")
				u.write(".docker/config.json", fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, at.host, token))
				u.all()

				// Everyone reads what is public.
				u = newRegistryUser(t, c, path, resolver)
				u.set("HOST", at.publicHost, "IMAGE", at.publicHost+"/"+public+":"+c.program+at.challenge, "COPY", at.publicHost+"/"+public+":"+c.program+at.challenge)
				u.write(".docker/config.json", fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, at.publicHost, token))
				u.push()
				u.write(".docker/config.json", []byte("{}"))
				u.run(c.pull, "")
			}
		})
	}
}

// virtualHosts is a proxy that takes every host to a server: what a resolver would do.
func virtualHosts(t *testing.T, server string) string {
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect { // the server does not speak TLS
			http.Error(w, "no TLS", http.StatusBadGateway)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// password is what a token of GetAuthorizationToken has behind the user's name.
func password(t *testing.T, token string) string {
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(b), "AWS:")
}

// registryUser is somebody with a home, who uses a client.
type registryUser struct {
	t      *testing.T
	client registryClient
	path   string
	home   string
	env    []string
	words  map[string]string
}

func newRegistryUser(t *testing.T, c registryClient, path, proxy string) *registryUser {
	u := &registryUser{t: t, client: c, path: path, home: t.TempDir()}
	u.env = append(cleanEnv(), "HOME="+u.home, "DOCKER_CONFIG="+filepath.Join(u.home, ".docker"), "REGISTRY_AUTH_FILE="+filepath.Join(u.home, ".docker/config.json"),
		"HTTP_PROXY="+proxy, "http_proxy="+proxy, "HTTPS_PROXY="+proxy, "https_proxy="+proxy, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
		"XDG_RUNTIME_DIR="+u.home, "XDG_CONFIG_HOME="+filepath.Join(u.home, ".config"), "STORAGE_DRIVER=vfs")
	store := "--root=" + filepath.Join(u.home, "root") + " --runroot=" + filepath.Join(u.home, "run") + " --storage-driver=vfs --events-backend=none --cgroup-manager=cgroupfs"
	u.words = map[string]string{"STORE": store, "LAYOUT": "layout", "IMAGEID": u.layout()}
	u.write(".config/containers/policy.json", []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`))
	return u
}

func (u *registryUser) set(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		u.words[pairs[i]] = pairs[i+1]
	}
}

func (u *registryUser) write(name string, content []byte) {
	u.t.Helper()
	path := filepath.Join(u.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// run runs a command of the client, which must succeed, and returns what it printed.
func (u *registryUser) run(command, stdin string) string {
	u.t.Helper()
	words := strings.Fields(os.Expand(command, func(name string) string { return u.words[name] }))
	cmd := exec.CommandContext(u.t.Context(), u.path, words[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = u.home, u.env, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

func (u *registryUser) push() {
	u.t.Helper()
	for _, command := range u.client.push {
		u.run(command, "")
	}
}

// all does what a client does after its login.
func (u *registryUser) all() {
	u.t.Helper()
	u.push()
	u.run(u.client.copy, "")
	if tag := u.words["IMAGE"][strings.LastIndexByte(u.words["IMAGE"], ':')+1:]; !strings.Contains(u.run(u.client.list, ""), tag) {
		u.t.Errorf("the tag %s is not listed", tag)
	}
	u.run(u.client.pull, "")
	if u.client.remove != "" {
		u.run(u.client.remove, "")
	}
}

// layout writes a folder with an image of one file, and returns the digest of its config.
func (u *registryUser) layout() string {
	u.t.Helper()
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	content := "weights of " + u.client.program
	if err := archive.WriteHeader(&tar.Header{Name: "model.txt", Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
		u.t.Fatal(err)
	}
	if _, err := archive.Write([]byte(content)); err != nil {
		u.t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		u.t.Fatal(err)
	}
	blob := func(mediaType string, b []byte) map[string]any {
		d := fmt.Sprintf("%x", sha256.Sum256(b))
		u.write("layout/blobs/sha256/"+d, b)
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + d, "size": len(b)}
	}
	text := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			u.t.Fatal(err)
		}
		return b
	}
	files := blob("application/vnd.oci.image.layer.v1.tar", layer.Bytes())
	config := blob("application/vnd.oci.image.config.v1+json", text(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{files["digest"]}},
	}))
	manifest := blob("application/vnd.oci.image.manifest.v1+json", text(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []any{files},
	}))
	manifest["annotations"] = map[string]string{"org.opencontainers.image.ref.name": "1.0"}
	u.write("layout/index.json", text(map[string]any{"schemaVersion": 2, "manifests": []any{manifest}}))
	u.write("layout/oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	return strings.TrimPrefix(config["digest"].(string), "sha256:")
}
