package ecr_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/aws/smithy-go"
	"github.com/opencontainers/go-digest"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
)

// The accounts and the region of a world.
const (
	home   = "111111111111"
	abroad = "222222222222"
	region = "eu-west-1"
)

// world is both APIs and the registry protocol on a loopback port, with two accounts. Its
// clock stands still unless it is told to go.
type world struct {
	t        testing.TB
	url      string
	images   *ecr.Service
	identity *identity.Service
	store    *kv.DB
	mu       sync.Mutex
	time     time.Time
	roots    map[string]string // the access keys of the accounts' roots
	// between, if it is set, is called once, in the next transaction of the images before
	// it commits.
	between atomic.Pointer[func()]
}

// interrupted is a store whose transactions call what is between.
type interrupted struct {
	kv.Store
	w *world
}

func (s interrupted) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	return s.Store.Update(ctx, func(tx kv.Txn) error {
		err := fn(tx)
		if between := s.w.between.Swap(nil); between != nil {
			(*between)()
		}
		return err
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func newWorld(t testing.TB, set ...func(*ecr.Config)) *world {
	t.Helper()
	w := &world{t: t, time: time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC), roots: map[string]string{}}
	var err error
	if w.store, err = kv.Open(mem.New(), kv.Options{Now: w.now}); err != nil {
		t.Fatal(err)
	}
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if w.identity, err = identity.New(identity.Config{Store: w.store, Seal: seal, Now: w.now}); err != nil {
		t.Fatal(err)
	}
	key, err := w.identity.EnsureRoot(t.Context(), home, "", "")
	if err != nil {
		t.Fatal(err)
	}
	w.roots[home] = key.AccessKeyID
	_, key, err = w.identity.CreateAccount(w.as(home), identity.Account{ID: abroad, Name: "abroad"})
	if err != nil {
		t.Fatal(err)
	}
	w.roots[abroad] = key.AccessKeyID
	blobs, err := dir.Open(t.TempDir(), dir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := ecr.Config{
		Store: interrupted{w.store, w}, Blobs: blobs, Identity: w.identity, Seal: seal.Pages(), Now: w.now,
		BaseURL: func(context.Context) string { return w.url },
	}
	for _, f := range set {
		f(&c)
	}
	w.images = ecr.New(c)
	registry := oci.New(oci.Config{
		Images: w.images,
		Begin: func(*http.Request) *wharf.Request {
			return &wharf.Request{ID: "test", Region: region, Time: w.now()}
		},
	})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if oci.Serves(r.URL.Path) {
			registry.ServeHTTP(rw, r)
			return
		}
		w.answer(rw, r)
	}))
	t.Cleanup(func() {
		server.Close()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.url = server.URL
	return w
}

// answer does what a server does with a request to the APIs, but believes in every
// signature.
func (w *world) answer(rw http.ResponseWriter, r *http.Request) {
	const id = "00000000-0000-0000-0000-000000000000"
	service := w.images.API()
	if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "Spencer") {
		service = w.images.PublicAPI()
	}
	protocol := awsjson.New(service)
	err := func() error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		call, failed := protocol.Open(r, body)
		if failed != nil {
			return failed
		}
		_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		scope := strings.SplitN(credential, "/", 4)
		who, _, err := w.identity.Lookup(r.Context(), scope[0], "")
		if err != nil {
			return err
		}
		ctx := w.identity.Admit(wharf.WithRequest(r.Context(), &wharf.Request{
			ID: id, Service: service.Name, Operation: call.Name, Region: scope[2], Time: w.now(),
		}), who)
		in, err := call.Input()
		if err != nil {
			return err
		}
		out, err := call.Operation.Call(ctx, in)
		if err != nil {
			return err
		}
		return protocol.WriteAnswer(rw, id, call, out)
	}()
	if err != nil {
		protocol.WriteError(rw, id, wharf.AsError(err))
	}
}

// as is the context of a request of an account's root.
func (w *world) as(account string) context.Context {
	return wharf.WithRequest(w.t.Context(), &wharf.Request{
		ID: "test", Service: "ecr", Operation: "Test", Region: region, Time: w.now(),
		Caller: wharf.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Type: wharf.RootCaller},
	})
}

