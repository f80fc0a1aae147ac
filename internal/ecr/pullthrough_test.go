package ecr_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// origin is an upstream registry that counts what it is asked, and can be made to
// misbehave.
type origin struct {
	t    *testing.T
	url  string
	host string
	down atomic.Bool

	mu    sync.Mutex
	asked map[string]int
	hook  func(w http.ResponseWriter, r *http.Request) bool // answers what it returns true for
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{t: t, asked: map[string]int{}}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.asked[r.Method+" "+r.URL.Path]++
		hook := o.hook
		o.mu.Unlock()
		if o.down.Load() {
			http.Error(w, "down", http.StatusInternalServerError)
			return
		}
		if hook != nil && r.Header.Get("User-Agent") != "push" && hook(w, r) {
			return
		}
		images.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	o.url, o.host = s.URL, strings.TrimPrefix(s.URL, "http://")
	return o
}

func (o *origin) set(hook func(w http.ResponseWriter, r *http.Request) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hook = hook
}

// count is how often something was asked for.
func (o *origin) count(request string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[request]
}

func (o *origin) ref(image string) name.Reference {
	o.t.Helper()
	return just(name.ParseReference(o.host+"/"+image, name.Insecure))
}

// pushTransport tells the origin that the test itself asks.
type pushTransport struct{}

func (pushTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "push")
	return http.DefaultTransport.RoundTrip(r)
}

func (o *origin) push(image string, img v1.Image) string {
	o.t.Helper()
	if err := remote.Write(o.ref(image), img, remote.WithTransport(pushTransport{})); err != nil {
		o.t.Fatal(err)
	}
	return just(img.Digest()).String()
}

// later is a clock that a test moves on.
type later struct{ skew atomic.Int64 }

func (l *later) now() time.Time { return time.Now().Add(time.Duration(l.skew.Load())) }

func (l *later) pass(d time.Duration) { l.skew.Add(int64(d)) }

// startCache starts a server that may ask the loopback interface, with a rule for the
// prefix "up" if there is an origin.
func startCache(t *testing.T, o *origin, changes ...func(*server.Config)) (*site, *later) {
	t.Helper()
	clock := &later{}
	w := startSite(t, append([]func(*server.Config){func(c *server.Config) {
		c.AllowEgress, c.Now = []string{"127.0.0.0/8"}, clock.now
	}}, changes...)...)
	if o != nil {
		w.rule(ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("up"), UpstreamRegistryUrl: &o.url})
	}
	return w, clock
}

func (w *site) rule(in ecr.CreatePullThroughCacheRuleInput) {
	w.t.Helper()
	if _, err := w.api(servertest.Region).CreatePullThroughCacheRule(w.t.Context(), &in); err != nil {
		w.t.Fatal(err)
	}
}

// imported waits until an image is one of a repository.
func (w *site) imported(repository, digest string) {
	w.t.Helper()
	eventually(w.t, "the import of "+repository, func() bool {
		_, err := w.api(servertest.Region).DescribeImageReplicationStatus(w.t.Context(), &ecr.DescribeImageReplicationStatusInput{
			RepositoryName: &repository, ImageId: &types.ImageIdentifier{ImageDigest: &digest}})
		return err == nil
	})
}

func fails(err error, code string) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == code
}

// status is the HTTP status of a registry's error.
func status(err error) int {
	if e, ok := errors.AsType[*transport.Error](err); ok {
		return e.StatusCode
	}
	return 0
}

