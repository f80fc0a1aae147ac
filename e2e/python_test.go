package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// pythonTools are pip, twine and uv, with a home folder of their own and without the
// machine's settings.
type pythonTools struct {
	t      *testing.T
	server *server
	home   string
	token  string
	env    []string
}

// python makes a domain "models" with repositories, each with the one after it as its
// upstream, and returns the tools.
func (s *server) python(t *testing.T, repositories ...string) *pythonTools {
	t.Helper()
	aws := s.aws(t)
	aws.run("codeartifact", "create-domain", "--domain", "models")
	for i, name := range slices.Backward(repositories) {
		args := []string{"codeartifact", "create-repository", "--domain", "models", "--repository", name}
		if i+1 < len(repositories) {
			args = append(args, "--upstreams", "repositoryName="+repositories[i+1])
		}
		aws.run(args...)
	}
	return s.pythonTools(t, aws.run("codeartifact", "get-authorization-token", "--domain", "models")["authorizationToken"].(string))
}

// pythonTools are the tools with a token of a domain "models" that is there.
func (s *server) pythonTools(t *testing.T, token string) *pythonTools {
	t.Helper()
	for _, tool := range []string{"pip", "twine", "uv"} {
		if _, err := os.Stat(filepath.Join("..", ".tools", "python", "bin", tool)); err != nil {
			missing(t, tool+" is not here (run e2e/setup)")
		}
	}
	p := &pythonTools{t: t, server: s, home: t.TempDir(), token: token}
	tools, err := filepath.Abs("../.tools/python/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range s.env() {
		if name, _, _ := strings.Cut(v, "="); name != "HOME" && name != "PATH" && !strings.HasPrefix(name, "PIP_") && !strings.HasPrefix(name, "UV_") && !strings.HasPrefix(name, "TWINE_") && !strings.HasPrefix(name, "XDG_") {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, "HOME="+p.home, "PATH="+tools+":"+os.Getenv("PATH"), "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_INPUT=1", "UV_NO_CONFIG=1", "UV_PYTHON_DOWNLOADS=never",
		"TWINE_NON_INTERACTIVE=1", "PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring", "COLUMNS=300")
	return p
}

// endpoint is a repository's, with the token in it if login is set.
func (p *pythonTools) endpoint(repository string, login bool) string {
	p.t.Helper()
	at := p.server.aws(p.t).run("codeartifact", "get-repository-endpoint", "--domain", "models", "--repository", repository, "--format", "pypi")["repositoryEndpoint"].(string)
	if login {
		at = strings.Replace(at, "://", "://aws:"+p.token+"@", 1)
	}
	return at
}

func (p *pythonTools) try(name string, args ...string) (string, error) {
	p.t.Helper()
	path := name
	if name != "aws" {
		path = filepath.Join("..", ".tools", "python", "bin", name)
	} else {
		path = client(p.t, name)
	}
	cmd := exec.CommandContext(p.t.Context(), path, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	return strings.ReplaceAll(string(out), p.token, "TOKEN"), err
}

func (p *pythonTools) run(name string, args ...string) string {
	p.t.Helper()
	out, err := p.try(name, args...)
	if err != nil {
		p.t.Fatalf("%s %q: %v\n%s", name, args[0], err, out)
	}
	return out
}

// refused runs a tool that must fail with a text.
func (p *pythonTools) refused(text, name string, args ...string) {
	p.t.Helper()
	if out, err := p.try(name, args...); err == nil || !strings.Contains(out, text) {
		p.t.Errorf("%s %q does not fail with %q: %v\n%s", name, args[0], text, err, out)
	}
}

// wheel writes a wheel of a module of one value, and more of its metadata, with ballast.
func (p *pythonTools) wheel(name, version, value, more string, ballast int) (path string) {
	p.t.Helper()
	stem := name + "-" + version
	path = filepath.Join(p.t.TempDir(), stem+"-py3-none-any.whl")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var record strings.Builder
	add := func(file string, content []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file, Method: zip.Store})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		fmt.Fprintf(&record, "%s,,\n", file)
	}
	add(name+"/__init__.py", fmt.Appendf(nil, "value = %q\n", value))
	if ballast > 0 {
		weights := make([]byte, ballast)
		rand.Read(weights)
		add(name+"/weights.bin", weights)
	}
	info := stem + ".dist-info/"
	add(info+"METADATA", []byte("Metadata-Version: 2.1\nName: "+name+"\nVersion: "+version+"\nSummary: Of "+value+"\n"+more+"\n"))
	add(info+"WHEEL", []byte("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"))
	add(info+"RECORD", []byte(record.String()+info+"RECORD,,\n"))
	if err := z.Close(); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// installed is what a folder has that a package was installed into.
func installed(t *testing.T, target, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(target, name, "__init__.py"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (p *pythonTools) twine(repository string, args ...string) []string {
	return append([]string{"upload", "--verbose", "--disable-progress-bar", "--repository-url", p.endpoint(repository, false), "-u", "aws", "-p", p.token}, args...)
}

// TestPythonTools publishes with twine and uv, and resolves and installs with pip and uv,
// from a repository and through a chain of three upstreams.
func TestPythonTools(t *testing.T) {
	t.Parallel()
	p := start(t).python(t, "team", "unit", "firm", "world")
	iris, petals := p.wheel("iris", "1.0", "iris", "Requires-Dist: petals>=1\nRequires-Python: >=3.8\n", 0), p.wheel("petals", "2.0", "petals", "", 0)
	p.run("twine", p.twine("team", iris)...)
	p.run("uv", "publish", "--publish-url", p.endpoint("world", false), "-u", "aws", "-p", p.token, petals)

	// The same again is fine for both, other bytes for none.
	p.run("twine", p.twine("team", iris)...)
	p.run("uv", "publish", "--publish-url", p.endpoint("world", false), "-u", "aws", "-p", p.token, petals)
	other := p.wheel("iris", "1.0", "other", "", 0)
	p.refused("409", "twine", p.twine("team", other)...)
	p.refused("already exists", "uv", "publish", "--publish-url", p.endpoint("team", false), "-u", "aws", "-p", p.token, other)
	if out := p.run("uv", "publish", "--publish-url", p.endpoint("team", false), "--check-url", p.endpoint("team", true)+"simple/", "-u", "aws", "-p", p.token, iris); !strings.Contains(out, "already exists") {
		t.Errorf("uv publishes what is there: %s", out)
	}

	index := p.endpoint("team", true) + "simple/"
	for name, install := range map[string][]string{
		"pip": {"install", "--no-cache-dir", "--index-url", index}, "uv": {"pip", "install", "--no-cache", "--index-url", index},
	} {
		target := t.TempDir()
		p.run(name, append(install, "--target", target, "Iris==1.0")...)
		if got := installed(t, target, "iris") + installed(t, target, "petals"); got != "value = \"iris\"\nvalue = \"petals\"\n" {
			t.Errorf("%s installed %q", name, got)
		}
	}
	folder := t.TempDir()
	p.run("pip", "download", "--no-cache-dir", "--index-url", index, "-d", folder, "iris")
	for _, path := range []string{iris, petals} {
		want, err := os.ReadFile(path)
		got, gotErr := os.ReadFile(filepath.Join(folder, filepath.Base(path)))
		if err != nil || gotErr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s comes with other bytes: %v %v", filepath.Base(path), err, gotErr)
		}
	}

	// Hashes are required by both, and a wrong one is noticed.
	hashed := func(change string) string {
		var lines strings.Builder
		for _, path := range []string{iris, petals} {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(string(b) + change))
			parts := strings.SplitN(filepath.Base(path), "-", 3)
			fmt.Fprintf(&lines, "%s==%s --hash=sha256:%s\n", parts[0], parts[1], hex.EncodeToString(sum[:]))
		}
		file := filepath.Join(t.TempDir(), "requirements.txt")
		if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	p.run("pip", "install", "--no-cache-dir", "--require-hashes", "--index-url", index, "--target", t.TempDir(), "-r", hashed(""))
	p.run("uv", "pip", "install", "--no-cache", "--require-hashes", "--index-url", index, "--target", t.TempDir(), "-r", hashed(""))
	p.refused("DO NOT MATCH", "pip", "install", "--no-cache-dir", "--require-hashes", "--index-url", index, "--target", t.TempDir(), "-r", hashed("x"))

	// What is yanked is installed where it is asked for exactly, and not otherwise.
	newer := p.wheel("iris", "1.1", "newer", "", 0)
	p.run("twine", p.twine("team", newer)...)
	p.server.aws(t).run("codeartifact", "update-package-versions-status", "--domain", "models", "--repository", "team", "--format", "pypi", "--package", "iris", "--versions", "1.1", "--target-status", "Unlisted")
	target := t.TempDir()
	p.run("pip", "install", "--no-cache-dir", "--index-url", index, "--target", target, "iris")
	exact := t.TempDir()
	if out := p.run("pip", "install", "--no-cache-dir", "--index-url", index, "--target", exact, "iris==1.1"); !strings.Contains(out, "yanked") {
		t.Error(out)
	}
	if installed(t, target, "iris") != "value = \"iris\"\n" || installed(t, exact, "iris") != "value = \"newer\"\n" {
		t.Error("the yanked version was installed, or not where it was asked for")
	}
	p.refused("No matching distribution", "pip", "install", "--no-cache-dir", "--index-url", index, "--target", t.TempDir(), "absent")
	p.refused("401", "twine", "upload", "--verbose", "--repository-url", p.endpoint("team", false), "-u", "aws", "-p", "nonsense", iris)
}

// TestPythonLogin logs pip and twine in by the aws command.
func TestPythonLogin(t *testing.T) {
	t.Parallel()
	p := start(t).python(t, "team")
	p.run("aws", "codeartifact", "login", "--tool", "twine", "--domain", "models", "--repository", "team")
	p.run("aws", "codeartifact", "login", "--tool", "pip", "--domain", "models", "--repository", "team")
	p.run("twine", "upload", "--repository", "codeartifact", p.wheel("iris", "1.0", "iris", "", 0))
	target := t.TempDir()
	p.run("pip", "install", "--target", target, "iris")
	if got := installed(t, target, "iris"); got != "value = \"iris\"\n" {
		t.Error(got)
	}
}

// TestResolvingMovesLittle resolves a wheel of 50 MiB by its metadata alone (PEP 658).
func TestResolvingMovesLittle(t *testing.T) {
	t.Parallel()
	p := start(t).python(t, "team", "shared")
	p.run("twine", p.twine("shared", p.wheel("large", "1.0", "large", "Requires-Dist: small\n", 50<<20))...)
	p.run("twine", p.twine("shared", p.wheel("small", "1.0", "small", "", 0))...)
	to, err := url.Parse(p.server.url)
	if err != nil {
		t.Fatal(err)
	}
	var moved atomic.Int64
	between := httputil.NewSingleHostReverseProxy(to)
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		between.ServeHTTP(&counted{w, &moved}, r)
	}))
	defer counting.Close()
	index := strings.Replace(p.endpoint("team", true), to.Host, strings.TrimPrefix(counting.URL, "http://"), 1) + "simple/"
	wanted := filepath.Join(t.TempDir(), "requirements.in")
	if err := os.WriteFile(wanted, []byte("large\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"pip": {"install", "--dry-run", "--ignore-installed", "--no-cache-dir", "--index-url", index, "--target", t.TempDir(), "-r", wanted},
		"uv":  {"pip", "compile", "--no-cache", "--index-url", index, wanted},
	} {
		moved.Store(0)
		if out := p.run(name, args...); !strings.Contains(out, "small") {
			t.Errorf("%s: %s", name, out)
		}
		t.Logf("%s resolves with %d bytes", name, moved.Load())
		if n := moved.Load(); n == 0 || n > 100<<10 {
			t.Errorf("%s moved %d bytes", name, n)
		}
	}
}

