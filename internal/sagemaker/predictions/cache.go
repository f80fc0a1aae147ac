// Package predictions answers equal questions to the same version of a model from a table.
//
// A question is everything that an answer may depend on, and its hash is the key of a row. The
// generation of the endpoint is part of it: a promotion makes a new one, so an answer from
// before it is never found after it, and nothing is deleted. In front of the table is the
// memory of this process, which holds nothing but what a table said, and asks again for what
// it goes on to serve. Equal questions that come at once wait for one call of the model: in
// this process for the same flight, elsewhere for the holder of a lease, which is an item of
// the table.
//
// The cache never fails a prediction. Whatever goes wrong with a table, within a bounded time
// the model is asked.
//
// Who may ask is decided before: a Cache answers whoever calls it. The table is read and
// written in the role of the model; what the role may not read is not served.
package predictions

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Cache is made of. Table is required.
type Config struct {
	Table Table
	// Generation is the present generation of a question's endpoint. A fill of another one is
	// dropped; so it is on an error. If it is nil, every fill is kept: still no answer of
	// another generation is ever found, since it is part of the key.
	Generation func(context.Context, *Question) (string, error)
	// Alone says that no other server uses the tables: then nobody has to be told by a lease
	// that the model is being asked.
	Alone bool
	// Memory is how many bytes of answers memory holds: DefaultMemory if zero, none if negative.
	Memory  int64
	Now     func() time.Time      // time.Now if nil
	Metrics prometheus.Registerer // nil for none
	Log     *slog.Logger          // slog.Default() if nil
}

// DefaultMemory is how many bytes of answers are held if nothing else is said.
const DefaultMemory = 64 << 20

const (
	// trust is how long memory serves a row before it asks the table for it again. So long may
	// a row be served that was deleted, or a role that was forbidden to read.
	trust = 10 * time.Second
	// readTime is how long a prediction waits for the table.
	readTime = 100 * time.Millisecond
	// fillDelay lets an answer go out before it is kept: at once, a fill would take the
	// processors that bring the answer to its client: about 40 µs of a miss, on two of them.
	fillDelay = 150 * time.Microsecond
	// fillTime is how long a fill may take, for which no prediction waits.
	fillTime = 2 * time.Second
	// maxFlights is how many calls of models an account may have under way through the cache,
	// and maxFlightBytes how long their bodies may be in all: they go on when those who asked
	// have left. More are made without the cache, and end with their requests.
	maxFlights     = 4096
	maxFlightBytes = 256 << 20
)

// Cache is the prediction cache of all endpoints of a server. Its methods may be called at once.
type Cache struct {
	table      Table
	generation func(context.Context, *Question) (string, error)
	alone      bool
	now        func() time.Time
	log        *slog.Logger
	meters     *meters
	memory     *memory
	tiers      tiers
	flights    flights
	working    sync.WaitGroup
}

// New returns a cache.
func New(c Config) *Cache {
	cache := &Cache{
		table: c.Table, generation: c.Generation, alone: c.Alone, now: c.Now, log: cmp.Or(c.Log, slog.Default()),
		memory:  newMemory(max(0, cmp.Or(c.Memory, DefaultMemory))),
		tiers:   tiers{all: map[Place]*tier{}},
		flights: flights{all: map[flightKey]*flight{}, accounts: map[string]load{}},
	}
	if cache.now == nil {
		cache.now = time.Now
	}
	cache.meters = newMeters(c.Metrics, cache.memory)
	return cache
}

// Wait returns when the calls and fills that are under way have ended, which go on after those
// who asked have left. It is for the end of a server: nothing is to be asked meanwhile.
func (c *Cache) Wait() { c.working.Wait() }

// Forget takes an endpoint that is gone out of the metrics.
func (c *Cache) Forget(account, region, endpoint string) { c.meters.forget(account, region, endpoint) }

// Prediction is one that is asked for, by someone who may. Neither it nor the question's body
// is changed afterwards, also when the request has ended: the call of the model may go on.
type Prediction struct {
	Question
	Settings *Settings // nil if the endpoint has no cache
	Role     string    // ARN of the model's ExecutionRole, in which the table is used

	// What makes a prediction bypass the cache.
	SessionID    string
	Streaming    bool
	CacheControl string // the request's header
}

