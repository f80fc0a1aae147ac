package servicecatalog

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	stacks "github.com/modelwharf/modelwharf/internal/cloudformation"
)

// actor is who acts in a launch: a role, which Service Catalog or, behind a STACKSET
// constraint, the role Admin assumes; else By, who asked.
type actor struct {
	Role, Admin string `json:",omitzero"`
	By          []byte `json:",omitempty"`
}

// acting returns a context in which acts who launches.
func (o *operation) acting(ctx context.Context) (context.Context, error) {
	return o.actingAs(ctx, o.w.Actor, o.w.Origin, o.r.Region, o.r.ID)
}

// actingAs returns a context for requests of an actor, on behalf of a request that came from
// origin; id is that of what is worked on.
func (s *Service) actingAs(ctx context.Context, a actor, origin api.Origin, region, id string) (context.Context, error) {
	q := &api.Request{ID: id, Service: "servicecatalog", Operation: "Operation", Region: region, Time: s.now(), CalledVia: []string{principal}}
	ctx = api.WithRequest(ctx, q.From(origin))
	switch {
	case a.Admin != "":
		return s.throughAdmin(ctx, a)
	case a.Role != "":
		return s.identity.ServiceRole(ctx, a.Role, principal, "servicecatalog")
	}
	return s.identity.Act(ctx, a.By)
}

// stackRequest is a context for an operation of CloudFormation, as it is in the audit trail.
func stackRequest(as context.Context, operation string) context.Context {
	r := new(*api.RequestOf(as))
	r.Service, r.Operation = "cloudformation", operation
	return api.WithRequest(as, r)
}

// throughAdmin is how a stack set does it: CloudFormation acts in the role Admin, which
// assumes the other.
func (s *Service) throughAdmin(ctx context.Context, a actor) (context.Context, error) {
	ctx, err := s.identity.ServiceRole(ctx, a.Admin, "cloudformation.amazonaws.com", "AWSCloudFormationStackSet")
	if err != nil {
		return nil, err
	}
	out, err := s.identity.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &a.Role, RoleSessionName: new("servicecatalog")})
	if err != nil {
		return nil, err
	}
	who, err := s.identity.Recall(ctx, *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err != nil {
		return nil, err
	}
	return s.identity.Admit(api.WithRequest(ctx, new(*api.RequestOf(ctx))), who), nil
}

// capabilities are all: whoever offers a product has acknowledged what its template makes.
var capabilities = []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"}

// ask asks for the stack's operation, and notes that it did.
func (o *operation) ask(ctx context.Context) error {
	as, err := o.acting(ctx)
	if err != nil {
		return err
	}
	stack, same := o.w.Stack, false
	switch {
	case o.w.Do == doDelete:
		_, err = o.stacks.DeleteStack(stackRequest(as, "DeleteStack"), &cloudformation.DeleteStackInput{StackName: &o.w.Stack, ClientRequestToken: &o.r.ID})
	case o.w.Plan != "":
		err = o.askOnce(as, func() error {
			_, err := o.stacks.ExecuteChangeSet(stackRequest(as, "ExecuteChangeSet"), &cloudformation.ExecuteChangeSetInput{StackName: &o.w.Stack, ChangeSetName: &o.w.Plan, ClientRequestToken: &o.r.ID})
			return err
		})
	default:
		body, failed := o.bodyOf(ctx, o.r.Region, o.r.ID)
		if failed != nil {
			return failed
		}
		as = stacks.WithLaunch(as, stacks.Launch{Template: body, Tags: o.w.Auto})
		given, tags := o.w.parameters(), o.w.tags()
		if o.w.Do == doCreate {
			out, failed := o.stacks.CreateStack(stackRequest(as, "CreateStack"), &cloudformation.CreateStackInput{
				StackName: new(stackName(o.r.Account, o.r.Provisioned)), Parameters: given, Tags: tags, NotificationARNs: o.w.Topics, Capabilities: capabilities, ClientRequestToken: &o.r.ID,
			})
			if err = failed; err == nil {
				stack = *out.StackId
			}
			break
		}
		err = o.askOnce(as, func() error {
			_, err := o.stacks.UpdateStack(stackRequest(as, "UpdateStack"), &cloudformation.UpdateStackInput{
				StackName: &o.w.Stack, Parameters: given, Tags: tags, NotificationARNs: o.w.Topics, Capabilities: capabilities, ClientRequestToken: &o.r.ID,
			})
			return err
		})
		if e, ok := errors.AsType[*api.Error](err); ok && strings.HasPrefix(e.Message, "No updates are to be performed") {
			err, same = nil, true
		}
	}
	if err != nil {
		return err
	}
	return o.commit(ctx, func(r *record, p *provisioned) {
		r.Work.Begun, r.Work.Stack, r.Work.Same = true, stack, same
		if p != nil {
			p.Stack = stack
		}
	})
}

// stackName is the name of a provisioned product's stack.
func stackName(account, provisioned string) string { return "SC-" + account + "-" + provisioned }

// parameters and tags are what a stack is asked to have.
func (w *work) parameters() (list []*cloudformation.Parameter) {
	for _, k := range slices.Sorted(keysOf(w.Values)) {
		list = append(list, &cloudformation.Parameter{ParameterKey: &k, ParameterValue: new(w.Values[k])})
	}
	return list
}

func (w *work) tags() []*cloudformation.Tag {
	list := []*cloudformation.Tag{}
	for _, t := range tagsOf(w.Tags) {
		list = append(list, &cloudformation.Tag{Key: t.Key, Value: t.Value})
	}
	return list
}

// askOnce asks for the operation of a stack that there is, unless it was asked for before a
// crash.
func (o *operation) askOnce(as context.Context, ask func() error) error {
	before, err := o.asked(as)
	if err != nil || before {
		return err
	}
	return ask()
}

// asked tells whether the stack was asked for the operation before a crash: one of its events
// has the token.
func (o *operation) asked(as context.Context) (bool, error) {
	in := &cloudformation.DescribeStackEventsInput{StackName: &o.w.Stack}
	for {
		out, err := o.stacks.DescribeStackEvents(as, in)
		if err != nil {
			return false, err
		}
		for _, e := range out.StackEvents { // the newest first
			if text(e.ClientRequestToken) == o.r.ID {
				return true, nil
			}
			if e.Timestamp.Before(o.r.Created) {
				return false, nil
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return false, nil
		}
	}
}
