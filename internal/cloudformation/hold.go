package cloudformation

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// A stack in a stack that was brought to its target, or back, by an update of the outer one
// is held in UPDATE_COMPLETE_CLEANUP_IN_PROGRESS or UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS:
// it deletes nothing before the outermost stack deletes what it does not need. So whatever
// fails in the tree, all that it had is still there to go back to.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html

const nestedType = "AWS::CloudFormation::Stack"

// held tells whether the stack's operation waits for that of the outer stack.
func (s *stack) held() bool { return s.Operation != nil && s.Operation.Phase == holding }

// goOn gives the stack's operation a new job.
func goOn(ctx context.Context, tx kv.Txn, st *stack) error {
	st.Operation.Job = st.UUID + " " + uuid.NewString()
	tx.Put(stackKey(st.UUID), encode(st))
	return enqueue(ctx, tx, st)
}

// whileHeld is a transaction on a held stack; of another it does nothing.
func (h nested) whileHeld(ctx context.Context, arn string, fn func(kv.Txn, *stack) error) error {
	_, err := h.store.Update(ctx, func(tx kv.Txn) error {
		st, err := readStack(ctx, tx, uuidOf(arn))
		if err != nil || st == nil || !st.held() {
			return err
		}
		return fn(tx, st)
	})
	return err
}

// release lets a held stack delete what it does not need, and waits until it has.
func (h nested) release(ctx context.Context, arn string) error {
	err := h.whileHeld(ctx, arn, func(tx kv.Txn, st *stack) error {
		doom := doomUnneeded
		if st.Operation.Failed != "" {
			doom = doomMade
		}
		st.Operation.Phase = removing
		if err := doom(ctx, tx, st); err != nil {
			return err
		}
		return goOn(ctx, tx, st)
	})
	if err != nil {
		return err
	}
	h.wake()
	_, err = h.settled(ctx, arn)
	return err
}

// undo changes back what the outer stack's update has changed of a stack: it is held if it
// was changed, and goes on where a roll-back of its own failed.
func (h nested) undo(ctx context.Context, r *Request) (Made, error) {
	st, err := h.settled(ctx, r.PhysicalID)
	if err != nil {
		return Made{}, err
	}
	switch {
	case st.gone():
		return Made{}, noStack(st.arn())
	case st.Status == "UPDATE_ROLLBACK_FAILED":
		err = h.undoStopped(h.by(ctx, "ContinueUpdateRollback"), st, nil, r.Token, func(kv.Txn, *stack) error { return nil }, nil)
	case st.held() && st.Operation.Failed == "":
		err = h.whileHeld(ctx, st.arn(), func(tx kv.Txn, st *stack) error {
			op := st.Operation
			if op.Failed != "" {
				return nil
			}
			op.Failed, op.Phase, st.Current = "The update of the outer stack is rolled back.", undoing, op.Past.Side
			h.turn(tx, st, "UPDATE_ROLLBACK_IN_PROGRESS", op.Failed)
			return goOn(ctx, tx, st)
		})
		h.wake()
	}
	if err != nil {
		return Made{PhysicalID: r.PhysicalID}, err
	}
	made, status, err := h.result(ctx, r.PhysicalID)
	if err == nil && status == "UPDATE_ROLLBACK_FAILED" {
		if st, err = h.stackOf(ctx, r.PhysicalID); err == nil {
			err = failed("Embedded stack %s was not successfully rolled back: %s", r.PhysicalID, st.Reason)
		}
	}
	return made, err
}

// releases are the tasks that release the stacks in this one: none before what depends on
// it, and before all that it depends on.
func (r *run) releases(after func(*resource) []string) (tasks []task) {
	for _, rec := range r.resources {
		if rec.Now != nil && rec.Now.Type == nestedType {
			tasks = append(tasks, task{releaseOf(rec.ID), after(rec), func(ctx context.Context) error {
				return nested{r.Service}.release(ctx, rec.Now.ID)
			}})
		}
	}
	return tasks
}

func releaseOf(id string) string { return "release " + id }

// needing are the stacks in this one that need a resource.
func (r *run) needing(id string) (names []string) {
	for _, rec := range r.resources {
		if rec.Now != nil && rec.Now.Type == nestedType && slices.Contains(rec.Now.DependsOn, id) {
			names = append(names, releaseOf(rec.ID))
		}
	}
	return names
}