// bypasses tells whether the cache is neither to be read nor written: the answer depends on
// a session, comes in pieces, or the client wants a new one.
func (p *Prediction) bypasses() bool {
	if p.SessionID != "" || p.Streaming {
		return true
	}
	for directive := range strings.SplitSeq(p.CacheControl, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "no-cache") || strings.EqualFold(name, "no-store") {
			return true
		}
	}
	return false
}

// Model calls the model, once. An answer that is no success is an Answer of its status, or an
// error, which all who wait for this call are given. The context is of nobody in particular
// when others may wait, too, so the call bounds its own time.
type Model func(context.Context) (*Answer, error)

// Predict answers a prediction, from the cache or by a call of model. The error is model's, or
// that of ctx if it ends first. Whoever is the first to ask makes the call for the others and
// for the table: to its end, also if ctx ends before.
func (c *Cache) Predict(ctx context.Context, p *Prediction, model Model) (Result, error) {
	if p.Settings == nil {
		answer, err := p.call(ctx, model)
		return Result{Answer: answer}, err
	}
	if p.bypasses() {
		return c.bypass(ctx, p, model)
	}
	now := c.now()
	of := c.tiers.of(Place{Account: p.Account, Region: p.Region, Table: p.Settings.Table, Role: p.Role}, now)
	key, row := c.recall(p, of, now)
	if row != nil {
		c.meters.count(&p.Question, Hit, fromMemory)
		return Result{Answer: &row.Answer, Outcome: Hit, Age: max(0, now.Sub(row.Created))}, nil
	}
	f, first := c.flights.join(flightKey{key, of}, len(p.Body))
	switch {
	case f == nil:
		return c.bypass(ctx, p, model)
	case first:
		c.working.Add(1) // until the flight has ended
		c.fly(context.WithoutCancel(ctx), f, p, model)
	default:
		select {
		case <-f.landed:
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	result := f.result
	if !first && f.err == nil && result.Outcome == Miss && result.kept() {
		result.Outcome = Hit
	}
	c.meters.count(&p.Question, result.Outcome, f.source)
	return result, f.err
}

// bypass asks the model for this request alone.
func (c *Cache) bypass(ctx context.Context, p *Prediction, model Model) (Result, error) {
	c.meters.count(&p.Question, Bypass, fromModel)
	answer, err := p.call(ctx, model)
	return Result{Answer: answer, Outcome: Bypass}, err
}

// recall is what memory has for a prediction, nil if nothing, and the key to go on with. The
// key of the bytes as they came is tried first: to find the canonical form of a body takes
// about ten times as long.
func (c *Cache) recall(p *Prediction, of *tier, now time.Time) (Key, *Row) {
	if !p.Settings.CanonicalJSON || !p.isJSON() {
		key := p.key(exact, p.Body)
		row, _ := c.remembered(key, p, of, now)
		return key, row
	}
	alias := p.key(equivalent, p.Body)
	if row, _ := c.remembered(alias, p, of, now); row != nil {
		return alias, row
	}
	body, err := Canonical(p.Body)
	if err != nil {
		key := p.key(exact, p.Body)
		row, _ := c.remembered(key, p, of, now)
		return key, row
	}
	key := p.key(canonical, body)
	row, confirmed := c.remembered(key, p, of, now)
	if row != nil {
		c.memory.put(alias, row, of, confirmed)
	}
	return key, row
}

// remembered is the row that memory may serve under a key now, and when the table last had it.
func (c *Cache) remembered(k Key, p *Prediction, of *tier, now time.Time) (row *Row, confirmed time.Time) {
	e := c.memory.get(k)
	if e == nil || e.of != of || of.refused.Load() || now.Sub(e.confirmed) >= trust || !p.accepts(e.row, now) {
		return nil, time.Time{}
	}
	return e.row, e.confirmed
}

// accepts tells whether a row answers the prediction now. Rows can be written by whoever may
// write to the table, and the tags may have changed since.
func (p *Prediction) accepts(row *Row, now time.Time) bool {
	return now.Before(row.Expires) && now.Sub(row.Created) < p.Settings.TTL &&
		row.Variant == p.Variant && row.Model == p.Model && row.ImageDigest == p.ImageDigest && row.kept()
}
