package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// updatable are the statuses in which a stack can be brought to another state.
var updatable = []string{
	"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED", "CREATE_FAILED", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE",
}

// noUpdates is what is wrong with an update that changes nothing.
const noUpdates = "No updates are to be performed."

// UpdateStack begins to bring a stack to another state, and answers before it is there.
func (s *Service) UpdateStack(ctx context.Context, in *cloudformation.UpdateStackInput) (*cloudformation.UpdateStackOutput, error) {
	return s.updateStack(ctx, in, false)
}

// updateStack is UpdateStack; inner says that a step of the outer stack's operation asks.
func (s *Service) updateStack(ctx context.Context, in *cloudformation.UpdateStackInput, inner bool) (*cloudformation.UpdateStackOutput, error) {
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	name := text(in.StackName)
	st, err := s.open(ctx, name, conditionsOf(tags, in.RoleARN, in.TemplateURL), "UpdateStack")
	if err != nil {
		return nil, err
	}
	if st.gone() {
		return nil, noStack(name)
	}
	if err := unsupported(in.RollbackConfiguration, in.StackPolicyURL); err != nil {
		return nil, err
	}
	if in.Tags == nil {
		tags = st.Current.Tags
	}
	notifications := in.NotificationARNs
	if notifications == nil {
		notifications = st.Current.Notifications
	}
	p, err := s.propose(ctx, st.Name, st, wanted{
		Body: in.TemplateBody, URL: in.TemplateURL, UsePrevious: in.UsePreviousTemplate, Parameters: in.Parameters, Tags: tags,
		Capabilities: in.Capabilities, ResourceTypes: in.ResourceTypes, Notifications: notifications,
	})
	if err != nil {
		return nil, err
	}
	for _, body := range []*string{in.StackPolicyBody, in.StackPolicyDuringUpdateBody} {
		if body != nil {
			if _, err := parsePolicy(*body); err != nil {
				return nil, err
			}
		}
	}
	actor, err := s.actorFor(ctx, in.RoleARN, st.Role)
	if err != nil {
		return nil, err
	}
	id, err := s.amend(ctx, st.arn(), p, text(in.ClientRequestToken), inner, func(st *stack, op *operation) {
		st.Actor = actor
		if in.RoleARN != nil {
			st.Role = *in.RoleARN
		}
		if in.StackPolicyBody != nil {
			st.Policy = *in.StackPolicyBody
		}
		st.KeepOnFailure, st.Token = isTrue(in.DisableRollback), text(in.ClientRequestToken)
		op.Policy, op.OnceKept = text(in.StackPolicyDuringUpdateBody), isTrue(in.RetainExceptOnCreate)
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.UpdateStackOutput{StackId: &id}, nil
}

// amend begins an update of a stack; one with the token of the last is that one.
func (s *Service) amend(ctx context.Context, name string, p *proposal, token string, inner bool, set func(*stack, *operation)) (string, error) {
	st, err := s.change(ctx, name, func(tx kv.Txn, st *stack) error {
		if inner && st.held() { // the outer stack's update before this one failed, and was not undone
			st.Operation, st.Stopped, st.Status = nil, st.Operation, "UPDATE_FAILED"
		}
		if token != "" && st.Token == token && strings.HasPrefix(st.Status, "UPDATE_") {
			is, err := s.templateIn(ctx, tx, st.UUID, st.shown().Body)
			if err != nil || p.same(is, *st.shown()) {
				return err // the request came twice
			}
			return cloudformation.TokenAlreadyExistsException("A client request token already exists.")
		}
		if !st.is(updatable...) {
			return invalid("Stack:%s is in %s state and can not be updated.", st.arn(), st.Status)
		}
		old, err := s.templateIn(ctx, tx, st.UUID, st.Current.Body)
		if err != nil {
			return err
		}
		if p.same(old, st.Current) && st.Stopped == nil {
			return invalid("%s", noUpdates)
		}
		for _, decl := range p.template.Resources {
			if was := old.Resource(decl.ID); was != nil && was.Type != decl.Type {
				return invalid("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", decl.ID)
			}
		}
		op := &operation{Kind: updating, Phase: applying, Inner: inner}
		if err := st.follows(ctx, tx, op); err != nil {
			return err
		}
		set(st, op)
		st.Updated = s.now().UTC()
		s.begin(ctx, tx, st, p, op, "UPDATE_IN_PROGRESS")
		return enqueue(ctx, tx, st)
	})
	if err != nil {
		return "", err
	}
	s.wake()
	return st.arn(), nil
}

// follows notes in an update what it goes back to if it fails. What an update before it has
// touched that failed and was not undone is part of it.
func (s *stack) follows(ctx context.Context, tx kv.Txn, op *operation) error {
	op.Past = &past{s.Current, s.Outputs, s.Imports}
	if s.Stopped == nil {
		return nil
	}
	op.Base = s.Stopped.Base
	if s.Stopped.Past != nil {
		op.Past = s.Stopped.Past
	}
	return untouched(ctx, tx, s)
}

// untouched lets an operation go over all resources again that one before it has applied.
func untouched(ctx context.Context, tx kv.Txn, st *stack) error {
	for rec, err := range resourcesIn(ctx, tx, st.UUID) {
		if err != nil {
			return err
		}
		if rec.Applied || rec.Undone || rec.Failed {
			rec.Applied, rec.Undone, rec.Failed = false, false, false
			tx.Put(resourceKey(st.UUID, rec.ID), encode(rec))
		}
	}
	return nil
}

// CancelUpdateStack lets a running update fail, so that it is undone.
func (s *Service) CancelUpdateStack(ctx context.Context, in *cloudformation.CancelUpdateStackInput) (*cloudformation.CancelUpdateStackOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "CancelUpdateStack")
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, st.arn(), func(tx kv.Txn, st *stack) error {
		if st.Status != "UPDATE_IN_PROGRESS" {
			return invalid("CancelUpdateStack cannot be called from current stack status")
		}
		st.Operation.Cancel = true
		tx.Put(stackKey(st.UUID), encode(st))
		s.trail(ctx, tx, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.CancelUpdateStackOutput{}, nil
}

// ContinueUpdateRollback goes on with the undoing of an update that failed itself.
func (s *Service) ContinueUpdateRollback(ctx context.Context, in *cloudformation.ContinueUpdateRollbackInput) (*cloudformation.ContinueUpdateRollbackOutput, error) {
	st, err := s.open(ctx, text(in.StackName), conditionsOf(nil, in.RoleARN, nil), "ContinueUpdateRollback")
	if err != nil {
		return nil, err
	}
	err = s.undoStopped(ctx, st, in.RoleARN, text(in.ClientRequestToken), func(tx kv.Txn, st *stack) error {
		if st.Status != "UPDATE_ROLLBACK_FAILED" {
			return invalid("Stack:%s is in %s state and can not continue to roll back.", st.arn(), st.Status)
		}
		for _, id := range in.ResourcesToSkip {
			rec, err := readResource(ctx, tx, st.UUID, id)
			if err != nil {
				return err
			}
			if rec == nil || rec.Status != "UPDATE_FAILED" {
				return invalid("The following resource(s) cannot be skipped, since they are not in UPDATE_FAILED state: [%s]", id)
			}
		}
		return nil
	}, in.ResourcesToSkip)
	if err != nil {
		return nil, err
	}
	return &cloudformation.ContinueUpdateRollbackOutput{}, nil
}

// RollbackStack undoes an operation that failed and was left as it was.
func (s *Service) RollbackStack(ctx context.Context, in *cloudformation.RollbackStackInput) (*cloudformation.RollbackStackOutput, error) {
	st, err := s.open(ctx, text(in.StackName), conditionsOf(nil, in.RoleARN, nil), "RollbackStack")
	if err != nil {
		return nil, err
	}
	err = s.undoStopped(ctx, st, in.RoleARN, text(in.ClientRequestToken), func(_ kv.Txn, st *stack) error {
		if !st.is("CREATE_FAILED", "UPDATE_FAILED") {
			return invalid("Stack:%s is in %s state and can not be rolled back.", st.arn(), st.Status)
		}
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return &cloudformation.RollbackStackOutput{StackId: new(st.arn())}, nil
}

// undoStopped undoes the operation that stopped.
func (s *Service) undoStopped(ctx context.Context, st *stack, role *string, token string, check func(kv.Txn, *stack) error, skip []string) error {
	actor, err := s.actorFor(ctx, role, st.Role)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, st.arn(), func(tx kv.Txn, st *stack) error {
		if err := check(tx, st); err != nil {
			return err
		}
		op := st.Stopped
		if op == nil {
			return invalid("Stack:%s has nothing to roll back to.", st.arn())
		}
		st.Actor, st.Token = actor, token
		if role != nil {
			st.Role = *role
		}
		op.Skip, op.Cancel = slices.Clone(skip), false
		if op.Failed == "" {
			op.Failed = "User Initiated"
		}
		op.Job = st.UUID + " " + uuid.NewString()
		st.Operation, st.Stopped = op, nil
		if op.Kind == creating {
			s.turn(tx, st, "ROLLBACK_IN_PROGRESS", "User Initiated")
			if err := doomMade(ctx, tx, st); err != nil {
				return err
			}
		} else {
			op.Phase = undoing
			s.turn(tx, st, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
		}
		tx.Put(stackKey(st.UUID), encode(st))
		s.trail(ctx, tx, st)
		return enqueue(ctx, tx, st)
	})
	if err == nil {
		s.wake()
	}
	return err
}

// UpdateTerminationProtection protects a stack from being deleted, or no longer.
func (s *Service) UpdateTerminationProtection(ctx context.Context, in *cloudformation.UpdateTerminationProtectionInput) (*cloudformation.UpdateTerminationProtectionOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "UpdateTerminationProtection")
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, st.arn(), func(tx kv.Txn, st *stack) error {
		if st.Parent != "" {
			return invalid("Termination protection can only be changed on root stacks")
		}
		if st.gone() {
			return noStack(st.arn())
		}
		st.Protected = isTrue(in.EnableTerminationProtection)
		tx.Put(stackKey(st.UUID), encode(st))
		s.trail(ctx, tx, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.UpdateTerminationProtectionOutput{StackId: new(st.arn())}, nil
}
