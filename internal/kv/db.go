package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options are the settings of a store. The zero value serves.
type Options struct {
	// Now is the clock of commits, asked by the committer's goroutine; time.Now if
	// nil.
	Now func() time.Time
	// History is how far back StampAt reaches: 36 days if zero, which covers a
	// recovery window of 35.
	History time.Duration
	// Migrations[i] brings what is stored from format i+1 to i+2, so that the
	// format of a store is len(Migrations)+1. One may be interrupted at any
	// moment and is then run again from its start.
	Migrations []func(context.Context, Store) error
}

// DB is a Store on an Engine: the optimistic committer.
type DB struct {
	engine  Engine
	now     func() time.Time
	history time.Duration

	current  atomic.Pointer[published] // nil once closed
	open     sync.WaitGroup            // published snapshots that are not yet closed
	table    *conflicts                // contents: the committer's
	hot      *hot
	commits  queue
	pool     sync.Pool // of *commit
	stopped  atomic.Pointer[error]
	stats    stats
	finished chan struct{} // the committer has ended
	closing  sync.Once
	closed   error
}

// published is a snapshot that readers share; the last one to leave closes it.
type published struct {
	Snapshot
	stamp   Stamp // the last commit in it
	settled Stamp // what was given stamps up to here is in it, or was refused
	refs    atomic.Int64
	db      *DB
}

// Open opens the store on engine, which belongs to it from then on: Close closes
// it, and so does an Open that fails. A store that is not there yet is made, an
// older one is migrated. An error of ErrFormat says what cannot be opened and what
// to do about it.
func Open(engine Engine, opts Options) (*DB, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.History == 0 {
		opts.History = 36 * 24 * time.Hour
	}
	db := &DB{
		engine: engine, now: opts.Now, history: opts.History,
		table: newConflicts(), hot: newHot(), commits: queue{wake: make(chan struct{}, 1)}, finished: make(chan struct{}),
	}
	ctx := context.Background()
	format, last, err := db.recover(ctx, len(opts.Migrations)+1)
	if err == nil {
		db.hot.dropped.Store(uint64(last.stamp))
		err = db.publish(last.stamp, last.stamp)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	go newCommitter(db, last).run()
	if err := db.migrate(ctx, format, opts.Migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// publish makes the state of the engine what readers see.
func (db *DB) publish(stamp, settled Stamp) error {
	snap, err := db.engine.Snapshot()
	if err != nil {
		return err
	}
	p := &published{Snapshot: snap, stamp: stamp, settled: settled, db: db}
	p.refs.Store(1)
	db.open.Add(1)
	if old := db.current.Swap(p); old != nil {
		old.release()
	}
	return nil
}

// acquire returns the newest published snapshot, to be released.
func (db *DB) acquire() (*published, error) {
	for {
		p := db.current.Load()
		if p == nil {
			return nil, ErrClosed
		}
		// One that reached 0 is replaced already: look again.
		if n := p.refs.Load(); n > 0 && p.refs.CompareAndSwap(n, n+1) {
			return p, nil
		}
	}
}

func (p *published) release() {
	if p.refs.Add(-1) == 0 {
		p.Snapshot.Close()
		p.db.open.Done()
	}
}

// View runs fn on the newest durable snapshot.
func (db *DB) View(ctx context.Context, fn func(Reader) error) error {
	snap, err := db.acquire()
	if err != nil {
		return err
	}
	r := &reader{snap: snap}
	defer func() {
		r.snap = nil
		snap.release()
	}()
	return fn(r)
}

// Update runs fn until what it read is still so at its commit.
func (db *DB) Update(ctx context.Context, fn func(Txn) error) (Stamp, error) {
	c := db.newCommit()
	for run := 0; ; run++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		stamp, err := db.attempt(ctx, c, fn, run >= optimisticRuns)
		if err != errConflict {
			db.recycle(c)
			return stamp, err
		}
		if err := backOff(ctx, run); err != nil {
			return 0, err
		}
	}
}

// attempt runs fn once and commits what it wrote. In its turn, nothing else is
// committed in between.
func (db *DB) attempt(ctx context.Context, c *commit, fn func(Txn) error, inTurn bool) (Stamp, error) {
	var mine *turn
	if inTurn {
		var err error
		if mine, err = db.commits.turn(ctx); err != nil {
			return 0, err
		}
		defer mine.end()
	}
	snap, err := db.acquire()
	if err != nil {
		return 0, err
	}
	c.reset(snap)
	err = func() error {
		defer func() {
			c.snap = nil
			snap.release()
		}()
		return fn(&c.txn)
	}()
	switch {
	case err != nil:
		return 0, err
	case c.err != nil:
		return 0, c.err
	case len(c.writes) == 0:
		return snap.stamp, nil
	}
	c.since = snap.settled
	return db.commit(ctx, c, mine)
}

// DeleteRange hands the deletion to the engine, in a batch of the committer's.
func (db *DB) DeleteRange(ctx context.Context, from, to []byte) error {
	if err := checkKey(from); err != nil {
		return err
	}
	if to != nil && bytes.Compare(from, to) >= 0 {
		return nil
	}
	c := db.newCommit()
	c.reset(nil)
	c.writes = append(c.writes, write{Op: Op{OpDeleteRange, c.copy(from), nil}})
	if to != nil {
		c.writes[0].Val = c.copy(to)
	}
	defer db.recycle(c)
	_, err := db.commit(ctx, c, nil)
	return err
}

// Close waits for running transactions, then closes the engine.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.commits.close()
		<-db.finished
		if p := db.current.Swap(nil); p != nil {
			p.release()
		}
		db.open.Wait()
		db.closed = db.engine.Close()
	})
	return db.closed
}

// backOff waits a little and randomly longer with each run, so that those who
// fight for a key stop meeting.
func backOff(ctx context.Context, run int) error {
	if run < 2 {
		return nil // the commit that was in the way is already published
	}
	timer := time.NewTimer(rand.N(50 * time.Microsecond << min(run, 8)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse returns the error of a store that has stopped writing, if it has.
func (db *DB) refuse() error {
	if cause := db.stopped.Load(); cause != nil {
		return fmt.Errorf("%w: %w", ErrStopped, *cause)
	}
	return nil
}
