package kv_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// faulty is an engine whose Apply does what a test says.
type faulty struct {
	kv.Engine
	apply atomic.Pointer[func(ops []kv.Op) error]
}

func (e *faulty) Apply(ops []kv.Op) error {
	if fn := e.apply.Load(); fn != nil {
		return (*fn)(ops)
	}
	return e.Engine.Apply(ops)
}

func open(t *testing.T) (*kv.DB, *faulty) {
	t.Helper()
	engine := &faulty{Engine: mem.New()}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, engine
}

func put(ctx context.Context, db *kv.DB, key string) (kv.Stamp, error) {
	return db.Update(ctx, func(tx kv.Txn) error {
		tx.Put([]byte(key), []byte("v"))
		return nil
	})
}

func has(t *testing.T, db *kv.DB, key string) (found bool) {
	t.Helper()
	err := db.View(t.Context(), func(r kv.Reader) error {
		val, err := r.Get(t.Context(), []byte(key))
		found = val != nil
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFailStop fails one write in a way that leaves its outcome open: its callers
// are told so, nothing is written after it, and reads go on.
func TestFailStop(t *testing.T) {
	t.Parallel()
	db, engine := open(t)
	if _, err := put(t.Context(), db, "a"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is gone")
	engine.apply.Store(new(func(ops []kv.Op) error {
		engine.Engine.Apply(ops) // it happened, as far as the medium knows
		return broken
	}))
	_, err := put(t.Context(), db, "b")
	if !errors.Is(err, kv.ErrCommitUnknown) || !errors.Is(err, broken) {
		t.Fatal(err)
	}
	engine.apply.Store(nil)
	for range 3 {
		_, err = put(t.Context(), db, "c")
		if !errors.Is(err, kv.ErrStopped) || !errors.Is(err, broken) || errors.Is(err, kv.ErrCommitUnknown) {
			t.Fatal(err)
		}
	}
	if err := db.DeleteRange(t.Context(), []byte("a"), nil); !errors.Is(err, kv.ErrStopped) {
		t.Fatal(err)
	}
	if !has(t, db, "a") || has(t, db, "b") || has(t, db, "c") {
		t.Fatal("readers do not see what was published before")
	}
}

// TestGroupBehindAFailedOne prepares a group while the one before it is written and
// fails: it must not be written, and its callers can know that.
func TestGroupBehindAFailedOne(t *testing.T) {
	t.Parallel()
	db, engine := open(t)
	entered, fail := make(chan struct{}), make(chan struct{})
	var applied atomic.Int32
	engine.apply.Store(new(func([]kv.Op) error {
		applied.Add(1)
		close(entered)
		<-fail
		return errors.New("broken")
	}))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := put(t.Context(), db, "a"); !errors.Is(err, kv.ErrCommitUnknown) {
			t.Error(err)
		}
	})
	<-entered
	for i := range 10 {
		wg.Go(func() {
			if _, err := put(t.Context(), db, fmt.Sprint(i)); !errors.Is(err, kv.ErrStopped) {
				t.Error(err)
			}
		})
	}
	close(fail)
	wg.Wait()
	if applied.Load() != 1 {
		t.Fatalf("%d batches were written", applied.Load())
	}
}

// TestFull refuses writes for want of room: nothing of them is there, and the
// store goes on when there is room again.
func TestFull(t *testing.T) {
	t.Parallel()
	db, engine := open(t)
	engine.apply.Store(new(func([]kv.Op) error { return fmt.Errorf("%w: 0 bytes", kv.ErrFull) }))
	for range 3 {
		if _, err := put(t.Context(), db, "a"); !errors.Is(err, kv.ErrFull) || errors.Is(err, kv.ErrCommitUnknown) {
			t.Fatal(err)
		}
	}
	engine.apply.Store(nil)
	if has(t, db, "a") {
		t.Fatal("a refused write is there")
	}
	// The refused writes do not count as conflicts, and their stamps are not used.
	stamp, err := db.Update(t.Context(), func(tx kv.Txn) error {
		if tx.Stamp() != 0 {
			t.Errorf("a snapshot of commit %d, before the first", tx.Stamp())
		}
		tx.Put([]byte("a"), nil)
		_, err := tx.Get(t.Context(), []byte("a"))
		return err
	})
	if err != nil || stamp != 4 {
		t.Fatal(stamp, err)
	}
	if !has(t, db, "a") {
		t.Fatal("a write is not there")
	}
}

// TestNothingShowsBeforeItIsDurable looks while a write is under way.
func TestNothingShowsBeforeItIsDurable(t *testing.T) {
	t.Parallel()
	db, engine := open(t)
	applied, release := make(chan struct{}), make(chan struct{})
	engine.apply.Store(new(func(ops []kv.Op) error {
		err := engine.Engine.Apply(ops)
		applied <- struct{}{}
		<-release
		return err
	}))
	acknowledged := make(chan error, 1)
	go func() {
		_, err := put(t.Context(), db, "a")
		acknowledged <- err
	}()
	<-applied
	if has(t, db, "a") {
		t.Fatal("a write shows before it is durable")
	}
	select {
	case err := <-acknowledged:
		t.Fatal("acknowledged before it is durable:", err)
	default:
	}
	close(release)
	if err := <-acknowledged; err != nil {
		t.Fatal(err)
	}
	if !has(t, db, "a") {
		t.Fatal("an acknowledged write does not show")
	}
}

// TestCancelled cancels one commit that is being written, of which the outcome is
// open, and one that waits behind it, which is not written.
func TestCancelled(t *testing.T) {
	t.Parallel()
	db, engine := open(t)
	applied, release := make(chan struct{}), make(chan struct{})
	engine.apply.Store(new(func(ops []kv.Op) error {
		applied <- struct{}{}
		<-release
		return engine.Engine.Apply(ops)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	go func() {
		_, err := put(ctx, db, "a")
		outcome <- err
	}()
	<-applied
	cancel()
	if err := <-outcome; !errors.Is(err, kv.ErrCommitUnknown) || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	engine.apply.Store(nil)
	close(release)
	if _, err := put(t.Context(), db, "b"); err != nil {
		t.Fatal(err)
	}
	if !has(t, db, "a") {
		t.Fatal("what was begun is not finished")
	}
}

// TestManyFightForOneKey lets more writers than ever take turns count in one key,
// while others write elsewhere.
func TestManyFightForOneKey(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	var wg sync.WaitGroup
	var runs atomic.Int64
	for range 100 {
		wg.Go(func() {
			for range 10 {
				_, err := db.Update(t.Context(), func(tx kv.Txn) error {
					runs.Add(1)
					val, err := tx.Get(t.Context(), []byte("n"))
					tx.Put([]byte("n"), append(val, 'x'))
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := put(t.Context(), db, "other"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	err := db.View(t.Context(), func(r kv.Reader) error {
		val, err := r.Get(t.Context(), []byte("n"))
		if len(val) != 1000 {
			t.Errorf("counted %d of 1000", len(val))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if runs.Load() > 9*1000 {
		t.Errorf("%d runs for 1000 commits", runs.Load())
	}
}

// TestSnapshotsAreClosed counts what the engine hands out.
func TestSnapshotsAreClosed(t *testing.T) {
	t.Parallel()
	engine := &counting{Engine: mem.New()}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				put(t.Context(), db, "a")
				has(t, db, "a")
			}
		})
	}
	wg.Wait()
	if n := engine.open.Load(); n != 1 {
		t.Errorf("%d snapshots are open at rest", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if n := engine.open.Load(); n != 0 {
		t.Errorf("%d snapshots are open at the end", n)
	}
}

type counting struct {
	kv.Engine
	open atomic.Int32
}

func (e *counting) Snapshot() (kv.Snapshot, error) {
	snap, err := e.Engine.Snapshot()
	e.open.Add(1)
	return &counted{Snapshot: snap, open: &e.open}, err
}

type counted struct {
	kv.Snapshot
	open *atomic.Int32
	once atomic.Bool
}

func (s *counted) Close() {
	if s.once.Swap(true) {
		panic("closed twice")
	}
	s.open.Add(-1)
	s.Snapshot.Close()
}
