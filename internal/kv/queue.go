package kv

import (
	"context"
	"sync"
	"time"
)

// queue is where commits wait for the committer, and transactions for a turn.
type queue struct {
	mu     sync.Mutex
	items  []*commit
	turns  []*turn
	closed bool
	wake   chan struct{} // of capacity 1
}

// push adds c; in a turn it goes first, and the turn is over.
func (q *queue) push(c *commit, mine *turn) error {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return ErrClosed
	case mine != nil:
		q.items = append(q.items, nil)
		copy(q.items[1:], q.items)
		q.items[0] = c
	default:
		q.items = append(q.items, c)
	}
	q.mu.Unlock()
	if mine != nil {
		mine.end()
	}
	q.signal()
	return nil
}

// swap takes all that wait and the next turn; empty is for those who come.
func (q *queue) swap(empty []*commit) (items []*commit, next *turn, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items = q.items, empty
	if len(q.turns) > 0 {
		next, q.turns = q.turns[0], q.turns[1:]
	}
	return items, next, q.closed
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// turn is the right to run a transaction while nothing is committed, so that it
// cannot conflict. It goes to those who have conflicted too often, one at a time,
// and between two turns the others commit.
type turn struct {
	granted chan struct{}
	over    chan struct{}
	once    sync.Once
}

// turnTime is how long the committer waits for the one whose turn it is. Who takes
// longer commits like everyone, and may conflict again.
const turnTime = time.Second

// turn waits for a turn.
func (q *queue) turn(ctx context.Context) (*turn, error) {
	t := &turn{granted: make(chan struct{}), over: make(chan struct{})}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, ErrClosed
	}
	q.turns = append(q.turns, t)
	q.mu.Unlock()
	q.signal()
	select {
	case <-t.granted:
		return t, nil
	case <-ctx.Done():
		t.end()
		return nil, ctx.Err()
	}
}

// grant gives the turn and waits until it is over.
func (t *turn) grant() {
	close(t.granted)
	timer := time.NewTimer(turnTime)
	defer timer.Stop()
	select {
	case <-t.over:
	case <-timer.C:
	}
}

// end ends the turn; more than once is as good as once.
func (t *turn) end() { t.once.Do(func() { close(t.over) }) }
