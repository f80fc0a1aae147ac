package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	functions "github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/lambda"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

const account = "000000000000"

// world is the services over a store in memory, without a server: a test can stop the
// one that invokes functions at any time, and start another on the same store.
type world struct {
	t        testing.TB
	store    kv.Store
	identity *identity.Service
	tables   *dynamodb.Service
	source   lambda.Streams
	pages    *pagetoken.Sealer
	lambda   *lambda.Service
	skew     atomic.Int64 // by how much the clock is ahead
	role     string
	stream   string // of the table "models"
	stop     func()
}

func newWorld(t *testing.T) *world {
	w := newWorldOn(t, nil)
	w.table()
	return w
}

// newWorldOn is a world without a table, whose mappings read other streams if they are
// not nil.
func newWorldOn(t testing.TB, source lambda.Streams) *world {
	w := &world{t: t, source: source, stream: "arn:aws:dynamodb:us-east-1:" + account + ":table/models/stream/2026-01-01T00:00:00.000"}
	db, err := kv.Open(mem.New(), kv.Options{Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w.store = db
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w.pages = seal.Pages()
	log := slog.New(slog.DiscardHandler)
	if w.identity, err = identity.New(identity.Config{Store: db, Seal: seal, Now: w.now, Log: log}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.identity.EnsureRoot(t.Context(), account, "AKIAROOTROOTROOTROOT", "secret-of-the-root"); err != nil {
		t.Fatal(err)
	}
	w.tables = dynamodb.New(dynamodb.Config{Store: db, Identity: w.identity, Now: w.now, Log: log, Pages: w.pages, ShardLife: time.Millisecond})
	if source == nil {
		w.source = w.tables
	}
	w.run()
	w.role = w.newRole("runner", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","lambda:InvokeFunction"],"Resource":"*"}]}`)
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }

// run starts a service on the store; it ends with stop, or with the test.
func (w *world) run() {
	allow, err := egress.ParseAllow("127.0.0.0/8")
	if err != nil {
		w.t.Fatal(err)
	}
	w.lambda = lambda.New(lambda.Config{
		Store: w.store, Identity: w.identity, Pages: w.pages, Egress: egress.NewClient(allow), Streams: w.source, Now: w.now, Owner: "test",
		Log: slog.New(slog.DiscardHandler), Look: 20 * time.Millisecond, Pause: func(int) time.Duration { return time.Millisecond },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	service := w.lambda
	running.Go(func() { _ = service.Run(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	w.t.Cleanup(w.stop)
}

// root is the context of a request of the account's root.
func (w *world) root(service, operation string) context.Context {
	arn := "arn:aws:iam::" + account + ":root"
	return api.WithRequest(w.t.Context(), &api.Request{
		ID: fmt.Sprint("r", w.now().UnixNano()), Service: service, Operation: operation, Region: "us-east-1", Time: w.now(), SourceIP: netip.MustParseAddr("127.0.0.1"),
		Caller: api.Caller{Account: account, ARN: arn, Principal: arn, UserID: account, Type: api.RootCaller},
	})
}

// must returns what an operation answers, which must not fail.
func must[I, O any](w *world, service string, operation func(context.Context, *I) (*O, error), in *I) *O {
	w.t.Helper()
	out, err := operation(w.root(service, "test"), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) newRole(name, policy string) string {
	w.t.Helper()
	out := must(w, "iam", w.identity.CreateRole, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(trust)})
	w.setPolicy(name, policy)
	return *out.Role.Arn
}

func (w *world) setPolicy(role, policy string) {
	w.t.Helper()
	must(w, "iam", w.identity.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: new("p"), PolicyDocument: &policy})
}

// table makes the table "models" with a stream.
func (w *world) table() {
	w.t.Helper()
	out := must(w, "dynamodb", w.tables.CreateTable, &tables.CreateTableInput{
		TableName: new("models"), BillingMode: new("PAY_PER_REQUEST"),
		AttributeDefinitions: []*tables.AttributeDefinition{{AttributeName: new("id"), AttributeType: new("S")}},
		KeySchema:            []*tables.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
		StreamSpecification:  &tables.StreamSpecification{StreamEnabled: new(true), StreamViewType: new("NEW_AND_OLD_IMAGES")},
	})
	w.stream = *out.TableDescription.LatestStreamArn
}

func (w *world) put(id, v string) {
	w.t.Helper()
	must(w, "dynamodb", w.tables.PutItem, &tables.PutItemInput{TableName: new("models"), Item: item("id", id, "v", v)})
}

// item is an item of texts.
func item(namesAndValues ...string) (a tables.Attributes) {
	for i := 0; i < len(namesAndValues); i += 2 {
		a = a.Set(namesAndValues[i], tables.AttributeValue{Type: tables.TypeS, S: namesAndValues[i+1]})
	}
	return a
}

func (w *world) function(name, url string) {
	w.t.Helper()
	must(w, "lambda", w.lambda.CreateFunction, &functions.CreateFunctionRequest{
		FunctionName: &name, Role: &w.role, PackageType: new("Image"), Code: &functions.FunctionCode{ImageUri: &url}})
}

// mapping maps the stream of the table to a function and waits until that is enabled.
func (w *world) mapping(function string, changes ...func(*functions.CreateEventSourceMappingRequest)) string {
	w.t.Helper()
	in := &functions.CreateEventSourceMappingRequest{FunctionName: &function, EventSourceArn: &w.stream, StartingPosition: new("TRIM_HORIZON")}
	for _, change := range changes {
		change(in)
	}
	m := must(w, "lambda", w.lambda.CreateEventSourceMapping, in)
	if *m.State != "Creating" {
		w.t.Error(*m.State)
	}
	state := "Enabled"
	if in.Enabled != nil && !*in.Enabled {
		state = "Disabled"
	}
	w.await(*m.UUID, func(m *functions.EventSourceMappingConfiguration) bool { return *m.State == state })
	return *m.UUID
}

// await waits until a mapping is as it is to be.
func (w *world) await(uuid string, is func(*functions.EventSourceMappingConfiguration) bool) {
	w.t.Helper()
	for tries := 0; ; tries++ {
		m := must(w, "lambda", w.lambda.GetEventSourceMapping, &functions.GetEventSourceMappingRequest{UUID: &uuid})
		if is(m) {
			return
		}
		if tries > 5000 {
			w.t.Fatalf("the mapping stays %s, %s", *m.State, *m.LastProcessingResult)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// call is an invocation of a function: the records that it got.
type call struct {
	id      string
	body    []byte
	records []record
	answer  chan<- answer
}

type record struct {
	EventID, EventName, EventVersion, EventSource, AwsRegion, EventSourceARN string
	Dynamodb                                                                 struct {
		ApproximateCreationDateTime float64
		Keys, NewImage, OldImage    map[string]map[string]string
		SequenceNumber              string
		SizeBytes                   int
		StreamViewType              string
	}
	UserIdentity map[string]string
}

func (r record) id() string { return r.Dynamodb.Keys["id"]["S"] }
func (r record) v() string  { return r.Dynamodb.NewImage["v"]["S"] }

// shown is the records of a call as id=v.
func (c call) shown() string {
	var list []string
	for _, r := range c.records {
		list = append(list, r.id()+"="+r.v())
	}
	return strings.Join(list, " ")
}

// answer is what a function does with a call.
type answer struct {
	status int
	body   string
}

// code is the code of a function: it hands each call to the test, which answers it.
func code(t *testing.T) (url string, calls <-chan call) {
	ch := make(chan call)
	url = endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event struct{ Records []record }
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		answers := make(chan answer, 1)
		select {
		case ch <- call{r.Header.Get("Lambda-Runtime-Aws-Request-Id"), body, event.Records, answers}:
		case <-r.Context().Done():
			return
		}
		select {
		case a := <-answers:
			w.WriteHeader(a.status)
			fmt.Fprint(w, a.body)
		case <-r.Context().Done():
		}
	})
	return url, ch
}

// want answers the next call, which must have some records.
func want(t *testing.T, calls <-chan call, records string, a answer) call {
	t.Helper()
	select {
	case c := <-calls:
		if got := c.shown(); got != records {
			t.Errorf("got %q, want %q", got, records)
		}
		c.answer <- a
		return c
	case <-time.After(20 * time.Second):
		t.Fatalf("no call with %q", records)
	}
	panic("unreachable")
}

var done, fails = answer{200, ""}, answer{500, "no"}

// ledger keeps what a function that always answers got, by item.
type ledger struct {
	mu    sync.Mutex
	items map[string][]string
	n     int
}

func (l *ledger) add(c call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.items == nil {
		l.items = map[string][]string{}
	}
	for _, r := range c.records {
		l.items[r.id()] = append(l.items[r.id()], r.v())
		l.n++
	}
}

// inOrder reports whether an item's values came in order, from 0 to n-1, each at least
// once; those of a batch that was sent again come again.
func inOrder(got []string, n int) bool {
	next := 0
	for _, v := range got {
		var i int
		fmt.Sscan(v, &i)
		switch {
		case i == next:
			next++
		case i > next:
			return false
		}
	}
	return next == n
}

var _ lambda.Streams = (*dynamodb.Service)(nil)
