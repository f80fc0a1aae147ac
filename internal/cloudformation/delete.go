package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DeleteStack begins to delete a stack. One that there is not is no error.
func (s *Service) DeleteStack(ctx context.Context, in *cloudformation.DeleteStackInput) (*cloudformation.DeleteStackOutput, error) {
	name := text(in.StackName)
	var st *stack
	err := s.store.View(ctx, func(tx kv.Reader) (err error) {
		st, err = s.find(ctx, tx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, arnOf(ctx, name, st), st, conditionsOf(nil, in.RoleARN, nil), "DeleteStack"); err != nil {
		return nil, err
	}
	if st == nil || st.gone() {
		return &cloudformation.DeleteStackOutput{}, nil
	}
	actor, err := s.actorFor(ctx, in.RoleARN, st.Role)
	if err != nil {
		return nil, err
	}
	if err := s.delete(ctx, st.arn(), actor, in); err != nil {
		return nil, err
	}
	s.wake()
	return &cloudformation.DeleteStackOutput{}, nil
}

func (s *Service) delete(ctx context.Context, arn string, actor []byte, in *cloudformation.DeleteStackInput) error {
	force := text(in.DeletionMode) == "FORCE_DELETE_STACK"
	_, err := s.change(ctx, arn, func(tx kv.Txn, st *stack) error {
		switch {
		case st.gone(), st.Status == "DELETE_IN_PROGRESS":
			return nil
		case st.Protected:
			return invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
		case st.inProgress():
			return invalid("Stack [%s] cannot be deleted while in status %s", st.arn(), st.Status)
		case len(in.RetainResources) > 0 && st.Status != "DELETE_FAILED":
			return invalid("Invalid operation on stack [%s]. RetainResources can only be used on a stack in DELETE_FAILED state", st.arn())
		case force && st.Status != "DELETE_FAILED":
			return invalid("Invalid operation on stack [%s]. DeletionMode FORCE_DELETE_STACK can only be used on a stack in DELETE_FAILED state", st.arn())
		}
		for _, o := range st.Outputs {
			if o.Export == "" {
				continue
			}
			importer, err := importerOf(ctx, tx, st, o.Export)
			if err != nil {
				return err
			}
			if importer != "" {
				return invalid("Export %s cannot be deleted as it is in use by %s", o.Export, importer)
			}
		}
		op := &operation{Kind: deleting, Phase: removing, Retain: in.RetainResources}
		if err := doomAll(ctx, tx, st, op, force); err != nil {
			return err
		}
		st.Actor, st.Token = actor, text(in.ClientRequestToken)
		if in.RoleARN != nil {
			st.Role = *in.RoleARN
		}
		s.begin(ctx, tx, st, nil, op, "DELETE_IN_PROGRESS")
		return enqueue(ctx, tx, st)
	})
	return err
}

// doomAll dooms all that a stack has, by its policies. With force, what could not be
// deleted before is left alone.
func doomAll(ctx context.Context, tx kv.Txn, st *stack, op *operation, force bool) error {
	known := map[string]bool{}
	for rec, err := range resourcesIn(ctx, tx, st.UUID) {
		if err != nil {
			return err
		}
		known[rec.ID] = true
		if rec.Now != nil {
			rec.doom(rec.Now, deletion(rec.Now))
		}
		if rec.Before != nil && (rec.Now == nil || rec.Before.ID != rec.Now.ID) {
			rec.doom(rec.Before, deletion(rec.Before))
		}
		if force && rec.Status == "DELETE_FAILED" {
			op.Retain = append(op.Retain, rec.ID)
		}
		rec.Now = nil
		rec.forget()
		tx.Put(resourceKey(st.UUID, rec.ID), encode(rec))
	}
	var unknown []string
	for _, id := range op.Retain {
		if !known[id] {
			unknown = append(unknown, id)
		}
	}
	if unknown != nil {
		slices.Sort(unknown)
		return invalid("The following resources are not in the stack and cannot be retained: [%s]", strings.Join(unknown, ", "))
	}
	return nil
}

// deletion is the policy of a resource whose stack is deleted.
func deletion(p *physical) string {
	if strings.HasPrefix(p.Deletion, "Retain") {
		return "Retain"
	}
	return p.Deletion
}
