package dynamodb_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// updateIndexes asks for a change of the indexes of the table.
func (e *expiryTest) updateIndexes(u api.GlobalSecondaryIndexUpdate) {
	e.Helper()
	_, err := e.s.UpdateTable(e.ctx, &api.UpdateTableInput{TableName: new(benchTable), GlobalSecondaryIndexUpdates: []*api.GlobalSecondaryIndexUpdate{&u},
		AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: new("expires"), AttributeType: new("N")}, {AttributeName: new("timestamp"), AttributeType: new("N")}}})
	if err != nil {
		e.Fatal(err)
	}
}

// createIndex asks for an index by the numbers "expires" of the table's items.
func (e *expiryTest) createIndex(name, projection string) {
	e.Helper()
	e.updateIndexes(api.GlobalSecondaryIndexUpdate{Create: &api.CreateGlobalSecondaryIndexAction{IndexName: &name,
		KeySchema:  []*api.KeySchemaElement{{AttributeName: new("expires"), KeyType: new("HASH")}, {AttributeName: new("timestamp"), KeyType: new("RANGE")}},
		Projection: &api.Projection{ProjectionType: &projection}}})
}

func (e *expiryTest) deleteIndex(name string) {
	e.Helper()
	e.updateIndexes(api.GlobalSecondaryIndexUpdate{Delete: &api.DeleteGlobalSecondaryIndexAction{IndexName: &name}})
}

// index describes the index of a name, nil if there is none.
func (e *expiryTest) index(name string) *api.GlobalSecondaryIndexDescription {
	e.Helper()
	out, err := e.s.DescribeTable(e.ctx, &api.DescribeTableInput{TableName: new(benchTable)})
	if err != nil {
		e.Fatal(err)
	}
	for _, x := range out.Table.GlobalSecondaryIndexes {
		if *x.IndexName == name {
			return x
		}
	}
	return nil
}

// settled waits for an index to be ACTIVE.
func (e *expiryTest) settled(name string) {
	e.Helper()
	for *e.index(name).IndexStatus != "ACTIVE" {
		time.Sleep(time.Millisecond)
	}
}

// scanned reads the table, or an index of it, in the order of the items' texts.
func (e *expiryTest) scanned(index *string) (all []string) {
	e.Helper()
	in := &api.ScanInput{TableName: new(benchTable), IndexName: index}
	for {
		out, err := e.s.Scan(e.ctx, in)
		if err != nil {
			e.Fatal(err)
		}
		for _, it := range out.Items {
			all = append(all, string(it))
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			slices.Sort(all)
			return all
		}
	}
}

// wantIndex fails the test unless an index is what follows from the items of the table,
// and the store holds so many entries of all indexes.
func (e *expiryTest) wantIndex(name string, keysOnly bool, indexes int) {
	e.Helper()
	var want []string
	for _, text := range e.scanned(nil) {
		var it map[string]map[string]string
		if err := json.Unmarshal([]byte(text), &it); err != nil {
			e.Fatal(err)
		}
		if it["expires"]["N"] == "" {
			continue
		}
		if keysOnly {
			maps.DeleteFunc(it, func(name string, _ map[string]string) bool {
				return name != "expires" && name != "timestamp" && name != "predictionId"
			})
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		if err := enc.Encode(it); err != nil {
			e.Fatal(err)
		}
		want = append(want, strings.TrimSpace(b.String()))
	}
	slices.Sort(want)
	got := e.scanned(&name)
	if !slices.Equal(got, want) {
		e.Errorf("%s has %d entries, want %d", name, len(got), len(want))
		for _, text := range got {
			if _, ok := slices.BinarySearch(want, text); !ok {
				e.Errorf("an entry of no item: %s", text)
				break
			}
		}
	}
	x := e.index(name)
	e.want("ItemCount", *x.ItemCount, int64(len(want)))
	if !keysOnly {
		out, err := e.s.DescribeTable(e.ctx, &api.DescribeTableInput{TableName: new(benchTable)})
		if err != nil {
			e.Fatal(err)
		}
		if len(want) == int(*out.Table.ItemCount) {
			e.want("IndexSizeBytes", *x.IndexSizeBytes, *out.Table.TableSizeBytes)
		}
	}
	e.want("entries", countKeys(e.T, e.store, "entry"), indexes*len(want))
}

// writers has clients put, move and delete items at random until stop is called.
func (e *expiryTest) writers(items int) (stop func()) {
	var running sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		running.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(w)))
			for {
				select {
				case <-done:
					return
				default:
				}
				// Who retries waits, which it can in the bubble only while all do.
				if random.IntN(50) == 0 {
					time.Sleep(time.Duration(random.IntN(100)) * time.Microsecond)
				}
				id := fmt.Sprint(random.IntN(items + 500))
				switch random.IntN(4) {
				case 0:
					e.put(id)
				case 1:
					if _, err := e.s.DeleteItem(e.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: e.key(id)}); err != nil {
						e.Error(err)
					}
				default:
					e.put(id, api.Attribute{Name: "expires", Value: number(random.Int64N(1000))}, api.Attribute{Name: "note", Value: word(fmt.Sprint(random.IntN(100)))})
				}
			}
		})
	}
	return func() { close(done); running.Wait() }
}

