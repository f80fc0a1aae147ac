package dynamodb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// expiryTest is a service with one table, in a bubble in which time passes only
// when the test sleeps. It does nothing in the background but in settle and run.
type expiryTest struct {
	*testing.T
	ctx   context.Context
	store kv.Store
	s     *dynamodb.Service
}

func expiryBubble(t *testing.T, test func(e *expiryTest)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := kv.Open(mem.New(), kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		e := &expiryTest{T: t, ctx: rootContext(), store: db}
		e.open(db)
		createBenchTable(t, e.s, e.ctx)
		test(e)
	})
}

// open makes the service anew, as after a restart.
func (e *expiryTest) open(store kv.Store) {
	e.Helper()
	e.s = dynamodb.New(dynamodb.Config{Store: store, Identity: newIdentity(e, store), AuditData: dynamodb.AuditNone, Log: slog.New(slog.DiscardHandler)})
}

// run has the service at work in the background until stop is called.
func (e *expiryTest) run() (stop func()) {
	ctx, cancel := context.WithCancel(e.ctx)
	var background sync.WaitGroup
	background.Go(func() { e.s.Run(ctx) })
	return func() { cancel(); background.Wait() }
}

// settle lets the jobs that there are come to their end. No time passes.
func (e *expiryTest) settle() {
	stop := e.run()
	synctest.Wait()
	stop()
}

// ask asks for expiry to be enabled or disabled.
func (e *expiryTest) ask(enable bool, attribute string) error {
	_, err := e.s.UpdateTimeToLive(e.ctx, &api.UpdateTimeToLiveInput{TableName: new(benchTable),
		TimeToLiveSpecification: &api.TimeToLiveSpecification{Enabled: &enable, AttributeName: &attribute}})
	return err
}

// set is ask, with the job that follows.
func (e *expiryTest) set(enable bool, attribute string) {
	e.Helper()
	if err := e.ask(enable, attribute); err != nil {
		e.Fatal(err)
	}
	e.settle()
}

// describe returns the status and, after a blank, the attribute if there is one.
func (e *expiryTest) describe() string {
	e.Helper()
	out, err := e.s.DescribeTimeToLive(e.ctx, &api.DescribeTimeToLiveInput{TableName: new(benchTable)})
	if err != nil {
		e.Fatal(err)
	}
	d := *out.TimeToLiveDescription.TimeToLiveStatus
	if a := out.TimeToLiveDescription.AttributeName; a != nil {
		d += " " + *a
	}
	return d
}

func (e *expiryTest) want(what string, got, want any) {
	e.Helper()
	if got != want {
		e.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func number(n int64) api.AttributeValue {
	return api.AttributeValue{Type: api.TypeN, S: strconv.FormatInt(n, 10)}
}

func word(s string) api.AttributeValue { return api.AttributeValue{Type: api.TypeS, S: s} }

// key is the key of an item that is told from others by one word.
func (e *expiryTest) key(id string) api.Attributes {
	return api.Attributes{{Name: "predictionId", Value: word(id)}, {Name: "timestamp", Value: number(1)}}
}

// put puts the item id with other attributes, which are sorted by name.
func (e *expiryTest) put(id string, others ...api.Attribute) {
	e.Helper()
	if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new(benchTable), Item: e.item(id, others...)}); err != nil {
		e.Fatal(err)
	}
}

func (e *expiryTest) item(id string, others ...api.Attribute) api.Attributes {
	it := e.key(id)
	for _, a := range others {
		it = it.Set(a.Name, a.Value)
	}
	return it
}

// expires is an attribute with the time in so many seconds from now.
func expires(seconds int64) api.Attribute {
	return api.Attribute{Name: "expires", Value: number(time.Now().Unix() + seconds)}
}

// expire deletes what has expired and returns how many there were.
func (e *expiryTest) expire() int {
	e.Helper()
	n, err := e.s.Expire(e.ctx)
	if err != nil {
		e.Fatal(err)
	}
	return n
}

// items returns the items by what tells them apart.
func (e *expiryTest) items() map[string]map[string]map[string]any {
	e.Helper()
	all := map[string]map[string]map[string]any{}
	in := &api.ScanInput{TableName: new(benchTable)}
	for {
		out, err := e.s.Scan(e.ctx, in)
		if err != nil {
			e.Fatal(err)
		}
		for _, raw := range out.Items {
			var it map[string]map[string]any
			if err := json.Unmarshal(raw, &it); err != nil {
				e.Fatal(err)
			}
			all[it["predictionId"]["S"].(string)] = it
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return all
		}
	}
}

// names are the items that are there, in order.
func (e *expiryTest) names() string {
	return strings.Join(slices.Sorted(maps.Keys(e.items())), " ")
}

// wantOrder fails the test unless the order of expiry holds exactly the items that
// have the number attribute, each at its first whole second; and the table's size is
// that of its items.
func (e *expiryTest) wantOrder(attribute string) {
	e.Helper()
	items := e.items()
	want := map[string]bool{}
	for id, it := range items {
		if n, ok := it[attribute]["N"].(string); ok {
			if whole, _, fraction := strings.Cut(n, "."); fraction {
				second, _ := strconv.Atoi(whole)
				n = strconv.Itoa(second + 1)
			}
			want[id+" "+n] = true
		}
	}
	got := e.order()
	for _, key := range got {
		if !want[key] {
			e.Errorf("a key without an item: %s", key)
		}
		delete(want, key)
	}
	for key := range want {
		e.Errorf("an item without a key: %s", key)
	}
	out, err := e.s.DescribeTable(e.ctx, &api.DescribeTableInput{TableName: new(benchTable)})
	if err != nil {
		e.Fatal(err)
	}
	e.want("ItemCount", *out.Table.ItemCount, int64(len(items)))
}

// order reads the keys of all generations: "id second".
func (e *expiryTest) order() (all []string) {
	e.Helper()
	prefix := tuple.Of("dynamodb", "expiry")
	err := e.store.View(e.ctx, func(r kv.Reader) error {
		for entry, err := range r.Scan(e.ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			rest := bytes.Clone(entry.Key[len(prefix):])
			var number [4]uint64 // table, generation, second, hash
			for i := range number {
				if number[i], rest, err = tuple.Uint(rest); err != nil {
					return err
				}
			}
			id, _, err := tuple.Bytes(rest)
			if err != nil {
				return err
			}
			all = append(all, fmt.Sprint(string(id), " ", number[2]))
		}
		return nil
	})
	if err != nil {
		e.Fatal(err)
	}
	return all
}
