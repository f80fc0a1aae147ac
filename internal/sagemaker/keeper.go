package sagemaker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// A keeper brings an endpoint to what its record says: it starts what is to serve, lets it
// serve once it is ready, and ends what no longer serves. It reads the record anew before each
// step and writes what it did only if the record still asks for it. So what it does is the
// same after a restart, and whatever was changed meanwhile.

// keepers are the keepers of the endpoints that something is to be done to.
type keepers struct {
	mu   sync.Mutex
	ctx  context.Context // nil before Run
	all  map[endpointName]*keeper
	work sync.WaitGroup
}

type keeper struct {
	wake chan struct{} // the record has changed
}

// retryAfter is when a keeper tries again what the store refused.
const retryAfter = time.Second

// Run keeps the endpoints until ctx ends, and then ends their containers.
func (s *Service) Run(ctx context.Context) error {
	if s.folder != "" {
		if err := errors.Join(os.RemoveAll(s.folder), os.MkdirAll(s.folder, 0o711)); err != nil {
			return err
		}
	}
	s.keepers.mu.Lock()
	s.keepers.ctx = ctx
	s.keepers.mu.Unlock()
	defer func() {
		s.keepers.mu.Lock()
		s.keepers.ctx = nil
		s.keepers.mu.Unlock()
		s.keepers.work.Wait()
		s.cache.Wait() // for what nobody waits for any more
		s.fleet.close()
	}()
	for {
		err := s.tendAll(ctx)
		if err == nil {
			break
		}
		s.log.Error("the endpoints cannot be read; will try again", "error", err)
		if !sleep(ctx, retryAfter) {
			return ctx.Err()
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// sleep waits, and tells whether it did so to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tendAll sets keepers on all endpoints.
func (s *Service) tendAll(ctx context.Context) error {
	return s.view(ctx, func(tx kv.Reader) error {
		return each(ctx, tx, tuple.Of(room, endpointKind), func(e *endpoint) error {
			s.tend(e.at())
			return nil
		})
	})
}

// tend tells the keeper of an endpoint that its record has changed.
func (s *Service) tend(n endpointName) {
	s.keepers.mu.Lock()
	defer s.keepers.mu.Unlock()
	ctx := s.keepers.ctx
	if ctx == nil {
		return // Run will look at all
	}
	k := s.keepers.all[n]
	if k == nil {
		k = &keeper{wake: make(chan struct{}, 1)}
		s.keepers.all[n] = k
		s.keepers.work.Go(func() { s.keep(ctx, n, k) })
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// keep does what is to be done to an endpoint, and ends.
func (s *Service) keep(ctx context.Context, n endpointName, k *keeper) {
	for ctx.Err() == nil {
		done, err := s.step(ctx, n, k)
		if err != nil && ctx.Err() == nil {
			s.log.Error("an endpoint cannot be brought to what it is to be; will try again", "endpoint", n.resource().arn(), "error", err)
			sleep(ctx, retryAfter)
		}
		if done && s.dismiss(n, k) {
			return
		}
	}
}

// dismiss takes a keeper away, unless the record has changed meanwhile.
func (s *Service) dismiss(n endpointName, k *keeper) bool {
	s.keepers.mu.Lock()
	defer s.keepers.mu.Unlock()
	select {
	case <-k.wake:
		return false
	default:
		delete(s.keepers.all, n)
		return true
	}
}

// step does the next thing that is to be done to an endpoint, and tells whether that was all.
func (s *Service) step(ctx context.Context, n endpointName, k *keeper) (done bool, err error) {
	var e *endpoint
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		e, err = readEndpoint(ctx, tx, n)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case e == nil:
		s.fleet.stopOthers(n)
		return true, nil
	case e.Status == deleting:
		return true, s.finishDelete(ctx, n)
	case s.runtime == nil:
		return true, nil
	case e.Serving != nil:
		s.fleet.start(n, e.Serving)
	}
	switch {
	case e.Pending != nil:
		return false, s.deploy(ctx, e, k)
	case e.Scaled != nil:
		return false, s.scale(ctx, e, k)
	}
	return true, nil
}

// change writes a change of an endpoint, if fits says that the record still asks for it.
func (s *Service) change(ctx context.Context, n endpointName, fits func(*endpoint) bool, change func(*endpoint)) error {
	ctx = context.WithoutCancel(ctx)
	return s.update(ctx, func(tx kv.Txn) error {
		e, err := readEndpoint(ctx, tx, n)
		if err != nil || e == nil || e.Status == deleting || !fits(e) {
			return err
		}
		change(e)
		e.Modified = s.instant()
		return e.put(tx)
	})
}

// finishDelete ends the containers of an endpoint, and then the endpoint.
func (s *Service) finishDelete(ctx context.Context, n endpointName) error {
	s.fleet.stopOthers(n)
	s.routes.Delete(n)
	s.metrics.forget(n)
	s.cache.Forget(n.account, n.region, n.name)
	return s.update(context.WithoutCancel(ctx), func(tx kv.Txn) error {
		e, err := readEndpoint(ctx, tx, n)
		if err != nil || e == nil || e.Status != deleting {
			return err
		}
		tx.Delete(n.key())
		tx.Delete(n.routeKey())
		return nil
	})
}

// deploy starts what is to serve an endpoint and lets it serve.
func (s *Service) deploy(ctx context.Context, e *endpoint, k *keeper) error {
	n, pending := e.at(), e.Pending
	d := s.fleet.start(n, pending)
	err := s.await(ctx, d, k)
	if err == errChanged || ctx.Err() != nil {
		// Whoever changed the record says what is to be done with what was begun.
		return s.abandon(ctx, n, pending)
	}
	fits := func(e *endpoint) bool { return e.Pending != nil && e.Pending.ID == pending.ID }
	if err != nil {
		return s.rollBack(ctx, e, err, fits)
	}
	var old string
	err = s.change(ctx, n, fits, func(e *endpoint) {
		if e.Serving != nil {
			old = e.Serving.ID
		}
		e.Serving, e.Pending, e.Generation, e.Status, e.Reason = e.Pending, nil, newID(), inService, ""
	})
	if err != nil {
		return err
	}
	s.log.Info("an endpoint serves", "endpoint", n.resource().arn(), "config", pending.Config)
	if old != "" {
		s.fleet.retire(ctx, old)
	}
	return nil
}

// abandon ends what was to serve an endpoint, unless it still is.
func (s *Service) abandon(ctx context.Context, n endpointName, r *release) error {
	if ctx.Err() != nil {
		return nil // and all containers end
	}
	var e *endpoint
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		e, err = readEndpoint(ctx, tx, n)
		return err
	})
	if err == nil && e != nil && e.Status != deleting && e.Pending != nil && e.Pending.ID == r.ID {
		return nil
	}
	s.fleet.stop(r.ID)
	return err
}

// rollBack leaves an endpoint as it was, and says why. The generation is another one: no
// answer is taken for one of this set of containers that another one gave.
func (s *Service) rollBack(ctx context.Context, e *endpoint, cause error, fits func(*endpoint) bool) error {
	n, pending := e.at(), e.Pending
	reason := reasonOf(cause)
	s.log.Warn("an endpoint cannot serve a configuration", "endpoint", n.resource().arn(), "config", pending.Config, "error", cause)
	if e.Serving != nil {
		if err := s.change(ctx, n, fits, func(e *endpoint) { e.Status = rollingBack }); err != nil {
			return err
		}
	}
	s.fleet.stop(pending.ID)
	return s.change(ctx, n, fits, func(e *endpoint) {
		e.Pending, e.Reason, e.Generation, e.Status = nil, reason, newID(), inService
		if e.Serving == nil {
			e.Pending, e.Status = nil, failed
		}
	})
}

// maxReason is how long the reason of a failure may be, in bytes.
const maxReason = 1024

// reasonOf is what a user is told of why containers do not serve.
func reasonOf(err error) string {
	reason := err.Error()
	if e, ok := errors.AsType[*api.Error](err); ok {
		reason = e.Message
	}
	if len(reason) > maxReason {
		reason = reason[:maxReason-3] + "..."
	}
	return reason
}

// scale brings the containers of an endpoint to another number, and its variants to other
// weights.
func (s *Service) scale(ctx context.Context, e *endpoint, k *keeper) error {
	n := e.at()
	d := s.fleet.start(n, e.Serving)
	d.scale(e.Scaled, true)
	err := s.await(ctx, d, k)
	if err == errChanged || ctx.Err() != nil {
		return nil
	}
	scaled := e.Scaled
	fits := func(now *endpoint) bool {
		return now.Serving != nil && now.Serving.ID == e.Serving.ID && now.Scaled != nil
	}
	if err == nil {
		err = s.change(ctx, n, fits, func(e *endpoint) { e.Serving.Variants, e.Scaled, e.Status = scaled, nil, inService })
		if err == nil {
			d.scale(scaled, false)
		}
		return err
	}
	reason := reasonOf(err)
	if err := s.change(ctx, n, fits, func(e *endpoint) { e.Scaled, e.Status, e.Reason = nil, inService, reason }); err != nil {
		return err
	}
	d.scale(e.Serving.Variants, false)
	return nil
}

// errChanged says that the record of an endpoint has changed.
var errChanged = errors.New("sagemaker: the endpoint has changed")

// await waits until a set of containers is ready. The errors are errChanged, that of ctx and
// why a container does not answer.
func (s *Service) await(ctx context.Context, d *deployment, k *keeper) error {
	ready := make(chan error, 1)
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ready <- d.await(waiting) }()
	select {
	case err := <-ready:
		return err
	case <-k.wake:
		return errChanged
	case <-ctx.Done():
		return fmt.Errorf("sagemaker: the server stops: %w", ctx.Err())
	}
}
