package lambda

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// pollJob is the job of an event source mapping, which lasts as long as that is enabled.
// Its id is the mapping's UUID, its input the mapping's ARN. Under the lease of the job
// there is one poller of a mapping among all servers; what it notes of its progress it
// notes in transactions of the job.
const pollJob = "lambda.Poll"

// sweepEvery is how many looks pass between two sweeps.
const sweepEvery = 5

// sweep sees to it that each mapping that needs a poller has a job, until ctx ends. Each
// change of a mapping enqueues one; but one that falls between the last look of a job at
// its mapping and the end of the job finds it there, and then none.
func (s *Service) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery * s.look)
	defer tick.Stop()
	for {
		if err := s.adopt(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "looking for event source mappings; will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// adopt enqueues a job for each mapping without one that needs it.
func (s *Service) adopt(ctx context.Context) error {
	orphans := map[string]mappingName{}
	err := s.store.View(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: mappingsPrefix, To: tuple.Below(mappingsPrefix)}) {
			if err != nil {
				return err
			}
			n, err := cutMapping(p.Key)
			if err != nil {
				return err
			}
			m, err := decodeMapping(n, p.Val)
			if err != nil {
				return err
			}
			if m.Enabled || *m.Config.State != disabled {
				orphans[n.uuid] = n
			}
		}
		if len(orphans) == 0 {
			return nil
		}
		for job, err := range jobs.List(ctx, r) {
			if err != nil {
				return err
			}
			if job.Kind == pollJob {
				delete(orphans, job.ID)
			}
		}
		return nil
	})
	if err != nil || len(orphans) == 0 {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		for _, n := range orphans {
			if err := jobs.Enqueue(ctx, tx, pollJob, n.uuid, []byte(n.arn())); err != nil {
				return err
			}
		}
		return nil
	})
	s.pollers.Wake()
	return err
}

// mappingChanged lets the poller of a mapping look at it now.
func (s *Service) mappingChanged(uuid string) {
	s.mu.Lock()
	if ch, ok := s.changes[uuid]; ok {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
	s.mu.Unlock()
	s.pollers.Wake()
}

// watch returns a channel that gets a value when a mapping changes in this process.
func (s *Service) watch(uuid string) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	s.changes[uuid] = ch
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.changes[uuid] == ch {
			delete(s.changes, uuid)
		}
	}
}

// poll is the job of a mapping.
func (s *Service) poll(ctx context.Context, job *jobs.Job) error {
	n, ok := mappingOfARN(string(job.Input))
	if !ok {
		return fmt.Errorf("lambda: job of a mapping: %q is no ARN of one", job.Input)
	}
	changed, stop := s.watch(n.uuid)
	defer stop()
	for {
		m, err := s.settle(ctx, job, n)
		if err != nil || m == nil {
			return err
		}
		if err := s.work(ctx, job, m, changed); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// settle makes of a mapping what it is to be. It returns it if it is to be polled.
func (s *Service) settle(ctx context.Context, job *jobs.Job, n mappingName) (m *mapping, err error) {
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		if m, err = readMapping(ctx, tx, n); err != nil || m == nil {
			return err
		}
		switch {
		case *m.Config.State == deleting:
			if err := m.remove(ctx, tx); err != nil {
				return err
			}
			m = nil
		case !m.Enabled:
			if *m.Config.State != disabled {
				m.Config.State = new(disabled)
				if err := m.put(tx); err != nil {
					return err
				}
			}
			m = nil
		}
		return nil
	})
	if err == nil && m == nil {
		s.meters.forget(n.uuid)
	}
	return m, err
}

// remove deletes a mapping and all that is known of it.
func (m *mapping) remove(ctx context.Context, tx kv.Txn) error {
	tx.Delete(m.name.key())
	tx.Delete(statusKey(m.name.uuid))
	tx.Delete(pairKey(*m.Config.EventSourceArn, *m.Config.FunctionArn))
	prefix := placesOf(m.name.uuid)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return err
		}
		tx.Delete(p.Key)
	}
	return nil
}

// poller is at work for a mapping as it is now.
type poller struct {
	*service
	job *jobs.Job
	m   *mapping
	settings
	// going ends when the poller is to end after the batch that it is at.
	going context.Context
	stop  context.CancelFunc // ends going

	mu     sync.Mutex
	result string // of the last batch, as it is known in the store
}

type service = Service

// work polls a mapping until it is changed or ctx ends. Its error is one of the store.
func (s *Service) work(ctx context.Context, job *jobs.Job, m *mapping, changed <-chan struct{}) error {
	going, stop := context.WithCancel(ctx)
	defer stop()
	p := &poller{service: s, job: job, m: m, going: going, stop: stop}
	var err error
	if p.settings, err = settingsOf(m); err != nil {
		return err
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() {
		defer stop()
		p.untilChanged(changed)
	})
	return p.follow(ctx)
}

// untilChanged returns when the mapping is another, or the poller is to end.
func (p *poller) untilChanged(changed <-chan struct{}) {
	tick := time.NewTicker(p.look)
	defer tick.Stop()
	for {
		select {
		case <-p.going.Done():
			return
		case <-changed:
		case <-tick.C:
		}
		var now *mapping
		err := p.store.View(p.going, func(r kv.Reader) (err error) {
			now, err = readMapping(p.going, r, p.m.name)
			return err
		})
		if err == nil && (now == nil || now.Revision != p.m.Revision) {
			return
		}
	}
}

// wait waits for a time, a hint, or the end of the poller. It reports whether to go on.
func (p *poller) wait(d time.Duration, hint <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.going.Done():
		return false
	case <-hint:
	case <-timer.C:
	}
	return true
}

// commit notes something in a transaction of the job, with the result of the last batch
// if that is another than the one before.
func (p *poller) commit(ctx context.Context, result string, fn func(tx kv.Txn)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fn == nil && (result == "" || result == p.result) {
		return nil
	}
	_, err := p.job.Update(ctx, func(tx kv.Txn) error {
		if fn != nil {
			fn(tx)
		}
		if result != "" && result != p.result {
			status{Result: result, Time: p.now().UTC()}.put(tx, p.m.name.uuid)
		}
		return nil
	})
	if err == nil && result != "" {
		p.result = result
	}
	return err
}

// problem notes why the mapping cannot do its work now. Its error is one of the store.
func (p *poller) problem(ctx context.Context, err error) error {
	if ctx.Err() != nil || p.going.Err() != nil {
		return nil
	}
	result := "PROBLEM: internal error. Please contact the operator of this server."
	if e, ok := errors.AsType[*api.Error](err); ok {
		switch e.Code {
		case "AccessDeniedException":
			result = "PROBLEM: Cannot access stream. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
		case "ResourceNotFoundException":
			result = "PROBLEM: " + e.Message
		default:
			result = "PROBLEM: " + e.Code + ": " + e.Message
		}
	}
	p.log.WarnContext(ctx, "an event source mapping cannot go on; will try again", "mapping", p.m.name.arn(), "error", err)
	return p.commit(ctx, result, nil)
}

// fatal tells whether an error is not of the sources and functions but of the job.
func fatal(err error) bool {
	return errors.Is(err, jobs.ErrDeposed) || errors.Is(err, kv.ErrClosed) || errors.Is(err, kv.ErrStopped) || errors.Is(err, kv.ErrCommitUnknown) || errors.Is(err, kv.ErrFull)
}

// sortedShards is for a stable order of what is done.
func sortedShards(m map[string]place) []string { return slices.Sorted(maps.Keys(m)) }
