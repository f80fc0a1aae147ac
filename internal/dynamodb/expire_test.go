package dynamodb_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// TestTimeToLiveSecond sees items stay until their second has come, and not longer.
func TestTimeToLiveSecond(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "expires")
		for i := range int64(4) {
			e.put(fmt.Sprint(i), expires(i))
		}
		e.put("ever")
		fraction := expires(2)
		fraction.Value.S += ".25" // the first whole second that is not before it
		e.put("fraction", fraction)
		for _, want := range []string{"1 2 3 ever fraction", "2 3 ever fraction", "3 ever fraction", "ever"} {
			e.expire()
			e.want("left", e.names(), want)
			e.wantOrder("expires")
			time.Sleep(999 * time.Millisecond)
			e.want("deleted too early", e.expire(), 0)
			time.Sleep(time.Millisecond)
		}
	})
}

// TestTimeToLiveIgnores has attributes by which nothing expires: of other types, and
// of times too far in the past or the future.
func TestTimeToLiveIgnores(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "expires")
		now := time.Now()
		fiveYears := now.AddDate(-5, 0, 0).Unix()
		for id, v := range map[string]api.AttributeValue{
			"text":     word(fmt.Sprint(now.Unix() - 1)),
			"null":     {Type: api.TypeNULL, Bool: true},
			"list":     {Type: api.TypeL, L: []api.AttributeValue{number(1)}},
			"set":      {Type: api.TypeNS, L: []api.AttributeValue{number(now.Unix() - 1)}},
			"zero":     number(0),
			"negative": number(-now.Unix()),
			"older":    number(fiveYears - 1),
			"millis":   number(now.UnixMilli()),
			"largest":  {Type: api.TypeN, S: "9" + strings.Repeat("0", 125)},
			"smallest": {Type: api.TypeN, S: "-0." + strings.Repeat("0", 129) + "1"},
			"old":      number(fiveYears),
			"past":     number(now.Unix() - 1),
		} {
			e.put(id, api.Attribute{Name: "expires", Value: v})
		}
		e.put("absent")
		e.put("inside", api.Attribute{Name: "map", Value: api.AttributeValue{Type: api.TypeM, M: api.Attributes{expires(-1)}}})
		e.want("deleted", e.expire(), 2)
		e.want("left", e.names(), "absent inside largest list millis negative null older set smallest text zero")
		time.Sleep(24 * time.Hour)
		e.want("deleted a day later", e.expire(), 0)
	})
}

// TestTimeToLiveOfAKey expires items by their range key, as the cache of predictions
// does.
func TestTimeToLiveOfAKey(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "timestamp")
		for i := range int64(3) {
			it := api.Attributes{{Name: "predictionId", Value: word("p")}, {Name: "timestamp", Value: number(time.Now().Unix() + i)}}
			if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new(benchTable), Item: it}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		e.want("deleted", e.expire(), 2)
		e.wantOrder("timestamp")
	})
}

