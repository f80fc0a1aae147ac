package jobs

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Config is what a Runner needs; all but the store has a default.
type Config struct {
	Store kv.Store
	Now   func() time.Time
	// Owner is this process among those that run jobs of the store: a random name
	// if empty. A process that is alone, or whose name is its own for ever, gives
	// the same each time, and so resumes at once after a crash.
	Owner   string
	Workers int           // jobs at once: 4 if zero
	Lease   time.Duration // 30 s if zero; renewed at a third of it
	Poll    time.Duration // how often to look for jobs, unless woken: 1 s if zero
	Logger  *slog.Logger
}

// Runner runs the jobs of a store.
type Runner struct {
	store       kv.Store
	now         func() time.Time
	owner       string
	workers     int
	lease, poll time.Duration
	log         *slog.Logger

	kinds map[string]Kind
	wake  chan struct{}

	mu      sync.Mutex
	running map[[2]string]bool // by kind and id
	work    sync.WaitGroup
}

// New returns a runner, which does nothing until Run.
func New(c Config) *Runner {
	r := &Runner{
		store: c.Store, now: c.Now,
		owner:   cmp.Or(c.Owner, rand.Text()),
		workers: cmp.Or(c.Workers, 4),
		lease:   cmp.Or(c.Lease, 30*time.Second),
		poll:    cmp.Or(c.Poll, time.Second),
		log:     c.Logger,
		kinds:   map[string]Kind{},
		wake:    make(chan struct{}, 1),
		running: map[[2]string]bool{},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	return r
}

// Register adds kinds, before Run. Jobs of a kind that nobody registers wait.
func (r *Runner) Register(kinds ...Kind) {
	for _, k := range kinds {
		r.kinds[k.Name] = k
	}
}

// Wake lets the runner look for jobs now. It is a hint, for after an Enqueue.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run runs jobs until ctx ends. Then it interrupts those that run, waits for them
// and gives their leases back.
func (r *Runner) Run(ctx context.Context) error {
	defer r.work.Wait()
	ticker := time.NewTicker(r.poll)
	defer ticker.Stop()
	for periodic := false; ; {
		err := error(nil)
		if !periodic {
			err = r.enqueuePeriodic(ctx)
			periodic = err == nil
		}
		if err == nil {
			err = r.start(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error("jobs: cannot look for jobs; will try again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-r.wake:
		}
	}
}

func (r *Runner) enqueuePeriodic(ctx context.Context) error {
	_, err := r.store.Update(ctx, func(tx kv.Txn) error {
		for _, k := range r.kinds {
			if k.Every > 0 {
				if err := Enqueue(ctx, tx, k.Name, k.Name, nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return err
}

// start takes the jobs that are due, the longest due first, as far as there are
// workers for them.
func (r *Runner) start(ctx context.Context) error {
	var due []Status
	err := r.store.View(ctx, func(rd kv.Reader) error {
		for s, err := range List(ctx, rd) {
			if err != nil {
				return err
			}
			if k, known := r.kinds[s.Kind]; known && k.due(s.NotBefore, r.now()) {
				due = append(due, s)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(due, func(a, b Status) int { return a.NotBefore.Compare(b.NotBefore) })
	for _, s := range due {
		if !r.claim(s.Kind, s.ID) {
			continue
		}
		job, err := r.take(ctx, s.Kind, s.ID)
		if err != nil || job == nil {
			r.leave(s.Kind, s.ID)
			if err != nil {
				return err
			}
			continue
		}
		r.work.Go(func() {
			defer r.Wake() // a worker is free
			defer r.leave(s.Kind, s.ID)
			r.do(ctx, job)
		})
	}
	return nil
}

// claim says whether a worker is free for a job that is not running here.
func (r *Runner) claim(kind, id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.running) >= r.workers || r.running[[2]string{kind, id}] {
		return false
	}
	if most := r.kinds[kind].AtOnce; most > 0 {
		same := 0
		for other := range r.running {
			if other[0] == kind {
				same++
			}
		}
		if same >= most {
			return false
		}
	}
	r.running[[2]string{kind, id}] = true
	return true
}

func (r *Runner) leave(kind, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, [2]string{kind, id})
}

// take takes the lease of a job. It returns nil if the job is gone, no longer due,
// or another's.
func (r *Runner) take(ctx context.Context, kind, id string) (job *Job, err error) {
	_, err = r.store.Update(ctx, func(tx kv.Txn) error {
		job = nil
		now := r.now()
		val, err := tx.Get(ctx, recordKey(kind, id))
		if err != nil || val == nil {
			return err
		}
		rec, err := decode[record](val)
		if err != nil {
			return err
		}
		held, err := readLease(ctx, tx, kind, id)
		if err != nil || !r.kinds[kind].due(rec.NotBefore, now) || !held.free(r.owner, now) {
			return err
		}
		mine := lease{Owner: r.owner, Epoch: tx.Stamp(), Expiry: now.Add(r.lease)}
		tx.Put(leaseKey(kind, id), encode(mine))
		job = &Job{
			Kind: kind, ID: id, Input: rec.Input, Progress: rec.Progress, Failures: rec.Failures,
			runner: r, record: rec, lease: mine,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return job, nil
}

// do runs a job under its lease.
func (r *Runner) do(ctx context.Context, job *Job) {
	log := r.log.With("kind", job.Kind, "job", job.ID)
	running, stop := context.WithCancelCause(ctx)
	var renewal sync.WaitGroup
	renewal.Go(func() { job.renew(running, stop) })
	outcome := job.run(running, r.kinds[job.Kind])
	deposed := errors.Is(context.Cause(running), ErrDeposed) || errors.Is(outcome, ErrDeposed)
	stop(nil)
	renewal.Wait()
	switch {
	case deposed:
		log.Warn("jobs: another owner has taken the job")
		return
	case outcome != nil && ctx.Err() == nil:
		log.Error("jobs: failed; will be tried again", "failures", job.Failures+1, "error", outcome)
	}
	// The job's own context may be over, and its end must be written even so.
	if err := job.end(context.WithoutCancel(ctx), r.kinds[job.Kind], outcome, ctx.Err() != nil); err != nil && !errors.Is(err, ErrDeposed) {
		log.Error("jobs: cannot write the end of a job; it runs again when the lease ends", "error", err)
	}
}
