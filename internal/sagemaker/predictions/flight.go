package predictions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// flight is one search for an answer, for all who ask the same meanwhile. Its context is
// nobody's: it goes on when they leave.
type flight struct {
	key    flightKey
	bytes  int // of the question's body
	once   sync.Once
	landed chan struct{} // closed when there is a result or an error

	result Result
	err    error
	source source
}

type flightKey struct {
	key Key
	of  *tier
}

// flights are those under way.
type flights struct {
	mu       sync.Mutex
	all      map[flightKey]*flight
	accounts map[string]load
}

// load is what an account has under way.
type load struct {
	flights int
	bytes   int // of the questions' bodies, which stay until the flight has ended
}

// join returns the flight of a key, and whether it is a new one, which the caller is to fly;
// nil if the account has as much under way as it may.
func (s *flights) join(k flightKey, bytes int) (f *flight, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.all[k]; f != nil {
		return f, false
	}
	l := s.accounts[k.of.Account]
	if l.flights >= maxFlights || l.bytes > 0 && l.bytes+bytes > maxFlightBytes {
		return nil, false
	}
	f = &flight{key: k, bytes: bytes, landed: make(chan struct{})}
	s.all[k] = f
	s.accounts[k.of.Account] = load{l.flights + 1, l.bytes + bytes}
	return f, true
}

func (s *flights) leave(f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, f.key)
	account := f.key.of.Account
	l := s.accounts[account]
	if l.flights == 1 {
		delete(s.accounts, account)
		return
	}
	s.accounts[account] = load{l.flights - 1, l.bytes - f.bytes}
}

// land gives those who wait what they wait for, unless they were given something before.
func (f *flight) land(r Result, err error, from source) {
	f.once.Do(func() {
		f.result, f.err, f.source = r, err, from
		close(f.landed)
	})
}

// fly finds the answer: in the table, with another server, or with the model. Whoever asks
// between the answer and the end of its fill is given it, too, so that nobody asks the model
// while the table does not have it yet.
func (c *Cache) fly(ctx context.Context, f *flight, p *Prediction, model Model) {
	var lease *held
	var fresh *Row // to be kept
	defer func() {
		if fresh == nil && lease == nil {
			c.leave(f)
			return
		}
		time.AfterFunc(fillDelay, func() {
			defer c.leave(f)
			defer c.rescue(ctx, f, p)
			defer lease.drop(ctx)
			if fresh != nil {
				c.fill(ctx, p, f.key, fresh, lease)
			}
		})
	}()
	defer c.rescue(ctx, f, p)

	var row *Row
	var err error
	if !c.lacks(f.key) {
		row, err = c.look(ctx, p, f.key)
	}
	from, outcome := fromTable, Miss
	if err != nil {
		row, from, outcome = c.stale(p, f.key), fromMemory, Bypass
	}
	if row == nil && err == nil && !c.alone {
		lease, row = c.lease(ctx, p, f.key)
	}
	if row != nil {
		f.land(Result{Answer: &row.Answer, Outcome: Hit, Age: max(0, c.now().Sub(row.Created))}, nil, from)
		return
	}
	answer, err := p.call(ctx, model)
	if err == nil && outcome == Miss {
		now := c.now()
		fresh = &Row{
			ID: f.key.key.String(), Created: now, Expires: now.Truncate(time.Second).Add(p.Settings.TTL),
			Model: p.Model, ImageDigest: p.ImageDigest, Answer: *answer,
		}
	}
	f.land(Result{Answer: answer, Outcome: outcome}, err, fromModel)
}

// leave says that a flight has ended.
func (c *Cache) leave(f *flight) {
	c.flights.leave(f)
	c.working.Done()
}

// rescue, deferred, keeps a panic from ending the process, and from leaving anybody waiting.
func (c *Cache) rescue(ctx context.Context, f *flight, p *Prediction) {
	if r := recover(); r != nil {
		c.log.ErrorContext(ctx, "a prediction panicked", "endpoint", p.Endpoint, "panic", r, "stack", string(debug.Stack()))
		f.land(Result{}, fmt.Errorf("the prediction panicked: %v", r), fromModel)
	}
}

// stale is what memory still has if the table cannot be asked: the answer is as good as it
// was. What the role was denied to read is not found.
func (c *Cache) stale(p *Prediction, k flightKey) *Row {
	if e := c.memory.get(k.key); e != nil && e.of == k.of && !k.of.refused.Load() && p.accepts(e.row, c.now()) {
		return e.row
	}
	return nil
}