// TestTimeToLiveMoves changes and deletes items before they expire, by every
// operation that can.
func TestTimeToLiveMoves(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "expires")
		update := func(id, expression string, value int64) {
			t.Helper()
			in := &api.UpdateItemInput{TableName: new(benchTable), Key: e.key(id), UpdateExpression: &expression}
			if value != 0 {
				in.ExpressionAttributeValues = api.Attributes{{Name: ":v", Value: number(value)}}
			}
			if _, err := e.s.UpdateItem(e.ctx, in); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"added", "batch", "deleted", "earlier", "later", "overwritten", "removed", "same", "text", "unexpiring"} {
			e.put(id, expires(100))
		}
		e.put("none")
		e.put("transacted2", expires(100))
		update("later", "SET expires = expires + :v", 100)
		update("added", "ADD expires :v", 100)
		update("earlier", "SET expires = expires - :v", 50)
		update("removed", "REMOVE expires", 0)
		update("same", "SET extra = :v", 1)
		update("none", "SET expires = :v", time.Now().Unix()+100)
		e.put("overwritten")
		e.put("text", api.Attribute{Name: "expires", Value: word("soon")})
		e.put("unexpiring", expires(1000))
		if _, err := e.s.DeleteItem(e.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: e.key("deleted")}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.s.BatchWriteItem(e.ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{benchTable: {
			{DeleteRequest: &api.DeleteRequest{Key: e.key("batch")}},
			{PutRequest: &api.PutRequest{Item: e.item("batch2", expires(100))}},
		}}}); err != nil {
			t.Fatal(err)
		}
		transacted := e.item("transacted", expires(200))
		if _, err := e.s.TransactWriteItems(e.ctx, &api.TransactWriteItemsInput{TransactItems: []*api.TransactWriteItem{
			{Put: &api.Put{TableName: new(benchTable), Item: transacted}},
			{Delete: &api.Delete{TableName: new(benchTable), Key: e.key("transacted2")}},
		}}); err != nil {
			t.Fatal(err)
		}
		e.want("keys", len(e.order()), 8)
		for _, step := range []struct{ seconds, deleted int }{{50, 1}, {50, 3}, {100, 3}, {800, 1}} {
			time.Sleep(time.Duration(step.seconds)*time.Second - time.Nanosecond)
			e.want("deleted early", e.expire(), 0)
			time.Sleep(time.Nanosecond)
			e.want("deleted", e.expire(), step.deleted)
		}
		e.want("left", e.names(), "overwritten removed text")
		e.want("keys", len(e.order()), 0)
		e.wantOrder("expires")
	})
}

// TestTimeToLiveRuns has the service find by itself what expires, within ten
// seconds, and write nothing while nothing does.
func TestTimeToLiveRuns(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "expires")
		stop := e.run()
		e.put("soon", expires(60))
		e.put("late", expires(7200))
		time.Sleep(59 * time.Second)
		e.want("before", e.names(), "late soon")
		time.Sleep(11 * time.Second)
		e.want("after", e.names(), "late")
		stamp := func() (last kv.Stamp) {
			e.store.View(e.ctx, func(r kv.Reader) error { last = r.Stamp(); return nil })
			return last
		}
		idle := stamp()
		time.Sleep(time.Hour)
		e.want("commits while nothing expires", stamp()-idle, kv.Stamp(0))
		// An expiry that is past when it is written counts as well.
		e.put("past", expires(-3600))
		time.Sleep(10 * time.Second)
		e.want("after", e.names(), "late")
		time.Sleep(time.Hour)
		e.want("at the end", e.names(), "")
		stop()
		e.wantOrder("expires")
	})
}

// TestTimeToLiveMany deletes in several transactions, of several tables, and counts.
func TestTimeToLiveMany(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		metrics := prometheus.NewPedanticRegistry()
		e.s = dynamodb.New(dynamodb.Config{Store: e.store, Identity: newIdentity(e, e.store), AuditData: dynamodb.AuditNone, Metrics: metrics})
		e.set(true, "expires")
		makeExpiringTable(e, "other")
		for i := range 250 {
			e.put(fmt.Sprint(i), expires(int64(i%7)-3))
			if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new("other"),
				Item: api.Attributes{expires(-1), {Name: "id", Value: word(fmt.Sprint(i))}}}); err != nil {
				t.Fatal(err)
			}
		}
		large := api.Attribute{Name: "body", Value: word(strings.Repeat("x", 400_000))}
		for i := range 25 {
			e.put(fmt.Sprint("large", i), large, expires(-1))
		}
		left := 0
		for i := range 250 {
			if i%7 > 3 {
				left++
			}
		}
		e.want("deleted", e.expire(), 250-left+250+25)
		e.wantOrder("expires")
		e.want("left", len(e.items()), left)
		if got, want := expiredOf(t, metrics), (map[string]float64{benchTable: float64(250 - left + 25), "other": 250}); !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	})
}

