package predictions

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

const (
	// leaseTime is how long a lease lasts unless it is renewed: so long others wait for a
	// server that died while it asked the model.
	leaseTime = 3 * time.Second
	// firstWait, doubled each time up to lastWait, is how often a server that waits for
	// another's answer looks for it.
	firstWait = 5 * time.Millisecond
	lastWait  = 100 * time.Millisecond
	// longestWait is how long it waits at most; then it asks the model itself.
	longestWait = 70 * time.Second
)

// lease makes this server the one that asks the model, or returns the row that another one
// made meanwhile. It returns neither if it waited too long or the table failed.
func (c *Cache) lease(ctx context.Context, p *Prediction, k flightKey) (*held, *Row) {
	began := c.now()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		now := c.now()
		lease := &Lease{ID: k.key.String(), Owner: rand.Text(), Until: now.Add(leaseTime).Truncate(time.Millisecond)}
		_, err := ask(ctx, c, k.of, leasing, readTime, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, c.table.Take(ctx, k.of.Place, lease, now)
		})
		switch {
		case err == nil:
			h := c.hold(ctx, k.of, lease)
			// Whoever had the lease before may have left a row after the first look.
			row, err := c.look(ctx, p, k)
			if row != nil || err != nil {
				h.drop(ctx)
				return nil, row
			}
			return h, nil
		case !errors.Is(err, ErrLeased), now.Sub(began) >= longestWait, pause(ctx, wait) != nil:
			return nil, nil
		}
		if row, err := c.look(ctx, p, k); row != nil || err != nil {
			return nil, row
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// held is a lease that this server holds and renews. A nil one is none: the question is asked
// without.
type held struct {
	c     *Cache
	of    *tier
	lease *Lease // nil once it is gone
	stop  func() // ends the renewals, and waits for the last one
}

// hold renews a lease in the background.
func (c *Cache) hold(ctx context.Context, of *tier, lease *Lease) *held {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pause(ctx, leaseTime/3) == nil {
			next := &Lease{ID: lease.ID, Owner: lease.Owner, Until: c.now().Add(leaseTime).Truncate(time.Millisecond)}
			_, err := ask(ctx, c, of, leasing, readTime, func(ctx context.Context) (struct{}, error) {
				return struct{}{}, c.table.Renew(ctx, of.Place, next)
			})
			if errors.Is(err, ErrLeased) {
				return
			}
		}
	}()
	return &held{c: c, of: of, lease: lease, stop: func() { cancel(); <-ended }}
}

// settle is the lease, which is renewed no more; nil if there is none.
func (h *held) settle() *Lease {
	if h == nil {
		return nil
	}
	h.stop()
	return h.lease
}

// spent says that the lease is gone.
func (h *held) spent() {
	if h != nil {
		h.lease = nil
	}
}

// drop gives the lease up, if it is still there.
func (h *held) drop(ctx context.Context) {
	l := h.settle()
	if l == nil {
		return
	}
	_, _ = ask(ctx, h.c, h.of, leasing, fillTime, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, h.c.table.Drop(ctx, h.of.Place, l)
	})
}