// call calls the model.
func (p *Prediction) call(ctx context.Context, model Model) (*Answer, error) {
	answer, err := model(ctx)
	if err == nil && answer == nil {
		err = errors.New("the model gave neither an answer nor an error")
	}
	if err == nil && answer.Variant == "" {
		named := *answer
		named.Variant = p.Variant
		answer = &named
	}
	return answer, err
}

// skew is how far the clocks of two servers may be apart for one to see the other's rows.
const skew = 5 * time.Second

// lacks tells whether the table need not be read, since it certainly has no answer. Nobody else
// may write to it then, and it must have let the role read it not long ago.
func (c *Cache) lacks(k flightKey) bool {
	return c.alone && k.of.readable(c.now()) && c.table.Lacks(k.of.Place, k.key.String())
}

// look reads the table: nil if it has no answer. What it has is in memory then, and what it
// has not is not.
func (c *Cache) look(ctx context.Context, p *Prediction, k flightKey) (*Row, error) {
	now := c.now()
	row, err := ask(ctx, c, k.of, reading, readTime, func(ctx context.Context) (*Row, error) {
		return c.table.Newest(ctx, k.of.Place, k.key.String(), now, now.Add(p.Settings.TTL+skew))
	})
	switch {
	case err != nil:
		return nil, err
	case row == nil || !p.accepts(row, now):
		c.memory.drop(k.key)
		return nil, nil
	}
	c.memory.put(k.key, row, k.of, now)
	return row, nil
}

// fill keeps an answer: a success, of the variant that was asked and of the generation that
// the endpoint still has.
func (c *Cache) fill(ctx context.Context, p *Prediction, k flightKey, row *Row, lease *held) {
	if !row.kept() || row.Variant != p.Variant {
		c.meters.filled(&p.Question, fillNoSuccess)
		return
	}
	if c.generation != nil {
		if present, err := c.generation(ctx, &p.Question); err != nil || present != p.Generation {
			c.meters.filled(&p.Question, fillMoved)
			return
		}
	}
	settled := lease.settle()
	_, err := ask(ctx, c, k.of, filling, fillTime, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.table.Put(ctx, k.of.Place, row, settled)
	})
	switch {
	case err == nil:
		lease.spent()
		c.memory.put(k.key, row, k.of, c.now())
		c.meters.filled(&p.Question, fillKept)
	case errors.Is(err, ErrTooLarge):
		c.meters.filled(&p.Question, fillTooLarge)
	case errors.Is(err, ErrLeased):
		lease.spent()
		c.meters.filled(&p.Question, fillLost)
	default:
		c.meters.filled(&p.Question, fillFailed)
	}
}

// errLeftAlone says that a table failed so often that it is not asked for a while.
var errLeftAlone = errors.New("the cache table is left alone for a while, since it failed")

// errLate says that a table has not answered in the time that it had.
var errLate = errors.New("the cache table did not answer in time")

// ask does an operation of a table, unless it is left alone, and waits for it for a bounded
// time. A table that does not heed its context is then left to itself.
func ask[T any](ctx context.Context, c *Cache, of *tier, what operation, limit time.Duration, op func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var a answer
	if !of.gate(what).admits(c.now()) {
		return a.value, errLeftAlone
	}
	bounded, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	answered := make(chan answer, 1)
	go func() {
		roomy(0)
		v, err := guarded(bounded, op)
		answered <- answer{v, err}
	}()
	select {
	case a = <-answered:
	case <-bounded.Done():
		a.err = context.Cause(bounded)
	}
	c.learn(ctx, of, what, a.err)
	return a.value, a.err
}

// guarded does an operation. A panic is an error of it.
func guarded[T any](ctx context.Context, op func(context.Context) (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return op(ctx)
}

// learn takes note of how an operation of a table ended.
func (c *Cache) learn(ctx context.Context, of *tier, what operation, err error) {
	if !errors.Is(err, context.Canceled) {
		of.learn(what, err, c.now())
	}
	if failure(err) {
		c.meters.failed(of, what)
		c.log.WarnContext(ctx, "a cache table failed", "table", of.Table, "role", of.Role, "operation", string(what), "error", err)
	}
}

// roomy lets the stack of a new goroutine grow to what an operation of a table needs while there
// is nothing on it that is to be copied: the room is made, and not touched. To grow on the way
// took 6 of 33 µs of a hit.
//
//go:noinline
func roomy(n int) byte {
	if n == 0 {
		return 0
	}
	var room [24 << 10]byte
	return room[n]
}
