package cloudformation

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// An operation on a stack is a job: it goes on after a crash where it was, since
// everything that it knows is stored before and after each step.
//
//	create  apply ─────────────────────────────→ CREATE_COMPLETE
//	          └ a failure → remove what was made → ROLLBACK_COMPLETE
//	update  apply → hold → remove what is not needed → UPDATE_COMPLETE
//	          └ a failure → undo → hold → remove what was made → UPDATE_ROLLBACK_COMPLETE
//	delete  remove → DELETE_COMPLETE
//
// Nothing that was there before an operation is deleted before all that replaces it is
// there; so an undo finds it. A stack in a stack is held until that is so of the whole tree.
const operationKind = "cloudformation.Operation"

// Jobs are the kinds of background work of the service.
func (s *Service) Jobs() []jobs.Kind {
	return []jobs.Kind{{Name: operationKind, Run: s.operate}}
}

// enqueue adds the job of a stack's operation. Each operation has a job of its own: that of
// the one before may not have ended yet.
func enqueue(ctx context.Context, tx kv.Txn, st *stack) error {
	return jobs.Enqueue(ctx, tx, operationKind, st.Operation.Job, nil)
}

// run is an operation in one process.
type run struct {
	*Service
	job *jobs.Job
	st  *stack
	op  *operation

	mu        sync.Mutex
	resources map[string]*resource
}

// stepFailure says that a step failed, and that this is stored.
type stepFailure struct{ reason string }

func (f *stepFailure) Error() string { return f.reason }

func asFailure(err error, f **stepFailure) bool { return errors.As(err, f) }

// operate runs a stack's operation to its end.
func (s *Service) operate(ctx context.Context, job *jobs.Job) error {
	s.metrics.running.Inc()
	defer s.metrics.running.Dec()
	for {
		r := &run{Service: s, job: job, resources: map[string]*resource{}}
		err := s.store.View(ctx, func(tx kv.Reader) error {
			id, _, _ := strings.Cut(job.ID, " ")
			st, err := readStack(ctx, tx, id)
			if err != nil || st == nil || st.Operation == nil || st.Operation.Job != job.ID {
				return err
			}
			r.st, r.op = st, st.Operation
			for rec, err := range resourcesIn(ctx, tx, st.UUID) {
				if err != nil {
					return err
				}
				r.resources[rec.ID] = rec
			}
			return nil
		})
		if err != nil || r.st == nil {
			return err
		}
		switch r.op.Phase {
		case applying:
			err = r.apply(ctx)
		case undoing:
			err = r.undo(ctx)
		case removing:
			err = r.remove(ctx)
		case holding:
			return nil // release or undoHeld goes on with it
		}
		if err != nil {
			return err
		}
	}
}

// commit commits a transaction of the operation's job.
func (r *run) commit(ctx context.Context, fn func(tx kv.Txn, st *stack) error) error {
	ended := "" // in which status, if this ends the operation
	_, err := r.job.Update(ctx, func(tx kv.Txn) error {
		st, err := readStack(ctx, tx, r.st.UUID)
		if err != nil {
			return err
		}
		if st == nil || st.Operation == nil || st.Operation.Job != r.job.ID {
			return jobs.ErrDeposed
		}
		if err := fn(tx, st); err != nil {
			return err
		}
		if ended = ""; st.Operation == nil {
			ended = st.Status
		}
		return nil
	})
	if err == nil && ended != "" {
		r.metrics.operations.WithLabelValues(ended).Inc()
		r.metrics.lasted.WithLabelValues(r.op.Kind).Observe(r.now().Sub(r.op.Began).Seconds())
	}
	return err
}

// halted tells whether the operation was cancelled, or took longer than it may.
func (r *run) halted(ctx context.Context) string {
	cancelled := false
	err := r.store.View(ctx, func(tx kv.Reader) error {
		st, err := readStack(ctx, tx, r.st.UUID)
		cancelled = err == nil && st != nil && st.Operation != nil && st.Operation.Cancel
		return err
	})
	switch {
	case err != nil:
		return ""
	case cancelled:
		return "User Initiated"
	case r.op.Kind == creating && r.st.Timeout > 0 && r.now().Sub(r.op.Began) > time.Duration(r.st.Timeout)*time.Minute:
		return "Stack creation time exceeded the specified timeout. Rollback requested by user."
	}
	return ""
}

// live returns the resource that a logical ID stands for now.
func (r *run) live(id string) *physical {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.resources[id]; rec != nil {
		return rec.Now
	}
	return nil
}

// record returns the record of a logical ID, a new one if there is none. Only the task of
// that ID changes it.
func (r *run) record(id, typ string) *resource {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.resources[id]
	if rec == nil {
		rec = &resource{ID: id, Type: typ}
		r.resources[id] = rec
	}
	return rec
}

// save stores what has become of a resource, with an event if status is not "".
func (r *run) save(ctx context.Context, rec *resource, status, reason string) error {
	return r.commit(context.WithoutCancel(ctx), func(tx kv.Txn, _ *stack) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if status != "" {
			rec.Status, rec.Reason, rec.Updated = status, reason, r.now().UTC()
			putEvent(tx, r.st, r.eventOf(rec))
		}
		tx.Put(resourceKey(r.st.UUID, rec.ID), encode(rec))
		return nil
	})
}

// note stores what has become of a resource with an event of p, which was replaced: the
// status of the resource is that of what replaced it.
func (r *run) note(ctx context.Context, rec *resource, p *physical, status, reason string) error {
	return r.commit(context.WithoutCancel(ctx), func(tx kv.Txn, _ *stack) error {
		e := event{LogicalID: rec.ID, PhysicalID: p.ID, Type: rec.Type, Status: status, Reason: reason, Time: r.now().UTC()}
		if at := cmp.Or(p.Shown, p.Properties); at != nil {
			e.Properties = encode(at)
		}
		putEvent(tx, r.st, e)
		r.mu.Lock()
		defer r.mu.Unlock()
		tx.Put(resourceKey(r.st.UUID, rec.ID), encode(rec))
		return nil
	})
}

// turn gives the stack another status.
func (r *run) turn(tx kv.Txn, st *stack, status, reason string) {
	r.Service.turn(tx, st, status, reason)
}

// finish ends the operation.
func (r *run) finish(ctx context.Context, tx kv.Txn, st *stack, status, reason string) error {
	if status == "DELETE_COMPLETE" {
		st.Deleted = r.now().UTC()
		tx.Delete(nameKey(st.Account, st.Region, st.Name))
		if err := setExports(ctx, tx, st, nil); err != nil {
			return err
		}
		setImports(tx, st, nil)
	}
	// An update may go on where this one stopped; who undoes it needs its Base.
	if status == "UPDATE_FAILED" || status == "UPDATE_ROLLBACK_FAILED" || status == "CREATE_FAILED" {
		st.Stopped = st.Operation
	} else {
		st.Stopped = nil
	}
	st.Operation = nil
	r.turn(tx, st, status, reason)
	return nil
}
