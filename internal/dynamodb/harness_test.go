package dynamodb_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/go-faster/jx"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
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
// the loopback device.
type fixture struct {
	client  *sdk.Client
	service *dynamodb.Service
	store   kv.Store
	clock   *clock
	url     string
}

const account = "000000000000"

func start(t testing.TB) *fixture {
	t.Helper()
	store, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{store: store, clock: &clock{t: time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)}}
	f.service = dynamodb.New(dynamodb.Config{Store: store, Identity: &identity.Service{}, Now: f.clock.now})
	server := httptest.NewServer(f.handler(t))
	t.Cleanup(func() {
		server.Close()
		store.Close()
	})
	f.url = server.URL
	f.client = sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials:                     credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		DisableValidateResponseChecksum: true,
	})
	return f
}

// handler speaks as much of the JSON protocol as these tests need, for the root of
// an account whose signature nobody checks.
func (f *fixture) handler(t testing.TB) http.Handler {
	operations := map[string]wharf.Operation{}
	for _, op := range api.New(f.service).Operations {
		operations[op.Name] = op
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		op := operations[name]
		scope := strings.Split(r.Header.Get("Authorization"), "/")
		body, err := io.ReadAll(r.Body)
		if err != nil || op.Call == nil || len(scope) < 3 {
			http.Error(w, "bad request", http.StatusNotFound)
			return
		}
		ctx := wharf.WithRequest(r.Context(), &wharf.Request{
			ID: "test", Service: "dynamodb", Operation: name, Region: scope[2], Time: f.clock.now(),
			Caller: wharf.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Type: wharf.RootCaller},
		})
		in := op.NewInput()
		var violations wharf.Violations
		err = in.(codec.Shape).DecodeJSON(jx.DecodeBytes(body))
		if err == nil {
			in.Validate(&violations)
			err = violations.Err()
		}
		var out any
		if err == nil {
			out, err = op.Call(ctx, in)
		}
		e := &jx.Encoder{}
		if err != nil {
			failed := wharf.AsError(err)
			if failed.Cause != nil {
				t.Log(err)
			}
			w.WriteHeader(failed.HTTPStatus())
			e.ObjStart()
			e.Field("__type", func(e *jx.Encoder) { e.Str(failed.Code) })
			e.Field("message", func(e *jx.Encoder) { e.Str(failed.Message) })
			if d, ok := failed.Detail.(*api.ConditionalCheckFailedExceptionDetail); ok {
				e.Field("Item", func(e *jx.Encoder) { e.Raw(jx.Raw(d.Item)) })
			}
			e.ObjEnd()
		} else {
			out.(codec.Shape).EncodeJSON(e)
		}
		w.Write(e.Bytes())
	})
}
