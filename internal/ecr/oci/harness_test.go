package oci_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

const (
	account = "000000000000"
	region  = "eu-west-1"
	alias   = "wharf"
)

// clock is a clock that stands still unless it is told to go.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// registry is a registry on a loopback port, with a private and a public repository.
type registry struct {
	t        testing.TB
	url      string
	host     string
	handler  http.Handler
	client   *http.Client // of its own: the end of one test's server breaks connections of the shared one
	images   *ecr.Service
	blobs    blob.Store
	reopen   func(testing.TB) (blob.Store, error) // what another process finds of blobs
	folder   string
	store    *kv.DB
	identity *identity.Service
	clock    *clock
	root     string // a token of the account's root
}

// The names of the repositories that there are, as they are in a path.
const (
	private = account + "/" + region + "/team/model"
	other   = account + "/" + region + "/team/other"
	public  = alias + "/model"
)

func start(t testing.TB, change ...func(*ecr.Config, *oci.Config)) *registry {
	t.Helper()
	reg := &registry{t: t, clock: &clock{t: time.Now().UTC().Truncate(time.Second)}, folder: t.TempDir()}
	var err error
	if reg.store, err = kv.Open(mem.New(), kv.Options{Now: reg.clock.now}); err != nil {
		t.Fatal(err)
	}
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if reg.identity, err = identity.New(identity.Config{Store: reg.store, Seal: seal, Now: reg.clock.now}); err != nil {
		t.Fatal(err)
	}
	key, err := reg.identity.EnsureRoot(t.Context(), account, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if reg.reopen = inBucket(t); reg.reopen == nil {
		reg.reopen = func(testing.TB) (blob.Store, error) { return dir.Open(reg.folder, dir.Options{}) }
	}
	if reg.blobs, err = reg.reopen(t); err != nil {
		t.Fatal(err)
	}
	c := ecr.Config{Store: reg.store, Blobs: reg.blobs, Identity: reg.identity, Seal: seal.Pages(), Now: reg.clock.now}
	o := oci.Config{Begin: func(*http.Request) *api.Request { return &api.Request{ID: "test", Time: reg.clock.now()} }}
	for _, change := range change {
		change(&c, &o)
	}
	reg.images = ecr.New(c)
	o.Images = reg.images
	reg.handler = oci.New(o)
	server := httptest.NewServer(reg.handler)
	t.Cleanup(func() {
		server.Close()
		if err := reg.store.Close(); err != nil {
			t.Error(err)
		}
	})
	reg.client = server.Client()
	reg.url, reg.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	reg.root = reg.tokenOf(key.AccessKeyID)
	if err := reg.images.SetAlias(reg.rootContext(), account, alias); err != nil {
		t.Fatal(err)
	}
	reg.create(private, ecr.Mutability{})
	reg.create(other, ecr.Mutability{})
	reg.create(public, ecr.Mutability{})
	return reg
}

func (reg *registry) rootContext() context.Context {
	return api.WithRequest(context.Background(), &api.Request{
		ID: "test", Service: "ecr", Operation: "Test", Region: region, Time: reg.clock.now(),
		Caller: api.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Type: api.RootCaller},
	})
}

// create creates a repository by its path.
func (reg *registry) create(path string, m ecr.Mutability) *ecr.Repository {
	reg.t.Helper()
	r, err := reg.images.CreateRepository(reg.rootContext(), ecr.Repository{Name: reg.name(path), Mutability: m})
	if err != nil {
		reg.t.Fatal(err)
	}
	return r
}

func (reg *registry) name(path string) ecr.Name {
	p, ok := ecr.ParsePath(path)
	if !ok {
		reg.t.Fatalf("%q is no path", path)
	}
	n, err := reg.images.Resolve(reg.rootContext(), p)
	if err != nil {
		reg.t.Fatal(err)
	}
	return n
}

func (reg *registry) find(path string) *ecr.Repository {
	r, err := reg.images.Find(reg.rootContext(), reg.name(path))
	if err != nil {
		reg.t.Fatal(err)
	}
	return r
}

// tokenOf returns a token as GetAuthorizationToken gives it to who signs with a key.
func (reg *registry) tokenOf(accessKey string) string {
	reg.t.Helper()
	who, _, err := reg.identity.Lookup(context.Background(), accessKey, "")
	if err != nil {
		reg.t.Fatal(err)
	}
	ctx := reg.identity.Admit(api.WithRequest(context.Background(), &api.Request{Service: "ecr", Region: region, Time: reg.clock.now()}), who)
	token, _, err := reg.images.NewToken(ctx)
	if err != nil {
		reg.t.Fatal(err)
	}
	return token
}

