package predictions_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	tables "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

const (
	account   = "111111111111"
	region    = "eu-west-1"
	table     = "predictions"
	role      = "arn:aws:iam::" + account + ":role/model"
	readsOnly = "arn:aws:iam::" + account + ":role/reader"
	digest    = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

const trustsModels = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func allow(actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"arn:aws:dynamodb:` + region + `:` + account + `:table/` + table + `"}]}`
}

// world is a cache before a real table, with a model that is counted.
type world struct {
	testing.TB
	ctx      context.Context
	store    kv.Store
	identity *identity.Service
	items    *dynamodb.Service
	table    *flakyTable
	metrics  *prometheus.Registry
	*predictions.Cache

	generation atomic.Pointer[string]
	calls      atomic.Int64
	model      predictions.Model // what is called; echo if nil
}

// flakyTable is a table that does what a test says, and counts.
type flakyTable struct {
	predictions.Table
	mu     sync.Mutex
	fail   func(ctx context.Context, operation string) error
	counts map[string]int
}

func (t *flakyTable) do(ctx context.Context, operation string) error {
	t.mu.Lock()
	t.counts[operation]++
	fail := t.fail
	t.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(ctx, operation)
}

func (t *flakyTable) count(operation string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[operation]
}

func (t *flakyTable) set(fail func(ctx context.Context, operation string) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail = fail
}

func (t *flakyTable) Newest(ctx context.Context, at predictions.Place, id string, now, latest time.Time) (*predictions.Row, error) {
	if err := t.do(ctx, "Newest"); err != nil {
		return nil, err
	}
	return t.Table.Newest(ctx, at, id, now, latest)
}

func (t *flakyTable) Lacks(at predictions.Place, id string) bool {
	lacks := t.Table.Lacks(at, id)
	if lacks {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.counts["Lacks"]++
	}
	return lacks
}

func (t *flakyTable) Put(ctx context.Context, at predictions.Place, row *predictions.Row, lease *predictions.Lease) error {
	if err := t.do(ctx, "Put"); err != nil {
		return err
	}
	return t.Table.Put(ctx, at, row, lease)
}

func (t *flakyTable) Take(ctx context.Context, at predictions.Place, lease *predictions.Lease, now time.Time) error {
	if err := t.do(ctx, "Take"); err != nil {
		return err
	}
	return t.Table.Take(ctx, at, lease, now)
}

func (t *flakyTable) Renew(ctx context.Context, at predictions.Place, lease *predictions.Lease) error {
	if err := t.do(ctx, "Renew"); err != nil {
		return err
	}
	return t.Table.Renew(ctx, at, lease)
}

func (t *flakyTable) Drop(ctx context.Context, at predictions.Place, lease *predictions.Lease) error {
	if err := t.do(ctx, "Drop"); err != nil {
		return err
	}
	return t.Table.Drop(ctx, at, lease)
}

// bubble runs a test in a bubble in which time passes only when everybody waits.
func bubble(t *testing.T, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.New())
		defer func() {
			w.Wait()
			if err := w.store.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(w)
	})
}

func newWorld(t testing.TB, engine kv.Engine) *world {
	t.Helper()
	w := openWorld(t, engine)
	for name, actions := range map[string]string{
		"model":  `["dynamodb:Query","dynamodb:PutItem","dynamodb:DeleteItem"]`,
		"reader": `"dynamodb:Query"`,
	} {
		if _, err := w.identity.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(trustsModels)}); err != nil {
			t.Fatal(err)
		}
		w.permit(name, actions)
	}
	w.createTable()
	return w
}

// openWorld opens a world that there is.
func openWorld(t testing.TB, engine kv.Engine) *world {
	t.Helper()
	w := &world{TB: t, metrics: prometheus.NewPedanticRegistry()}
	store, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.store = store
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	if w.identity, err = identity.New(identity.Config{Store: store, Seal: seal}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.identity.EnsureRoot(t.Context(), account, "", ""); err != nil {
		t.Fatal(err)
	}
	w.ctx = api.WithRequest(t.Context(), &api.Request{ID: "test", Service: "dynamodb", Region: region,
		Caller: api.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Type: api.RootCaller}})
	w.items = dynamodb.New(dynamodb.Config{Store: store, Identity: w.identity, AuditData: dynamodb.AuditNone, Log: slog.New(slog.DiscardHandler)})
	w.table = &flakyTable{Table: predictions.NewTables(w.items, w.identity, time.Now), counts: map[string]int{}}
	w.promote("g1")
	w.Cache = w.node(predictions.Config{Metrics: w.metrics})
	return w
}

// node is another cache on the same table, as of another server.
func (w *world) node(c predictions.Config) *predictions.Cache {
	c.Table, c.Log = w.table, slog.New(slog.DiscardHandler)
	c.Generation = func(context.Context, *predictions.Question) (string, error) { return *w.generation.Load(), nil }
	return predictions.New(c)
}

func (w *world) createTable() {
	w.Helper()
	_, err := w.items.CreateTable(w.ctx, &tables.CreateTableInput{TableName: new(table), BillingMode: new("PAY_PER_REQUEST"),
		AttributeDefinitions: []*tables.AttributeDefinition{
			{AttributeName: new("predictionId"), AttributeType: new("S")}, {AttributeName: new("timestamp"), AttributeType: new("N")}},
		KeySchema: []*tables.KeySchemaElement{
			{AttributeName: new("predictionId"), KeyType: new("HASH")}, {AttributeName: new("timestamp"), KeyType: new("RANGE")}}})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) permit(name, actions string) {
	w.Helper()
	if _, err := w.identity.PutRolePolicy(w.ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("p"), PolicyDocument: new(allow(actions))}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) promote(generation string) { w.generation.Store(&generation) }

// echo is a model that answers with its call's number.
func (w *world) call(ctx context.Context) (*predictions.Answer, error) {
	n := w.calls.Add(1)
	if w.model != nil {
		return w.model(ctx)
	}
	return &predictions.Answer{Status: 200, ContentType: "application/json", Body: fmt.Appendf(nil, `{"call":%d}`, n)}, nil
}

// question is a prediction that one asks for, changed.
func (w *world) question(change ...func(*predictions.Prediction)) *predictions.Prediction {
	p := &predictions.Prediction{
		Question: predictions.Question{
			Account: account, Region: region, Endpoint: "iris", Generation: *w.generation.Load(), Variant: "AllTraffic", Model: "iris-1",
			ImageDigest: digest, ContentType: "application/json", Accept: "application/json", Body: []byte(`{"x":[5.1,3.5,1.4,0.2]}`),
		},
		Settings: &predictions.Settings{Table: table, TTL: time.Hour},
		Role:     role,
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// predict asks, and waits for the fill.
func (w *world) predict(p *predictions.Prediction) predictions.Result {
	w.Helper()
	return w.predictOn(w.Cache, p)
}

func (w *world) predictOn(c *predictions.Cache, p *predictions.Prediction) predictions.Result {
	w.Helper()
	r, err := c.Predict(w.ctx, p, w.call)
	if err != nil {
		w.Fatal(err)
	}
	c.Wait()
	return r
}

// want asks, and checks what the cache did and the answer's body.
func (w *world) want(outcome predictions.Outcome, body string, p *predictions.Prediction) {
	w.Helper()
	r := w.predict(p)
	if r.Outcome != outcome || string(r.Body) != body {
		w.Errorf("%s %s, not %s %s", r.Outcome, r.Body, outcome, body)
	}
}

// forget empties the memory: what follows is answered by the table.
func (w *world) restart() { w.Cache = w.node(predictions.Config{}) }

// rows are the items of the table.
func (w *world) rows() []tables.RawAttributes {
	w.Helper()
	out, err := w.items.Scan(w.ctx, &tables.ScanInput{TableName: new(table)})
	if err != nil {
		w.Fatal(err)
	}
	return out.Items
}

var errUnreachable = errors.New("unreachable")