// counted counts what is answered.
type counted struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.n.Add(int64(n))
	return n, err
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// TestKillPublication kills the server in the middle of publications: each leaves the whole
// file, listed and readable, or nothing; and what was acknowledged stays.
func TestKillPublication(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	p := s.python(t, "team")
	rounds := setting(t, "MODELWHARF_PUBLICATION_KILLS", 12)
	taken := 0
	for round := range rounds {
		version := fmt.Sprintf("1.%d", round)
		path := p.wheel("iris", version, version, "", 4<<20)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		body, contentType := uploadForm(t, "iris", version, filepath.Base(path), content)
		// The first half is killed before the form has been sent, the second one in or after
		// the transaction, the last round after its acknowledgement.
		at, asks := body.Len()*round*2/rounds, 0
		if round*2 >= rounds {
			at, asks = 1<<62, min(1024, 4<<(2*(round-rounds/2)))
		}
		victim, url := s.cmd.Process, s.url
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
			if round == rounds-1 {
				return
			}
			for range asks { // what they take puts the kill off
				ask(url)
			}
			_ = victim.Kill()
		}})
		sent := &killing{Reader: body, at: at, kill: func() { _ = victim.Kill() }}
		req, err := http.NewRequestWithContext(ctx, "POST", p.endpoint("team", false), sent)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(body.Len())
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth("aws", p.token)
		answer, err := http.DefaultClient.Do(req)
		acknowledged := err == nil && answer.StatusCode == http.StatusOK
		if err == nil {
			answer.Body.Close()
		}
		s.kill()
		s = startOn(t, data)
		p.server = s
		index := p.endpoint("team", false) + "simple/iris/"
		status, page := p.get(index)
		listed := strings.Contains(string(page), filepath.Base(path))
		if !listed && acknowledged {
			t.Fatalf("round %d: an acknowledged publication is gone (%d)", round, status)
		}
		if status, got := p.get(index + version + "/" + filepath.Base(path)); listed != (status == http.StatusOK) || listed && !bytes.Equal(got, content) {
			t.Fatalf("round %d: %d with %d bytes, listed %v", round, status, len(got), listed)
		}
		if listed {
			taken++
		}
	}
	if taken == 0 || taken == rounds {
		t.Errorf("%d of %d publications are there", taken, rounds)
	}
	t.Logf("%d of %d publications are there, each whole", taken, rounds)
}

// ask asks for anything.
func ask(url string) {
	if answer, err := http.Get(url); err == nil {
		answer.Body.Close()
	}
}

func (p *pythonTools) get(url string) (status int, body []byte) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), "GET", url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.SetBasicAuth("aws", p.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, body
}

// killing is a body that kills the server when so much of it was sent.
type killing struct {
	io.Reader
	at   int
	kill func()
}

func (k *killing) Read(b []byte) (int, error) {
	if k.at <= 0 {
		k.kill()
		k.at = 1 << 62
	}
	n, err := k.Reader.Read(b[:min(len(b), k.at)])
	k.at -= n
	return n, err
}

// uploadForm is what twine sends.
func uploadForm(t *testing.T, name, version, filename string, content []byte) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	sum := sha256.Sum256(content)
	for _, field := range [][2]string{{":action", "file_upload"}, {"protocol_version", "1"}, {"name", name}, {"version", version}, {"sha256_digest", hex.EncodeToString(sum[:])}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("content", filename)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return body, form.FormDataContentType()
}
