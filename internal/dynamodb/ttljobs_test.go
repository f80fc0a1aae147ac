package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// TestTimeToLiveBackfill enables expiry on a table with items while others put,
// move and delete them, again and again.
func TestTimeToLiveBackfill(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		const items = 3000
		for i := range items {
			e.put(fmt.Sprint(i), expires(int64(i)))
		}
		var writers sync.WaitGroup
		done := make(chan struct{})
		for w := range 4 {
			writers.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(w)))
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
							t.Error(err)
						}
					default:
						e.put(id, expires(random.Int64N(1_000_000)))
					}
				}
			})
		}
		stop := e.run()
		if err := e.ask(true, "expires"); err != nil {
			t.Error(err)
		}
		for e.describe() != "ENABLED expires" {
			time.Sleep(time.Millisecond)
		}
		close(done)
		writers.Wait()
		stop()
		e.wantOrder("expires")
	})
}

// breaking is a store that fails once so many transactions were committed.
type breaking struct {
	kv.Store
	left   atomic.Int64
	broken chan struct{}
}

func (s *breaking) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	switch n := s.left.Add(-1); {
	case n == 0:
		close(s.broken)
		fallthrough
	case n < 0:
		return 0, errors.New("broken")
	}
	return s.Store.Update(ctx, fn)
}

// TestTimeToLiveRestart stops a server in the middle of looking through a table,
// and changes the table before the next one goes on.
func TestTimeToLiveRestart(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		const items = 2600
		for i := range items {
			e.put(fmt.Sprint(i), expires(int64(i)))
		}
		store := &breaking{Store: e.store, broken: make(chan struct{})}
		store.left.Store(1 << 40)
		e.open(store)
		if err := e.ask(true, "expires"); err != nil {
			t.Fatal(err)
		}
		store.left.Store(6) // the start of the runner, its lease, and some of the six parts
		stop := e.run()
		<-store.broken
		stop()
		e.open(e.store)
		e.want("status", e.describe(), "ENABLING expires")
		if n := len(e.order()); n == 0 || n >= items {
			t.Errorf("%d of %d items are in order", n, items)
		}
		e.want("deleted meanwhile", e.expire(), 0)
		for i := range items {
			switch i % 5 {
			case 0:
				e.put(fmt.Sprint(i))
			case 1:
				e.put(fmt.Sprint(i), expires(100_000))
			case 2:
				e.put(fmt.Sprint("new", i), expires(100_000))
			}
		}
		time.Sleep(time.Minute) // the lease of the one that was stopped ends
		stop = e.run()
		time.Sleep(5 * time.Second)
		stop()
		e.want("status", e.describe(), "ENABLED expires")
		e.wantOrder("expires")
	})
}

// TestTimeToLiveAgain disables expiry and enables it by another attribute, while the
// keys of the first time cannot be removed.
func TestTimeToLiveAgain(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		store := &interrupted{Store: e.store}
		e.open(store)
		e.set(true, "expires")
		both := func(first, second int64) []api.Attribute {
			other := expires(second)
			other.Name = "other"
			return []api.Attribute{expires(first), other}
		}
		e.put("a", both(5000, 50_000)...)
		e.put("b", both(50_000, 5000)...)
		time.Sleep(time.Hour)
		store.failures.Store(1 << 20)
		e.set(false, "expires")
		e.want("status", e.describe(), "DISABLING expires")
		e.put("c", both(1, 50_000)...)
		e.want("keys", len(e.order()), 2)
		time.Sleep(time.Hour)
		e.want("deleted while disabled", e.expire(), 0)
		e.set(true, "other")
		e.want("status", e.describe(), "ENABLED other")
		e.want("keys", len(e.order()), 5)
		e.want("deleted", e.expire(), 1)
		e.want("left", e.names(), "a c")

		store.failures.Store(0)
		stop := e.run()
		time.Sleep(30 * time.Minute)
		stop()
		e.want("status", e.describe(), "ENABLED other")
		e.wantOrder("other")

		time.Sleep(time.Hour)
		e.set(false, "other")
		e.want("status", e.describe(), "DISABLED")
		e.want("keys", len(e.order()), 0)
	})
}

// TestTimeToLiveDrop drops a table, also in the middle of a change, and makes it
// again.
func TestTimeToLiveDrop(t *testing.T) {
	expiryBubble(t, func(e *expiryTest) {
		for _, settle := range []bool{true, false} {
			for i := range 600 {
				e.put(fmt.Sprint(i), expires(1))
			}
			if err := e.ask(true, "expires"); err != nil {
				t.Fatal(err)
			}
			if settle {
				e.settle()
				e.want("keys", len(e.order()), 600)
			}
			if _, err := e.s.DeleteTable(e.ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
				t.Fatal(err)
			}
			createBenchTable(t, e.s, e.ctx)
			e.put("new", expires(1))
			time.Sleep(2 * time.Second)
			e.want("deleted", e.expire(), 0)
			e.settle()
			e.want("status", e.describe(), "DISABLED")
			e.want("left", e.names(), "new")
			e.want("keys", len(e.order()), 0)
			e.want("tables", countKeys(t, e.store, "expiring"), 0)
		}
	})
}
