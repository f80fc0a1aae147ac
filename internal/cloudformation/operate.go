package cloudformation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// An operation on a stack is a job: it goes on after a crash where it was, since
// everything that it knows is stored before and after each step.
//
//	create  apply ─────────────────────────────→ CREATE_COMPLETE
//	          └ a failure → remove what was made → ROLLBACK_COMPLETE
//	update  apply → remove what is not needed → UPDATE_COMPLETE
//	          └ a failure → undo → remove what was made → UPDATE_ROLLBACK_COMPLETE
//	delete  remove → DELETE_COMPLETE
//
// Nothing that was there before an operation is deleted before all that replaces it is
// there; so an undo finds it.
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
		}
		if err != nil {
			return err
		}
	}
}

// commit commits a transaction of the operation's job.
func (r *run) commit(ctx context.Context, fn func(tx kv.Txn, st *stack) error) error {
	_, err := r.job.Update(ctx, func(tx kv.Txn) error {
		st, err := readStack(ctx, tx, r.st.UUID)
		if err != nil {
			return err
		}
		if st == nil || st.Operation == nil || st.Operation.Job != r.job.ID {
			return jobs.ErrDeposed
		}
		return fn(tx, st)
	})
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

// evaluation evaluates the template of a side of the stack.
func (r *run) evaluation(ctx context.Context, of side) (*template.Template, *template.Evaluation, error) {
	t, err := r.template(ctx, r.st.UUID, of.Body)
	if err != nil {
		return nil, nil, err
	}
	e, err := t.Evaluate(template.Scope{
		Account: r.st.Account, Region: r.st.Region, StackID: r.st.arn(), StackName: r.st.Name,
		NotificationARNs: of.Notifications, Parameters: of.Parameters,
		Ref: func(id string) (string, error) {
			if p := r.live(id); p != nil {
				return p.ID, nil
			}
			return "", failed("Resource %s is not there", id)
		},
		Attribute: func(id, name string) (*template.Node, error) {
			if p := r.live(id); p != nil && p.Attributes[name] != nil {
				return p.Attributes[name], nil
			}
			return nil, failed("Attribute '%s' does not exist", name)
		},
		Import: func(name string) (string, error) { return r.importValue(ctx, r.st, name) },
		Zones:  func(region string) []string { return []string{region + "a"} },
	})
	return t, e, err
}

// apply brings the resources to the target, those at once that do not need each other.
func (r *run) apply(ctx context.Context) error {
	_, e, err := r.evaluation(ctx, r.op.Target)
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return r.fail(ctx, wrong.Message)
	}
	if err != nil {
		return err
	}
	after, err := e.Dependencies()
	if err != nil {
		return r.fail(ctx, err.Error())
	}
	if why := r.removalsRefused(e); why != "" {
		return r.fail(ctx, why)
	}
	var tasks []task
	for _, decl := range e.Resources() {
		tasks = append(tasks, task{decl.ID, after[decl.ID], func(ctx context.Context) error {
			return r.applyOne(ctx, e, decl, after[decl.ID])
		}})
	}
	// What a crash interrupted is brought to its end first: a failure of another step must
	// not leave it half done.
	reason := ""
	_, err = perform(ctx, r.interrupted(), false, func() bool { return false })
	failures := r.failed()
	if err == nil && failures == nil {
		failures, err = perform(ctx, tasks, true, func() bool { reason = r.halted(ctx); return reason != "" })
	}
	switch {
	case err != nil:
		return err
	case failures != nil:
		verb := "create"
		if r.op.Kind == updating {
			verb = "update"
		}
		return r.fail(ctx, "The following resource(s) failed to "+verb+": ["+strings.Join(failures, ", ")+"]. ")
	case reason != "":
		return r.fail(ctx, reason)
	}
	outputs, err := r.outputs(e)
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return r.fail(ctx, wrong.Message)
	}
	if err != nil {
		return err
	}
	made := map[string]bool{}
	for _, decl := range e.Resources() {
		made[decl.ID] = true
	}
	err = r.applied(ctx, e, made, outputs)
	if wrong, ok := errors.AsType[*template.Error](err); ok { // an export that is another's
		return r.fail(ctx, wrong.Message)
	}
	return err
}

