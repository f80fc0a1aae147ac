package ecr

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/egress"
)

// pulls is what one process knows of the pulls through caches that it does. All of it may
// be lost.
type pulls struct {
	egress   *egress.Client
	secrets  func(arn string) (*Secret, error)
	patience time.Duration // how long an upstream may send nothing

	flights  singleflight.Group // of manifests
	tokens   remembered[string] // the Authorization by what it is for
	failures remembered[error]  // that are answered without asking again

	life    context.Context // of the fetches
	end     context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	fetches map[fetchKey]*fetch
}

func newPulls(c Config) *pulls {
	p := &pulls{egress: c.Egress, secrets: c.Secrets, patience: cmp.Or(c.UpstreamPatience, time.Minute), fetches: map[fetchKey]*fetch{}}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// Close ends the fetches from other registries, which go on where they are when the
// images are asked for again. It is called after the last request and before the store is
// closed.
func (s *Service) Close() {
	s.pulls.end()
	s.pulls.running.Wait()
}

// guarded makes an error of a panic, so that what another server sent cannot end this one.
func guarded(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = api.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return fn()
}

// remembered are values that are good until a time. The zero value is ready.
type remembered[T any] struct {
	mu  sync.Mutex
	all map[string]expiring[T]
}

type expiring[T any] struct {
	value T
	until time.Time
}

// maxRemembered is how many values are remembered. They are hints: beyond that all are
// forgotten.
const maxRemembered = 10_000

func (r *remembered[T]) get(key string, now time.Time) (value T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.all[key]; ok && now.Before(e.until) {
		return e.value
	}
	return value
}

func (r *remembered[T]) set(key string, value T, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= maxRemembered {
		r.all = map[string]expiring[T]{}
	}
	r.all[key] = expiring[T]{value, until}
}
