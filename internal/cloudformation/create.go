package cloudformation

import (
	"context"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreateStack begins to make a stack, and answers before it is made.
func (s *Service) CreateStack(ctx context.Context, in *cloudformation.CreateStackInput) (*cloudformation.CreateStackOutput, error) {
	return s.createStack(ctx, in, func(*stack) {})
}

// createStack is CreateStack; with says what else is true of the stack.
func (s *Service) createStack(ctx context.Context, in *cloudformation.CreateStackInput, with func(*stack)) (*cloudformation.CreateStackOutput, error) {
	name := text(in.StackName)
	if !stackName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, arnOf(ctx, name, nil), nil, conditionsOf(tags, in.RoleARN, in.TemplateURL), "CreateStack"); err != nil {
		return nil, err
	}
	if in.DisableRollback != nil && in.OnFailure != nil {
		return nil, invalid("You can specify either DisableRollback or OnFailure, but not both.")
	}
	if err := unsupported(in.RollbackConfiguration, in.StackPolicyURL); err != nil {
		return nil, err
	}
	p, err := s.propose(ctx, name, nil, wanted{
		Body: in.TemplateBody, URL: in.TemplateURL, Parameters: in.Parameters, Tags: tags,
		Capabilities: in.Capabilities, ResourceTypes: in.ResourceTypes, Notifications: in.NotificationARNs,
	})
	if err != nil {
		return nil, err
	}
	if in.StackPolicyBody != nil {
		if _, err := parsePolicy(*in.StackPolicyBody); err != nil {
			return nil, err
		}
	}
	actor, err := s.actorFor(ctx, in.RoleARN, "")
	if err != nil {
		return nil, err
	}
	st := newStack(ctx, name)
	st.Role, st.Actor = text(in.RoleARN), actor
	st.Protected, st.KeepOnFailure, st.OnFailure = isTrue(in.EnableTerminationProtection), isTrue(in.DisableRollback), text(in.OnFailure)
	st.Policy, st.Token = text(in.StackPolicyBody), text(in.ClientRequestToken)
	if in.TimeoutInMinutes != nil {
		st.Timeout = *in.TimeoutInMinutes
	}
	with(st)
	id, err := s.launch(ctx, st, p, &operation{OnceKept: isTrue(in.RetainExceptOnCreate)})
	if err != nil {
		return nil, err
	}
	return &cloudformation.CreateStackOutput{StackId: &id}, nil
}

func newStack(ctx context.Context, name string) *stack {
	r := api.RequestOf(ctx)
	return &stack{UUID: uuid.NewString(), Name: name, Account: r.Caller.Account, Region: r.Region}
}

// launch stores a new stack and begins its operation.
func (s *Service) launch(ctx context.Context, st *stack, p *proposal, op *operation) (id string, err error) {
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		b, err := tx.Get(ctx, nameKey(st.Account, st.Region, st.Name))
		if err != nil {
			return err
		}
		if b != nil {
			old, err := readStack(ctx, tx, string(b))
			if err != nil {
				return err
			}
			if old != nil && st.Token != "" && old.Token == st.Token {
				id = old.arn() // the request came twice
				return nil
			}
			return cloudformation.AlreadyExistsException("Stack [%s] already exists", st.Name)
		}
		id = st.arn()
		st.Created = s.now().UTC()
		tx.Put(nameKey(st.Account, st.Region, st.Name), []byte(st.UUID))
		tx.Put(listKey(st), []byte{})
		op.Kind, op.Phase = creating, applying
		s.begin(ctx, tx, st, p, op, "CREATE_IN_PROGRESS")
		return enqueue(ctx, tx, st)
	})
	if err == nil {
		s.wake()
	}
	return id, err
}

// begin stores that an operation brings a stack to what is proposed, with the template.
func (s *Service) begin(ctx context.Context, tx kv.Txn, st *stack, p *proposal, op *operation, status string) {
	if p != nil {
		st.Bodies++
		p.side.Body = st.Bodies
		tx.Put(bodyKey(st.UUID, st.Bodies), p.body)
		op.Target = p.side
	}
	if op.Base == "" {
		op.Base = uuid.NewString()
	}
	op.Job, op.Began, op.Origin = st.UUID+" "+uuid.NewString(), s.now().UTC(), api.RequestOf(ctx).Origin()
	st.Operation, st.Stopped = op, nil
	s.turn(tx, st, status, "User Initiated")
	s.trail(ctx, tx, st)
}

// trail keeps an act on a stack in the audit trail.
func (s *Service) trail(ctx context.Context, tx kv.Txn, st *stack) {
	audit.Record(ctx, tx, audit.Event{
		Resources:  []audit.Resource{{Type: "AWS::CloudFormation::Stack", ARN: st.arn()}},
		Parameters: encode(map[string]any{"stackName": st.Name}),
	})
}

// actorFor returns who acts for a stack: nil if a role does, which the caller must be
// allowed to pass unless the stack has it already.
func (s *Service) actorFor(ctx context.Context, role *string, has string) ([]byte, error) {
	if role != nil && *role != has {
		if err := s.identity.PassRole(ctx, *role, principal); err != nil {
			return nil, err
		}
		if _, err := s.identity.ServiceRole(ctx, *role, principal, "AWSCloudFormation"); err != nil {
			return nil, invalid("Role %s is invalid or cannot be assumed", *role)
		}
	}
	if role != nil || has != "" {
		return nil, nil
	}
	return s.identity.Entrust(ctx)
}

// unsupported refuses what would silently not happen.
func unsupported(rollback *cloudformation.RollbackConfiguration, policyURL *string) error {
	if rollback != nil && len(rollback.RollbackTriggers) > 0 {
		return invalid("RollbackConfiguration: rollback triggers watch CloudWatch alarms, which this version of Modelwharf does not have")
	}
	if policyURL != nil {
		return invalid("StackPolicyURL is not supported by this version of Modelwharf: use StackPolicyBody")
	}
	return nil
}