// failed are the resources of which a step failed, sorted.
func (r *run) failed() (ids []string) {
	for id, rec := range r.resources {
		if rec.Failed && rec.Base == r.op.Base {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// interrupted are the steps that were begun and are not known to have ended.
func (r *run) interrupted() (tasks []task) {
	for _, rec := range r.resources {
		if rec.Step == nil || rec.Base != r.op.Base {
			continue
		}
		tasks = append(tasks, task{id: rec.ID, do: func(ctx context.Context) error {
			if rec.Step.Action == creating {
				return r.create(ctx, rec, rec.Step.Physical)
			}
			err := r.change(ctx, rec, rec.Step.Physical, "UPDATE")
			if errors.Is(err, ErrReplace) {
				return nil // the step that follows replaces it
			}
			return err
		}})
	}
	return tasks
}

// removalsRefused returns why the stack's policy does not let go of a resource, "" if it
// does.
func (r *run) removalsRefused(e *template.Evaluation) string {
	for id, rec := range r.resources {
		stays := slices.ContainsFunc(e.Resources(), func(d *template.Resource) bool { return d.ID == id })
		if rec.Now == nil || stays {
			continue
		}
		if err := r.permits("Update:Delete", id, rec.Type); err != nil {
			return err.Error()
		}
	}
	return ""
}

// outputs evaluates the outputs.
func (r *run) outputs(e *template.Evaluation) ([]output, error) {
	var outputs []output
	for _, o := range e.Outputs() {
		v, err := e.Resolve(o.Value)
		if err != nil {
			return nil, err
		}
		if v == nil || v.Kind != template.Text {
			return nil, failed("Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		out := output{Key: o.ID, Value: v.Text, Description: o.Description}
		if o.Export != nil {
			name, err := e.Resolve(o.Export)
			if err != nil {
				return nil, err
			}
			if name == nil || name.Kind != template.Text || name.Text == "" {
				return nil, failed("Template format error: Output %s is malformed. The Name field of every Export member must be specified and consist of a non-empty string.", o.ID)
			}
			out.Export = name.Text
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

// applied ends the first phase: the target is what the stack is now, and what it does not
// need any more is doomed.
func (r *run) applied(ctx context.Context, e *template.Evaluation, made map[string]bool, outputs []output) error {
	return r.commit(ctx, func(tx kv.Txn, st *stack) error {
		if err := setExports(ctx, tx, st, outputs); err != nil {
			return err
		}
		imports, err := e.Imports()
		if err != nil {
			return err
		}
		setImports(tx, st, imports)
		for rec, err := range resourcesIn(ctx, tx, st.UUID) {
			if err != nil {
				return err
			}
			if rec.Before != nil && rec.Now != nil && rec.Before.ID != rec.Now.ID {
				rec.doom(rec.Before, rec.Before.Replacement)
			}
			if !made[rec.ID] && rec.Now != nil {
				rec.doom(rec.Now, rec.Now.Deletion)
				rec.Now = nil
			}
			rec.forget()
			tx.Put(resourceKey(st.UUID, rec.ID), encode(rec))
		}
		st.Current, st.Outputs = st.Operation.Target, outputs
		if st.Operation.Kind == creating {
			return r.finish(ctx, tx, st, "CREATE_COMPLETE", "")
		}
		st.Operation.Phase = removing
		r.turn(tx, st, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
		return nil
	})
}

// doom marks a resource to be deleted, or to be left alone if a policy says so.
func (rec *resource) doom(p *physical, policy string) {
	p = new(*p)
	p.Policy = policy
	rec.Doomed = append(rec.Doomed, p)
}

// forget forgets what only the running operation needs.
func (rec *resource) forget() {
	rec.Before, rec.Base, rec.Applied, rec.Undone, rec.Failed, rec.Step = nil, "", false, false, false, nil
}

// turn gives the stack another status.
func (r *run) turn(tx kv.Txn, st *stack, status, reason string) {
	r.Service.turn(tx, st, status, reason)
}

// fail ends the first phase of an operation that cannot reach its target.
func (r *run) fail(ctx context.Context, reason string) error {
	return r.commit(ctx, func(tx kv.Txn, st *stack) error {
		op := st.Operation
		op.Failed = reason
		switch {
		case op.Kind == creating && (st.KeepOnFailure || st.OnFailure == "DO_NOTHING"):
			st.Current = op.Target
			return r.finish(ctx, tx, st, "CREATE_FAILED", reason)
		case op.Kind == creating:
			st.Current = op.Target
			r.turn(tx, st, "ROLLBACK_IN_PROGRESS", rollback(reason))
			return doomMade(ctx, tx, st)
		case st.KeepOnFailure && !op.Cancel:
			return r.finish(ctx, tx, st, "UPDATE_FAILED", reason)
		}
		op.Phase = undoing
		r.turn(tx, st, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
		return nil
	})
}

func rollback(reason string) string {
	if strings.HasSuffix(reason, "Rollback requested by user.") {
		return reason
	}
	return strings.TrimRight(reason, " ") + " Rollback requested by user."
}

// doomMade dooms what the operation made, and ends its undoing.
func doomMade(ctx context.Context, tx kv.Txn, st *stack) error {
	op := st.Operation
	for rec, err := range resourcesIn(ctx, tx, st.UUID) {
		if err != nil {
			return err
		}
		if rec.Base == op.Base && rec.Before == nil && rec.Now != nil {
			policy := rec.Now.Deletion
			if policy == template.RetainExceptOnCreate || op.OnceKept {
				policy = template.Delete
			}
			rec.doom(rec.Now, policy)
			rec.Now = nil
		}
		rec.forget()
		tx.Put(resourceKey(st.UUID, rec.ID), encode(rec))
	}
	op.Phase = removing
	tx.Put(stackKey(st.UUID), encode(st))
	return nil
}

// undo changes back what an update changed.
func (r *run) undo(ctx context.Context) error {
	var tasks []task
	for _, rec := range r.resources {
		if rec.Base != r.op.Base || rec.Undone {
			continue
		}
		t := task{id: rec.ID, do: func(ctx context.Context) error { return r.undoOne(ctx, rec) }}
		if rec.Before != nil {
			t.after = rec.Before.DependsOn
		}
		tasks = append(tasks, t)
	}
	failures, err := perform(ctx, tasks, false, func() bool { return false })
	if err != nil {
		return err
	}
	return r.commit(ctx, func(tx kv.Txn, st *stack) error {
		if failures != nil {
			return r.finish(ctx, tx, st, "UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: ["+strings.Join(failures, ", ")+"]. ")
		}
		r.turn(tx, st, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
		return doomMade(ctx, tx, st)
	})
}

// remove deletes what is doomed: nothing before what depends on it.
func (r *run) remove(ctx context.Context) error {
	var tasks []task
	name := func(rec *resource, p *physical) string { return rec.ID + "\x00" + p.ID }
	for _, rec := range r.resources {
		for _, p := range rec.Doomed {
			t := task{id: name(rec, p), do: func(ctx context.Context) error { return r.removeOne(ctx, rec, p) }}
			for _, other := range r.resources {
				for _, q := range other.Doomed {
					if slices.Contains(q.DependsOn, rec.ID) && other != rec {
						t.after = append(t.after, name(other, q))
					}
				}
			}
			tasks = append(tasks, t)
		}
	}
	failures, err := perform(ctx, tasks, false, func() bool { return false })
	if err != nil {
		return err
	}
	for i := range failures {
		failures[i], _, _ = strings.Cut(failures[i], "\x00")
	}
	return r.commit(ctx, func(tx kv.Txn, st *stack) error {
		reason := ""
		if failures != nil {
			reason = "The following resource(s) failed to delete: [" + strings.Join(slices.Compact(failures), ", ") + "]. "
		}
		return r.removed(ctx, tx, st, reason)
	})
}

// removed ends the last phase; failure says what could not be deleted.
func (r *run) removed(ctx context.Context, tx kv.Txn, st *stack, failure string) error {
	op := st.Operation
	switch {
	case op.Kind == updating:
		// What could not be deleted is no longer the stack's: its events say so.
		if err := dropDoomed(ctx, tx, st); err != nil {
			return err
		}
		if op.Failed == "" {
			return r.finish(ctx, tx, st, "UPDATE_COMPLETE", "")
		}
		return r.finish(ctx, tx, st, "UPDATE_ROLLBACK_COMPLETE", "")
	case op.Kind == creating && failure != "":
		return r.finish(ctx, tx, st, "ROLLBACK_FAILED", failure)
	case op.Kind == creating && st.OnFailure != "DELETE":
		return r.finish(ctx, tx, st, "ROLLBACK_COMPLETE", "")
	case failure != "":
		return r.finish(ctx, tx, st, "DELETE_FAILED", failure)
	}
	return r.finish(ctx, tx, st, "DELETE_COMPLETE", "")
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
	r.metrics.operations.WithLabelValues(status).Inc()
	r.turn(tx, st, status, reason)
	return nil
}

// actor returns a context in which the stack's role acts, or who asked for the operation.
func (r *run) actor(ctx context.Context) (context.Context, error) {
	req := &api.Request{ID: r.op.Base, Service: "cloudformation", Operation: "Operation", Region: r.st.Region, Time: r.now(), CalledVia: []string{principal}}
	ctx = api.WithRequest(ctx, req)
	if r.st.Role != "" {
		return r.identity.ServiceRole(ctx, r.st.Role, principal, "AWSCloudFormation")
	}
	return r.identity.Act(ctx, r.st.Actor)
}
