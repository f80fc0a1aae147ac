package kv

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

const (
	optimisticRuns = 8       // then a transaction waits for its turn
	maxGroup       = 8 << 20 // bytes of a group, unless one transaction is larger
)

// commit is a transaction on its way through the committer.
type commit struct {
	txn
	since Stamp // what the snapshot that it read has settled
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

func (db *DB) newCommit() *commit {
	if c, ok := db.pool.Get().(*commit); ok {
		return c
	}
	c := &commit{done: make(chan struct{}, 1)}
	c.table = db.table
	return c
}

// recycle gives c back, unless the committer may still hold it.
func (db *DB) recycle(c *commit) {
	if !c.left {
		c.reset(nil)
		db.pool.Put(c)
	}
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

// committer is the one goroutine that decides: it validates and stamps commits and
// gathers them into a group, while the writer has the group before it. So a group
// may be prepared on one that is not durable yet; but it is written only after it,
// and its callers hear of it only when both are.
type committer struct {
	*DB
	last    moment    // of the groups that were handed to the writer
	arrived []*commit // from the queue
	taken   int       // of those that arrived
	next    *group    // the one that is being gathered
	spare   *group
	writing bool
	turn    *turn // the next to be granted
	closing bool

	groups  chan *group // to the writer, one at a time
	written chan *group // and back
}

// group is what becomes one batch.
type group struct {
	ops       []Op
	committed []*commit
	conflicts []*commit
	size      int
	last      Stamp // of the last commit
	err       error
}

func newCommitter(db *DB, last moment) *committer {
	return &committer{
		DB: db, last: last,
		next: &group{last: last.stamp}, spare: &group{},
		groups: make(chan *group, 1), written: make(chan *group, 1),
	}
}

func (w *committer) run() {
	defer close(w.finished)
	defer close(w.groups)
	go w.write()
	for {
		w.gather()
		switch {
		case w.writing:
		case len(w.next.ops) > 0:
			w.hand()
			continue
		case len(w.next.conflicts) > 0:
			w.settle(w.next)
			continue
		case w.turn != nil:
			w.stats.turns.Add(1)
			w.turn.grant()
			w.turn = nil
			continue
		case w.closing:
			return
		}
		select {
		case <-w.commits.wake:
		case g := <-w.written:
			w.writing = false
			w.settle(g)
			w.spare = g
		}
	}
}

// gather takes what waits in the queue into the next group, as far as it fits.
// While a transaction waits for its turn, none comes between.
func (w *committer) gather() {
	if w.turn == nil && w.taken == len(w.arrived) {
		clear(w.arrived)
		w.arrived, w.turn, w.closing = w.commits.swap(w.arrived[:0])
		w.taken = 0
	}
	g := w.next
	for ; w.taken < len(w.arrived); w.taken++ {
		c := w.arrived[w.taken]
		if len(g.ops) > 0 && g.size+c.size > maxGroup {
			return
		}
		switch {
		case !c.state.CompareAndSwap(waiting, begun):
			continue // withdrawn
		case !w.valid(c):
			g.conflicts = append(g.conflicts, c)
			continue
		}
		g.last++
		g.size += c.size
		c.seal(g.last)
		for _, wr := range c.writes {
			w.table.record(wr.hash, g.last)
			g.ops = append(g.ops, wr.Op)
		}
		g.committed = append(g.committed, c)
	}
}

// valid says whether what c read is still so.
func (w *committer) valid(c *commit) bool {
	for _, h := range c.reads {
		if w.table.last(h) > c.since {
			return false
		}
	}
	return true
}

// hand gives the gathered group to the writer.
func (w *committer) hand() {
	g := w.next
	now := moment{g.last, max(w.now().UnixNano(), w.last.nanos)}
	g.ops = w.clock(g.ops, now)
	w.last = now
	w.next = w.spare
	w.next.last = g.last
	w.writing = true
	w.groups <- g
}

// settle tells the callers of g, and makes g ready to be used again. A conflict is
// told only now, so that the next run sees what was in the way.
func (w *committer) settle(g *group) {
	w.stats.count(g)
	for _, c := range g.committed {
		c.finish(g.err)
	}
	for _, c := range g.conflicts {
		c.finish(errConflict)
	}
	clear(g.ops)
	clear(g.committed)
	clear(g.conflicts)
	g.ops, g.committed, g.conflicts = g.ops[:0], g.committed[:0], g.conflicts[:0]
	g.size, g.err = 0, nil
}

// write applies and publishes one group after the other.
func (w *committer) write() {
	for g := range w.groups {
		g.err = w.apply(g)
		w.written <- g
	}
}

func (w *committer) apply(g *group) error {
	if err := w.refuse(); err != nil {
		return err
	}
	err := w.engine.Apply(g.ops)
	if errors.Is(err, ErrFull) {
		// The conflict table has the refused commits already.
		if failed := w.publish(w.current.Load().stamp, g.last); failed != nil {
			w.stopped.Store(&failed)
		}
		return err
	}
	if err == nil {
		w.hot.drop(g.ops, g.last)
		err = w.publish(g.last, g.last)
	}
	if err != nil {
		w.stopped.Store(&err)
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
	return nil
}