// user makes a user with a policy and returns a token of theirs, and their access key.
func (reg *registry) user(name, policy string) (token, accessKey string) {
	reg.t.Helper()
	ctx := reg.rootContext()
	if _, err := reg.identity.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		reg.t.Fatal(err)
	}
	if _, err := reg.identity.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("own"), PolicyDocument: &policy}); err != nil {
		reg.t.Fatal(err)
	}
	out, err := reg.identity.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		reg.t.Fatal(err)
	}
	return reg.tokenOf(*out.AccessKey.AccessKeyId), *out.AccessKey.AccessKeyId
}

func basic(token string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("AWS:"+token))
}

// answer is an answer, read.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// do sends a request as the account's root, unless the headers, in pairs of name and value,
// say otherwise.
func (reg *registry) do(method, path string, body []byte, headers ...string) *answer {
	reg.t.Helper()
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	return reg.send(method, path, r, headers...)
}

func (reg *registry) send(method, path string, body io.Reader, headers ...string) *answer {
	reg.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = reg.url + path
	}
	r, err := http.NewRequest(method, path, body)
	if err != nil {
		reg.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+reg.root)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := reg.client.Do(r)
	if err != nil {
		reg.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		reg.t.Error(err)
	}
	return &answer{reg.t, method + " " + path, resp.StatusCode, resp.Header, b}
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// fails wants an error of a code, in the protocol's form.
func (a *answer) fails(status int, code string) *answer {
	a.t.Helper()
	a.want(status)
	var e struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(a.body, &e); err != nil || len(e.Errors) != 1 || e.Errors[0].Code != code || e.Errors[0].Message == "" {
		a.t.Fatalf("%s: the error is %s, want %s", a.what, a.body, code)
	}
	return a
}

// has wants headers, in pairs of name and value.
func (a *answer) has(headers ...string) *answer {
	a.t.Helper()
	for i := 0; i < len(headers); i += 2 {
		if got := strings.Join(a.header.Values(headers[i]), ","); got != headers[i+1] {
			a.t.Errorf("%s: %s is %q, want %q", a.what, headers[i], got, headers[i+1])
		}
	}
	return a
}

func (a *answer) location() string { return a.header.Get("Location") }

func query(location, q string) string {
	if strings.Contains(location, "?") {
		return location + "&" + q
	}
	return location + "?" + q
}

// begin begins an upload and returns its location.
func (reg *registry) begin(repository string) string {
	reg.t.Helper()
	return reg.do("POST", "/v2/"+repository+"/blobs/uploads/", nil).want(202).location()
}

// push pushes a blob.
func (reg *registry) push(repository string, content []byte) digest.Digest {
	reg.t.Helper()
	d := digest.FromBytes(content)
	reg.do("PUT", query(reg.begin(repository), "digest="+d.String()), content, "Content-Type", "application/octet-stream").want(201)
	return d
}

// imageOf returns a manifest of a config and layers.
func imageOf(config string, layers ...[]byte) []byte {
	return manifestOf(ecr.OCIManifest, config, "", layers...)
}

func manifestOf(mediaType, config, more string, layers ...[]byte) []byte {
	var ls []string
	for _, l := range layers {
		ls = append(ls, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}`, digest.FromBytes(l), len(l)))
	}
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[%s]%s}`,
		mediaType, digest.FromString(config), len(config), strings.Join(ls, ","), more)
}

// pushImage pushes an image with its blobs under references.
func (reg *registry) pushImage(repository, config string, references ...string) digest.Digest {
	reg.t.Helper()
	reg.push(repository, []byte(config))
	m := imageOf(config)
	for _, ref := range references {
		reg.putManifest(repository, ref, m).want(201)
	}
	return digest.FromBytes(m)
}

func (reg *registry) putManifest(repository, ref string, m []byte, headers ...string) *answer {
	reg.t.Helper()
	return reg.do("PUT", "/v2/"+repository+"/manifests/"+ref, m, append([]string{"Content-Type", ecr.OCIManifest}, headers...)...)
}

func reader(s string) io.Reader { return struct{ io.Reader }{strings.NewReader(s)} }
