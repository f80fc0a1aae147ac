package cloudformation

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// stackPolicy says which resources of a stack updates may change. Without one all may be
// changed; with one only those that it allows.
type stackPolicy struct{ Statement statements }

type statement struct {
	Effect      string
	Principal   any
	Action      oneOrMore
	NotAction   oneOrMore
	Resource    oneOrMore
	NotResource oneOrMore
	Condition   map[string]map[string]oneOrMore
}

type statements []statement

func (s *statements) UnmarshalJSON(b []byte) error {
	var one statement
	if json.Unmarshal(b, &one) == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(b, (*[]statement)(s))
}

type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = oneOrMore{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

const maxPolicy = 16_384 // bytes

// updateActions are the actions that a stack policy knows.
var updateActions = []string{"Update:Modify", "Update:Replace", "Update:Delete", "Update:*"}

func parsePolicy(body string) (*stackPolicy, error) {
	if len(body) > maxPolicy {
		return nil, invalid("1 validation error detected: Value at 'stackPolicyBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxPolicy)
	}
	var p stackPolicy
	if err := json.Unmarshal([]byte(body), &p); err != nil || len(p.Statement) == 0 {
		return nil, invalid("Error validating stack policy: Invalid stack policy")
	}
	for i, s := range p.Statement {
		bad := func(what string) error {
			return invalid("Error validating stack policy: statement #%d: %s", i+1, what)
		}
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return nil, bad("Effect must be Allow or Deny")
		case s.Principal != "*":
			return nil, bad("Principal must be *")
		case (len(s.Action) == 0) == (len(s.NotAction) == 0):
			return nil, bad("one of Action and NotAction is needed")
		case (len(s.Resource) == 0) == (len(s.NotResource) == 0):
			return nil, bad("one of Resource and NotResource is needed")
		}
		for _, a := range append(slices.Clone(s.Action), s.NotAction...) {
			if !slices.Contains(updateActions, a) {
				return nil, bad("unknown action " + a)
			}
		}
		for _, r := range append(slices.Clone(s.Resource), s.NotResource...) {
			if r != "*" && !strings.HasPrefix(r, "LogicalResourceId/") {
				return nil, bad("a resource must be * or begin with LogicalResourceId/")
			}
		}
		for op, keys := range s.Condition {
			for key := range keys {
				if key != "ResourceType" || op != "StringEquals" && op != "StringLike" {
					return nil, bad("a condition must be StringEquals or StringLike of ResourceType")
				}
			}
		}
	}
	return &p, nil
}

// refuses returns why the policy does not let an update do something to a resource, "" if
// it does. A Deny outweighs.
func (p *stackPolicy) refuses(action, id, typ string) string {
	allowed := false
	for i, s := range p.Statement {
		if !s.matches(action, id, typ) {
			continue
		}
		if s.Effect == "Deny" {
			return fmt.Sprintf("Action denied by stack policy: Statement [#%d] does not allow [%s] for resource [%s];", i+1, action, "LogicalResourceId/"+id)
		}
		allowed = true
	}
	if allowed {
		return ""
	}
	return fmt.Sprintf("Action not allowed by stack policy: no statement allows [%s] for resource [%s];", action, "LogicalResourceId/"+id)
}

func (s *statement) matches(action, id, typ string) bool {
	in := func(list oneOrMore, text string) bool {
		return slices.ContainsFunc(list, func(pattern string) bool {
			ok, _ := path.Match(strings.ReplaceAll(pattern, "/", ":"), strings.ReplaceAll(text, "/", ":"))
			return ok
		})
	}
	if len(s.Action) > 0 && !in(s.Action, action) || len(s.NotAction) > 0 && in(s.NotAction, action) {
		return false
	}
	name := "LogicalResourceId/" + id
	if len(s.Resource) > 0 && !in(s.Resource, name) || len(s.NotResource) > 0 && in(s.NotResource, name) {
		return false
	}
	for _, keys := range s.Condition {
		if !in(keys["ResourceType"], typ) {
			return false
		}
	}
	return true
}

// permits returns an error unless the stack's policy, or that of this update, lets it do
// something to a resource.
func (r *run) permits(action, id, typ string) error {
	body := r.st.Policy
	if r.op.Policy != "" {
		body = r.op.Policy
	}
	if body == "" || r.op.Kind != updating {
		return nil
	}
	p, err := parsePolicy(body)
	if err != nil {
		return err
	}
	if why := p.refuses(action, id, typ); why != "" {
		return failed("%s", why)
	}
	return nil
}

// SetStackPolicy gives a stack a policy.
func (s *Service) SetStackPolicy(ctx context.Context, in *cloudformation.SetStackPolicyInput) (*cloudformation.SetStackPolicyOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "SetStackPolicy")
	if err != nil {
		return nil, err
	}
	if in.StackPolicyURL != nil || in.StackPolicyBody == nil {
		return nil, unsupported(nil, new(text(in.StackPolicyURL)))
	}
	if _, err := parsePolicy(*in.StackPolicyBody); err != nil {
		return nil, err
	}
	_, err = s.change(ctx, st.arn(), func(tx kv.Txn, st *stack) error {
		if st.gone() {
			return noStack(st.arn())
		}
		st.Policy = *in.StackPolicyBody
		tx.Put(stackKey(st.UUID), encode(st))
		s.trail(ctx, tx, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.SetStackPolicyOutput{}, nil
}

// GetStackPolicy returns the policy of a stack.
func (s *Service) GetStackPolicy(ctx context.Context, in *cloudformation.GetStackPolicyInput) (*cloudformation.GetStackPolicyOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "GetStackPolicy")
	if err != nil {
		return nil, err
	}
	return &cloudformation.GetStackPolicyOutput{StackPolicyBody: optional(st.Policy)}, nil
}
