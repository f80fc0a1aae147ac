package dynamodb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// interrupted is a store whose first range deletions fail.
type interrupted struct {
	kv.Store
	failures atomic.Int32
}

func (s *interrupted) DeleteRange(ctx context.Context, from, to []byte) error {
	if s.failures.Add(-1) >= 0 {
		return errors.New("interrupted")
	}
	return s.Store.DeleteRange(ctx, from, to)
}

// TestControlPlaneRemoval drops a table and sees its data go, also if that is
// interrupted, and that of the table made again under its name stay.
func TestControlPlaneRemoval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := kv.Open(mem.New(), kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		store := &interrupted{Store: db}
		s := dynamodb.New(dynamodb.Config{Store: store, Identity: newIdentity(t, store), Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(rootContext())
		var background sync.WaitGroup
		background.Go(func() { s.Run(ctx) })

		fill := func(items int) {
			t.Helper()
			createBenchTable(t, s, ctx)
			for i := range items {
				if err := put(ctx, s, i, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill(20)
		if err := s.Tidy(ctx, true); err != nil {
			t.Fatal(err)
		}
		store.failures.Store(2)
		if _, err := s.DeleteTable(ctx, &api.DeleteTableInput{TableName: new(benchTable)}); err != nil {
			t.Fatal(err)
		}
		fill(5)
		time.Sleep(10 * time.Minute) // of the bubble's time: the job runs again until it succeeds
		synctest.Wait()
		for kind, want := range map[string]int{"item": 5, "change": 5, "total": 0} {
			if got := countKeys(t, db, kind); got != want {
				t.Errorf("%d keys of kind %s, want %d", got, kind, want)
			}
		}
		stop()
		background.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// countKeys counts the keys of a kind that the service has in the store.
func countKeys(t *testing.T, store kv.Store, kind string) (n int) {
	t.Helper()
	prefix := tuple.Of("dynamodb", kind)
	err := store.View(t.Context(), func(r kv.Reader) error {
		for entry, err := range r.Scan(t.Context(), kv.Range{From: prefix}) {
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(entry.Key, prefix) {
				break
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestControlPlaneSizes makes more changes than are added up at once, and sees the
// table's size stay exact while they are, and their notes go.
func TestControlPlaneSizes(t *testing.T) {
	t.Parallel()
	db, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := dynamodb.New(dynamodb.Config{Store: db, Identity: newIdentity(t, db), AuditData: dynamodb.AuditNone})
	ctx := rootContext()
	createBenchTable(t, s, ctx)
	const writers, each = 8, 1200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := put(ctx, s, w, i); err != nil {
					t.Error(err)
					return
				}
				if i%3 == 0 {
					_, err := s.DeleteItem(ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: benchKey(w, i)})
					if err != nil {
						t.Error(err)
						return
					}
				}
				if i%400 == 0 {
					if err := s.Tidy(ctx, true); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	var count, bytes int64
	for w := range writers {
		for i := range each {
			if i%3 != 0 {
				count++
				bytes += int64(item.Size(benchItem(w, i)))
			}
		}
	}
	for round := range 2 {
		out, err := s.DescribeTable(ctx, &api.DescribeTableInput{TableName: new(benchTable)})
		if err != nil {
			t.Fatal(err)
		}
		if *out.Table.ItemCount != count || *out.Table.TableSizeBytes != bytes {
			t.Errorf("round %d: %d items of %d bytes, want %d of %d", round, *out.Table.ItemCount, *out.Table.TableSizeBytes, count, bytes)
		}
		if err := s.Tidy(ctx, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := countKeys(t, db, "change"); got != 0 {
		t.Errorf("%d notes are left", got)
	}
	if got := countKeys(t, db, "total"); got != 1 {
		t.Error(fmt.Sprint(got, " totals"))
	}
}

// TestControlPlaneOfTwoServers has two services on one store: what one does to a
// table binds the other at once.
func TestControlPlaneOfTwoServers(t *testing.T) {
	t.Parallel()
	db, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	who := newIdentity(t, db)
	one := dynamodb.New(dynamodb.Config{Store: db, Identity: who})
	two := dynamodb.New(dynamodb.Config{Store: db, Identity: who})
	ctx := rootContext()
	name := new("shared")
	create := func(s *dynamodb.Service, id string) {
		t.Helper()
		_, err := s.CreateTable(ctx, &api.CreateTableInput{TableName: name, BillingMode: new("PAY_PER_REQUEST"),
			KeySchema:            []*api.KeySchemaElement{{AttributeName: &id, KeyType: new("HASH")}},
			AttributeDefinitions: []*api.AttributeDefinition{{AttributeName: &id, AttributeType: new("S")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(s *dynamodb.Service, id string) error {
		_, err := s.PutItem(ctx, &api.PutItemInput{TableName: name, Item: api.Attributes{{Name: id, Value: api.AttributeValue{Type: api.TypeS, S: "x"}}}})
		return err
	}
	create(one, "a")
	for _, s := range []*dynamodb.Service{one, two} {
		if err := put(s, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.DeleteTable(ctx, &api.DeleteTableInput{TableName: name}); err != nil {
		t.Fatal(err)
	}
	if err := put(two, "a"); err == nil {
		t.Error("a dropped table was written to")
	}
	create(two, "b")
	if err := put(one, "a"); err == nil {
		t.Error("the old key was good for the new table")
	}
	if err := put(one, "b"); err != nil {
		t.Error(err)
	}
	out, err := two.Scan(ctx, &api.ScanInput{TableName: name})
	if err != nil || *out.Count != 1 {
		t.Error(out, err)
	}
}
