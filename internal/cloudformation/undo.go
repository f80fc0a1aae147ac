package cloudformation

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/kv"
)

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
		if was := st.Operation.Past; was != nil {
			if err := setExports(ctx, tx, st, was.Outputs); err != nil {
				return r.finish(ctx, tx, st, "UPDATE_ROLLBACK_FAILED", err.Error())
			}
			setImports(tx, st, was.Imports)
			st.Current, st.Outputs = was.Side, was.Outputs
		}
		if st.Operation.Inner {
			st.Operation.Phase = holding
		} else if err := doomMade(ctx, tx, st); err != nil {
			return err
		}
		r.turn(tx, st, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
		return nil
	})
}