// user makes a user of an account with a policy, and returns their access key.
func (w *world) user(account, name, policy string) string {
	w.t.Helper()
	ctx := w.as(account)
	must(w.t)(w.identity.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
	if policy != "" {
		must(w.t)(w.identity.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("own"), PolicyDocument: &policy}))
	}
	return *must2(w.t, func() (*iam.CreateAccessKeyOutput, error) {
		return w.identity.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	}).AccessKey.AccessKeyId
}

// allow is a policy of a user that allows actions on everything.
func allow(actions string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[%s],"Resource":"*"}]}`, actions)
}

// must fails the test on an error of a call.
func must(t testing.TB) func(any, error) {
	return func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func must2[T any](t testing.TB, call func() (T, error)) T {
	t.Helper()
	v, err := call()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// private is a client of ECR that uses an access key.
func (w *world) private(accessKey string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "not looked at", ""),
	})
}

// public is one of ECR Public.
func (w *world) public(accessKey string) *sdkpublic.Client {
	return sdkpublic.New(sdkpublic.Options{
		Region: "us-east-1", BaseEndpoint: &w.url, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "not looked at", ""),
	})
}

// create creates a private repository at home.
func (w *world) create(name string) {
	w.t.Helper()
	must(w.t)(w.private(w.roots[home]).CreateRepository(w.t.Context(), &sdk.CreateRepositoryInput{RepositoryName: &name}))
}

// wants fails the test unless an error has a code, "" for none, and a message with a text.
func (w *world) wants(what string, err error, code, message string) {
	w.t.Helper()
	if code == "" {
		if err != nil {
			w.t.Errorf("%s: %v", what, err)
		}
		return
	}
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), message) {
		w.t.Errorf("%s: the error is %v, want %s with %q", what, err, code, message)
	}
}

// http sends a request to the registry, with a token of who has an access key, or of
// nobody, and returns the status and the body of the answer.
func (w *world) http(accessKey, method, path string, body []byte, headers ...string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/v2/"+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if accessKey != "" {
		r.Header.Set("Authorization", "Bearer "+w.token(accessKey))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// token is a token of who has an access key.
func (w *world) token(accessKey string) string {
	w.t.Helper()
	who, _, err := w.identity.Lookup(w.t.Context(), accessKey, "")
	if err != nil {
		w.t.Fatal(err)
	}
	token, _, err := w.images.NewToken(w.identity.Admit(w.as(home), who))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// keys is how many keys the store has of a kind of record.
func (w *world) keys(kind string) (n int) {
	w.t.Helper()
	prefix := tuple.Of("ecr", kind)
	must(w.t)(nil, w.store.View(w.t.Context(), func(tx kv.Reader) error {
		for _, err := range tx.Scan(w.t.Context(), kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

// path is where a private repository is in the registry.
func path(account, name string) string { return account + "/" + region + "/" + name }

// push pushes an image of a config, as a client does, and returns its digest and the
// status of the first request that failed, or 201.
func (w *world) push(accessKey, repository, config string, tags ...string) (digest.Digest, int) {
	w.t.Helper()
	status, _ := w.http(accessKey, "POST", repository+"/blobs/uploads/?digest="+digest.FromString(config).String(), []byte(config))
	if status != http.StatusCreated {
		return "", status
	}
	m := fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]}`,
		ecr.OCIManifest, digest.FromString(config), len(config))
	d := digest.FromBytes(m)
	if len(tags) == 0 {
		tags = []string{d.String()}
	}
	for _, tag := range tags {
		if status, _ = w.http(accessKey, "PUT", repository+"/manifests/"+tag, m, "Content-Type", ecr.OCIManifest); status != http.StatusCreated {
			return d, status
		}
	}
	return d, http.StatusCreated
}

// post sends the body of a request to an API, for what no SDK knows.
func (w *world) post(accessKey, target, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20261120/"+region+"/ecr/aws4_request")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// events are the audit trail of an account, as JSON.
func (w *world) events(account string) (list []string) {
	w.t.Helper()
	found, err := audit.Search(w.t.Context(), w.store, audit.Query{Account: account, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range found.Events {
		list = append(list, string(found.Events[i].JSON()))
	}
	return list
}
