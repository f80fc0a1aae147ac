package dynamodb_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// The table of the recovery check, which has every kind of index.
const recordedTable = "recorded"

func (r *recoveryTest) createRecorded() {
	r.Helper()
	key := func(hash, sort string) []*api.KeySchemaElement {
		k := []*api.KeySchemaElement{{AttributeName: &hash, KeyType: new("HASH")}}
		if sort != "" {
			k = append(k, &api.KeySchemaElement{AttributeName: &sort, KeyType: new("RANGE")})
		}
		return k
	}
	defined := func(name, kind string) *api.AttributeDefinition {
		return &api.AttributeDefinition{AttributeName: &name, AttributeType: &kind}
	}
	_, err := r.s.CreateTable(r.ctx, &api.CreateTableInput{
		TableName: new(recordedTable), BillingMode: new("PAY_PER_REQUEST"),
		KeySchema:            key("id", "row"),
		AttributeDefinitions: []*api.AttributeDefinition{defined("id", "S"), defined("row", "N"), defined("kind", "S"), defined("rank", "N")},
		GlobalSecondaryIndexes: []*api.GlobalSecondaryIndex{
			{IndexName: new("ByKind"), KeySchema: key("kind", "rank"), Projection: &api.Projection{ProjectionType: new("ALL")}},
			{IndexName: new("Kinds"), KeySchema: key("kind", ""), Projection: &api.Projection{ProjectionType: new("KEYS_ONLY")}},
		},
		LocalSecondaryIndexes: []*api.LocalSecondaryIndex{
			{IndexName: new("ByRank"), KeySchema: key("id", "rank"), Projection: &api.Projection{ProjectionType: new("INCLUDE"), NonKeyAttributes: []string{"v"}}},
		},
	})
	if err != nil {
		r.Fatal(err)
	}
	_, err = r.s.UpdateTimeToLive(r.ctx, &api.UpdateTimeToLiveInput{TableName: new(recordedTable),
		TimeToLiveSpecification: &api.TimeToLiveSpecification{Enabled: new(true), AttributeName: new("expires")}})
	if err != nil {
		r.Fatal(err)
	}
	r.settle()
}

// writer makes random changes of every kind to the recorded table.
type writer struct {
	*recoveryTest
	random *rand.Rand
}

func (w *writer) key() api.Attributes {
	return api.Attributes{
		{Name: "id", Value: word(fmt.Sprint("id-", w.random.IntN(12)))},
		{Name: "row", Value: number(w.random.Int64N(6))},
	}
}

// item is a random item. Some lack an index's key, and some expire soon.
func (w *writer) item() api.Attributes {
	it := w.key()
	if w.random.IntN(4) > 0 {
		it = it.Set("kind", word(fmt.Sprint("kind-", w.random.IntN(3))))
	}
	if w.random.IntN(4) > 0 {
		it = it.Set("rank", number(w.random.Int64N(5)))
	}
	if w.random.IntN(3) == 0 {
		it = it.Set("expires", number(time.Now().Unix()+w.random.Int64N(8)))
	}
	return it.Set("v", word(strings.Repeat("v", w.random.IntN(200))+strconv.Itoa(w.random.IntN(1000))))
}

func (w *writer) change() (err error) {
	table := new(recordedTable)
	rank := api.Attributes{{Name: ":n", Value: number(w.random.Int64N(5))}, {Name: ":v", Value: word(strconv.Itoa(w.random.IntN(1000)))}}
	switch w.random.IntN(6) {
	case 0:
		_, err = w.s.DeleteItem(w.ctx, &api.DeleteItemInput{TableName: table, Key: w.key()})
	case 1:
		_, err = w.s.UpdateItem(w.ctx, &api.UpdateItemInput{TableName: table, Key: w.key(),
			UpdateExpression: new("SET v = :v, #r = :n REMOVE kind"), ExpressionAttributeNames: map[string]string{"#r": "rank"}, ExpressionAttributeValues: rank})
	case 2:
		in := &api.TransactWriteItemsInput{}
		for _, key := range w.distinct(3) {
			put := &api.TransactWriteItem{Put: &api.Put{TableName: table, Item: w.with(key)}}
			if w.random.IntN(3) == 0 {
				put = &api.TransactWriteItem{Delete: &api.Delete{TableName: table, Key: key}}
			}
			in.TransactItems = append(in.TransactItems, put)
		}
		_, err = w.s.TransactWriteItems(w.ctx, in)
	case 3:
		var all []*api.WriteRequest
		for _, key := range w.distinct(8) {
			one := &api.WriteRequest{PutRequest: &api.PutRequest{Item: w.with(key)}}
			if w.random.IntN(3) == 0 {
				one = &api.WriteRequest{DeleteRequest: &api.DeleteRequest{Key: key}}
			}
			all = append(all, one)
		}
		_, err = w.s.BatchWriteItem(w.ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{recordedTable: all}})
	default:
		_, err = w.s.PutItem(w.ctx, &api.PutItemInput{TableName: table, Item: w.item()})
	}
	return err
}

// with is a random item of a key.
func (w *writer) with(key api.Attributes) api.Attributes {
	it := w.item()
	for _, a := range key {
		it = it.Set(a.Name, a.Value)
	}
	return it
}