// TestPullThroughCacheRules makes, shows, changes and deletes rules in AWS's words.
func TestPullThroughCacheRules(t *testing.T) {
	t.Parallel()
	secrets := filepath.Join(t.TempDir(), "secrets.json")
	const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/example-AbCdEf"
	if err := os.WriteFile(secrets, []byte(`{"`+arn+`": {"upstream": "registry.example.com", "username": "u", "accessToken": "t"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w, _ := startCache(t, nil, func(c *server.Config) { c.UpstreamSecrets = secrets })
	api := w.api(servertest.Region)
	create := func(prefix, url, credential string) error {
		in := &ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix, UpstreamRegistryUrl: &url}
		if credential != "" {
			in.CredentialArn = &credential
		}
		_, err := api.CreatePullThroughCacheRule(t.Context(), in)
		return err
	}
	if err := create("hub/", "registry.example.com", arn); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ prefix, url, credential, code string }{
		{"hub", "registry.example.com", "", "PullThroughCacheRuleAlreadyExistsException"},
		{"other", "ftp://registry.example.com", "", "UnsupportedUpstreamRegistryException"},
		{"other", "https://user:password@registry.example.com", "", "UnsupportedUpstreamRegistryException"},
		{"other", "https://registry.example.com/?q=1", "", "UnsupportedUpstreamRegistryException"},
		{"other", "https://registry.example.com/../up", "", "UnsupportedUpstreamRegistryException"},
		{"other", "", "", "UnsupportedUpstreamRegistryException"},
		{"other", "registry.example.com", arn + "x", "SecretNotFoundException"},
		{"other", "elsewhere.example.com", arn, "UnableToAccessSecretException"},
		{"UPPER", "registry.example.com", "", "InvalidParameterException"},
	} {
		if err := create(test.prefix, test.url, test.credential); !fails(err, test.code) {
			t.Errorf("%+v: %v", test, err)
		}
	}
	if err := os.WriteFile(secrets, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create("other", "registry.example.com", arn); !fails(err, "UnableToDecryptSecretValueException") {
		t.Error(err)
	}
	for i := range 49 {
		if err := create(fmt.Sprintf("p%02d", i), "registry.example.com:5000/base", ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := create("toomany", "registry.example.com", ""); !fails(err, "LimitExceededException") {
		t.Error(err)
	}
	var prefixes []string
	pages := ecr.NewDescribePullThroughCacheRulesPaginator(api, &ecr.DescribePullThroughCacheRulesInput{MaxResults: new(int32(20))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.PullThroughCacheRules {
			prefixes = append(prefixes, *r.EcrRepositoryPrefix)
		}
	}
	if len(prefixes) != 50 || prefixes[0] != "hub" || prefixes[49] != "p48" {
		t.Errorf("the rules are %v", prefixes)
	}
	updated, err := api.UpdatePullThroughCacheRule(t.Context(), &ecr.UpdatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("hub")})
	if err != nil || updated.CredentialArn != nil {
		t.Errorf("%+v, %v", updated, err)
	}
	if _, err := api.DeletePullThroughCacheRule(t.Context(), &ecr.DeletePullThroughCacheRuleInput{EcrRepositoryPrefix: new("hub")}); err != nil {
		t.Error(err)
	}
	if _, err := api.DescribePullThroughCacheRules(t.Context(), &ecr.DescribePullThroughCacheRulesInput{EcrRepositoryPrefixes: []string{"hub"}}); !fails(err, "PullThroughCacheRuleNotFoundException") {
		t.Error(err)
	}
	if _, err := api.DescribePullThroughCacheRules(t.Context(), &ecr.DescribePullThroughCacheRulesInput{RegistryId: new(team)}); err == nil {
		t.Error("the rules of another account were shown")
	}
}

// TestPullThrough brings an image at its first pull, keeps it, asks upstream once a day
// whether its tag moved, and serves it without its upstream.
func TestPullThrough(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	first := o.push("team/model:1", randomImage(t, 100_000, 3))
	w, clock := startCache(t, o)
	w.verify(servertest.Region, "up/team/model:1")
	w.imported("up/team/model", first)
	w.verify(servertest.Region, "up/team/model:1")
	w.verify(servertest.Region, "up/team/model@"+first)
	if n := o.count("GET /v2/team/model/manifests/1"); n != 1 {
		t.Errorf("the manifest was fetched %d times", n)
	}
	second := o.push("team/model:1", randomImage(t, 1000, 1))
	clock.pass(23 * time.Hour)
	w = newSite(t, w.Server, w.account, w.config, w.now) // a login is good for 12 hours
	if got := w.head(servertest.Region, "up/team/model:1"); got != first {
		t.Errorf("within a day the tag is %s", got)
	}
	clock.pass(2 * time.Hour)
	w = newSite(t, w.Server, w.account, w.config, w.now)
	w.verify(servertest.Region, "up/team/model:1")
	if got := w.head(servertest.Region, "up/team/model:1"); got != second {
		t.Errorf("after a day the tag is %s, want %s", got, second)
	}
	w.imported("up/team/model", second)
	o.down.Store(true)
	clock.pass(25 * time.Hour)
	w = newSite(t, w.Server, w.account, w.config, w.now)
	w.verify(servertest.Region, "up/team/model:1")
	w.verify(servertest.Region, "up/team/model@"+first)
	if _, err := remote.Get(w.ref(servertest.Region, "up/team/model:absent"), w.once()...); status(err) != http.StatusBadGateway {
		t.Errorf("of an upstream that is down: %v", err)
	}
}

// once are the options of a client that does not try again.
func (w *site) once() []remote.Option {
	return append(w.options(), remote.WithRetryPredicate(func(error) bool { return false }), remote.WithRetryStatusCodes())
}

// TestPullThroughMissing says what is not there, and does not ask for it again at once.
func TestPullThroughMissing(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	w, clock := startCache(t, o)
	for range 5 {
		if _, err := remote.Get(w.ref(servertest.Region, "up/model:1"), w.once()...); status(err) != http.StatusNotFound || !strings.Contains(err.Error(), "NAME_UNKNOWN") {
			t.Fatal(err)
		}
	}
	if n := o.count("GET /v2/model/manifests/1"); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
	if _, err := remote.Get(w.ref(servertest.Region, "elsewhere/model:1"), w.once()...); status(err) != http.StatusNotFound {
		t.Error(err)
	}
	o.push("model:1", randomImage(t, 100, 1))
	clock.pass(2 * time.Minute)
	w.verify(servertest.Region, "up/model:1")
}

// TestPullThroughByAPI brings an image when BatchGetImage asks for it, and gives out URLs of
// its layers before they have come.
func TestPullThroughByAPI(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	img := randomImage(t, 100_000, 2)
	first := o.push("team/model:1", img)
	w, _ := startCache(t, o)
	get := func(ids ...types.ImageIdentifier) *ecr.BatchGetImageOutput {
		t.Helper()
		return just(w.api(servertest.Region).BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: new("up/team/model"), ImageIds: ids}))
	}
	one, absent, bad := types.ImageIdentifier{ImageTag: new("1")}, types.ImageIdentifier{ImageTag: new("absent")}, types.ImageIdentifier{ImageTag: new("a b")}
	_, err := w.api(servertest.Region).BatchGetImage(t.Context(), &ecr.BatchGetImageInput{RepositoryName: new("up/nothing"), ImageIds: []types.ImageIdentifier{absent}})
	if !fails(err, "RepositoryNotFoundException") {
		t.Errorf("a repository that is nowhere: %v", err)
	}
	for range 2 { // while it is imported, and later
		out := get(one, absent, bad)
		if len(out.Images) != 1 || *out.Images[0].ImageId.ImageDigest != first || *out.Images[0].ImageManifest != string(just(img.RawManifest())) {
			t.Fatalf("images: %+v", out.Images)
		}
		var codes []string
		for _, f := range out.Failures {
			codes = append(codes, string(f.FailureCode))
		}
		if !slices.Equal(codes, []string{"ImageNotFound", "InvalidImageTag"}) {
			t.Errorf("failures: %v", codes)
		}
		for _, l := range just(img.Layers()) {
			url := just(w.api(servertest.Region).GetDownloadUrlForLayer(t.Context(), &ecr.GetDownloadUrlForLayerInput{
				RepositoryName: new("up/team/model"), LayerDigest: new(just(l.Digest()).String())}))
			answer := just(http.Get(*url.DownloadUrl))
			got := sha256.New()
			if _, err := io.Copy(got, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
				t.Fatal(answer.Status, err)
			}
			answer.Body.Close()
			if hex.EncodeToString(got.Sum(nil)) != just(l.Digest()).Hex {
				t.Error("the URL leads to other bytes")
			}
		}
		w.imported("up/team/model", first)
	}
	o.down.Store(true)
	out := get(types.ImageIdentifier{ImageTag: new("2")})
	if len(out.Failures) != 1 || out.Failures[0].FailureCode != types.ImageFailureCodeUpstreamUnavailable {
		t.Errorf("of an upstream that is down: %+v", out.Failures)
	}
}

// TestPullThroughAtOnce lets fifty clients pull one image: each blob is fetched once.
func TestPullThroughAtOnce(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	img := randomImage(t, 1<<20, 4)
	o.push("model:1", img)
	w, _ := startCache(t, o)
	var pulls sync.WaitGroup
	for range 50 {
		pulls.Go(func() { w.verify(servertest.Region, "up/model:1") })
	}
	pulls.Wait()
	for _, l := range just(img.Layers()) {
		if n := o.count("GET /v2/model/blobs/" + just(l.Digest()).String()); n != 1 {
			t.Errorf("a layer was fetched %d times", n)
		}
	}
	if n := o.count("GET /v2/model/manifests/1"); n != 1 {
		t.Errorf("the manifest was fetched %d times", n)
	}
}

// TestPullThroughStreams gives a client what has come of a layer before the rest has.
func TestPullThroughStreams(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	img := randomImage(t, 4<<20, 1)
	o.push("model:1", img)
	layer := just(just(img.Layers())[0].Digest())
	content := just(io.ReadAll(just(just(img.Layers())[0].Compressed())))
	rest := make(chan struct{})
	o.set(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/blobs/"+layer.String()) {
			return false
		}
		rw.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = rw.Write(content[:2<<20])
		rw.(http.Flusher).Flush()
		select {
		case <-rest:
			_, _ = rw.Write(content[2<<20:])
		case <-r.Context().Done():
		}
		return true
	})
	w, _ := startCache(t, o)
	pulled, err := remote.Layer(w.ref(servertest.Region, "up/model:1").Context().Digest(layer.String()), w.options()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Get(w.ref(servertest.Region, "up/model:1"), w.options()...); err != nil {
		t.Fatal(err)
	}
	body := just(pulled.Compressed())
	half := make([]byte, 2<<20)
	if _, err := io.ReadFull(body, half); err != nil || !bytes.Equal(half, content[:2<<20]) {
		t.Fatalf("the first half: %v", err)
	}
	close(rest)
	if all, err := io.ReadAll(body); err != nil || !bytes.Equal(all, content[2<<20:]) {
		t.Errorf("the second half: %v", err)
	}
}

// TestPullThroughIndex imports an index with its images, of which a client pulls one.
func TestPullThroughIndex(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	one, two := randomImage(t, 1000, 1), randomImage(t, 1000, 2)
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: one}, mutate.IndexAddendum{Add: two})
	if err := remote.WriteIndex(o.ref("model:1"), index); err != nil {
		t.Fatal(err)
	}
	w, _ := startCache(t, o)
	if _, err := remote.Index(w.ref(servertest.Region, "up/model:1"), w.options()...); err != nil {
		t.Fatal(err)
	}
	w.verify(servertest.Region, "up/model@"+just(one.Digest()).String())
	w.imported("up/model", just(index.Digest()).String())
	o.down.Store(true)
	w.verify(servertest.Region, "up/model@"+just(two.Digest()).String())
}

// TestPullThroughOtherWharf takes another Modelwharf as the upstream, with its login as the
// secret, through its Bearer challenge; and validates the rule.
func TestPullThroughOtherWharf(t *testing.T) {
	t.Parallel()
	up := startSite(t)
	up.create(servertest.Region, "team/model", "")
	d := up.push(servertest.Region, "team/model:1", randomImage(t, 1000, 2))
	auth := just(up.login.Authorization())
	const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ecr-pullthroughcache/wharf-AbCdEf"
	secrets := filepath.Join(t.TempDir(), "secrets.json")
	write := func(password string) {
		host := strings.TrimPrefix(up.URL(), "http://")
		b := just(json.Marshal(map[string]any{arn: map[string]string{"upstream": host, "username": auth.Username, "accessToken": password}}))
		if err := os.WriteFile(secrets, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong")
	w, clock := startCache(t, nil, func(c *server.Config) { c.UpstreamSecrets = secrets })
	url := up.URL() + "/" + up.account + "/" + servertest.Region
	w.rule(ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("up"), UpstreamRegistryUrl: &url, CredentialArn: new(arn)})
	w.rule(ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("team-of-up"), UpstreamRegistryUrl: &url, CredentialArn: new(arn), UpstreamRepositoryPrefix: new("team")})
	w.rule(ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("nobody"), UpstreamRegistryUrl: &url})
	w.rule(ecr.CreatePullThroughCacheRuleInput{EcrRepositoryPrefix: new("nowhere"), UpstreamRegistryUrl: new("http://127.0.0.1:1")})
	valid := func(prefix string) bool {
		out, err := w.api(servertest.Region).ValidatePullThroughCacheRule(t.Context(), &ecr.ValidatePullThroughCacheRuleInput{EcrRepositoryPrefix: &prefix})
		if err != nil {
			t.Fatal(err)
		}
		if !out.IsValid && *out.Failure == "" {
			t.Errorf("%s: no failure is told", prefix)
		}
		return out.IsValid
	}
	if valid("up") || valid("nowhere") {
		t.Error("a rule with a wrong password, or without an upstream, is valid")
	}
	if _, err := remote.Get(w.ref(servertest.Region, "up/team/model:1"), w.once()...); status(err) != http.StatusForbidden || !strings.Contains(err.Error(), "authentication to the upstream registry failed") {
		t.Error(err)
	}
	write(auth.Password)
	if !valid("up") {
		t.Error("the rule is not valid")
	}
	clock.pass(time.Minute)
	w.verify(servertest.Region, "up/team/model:1")
	w.verify(servertest.Region, "team-of-up/model:1")
	w.imported("up/team/model", d)
	if _, err := remote.Get(w.ref(servertest.Region, "nobody/team/model:1"), w.once()...); status(err) != http.StatusForbidden && status(err) != http.StatusNotFound {
		t.Error(err)
	}
}

// TestPullThroughPolicy lets nobody import who may not, and serves them what is there.
func TestPullThroughPolicy(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	o.push("model:1", randomImage(t, 100, 1))
	o.push("model:2", randomImage(t, 100, 1))
	w, _ := startCache(t, o)
	reader := w.user("reader", `"ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"`)
	importer := w.user("importer", `"ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage"`)
	denied := func(who *site, image, action string) {
		t.Helper()
		if _, err := remote.Get(who.ref(servertest.Region, image), who.once()...); status(err) != http.StatusForbidden || !strings.Contains(err.Error(), action) {
			t.Errorf("%s: %v", image, err)
		}
	}
	denied(reader, "up/model:1", "ecr:BatchImportUpstreamImage")
	denied(importer, "up/model:1", "ecr:CreateRepository")
	w.verify(servertest.Region, "up/model:1")
	reader.verify(servertest.Region, "up/model:1")
	denied(reader, "up/model:2", "ecr:BatchImportUpstreamImage")
	importer.verify(servertest.Region, "up/model:2")
}

// TestPullThroughHostile takes nothing from an upstream that is not what it should be.
func TestPullThroughHostile(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	img := randomImage(t, 200_000, 1)
	o.push("model:1", img)
	layer := just(just(img.Layers())[0].Digest()).String()
	size := just(just(img.Layers())[0].Size())
	beside := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "secret") }))
	t.Cleanup(beside.Close)
	for what, hook := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"a manifest of another digest": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			rw.Header().Set("Docker-Content-Digest", fmt.Sprintf("sha256:%x", sha256.Sum256(nil)))
			fmt.Fprint(rw, `{"schemaVersion":2}`)
			return true
		},
		"a manifest that is none": func(rw http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(rw, `<html>`)
			return true
		},
		"a huge manifest": func(rw http.ResponseWriter, r *http.Request) bool {
			fmt.Fprint(rw, `{"schemaVersion":2,"x":"`)
			for {
				if _, err := rw.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
					return true
				}
			}
		},
		"500s": func(rw http.ResponseWriter, r *http.Request) bool {
			rw.WriteHeader(http.StatusInternalServerError)
			return true
		},
		"a redirect to what is beside": func(rw http.ResponseWriter, r *http.Request) bool {
			http.Redirect(rw, r, strings.Replace(beside.URL, "127.0.0.1", "localhost", 1), http.StatusTemporaryRedirect)
			return true
		},
		"a realm beside": func(rw http.ResponseWriter, r *http.Request) bool {
			rw.Header().Set("WWW-Authenticate", `Bearer realm="`+strings.Replace(beside.URL, "127.0.0.1", "localhost", 1)+`",service="x`)
			rw.WriteHeader(http.StatusUnauthorized)
			return true
		},
		"a layer of another digest": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layer) {
				return false
			}
			_, _ = rw.Write(bytes.Repeat([]byte("x"), int(size)))
			return true
		},
		"an endless layer": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layer) {
				return false
			}
			for {
				if _, err := rw.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
					return true
				}
			}
		},
		"a layer that breaks off": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layer) {
				return false
			}
			rw.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = rw.Write([]byte("x"))
			return true
		},
		"a layer of another length": func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, layer) {
				return false
			}
			_, _ = rw.Write([]byte("short"))
			return true
		},
	} {
		t.Run(what, func(t *testing.T) {
			o.set(hook)
			w, _ := startCache(t, o, func(c *server.Config) { c.AllowEgress = []string{o.host} })
			got, err := remote.Image(w.ref(servertest.Region, "up/model:1"), w.once()...)
			if err == nil {
				var l []v1.Layer
				if l, err = got.Layers(); err == nil {
					var r io.ReadCloser
					if r, err = l[0].Compressed(); err == nil {
						_, err = io.Copy(io.Discard, r)
					}
				}
			}
			if err == nil {
				t.Error("it was taken")
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("what is beside was told: %v", err)
			}
		})
	}
	t.Run("not allowed", func(t *testing.T) {
		o.set(nil)
		w, _ := startCache(t, o, func(c *server.Config) { c.AllowEgress = nil })
		if _, err := remote.Get(w.ref(servertest.Region, "up/model:1"), w.once()...); status(err) != http.StatusBadGateway || !strings.Contains(err.Error(), "--allow-egress") {
			t.Error(err)
		}
	})
}

// TestPullThroughResumes goes on with a layer where the upstream broke off, and where
// the server was stopped.
func TestPullThroughResumes(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	img := randomImage(t, 2<<20, 1)
	o.push("model:1", img)
	layer := just(just(img.Layers())[0].Digest()).String()
	content := just(io.ReadAll(just(just(img.Layers())[0].Compressed())))
	var ranges sync.Map
	broken := false
	o.set(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, layer) {
			return false
		}
		ranges.Store(r.Header.Get("Range"), true)
		if !broken {
			broken = true
			rw.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = rw.Write(content[:1<<20])
			return true
		}
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(content))
		return true
	})
	w, _ := startCache(t, o)
	w.verify(servertest.Region, "up/model:1")
	if _, ok := ranges.Load(fmt.Sprintf("bytes=%d-", 1<<20)); !ok {
		ranges.Range(func(k, _ any) bool { t.Logf("asked for %q", k); return true })
		t.Error("the layer was not gone on with")
	}
}
