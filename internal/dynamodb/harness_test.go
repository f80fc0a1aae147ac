package dynamodb_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/prometheus/client_golang/prometheus"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/wiretest"
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

// fixture is a service on a store in memory, with a client that reaches it over
// the loopback device as the root of an account.
type fixture struct {
	client   *sdk.Client
	service  *dynamodb.Service
	identity *identity.Service
	store    kv.Store
	clock    *clock
	metrics  *prometheus.Registry
	url      string
	root     string // the access key of the account's root
}

const account = "000000000000"

func start(t testing.TB, change ...func(*dynamodb.Config)) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{t: time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)}}
	store, err := kv.Open(mem.New(), kv.Options{Now: f.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	f.store = store
	f.identity = newIdentity(t, store)
	key, err := f.identity.EnsureRoot(t.Context(), account, "", "")
	if err != nil {
		t.Fatal(err)
	}
	f.root = key.AccessKeyID
	f.metrics = prometheus.NewPedanticRegistry()
	config := dynamodb.Config{Store: store, Identity: f.identity, Now: f.clock.now, Metrics: f.metrics}
	for _, change := range change {
		change(&config)
	}
	f.service = dynamodb.New(config)
	server := httptest.NewServer(f.handler())
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	f.url = server.URL
	f.client = f.as(f.root)
	return f
}

func newIdentity(t testing.TB, store kv.Store) *identity.Service {
	t.Helper()
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := identity.New(identity.Config{Store: store, Seal: seal})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as is a client that uses an access key.
func (f *fixture) as(accessKey string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &f.url, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: wiretest.Transport(16)},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, "not looked at", ""),
	})
}

// user makes a user of the account with a policy, and returns its client.
func (f *fixture) user(t *testing.T, name, policy string) *sdk.Client {
	t.Helper()
	return f.as(f.userKey(t, name, policy))
}

// userKey makes a user of the account with a policy, and returns its access key.
func (f *fixture) userKey(t *testing.T, name, policy string) string {
	t.Helper()
	ctx := rootContext()
	if _, err := f.identity.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.identity.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("own"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	out, err := f.identity.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return *out.AccessKey.AccessKeyId
}

// handler does what a server does, but believes in every signature.
func (f *fixture) handler() http.Handler {
	tables, changes := awsjson.New(f.service.API()), awsjson.New(streams.New(f.service))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const id = "00000000-0000-0000-0000-000000000000"
		protocol := tables
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDBStreams") {
			protocol = changes
		}
		answer := func() (err error) {
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
			who, _, err := f.identity.Lookup(r.Context(), scope[0], "")
			if err != nil {
				return err
			}
			ctx := f.identity.Admit(wharf.WithRequest(r.Context(), &wharf.Request{
				ID: id, Service: "dynamodb", Operation: call.Name, Region: scope[2], Time: f.clock.now(),
			}), who)
			in, err := call.Input()
			if err != nil {
				return err
			}
			out, err := call.Operation.Call(ctx, in)
			if err != nil {
				return err
			}
			return protocol.WriteAnswer(w, id, call, out)
		}
		if err := answer(); err != nil {
			protocol.WriteError(w, id, wharf.AsError(err))
		}
	})
}

// rootContext is the context of a request of the account's root.
func rootContext() context.Context {
	return wharf.WithRequest(context.Background(), &wharf.Request{
		ID: "test", Service: "dynamodb", Operation: "PutItem", Region: "us-east-1",
		Caller: wharf.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Type: wharf.RootCaller},
	})
}