// slow is a store in which each transaction takes a while.
type slow struct {
	kv.Store
	takes atomic.Int64
}

func (s *slow) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	time.Sleep(time.Duration(s.takes.Load()))
	return s.Store.Update(ctx, fn)
}

// TestTimeToLiveTurns has items of a table expire while another is busy with many.
func TestTimeToLiveTurns(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		store := &slow{Store: e.store}
		e.open(store)
		e.set(true, "expires")
		makeExpiringTable(e, "other")
		for i := range 10_000 {
			e.put(fmt.Sprint(i), expires(0))
		}
		if _, err := e.s.PutItem(e.ctx, &api.PutItemInput{TableName: new("other"), Item: api.Attributes{expires(5), {Name: "id", Value: word("x")}}}); err != nil {
			t.Fatal(err)
		}
		store.takes.Store(int64(200 * time.Millisecond))
		stop := e.run()
		time.Sleep(15 * time.Second)
		busy := len(e.items())
		out, err := e.s.Scan(e.ctx, &api.ScanInput{TableName: new("other")})
		if err != nil || *out.Count != 0 || busy == 0 {
			t.Errorf("with %d items to delete in one table, %d in the other: %v", busy, *out.Count, err)
		}
		time.Sleep(time.Minute)
		e.want("left", e.names(), "")
		stop()
	})
}

// makeExpiringTable makes another table, with the hash key "id".
func makeExpiringTable(e *expiryTest, name string) {
	e.Helper()
	if _, err := e.s.CreateTable(e.ctx, &api.CreateTableInput{TableName: &name, BillingMode: new("PAY_PER_REQUEST"),
		KeySchema:            []*api.KeySchemaElement{{AttributeName: new("id"), KeyType: new("HASH")}},
		AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: new("id"), AttributeType: new("S")}},
	}); err != nil {
		e.Fatal(err)
	}
	if _, err := e.s.UpdateTimeToLive(e.ctx, &api.UpdateTimeToLiveInput{TableName: &name,
		TimeToLiveSpecification: &api.TimeToLiveSpecification{Enabled: new(true), AttributeName: new("expires")}}); err != nil {
		e.Fatal(err)
	}
	e.settle()
}

// expiredOf reads the counter of expired items, by table.
func expiredOf(t *testing.T, metrics prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "modelwharf_dynamodb_items_expired_total" {
			for _, m := range f.GetMetric() {
				by[m.GetLabel()[2].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return by
}

// TestTimeToLiveRaces has writers give items more time at the moment in which they
// expire, if they are still there: who was told so keeps the item.
func TestTimeToLiveRaces(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		e.set(true, "expires")
		const items = 2000
		for i := range items {
			e.put(fmt.Sprint(i), expires(0))
		}
		var kept [items]atomic.Bool
		var working sync.WaitGroup
		for w := range 4 {
			working.Go(func() {
				for i := range items / 4 {
					i = i*4 + w
					_, err := e.s.UpdateItem(e.ctx, &api.UpdateItemInput{TableName: new(benchTable), Key: e.key(fmt.Sprint(i)),
						UpdateExpression: new("SET expires = :v"), ConditionExpression: new("attribute_exists(predictionId)"),
						ExpressionAttributeValues: api.Attributes{{Name: ":v", Value: expires(1000).Value}}})
					if err == nil {
						kept[i].Store(true)
					} else if !strings.Contains(err.Error(), "ConditionalCheckFailedException") {
						t.Error(err)
					}
				}
			})
		}
		for range 2 {
			working.Go(func() {
				if _, err := e.s.Expire(e.ctx); err != nil {
					t.Error(err)
				}
			})
		}
		working.Wait()
		e.expire()
		left := e.items()
		for i := range items {
			if _, is := left[fmt.Sprint(i)]; is != kept[i].Load() {
				t.Errorf("item %d: there is %v, its writer was told %v", i, is, kept[i].Load())
			}
		}
		e.wantOrder("expires")
		synctest.Wait()
	})
}
