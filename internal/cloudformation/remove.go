package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

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

// doomUnneeded dooms what the stack does not need any more: what was replaced, and what the
// running operation has not applied, since it is not in the template.
func doomUnneeded(ctx context.Context, tx kv.Txn, st *stack) error {
	for rec, err := range resourcesIn(ctx, tx, st.UUID) {
		if err != nil {
			return err
		}
		if rec.Before != nil && rec.Now != nil && rec.Before.ID != rec.Now.ID {
			rec.doom(rec.Before, rec.Before.Replacement)
		}
		if rec.Now != nil && !(rec.Base == st.Operation.Base && rec.Applied) {
			rec.doom(rec.Now, rec.Now.Deletion)
			rec.Now = nil
		}
		rec.forget()
		tx.Put(resourceKey(st.UUID, rec.ID), encode(rec))
	}
	return nil
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

// remove deletes what is doomed: nothing before what depends on it.
func (r *run) remove(ctx context.Context) error {
	var tasks []task
	order := r.removal()
	users := func(rec *resource) (names []string) { // what is doomed and depends on it
		for _, other := range r.resources {
			for _, q := range other.Doomed {
				if slices.Contains(q.DependsOn, rec.ID) && other != rec {
					names = append(names, doomedName(other, q))
				}
			}
		}
		return names
	}
	for _, rec := range r.resources {
		for _, p := range rec.Doomed {
			name := doomedName(rec, p)
			tasks = append(tasks, task{name, append(order[name], r.needing(rec.ID)...), func(ctx context.Context) error {
				return r.removeOne(ctx, rec, p)
			}})
		}
	}
	tasks = append(tasks, r.releases(users)...)
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