// distinct are n different keys.
func (w *writer) distinct(n int) (keys []api.Attributes) {
	seen := map[string]bool{}
	for len(keys) < n {
		key := w.key()
		if s := fmt.Sprint(key); !seen[s] {
			seen[s] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// second lets concurrent writers make changes within the present second, and returns
// what the table holds at its end.
func (r *recoveryTest) second(writers []*writer, changes int) content {
	r.Helper()
	second := time.Now().Unix()
	for range 2 { // at the beginning of the second and near its end
		var running sync.WaitGroup
		for _, w := range writers {
			running.Go(func() {
				for range changes {
					if err := w.change(); err != nil {
						r.Error(err)
					}
				}
			})
		}
		running.Go(func() {
			if _, err := r.s.Expire(r.ctx); err != nil {
				r.Error(err)
			}
		})
		running.Wait()
		time.Sleep(400 * time.Millisecond)
	}
	r.want("second", time.Now().Unix(), second)
	return r.content(recordedTable, nil)
}

// restores is how many seconds the recovery check restores: many in the long tests.
func restores(t *testing.T) int {
	if os.Getenv("MODELWHARF_SOAK") != "" {
		return 1000
	}
	if testing.Short() {
		return 15
	}
	return 50
}

// TestRecoveryModel records what a table holds at the end of each of many seconds, in
// which concurrent writers put, update, delete, batch and transact and items expire.
// Then it restores random seconds, with and without indexes, while the writers go on, and
// compares each restored table and index with the record, item by item.
func TestRecoveryModel(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.createRecorded()
		var writers []*writer
		for i := range 6 {
			writers = append(writers, &writer{r, rand.New(rand.NewPCG(7, uint64(i)))})
		}
		random := rand.New(rand.NewPCG(8, 8))
		nextSecond()
		r.second(writers, 10) // what was there before
		nextSecond()
		r.turn(recordedTable, true)
		first := time.Now().Unix()
		recorded := map[int64]content{}
		n := restores(t)
		for range max(30, n/4) {
			recorded[time.Now().Unix()] = r.second(writers, 4)
			for skipped := random.IntN(6); ; skipped++ {
				nextSecond()
				if skipped != 5 {
					break
				}
				recorded[time.Now().Unix()] = recorded[time.Now().Unix()-1] // nothing happened in it
			}
		}
		for i := range n {
			second := first + random.Int64N(time.Now().Unix()-first)
			want, ok := recorded[second]
			if !ok {
				t.Fatalf("second %d is not recorded", second)
			}
			name := fmt.Sprint("restored-", i)
			in := restoreInput(recordedTable, name, time.Unix(second, 0))
			bare := i%3 == 2
			if bare {
				in.GlobalSecondaryIndexOverride, in.LocalSecondaryIndexOverride = []*api.GlobalSecondaryIndex{}, []*api.LocalSecondaryIndex{}
			}
			if _, err := r.s.RestoreTableToPointInTime(r.ctx, in); err != nil {
				t.Fatal(err)
			}
			stop := r.run()
			recorded[time.Now().Unix()] = r.second(writers, 3)
			stop()
			r.settle()
			r.wantActive(name)
			r.wantContent(name, want)
			if bare {
				d := r.describeTable(name)
				r.want("indexes", len(d.GlobalSecondaryIndexes)+len(d.LocalSecondaryIndexes), 0)
			} else {
				r.wantIndexes(name, want)
			}
			r.drop(name)
			r.settle()
			nextSecond()
		}
		r.want("holds", countKeys(t, r.store, "hold"), 0)
	})
}

// wantIndexes fails the test unless each index of a table like the recorded one has
// exactly what it projects of these items, and says so.
func (r *recoveryTest) wantIndexes(table string, items content) {
	r.Helper()
	has := func(it string, names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return attribute(r, it, name) == "" })
	}
	d := r.describeTable(table)
	counts := map[string]int64{}
	for _, x := range d.GlobalSecondaryIndexes {
		counts[*x.IndexName] = *x.ItemCount
	}
	for _, x := range d.LocalSecondaryIndexes {
		counts[*x.IndexName] = *x.ItemCount
	}
	for index, want := range map[string]struct {
		keys     []string
		projects []string // nil is all
	}{
		"ByKind": {keys: []string{"kind", "rank"}},
		"Kinds":  {keys: []string{"kind"}, projects: []string{"id", "row", "kind"}},
		"ByRank": {keys: []string{"rank"}, projects: []string{"id", "row", "rank", "v"}},
	} {
		expected := map[string]int{}
		for it := range items {
			if has(it, want.keys...) {
				expected[r.projected(it, want.projects)]++
			}
		}
		got := map[string]int{}
		for it := range r.content(table, &index) {
			got[r.projected(it, nil)]++
		}
		if !maps.Equal(got, expected) {
			r.Errorf("index %s of %s has %d entries, want %d", index, table, len(got), len(expected))
		}
		r.want("ItemCount of "+index, counts[index], int64(len(expected)))
	}
}

// projected is an item in one form, with the named attributes alone unless there are
// no names.
func (r *recoveryTest) projected(it string, names []string) string {
	all := []string{"expires", "id", "kind", "rank", "row", "v"}
	var b strings.Builder
	for _, name := range all {
		if names == nil || slices.Contains(names, name) {
			if v := attribute(r, it, name); v != "" {
				fmt.Fprintf(&b, "%s=%s ", name, v)
			}
		}
	}
	return b.String()
}
