package kv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	optimisticRuns = 8       // then a transaction waits for its turn
	maxGroup       = 8 << 20 // bytes of a group, unless one transaction is larger
)

// commit is a transaction on its way through the committer.
type commit struct {
	txn
	since Stamp // of the snapshot that it read
	state atomic.Int32
	done  chan struct{} // of capacity 1
	left  bool          // by its caller, before it was done

	stamp Stamp // the outcome, when done
	fault error
}

const (
	waiting int32 = iota // in the queue: may be withdrawn
	begun                // the committer has it
	withdrawn
)

var commitPool = sync.Pool{New: func() any { return &commit{done: make(chan struct{}, 1)} }}

func newCommit(table *conflicts) *commit {
	c := commitPool.Get().(*commit)
	c.table = table
	return c
}

// recycle gives c back, unless the committer may still hold it.
func (c *commit) recycle() {
	if c.left {
		return
	}
	c.reset(nil)
	c.table = nil
	commitPool.Put(c)
}

// seal gives c its stamp.
func (c *commit) seal(s Stamp) {
	c.stamp = s
	c.txn.stamp(s)
}

func (c *commit) finish(err error) {
	c.fault = err
	c.done <- struct{}{}
}

// outcome is what Update returns of a commit that is done.
func (c *commit) outcome() (Stamp, error) {
	if c.fault != nil {
		return 0, c.fault
	}
	return c.stamp, nil
}

// commit hands c to the committer and waits for the outcome.
func (db *DB) commit(ctx context.Context, c *commit, mine *turn) (Stamp, error) {
	if err := db.refuse(); err != nil {
		return 0, err
	}
	c.state.Store(waiting)
	if err := db.commits.push(c, mine); err != nil {
		return 0, err
	}
	select {
	case <-c.done:
		return c.outcome()
	case <-ctx.Done():
	}
	c.left = true
	if c.state.CompareAndSwap(waiting, withdrawn) {
		return 0, ctx.Err()
	}
	select {
	case <-c.done:
		return c.outcome()
	default:
		return 0, fmt.Errorf("%w: %w", ErrCommitUnknown, ctx.Err())
	}
}

// committer is the one goroutine that writes: it validates, stamps, applies and
// publishes groups of commits.
type committer struct {
	*DB
	last      moment
	ops       []Op
	committed []*commit
	conflicts []*commit
}

func (w *committer) run() {
	defer close(w.finished)
	var group []*commit
	for {
		clear(group)
		var next *turn
		var closed bool
		group, next, closed = w.commits.swap(group[:0])
		switch {
		case len(group) > 0:
			for rest := group; len(rest) > 0; {
				rest = rest[w.group(rest):]
			}
		case next == nil && closed:
			return
		case next == nil:
			<-w.commits.wake
		}
		if next != nil {
			next.grant()
		}
	}
}

// group commits as many of cs as fit one batch, and returns how many it settled.
func (w *committer) group(cs []*commit) int {
	w.ops, w.committed, w.conflicts = w.ops[:0], w.committed[:0], w.conflicts[:0]
	next := moment{w.last.stamp, max(w.now().UnixNano(), w.last.nanos)}
	n, size := 0, 0
	for _, c := range cs {
		if size > 0 && size+c.size > maxGroup {
			break
		}
		n++
		switch {
		case !c.state.CompareAndSwap(waiting, begun):
			continue
		case !w.valid(c):
			w.conflicts = append(w.conflicts, c)
			continue
		}
		size += c.size
		next.stamp++
		c.seal(next.stamp)
		for _, wr := range c.writes {
			w.table.record(wr.hash, next.stamp)
			w.ops = append(w.ops, wr.Op)
		}
		w.committed = append(w.committed, c)
	}
	err := w.apply(next)
	for _, c := range w.committed {
		c.finish(err)
	}
	// A conflict is told only now, so that the next run sees what was in the way.
	for _, c := range w.conflicts {
		c.finish(errConflict)
	}
	clear(w.ops)
	return n
}

// apply writes the prepared group and publishes it.
func (w *committer) apply(next moment) error {
	if len(w.ops) == 0 {
		return nil
	}
	if err := w.refuse(); err != nil {
		return err
	}
	w.ops = w.clock(w.ops, next)
	err := w.engine.Apply(w.ops)
	if errors.Is(err, ErrFull) {
		return err
	}
	if err == nil {
		w.last = next
		err = w.publish(next.stamp)
	}
	if err != nil {
		w.stopped.Store(&err)
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
	return nil
}

func (w *committer) valid(c *commit) bool {
	for _, h := range c.reads {
		if w.table.last(h) > c.since {
			return false
		}
	}
	return true
}
