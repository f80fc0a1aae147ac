package predictions

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A table that fails is left alone for a while: predictions do not wait for it one by one.
const (
	patience   = 3                // failures in a row before it is left alone
	firstPause = time.Second      // doubled with each failure more
	lastPause  = 10 * time.Second // at most
)

// gate keeps operations from a table that fails.
type gate struct {
	mu       sync.Mutex
	failures int // in a row
	until    time.Time
}

// admits tells whether the table is to be asked. Of a table that is left alone, one call
// after each pause is let through.
func (g *gate) admits(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures < patience {
		return true
	}
	if now.Before(g.until) {
		return false
	}
	g.until = now.Add(firstPause)
	return true
}

// learn takes note of how an operation ended.
func (g *gate) learn(err error, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !failure(err) {
		g.failures = 0
		return
	}
	if errors.Is(err, ErrRefused) {
		// To ask again would be answered the same: no further failure is waited for.
		g.failures = max(g.failures, patience-1)
	}
	g.failures++
	if g.failures >= patience {
		g.until = now.Add(min(firstPause<<min(g.failures-patience, 8), lastPause))
	}
}

// idle tells whether the gate may be forgotten.
func (g *gate) idle(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures == 0 || now.After(g.until.Add(lastPause))
}

// failure tells whether an error is one of the table, neither one of its answers nor the end
// of what it was asked for.
func failure(err error) bool {
	return err != nil && !errors.Is(err, ErrLeased) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, context.Canceled)
}

// tier is what is known of a table, as it is used in one role. That a role may read says
// nothing of whether it may write.
type tier struct {
	Place
	read, write gate
	// refused says that the table refused the role a read when it was last asked: then what
	// memory holds of it is not served either.
	refused atomic.Bool
	// lastRead is when the table last let the role read it, in nanoseconds since 1970: 0 if it did
	// not when it was last asked.
	lastRead atomic.Int64
}

// readable tells whether the table let the role read it so lately that it need not be asked
// whether it still does.
func (t *tier) readable(now time.Time) bool {
	since := now.UnixNano() - t.lastRead.Load()
	return since >= 0 && since < int64(trust)
}

func (t *tier) gate(what operation) *gate {
	if what == reading {
		return &t.read
	}
	return &t.write
}

func (t *tier) learn(what operation, err error, now time.Time) {
	t.gate(what).learn(err, now)
	if what != reading {
		return
	}
	if err == nil {
		t.refused.Store(false)
		t.lastRead.Store(now.UnixNano())
		return
	}
	t.lastRead.Store(0)
	if errors.Is(err, ErrRefused) {
		t.refused.Store(true)
	}
}

// idle tells whether to forget the tier loses nothing but what memory holds of it.
func (t *tier) idle(now time.Time) bool { return t.read.idle(now) && t.write.idle(now) }

// tiers are those in use.
type tiers struct {
	mu  sync.RWMutex
	all map[Place]*tier
}

// maxTiers bounds how many are remembered.
const maxTiers = 4096

func (s *tiers) of(at Place, now time.Time) *tier {
	s.mu.RLock()
	t := s.all[at]
	s.mu.RUnlock()
	if t != nil {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.all[at]; t != nil {
		return t
	}
	if len(s.all) >= maxTiers {
		for p, old := range s.all {
			if old.idle(now) {
				delete(s.all, p)
			}
		}
	}
	t = &tier{Place: at}
	s.all[at] = t
	return t
}
