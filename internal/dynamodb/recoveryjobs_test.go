package dynamodb_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// many are the items of the tests of jobs: enough that a copy has several parts.
const many = 9000

// fillBench puts that many items, of few bytes each.
func (r *recoveryTest) fillBench() {
	r.Helper()
	for from := 0; from < many; from += 25 {
		var all []*api.WriteRequest
		for i := range 25 {
			all = append(all, &api.WriteRequest{PutRequest: &api.PutRequest{Item: r.item(fmt.Sprint(from+i), api.Attribute{Name: "v", Value: number(0)})}})
		}
		if _, err := r.s.BatchWriteItem(r.ctx, &api.BatchWriteItemInput{RequestItems: map[string][]*api.WriteRequest{benchTable: all}}); err != nil {
			r.Fatal(err)
		}
	}
}

// busy is a store in which something else happens before each read and each commit.
type busy struct {
	kv.Store
	before func()
}

func (s *busy) View(ctx context.Context, fn func(kv.Reader) error) error {
	s.before()
	return s.Store.View(ctx, fn)
}

func (s *busy) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	s.before()
	return s.Store.Update(ctx, fn)
}

// changer changes random items of the table, through a service of its own.
func (r *recoveryTest) changer(store kv.Store) func() {
	random := rand.New(rand.NewPCG(3, 3))
	other := &recoveryTest{&expiryTest{T: r.T, ctx: r.ctx, store: store}}
	other.open(store)
	turn := make(chan struct{}, 1) // a lock that who waits for it lets time pass
	return func() {
		turn <- struct{}{}
		defer func() { <-turn }()
		for range 20 {
			id := fmt.Sprint(random.IntN(many + 1000))
			if random.IntN(3) == 0 {
				if _, err := other.s.DeleteItem(r.ctx, &api.DeleteItemInput{TableName: new(benchTable), Key: r.key(id)}); err != nil {
					r.Error(err)
				}
				continue
			}
			other.put(id, api.Attribute{Name: "v", Value: number(random.Int64())})
		}
	}
}

// TestRestoreWhileWriting changes the source between any two steps of a restore, and
// of a backup.
func TestRestoreWhileWriting(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.fillBench()
		r.turn(benchTable, true)
		want := r.content(benchTable, nil)
		second := time.Now()
		nextSecond()
		change := r.changer(r.store)
		for range 100 {
			change()
		}
		time.Sleep(2 * time.Second)
		if _, err := r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, "restored", second)); err != nil {
			t.Fatal(err)
		}
		change()
		r.turn(benchTable, false) // the restore still has the log
		backedUp := r.content(benchTable, nil)
		out, err := r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new(benchTable), BackupName: new("busy")})
		if err != nil {
			t.Fatal(err)
		}
		plain := r.s
		r.open(&busy{r.store, change})
		r.finish(time.Minute)
		r.s = plain
		r.wantActive("restored")
		r.wantContent("restored", want)
		r.want("holds", countKeys(t, r.store, "hold"), 0)
		arn := *out.BackupDetails.BackupArn
		r.want("BackupStatus", *r.backup(arn).BackupDetails.BackupStatus, "AVAILABLE")
		r.restoreBackup(arn, "from-backup")
		r.wantContent("from-backup", backedUp)
	})
}

// TestRecoveryRestart stops a restore to a point in time, a backup, and a restore from
// a backup after each of their commits, and lets another server go on, after the
// source has changed.
func TestRecoveryRestart(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.fillBench()
		r.turn(benchTable, true)
		change := r.changer(r.store)
		arn := ""
		for _, kind := range []string{"restore", "backup", "restore from a backup"} {
			done := false
			for commits := int64(2); !done; commits++ {
				nextSecond()
				change()
				want := r.content(benchTable, nil)
				second := time.Now()
				nextSecond()
				change()
				name := fmt.Sprint("restored-", kind[len(kind)-1:], commits)
				time.Sleep(2 * time.Second)
				err, fresh := error(nil), ""
				switch kind {
				case "restore":
					_, err = r.s.RestoreTableToPointInTime(r.ctx, restoreInput(benchTable, name, second))
				case "backup":
					want = r.content(benchTable, nil)
					var out *api.CreateBackupOutput
					if out, err = r.s.CreateBackup(r.ctx, &api.CreateBackupInput{TableName: new(benchTable), BackupName: &name}); err == nil {
						fresh = *out.BackupDetails.BackupArn
					}
				default:
					want = r.content("kept", nil)
					_, err = r.s.RestoreTableFromBackup(r.ctx, &api.RestoreTableFromBackupInput{BackupArn: &arn, TargetTableName: &name})
				}
				if err != nil {
					t.Fatal(err)
				}
				store := &breaking{Store: r.store, broken: make(chan struct{})}
				store.left.Store(commits)
				plain := r.s
				r.open(store)
				r.finish(2 * time.Second)
				if done = store.left.Load() > 0; done {
					r.s = plain
				}
				r.open(r.store)
				change()
				r.finish(2 * time.Minute) // the lease of the one that was stopped ends
				if fresh != "" {
					r.restoreBackup(fresh, name)
					arn = fresh
				}
				r.wantActive(name)
				r.wantContent(name, want)
				r.want("holds", countKeys(t, r.store, "hold"), 0)
				if kind == "backup" && done {
					r.restoreBackup(arn, "kept")
				}
				r.drop(name)
				r.settle()
			}
		}
	})
}

// reads counts what is scanned.
type reads struct {
	kv.Store
	pairs atomic.Int64
}

type countingReader struct {
	kv.Reader
	*reads
}

func (s *reads) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(r kv.Reader) error { return fn(countingReader{r, s}) })
}

func (r countingReader) Scan(ctx context.Context, rng kv.Range) iter.Seq2[kv.KV, error] {
	return func(yield func(kv.KV, error) bool) {
		for p, err := range r.Reader.Scan(ctx, rng) {
			r.pairs.Add(1)
			if !yield(p, err) {
				return
			}
		}
	}
}

// TestRestoreCost restores a small table with a long history: what is read grows with
// the table and the changes since, not with the changes before.
func TestRestoreCost(t *testing.T) {
	recoveryBubble(t, func(r *recoveryTest) {
		r.turn(benchTable, true)
		for i := range 5000 {
			r.put(fmt.Sprint(i%20), api.Attribute{Name: "v", Value: number(int64(i))})
		}
		nextSecond()
		second := time.Now()
		nextSecond()
		for i := range 30 {
			r.put(fmt.Sprint(i%20), api.Attribute{Name: "w", Value: number(int64(i))})
		}
		nextSecond()
		nextSecond()
		store := &reads{Store: r.store}
		r.open(store)
		before := store.pairs.Load()
		r.restore(benchTable, "restored", second)
		r.open(r.store)
		if n := store.pairs.Load() - before; n > 300 {
			t.Errorf("%d pairs were read to restore 20 items with 30 changes since", n)
		}
	})
}