// TestIndexBackfill creates indexes on a table with items, one after the other, while
// others put, move and delete them, again and again, and deletes one meanwhile.
func TestIndexBackfill(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		const items = 3000
		for i := range items {
			e.put(fmt.Sprint(i), api.Attribute{Name: "expires", Value: number(int64(i % 1000))})
		}
		stopWriters := e.writers(items)
		stop := e.run()
		e.createIndex("whole", "ALL")
		e.settled("whole")
		e.createIndex("keys", "KEYS_ONLY")
		e.settled("keys")
		e.createIndex("gone", "ALL")
		e.deleteIndex("gone")
		for e.index("gone") != nil {
			time.Sleep(time.Millisecond)
		}
		stopWriters()
		stop()
		e.wantIndex("whole", false, 2)
		e.wantIndex("keys", true, 2)
		if err := e.s.Tidy(e.ctx, true); err != nil {
			t.Fatal(err)
		}
		e.wantIndex("whole", false, 2)
	})
}

// TestIndexBackfillRestart stops a server in the middle of filling an index, and changes
// the table before the next one goes on.
func TestIndexBackfillRestart(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		const items = 5500
		value := func(n int) api.Attribute { return api.Attribute{Name: "expires", Value: number(int64(n))} }
		for i := range items {
			e.put(fmt.Sprint(i), value(i))
		}
		store := &breaking{Store: e.store, broken: make(chan struct{})}
		store.left.Store(1 << 40)
		e.open(store)
		e.createIndex("whole", "ALL")
		store.left.Store(9) // the start of the runner, its lease, and some of the six parts
		stop := e.run()
		<-store.broken
		stop()
		e.open(e.store)
		e.want("status", *e.index("whole").IndexStatus, "CREATING")
		if n := countKeys(t, e.store, "entry"); n == 0 || n >= items {
			t.Errorf("%d of %d entries are there", n, items)
		}
		for i := range items {
			switch i % 6 {
			case 0:
				e.put(fmt.Sprint(i))
			case 1:
				e.put(fmt.Sprint(i), value(i+1))
			case 2:
				e.put(fmt.Sprint("new", i), value(i))
			case 3:
				if _, err := e.s.DeleteItem(e.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: e.key(fmt.Sprint(i))}); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(time.Minute) // the lease of the one that was stopped ends
		stop = e.run()
		e.settled("whole")
		stop()
		e.wantIndex("whole", false, 1)
	})
}

// TestIndexOfAll tells the size of an index of all items, which is the table's.
func TestIndexOfAll(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		for i := range 1500 {
			e.put(fmt.Sprint(i), api.Attribute{Name: "expires", Value: number(int64(i))})
		}
		e.createIndex("whole", "ALL")
		e.settle()
		time.Sleep(time.Minute)
		stop := e.run()
		e.settled("whole")
		stop()
		e.wantIndex("whole", false, 1)
	})
}

// TestIndexDropTable drops a table in the middle of an index's creation or deletion, and
// makes it again. Nothing is left of it.
func TestIndexDropTable(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		for _, deleting := range []bool{false, true} {
			for i := range 600 {
				e.put(fmt.Sprint(i), expires(1))
			}
			e.createIndex("whole", "ALL")
			for i := range 100 {
				e.put(fmt.Sprint("new", i), expires(1))
			}
			if deleting {
				e.deleteIndex("whole")
			}
			e.want("entries", countKeys(t, e.store, "entry"), 100)
			if _, err := e.s.DeleteTable(e.ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
				t.Fatal(err)
			}
			createBenchTable(t, e.s, e.ctx)
			e.put("new", expires(1))
			stop := e.run()
			time.Sleep(time.Minute)
			stop()
			e.want("left", e.names(), "new")
			e.want("entries left", countKeys(t, e.store, "entry"), 0)
			if e.index("whole") != nil {
				t.Error("the new table has an index")
			}
		}
	})
}
