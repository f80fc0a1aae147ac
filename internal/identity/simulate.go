package identity

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// simulation is a question to the policies of a simulated request.
type simulation struct {
	principal policy.Principal
	identity  []policy.Attached
	boundary  *policy.Attached
	resource  *policy.Attached
	owner     string
	actions   []string
	resources []string
	keys      policy.Values
}

// SimulatePrincipalPolicy answers what the policies of a user, group or role would
// decide, together with those that are given.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	out := &iam.SimulatePrincipalPolicyOutput{}
	err := s.reading(ctx, "SimulatePrincipalPolicy", func(op *operation) error {
		parts, ok := parseARN(text(in.PolicySourceArn))
		k := kind(parts.kind)
		if !ok || parts.account != op.account || k != userKind && k != groupKind && k != roleKind {
			return iam.InvalidInputException("Invalid Entity Arn: %s does not clearly define entity type and name.", text(in.PolicySourceArn))
		}
		h, err := op.holder(k, parts.name)
		if err != nil {
			return err
		}
		sub, err := s.subject(op.ctx, op.r, op.account, k, parts.name)
		if err != nil {
			return err
		}
		q := simulation{principal: simulated(h), identity: slices.Clone(sub.policies), boundary: sub.boundary}
		q.keys = policy.Values{}
		for _, t := range h.Tags {
			q.keys["aws:principaltag/"+strings.ToLower(t.Key)] = []string{t.Value}
		}
		if err := q.read(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.CallerArn, in.ResourceOwner); err != nil {
			return err
		}
		q.actions, q.resources = in.ActionNames, in.ResourceArns
		q.context(s.now(), in.ContextEntries)
		results, n, err := slice(op, q.run(), page{in.Marker, in.MaxItems}, resultName)
		out.EvaluationResults, out.IsTruncated, out.Marker = results, n.truncated, n.marker
		return err
	})
	return out, err
}

// SimulateCustomPolicy answers what the given policies would decide.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	out := &iam.SimulateCustomPolicyOutput{}
	err := s.reading(ctx, "SimulateCustomPolicy", func(op *operation) error {
		if err := op.authorize("*", nil); err != nil {
			return err
		}
		q := simulation{keys: policy.Values{}, principal: policy.Principal{
			Account: op.account, ARN: iamARN(op.account, "user/simulated"), UserID: "AIDASIMULATED", Type: api.UserCaller,
		}}
		if err := q.read(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ResourcePolicy, in.CallerArn, in.ResourceOwner); err != nil {
			return err
		}
		q.actions, q.resources = in.ActionNames, in.ResourceArns
		q.context(s.now(), in.ContextEntries)
		results, n, err := slice(op, q.run(), page{in.Marker, in.MaxItems}, resultName)
		out.EvaluationResults, out.IsTruncated, out.Marker = results, n.truncated, n.marker
		return err
	})
	return out, err
}

// simulated is the principal that a holder would be in a request.
func simulated(h *holder) policy.Principal {
	p := policy.Principal{Account: h.Account, ARN: h.arn(), Entity: h.arn(), UserID: h.ID, Type: api.UserCaller}
	if h.Kind == roleKind {
		p.Type = api.RoleCaller
		p.ARN, p.UserID = sessionARN(h.Account, h.Name, "simulated"), h.ID+":simulated"
	}
	return p
}

// read compiles the policies that a simulation brings.
func (q *simulation) read(policies, boundaries []string, resource, caller, owner *string) error {
	for i, document := range policies {
		p, err := checkDocument(document, policy.Identity)
		if err != nil {
			return iam.InvalidInputException("Invalid policy %d: %s", i+1, api.AsError(err).Message)
		}
		q.identity = append(q.identity, policy.Attached{Name: "PolicyInputList." + policyVersion{Number: i + 1}.id()[1:], Policy: p})
	}
	for _, document := range boundaries {
		p, err := checkDocument(document, policy.Identity)
		if err != nil {
			return iam.InvalidInputException("Invalid permissions boundary: %s", api.AsError(err).Message)
		}
		q.boundary = &policy.Attached{Name: "PermissionsBoundaryPolicyInputList.1", Policy: p}
	}
	if text(resource) != "" {
		p, err := checkDocument(*resource, policy.Resource)
		if err != nil {
			return iam.InvalidInputException("Invalid resource policy: %s", api.AsError(err).Message)
		}
		q.resource = &policy.Attached{Name: "ResourcePolicy", Policy: p}
	}
	if arn := text(caller); arn != "" {
		parts, ok := parseARN(arn)
		if !ok || parts.kind != string(userKind) {
			return iam.InvalidInputException("Invalid caller ARN: %s must be that of a user.", arn)
		}
		q.principal.ARN, q.principal.Entity, q.principal.Account = arn, arn, parts.account
	}
	if text(owner) != "" {
		parts, ok := parseARN(*owner)
		if !ok {
			return iam.InvalidInputException("Invalid resource owner: %s", *owner)
		}
		q.owner = parts.account
	}
	return nil
}

// context sets the condition keys of the simulated request: those given, and what
// follows from its principal and time.
func (q *simulation) context(now time.Time, entries []*iam.ContextEntry) {
	who := requestKeys{now: func() time.Time { return now }, request: &api.Request{
		Secure: true, Time: now, SourceIP: netip.Addr{},
		Caller: api.Caller{Account: q.principal.Account, ARN: q.principal.ARN, UserID: q.principal.UserID, Type: q.principal.Type, Principal: q.principal.Entity},
	}}
	for _, key := range []string{"aws:currenttime", "aws:epochtime", "aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount", "aws:principaltype"} {
		if v, ok := who.Key(key); ok {
			q.keys[key] = v
		}
	}
	for _, e := range entries {
		q.keys[strings.ToLower(text(e.ContextKeyName))] = e.ContextKeyValues
	}
}

// run asks for each action on each resource.
func (q *simulation) run() []*iam.EvaluationResult {
	resources := q.resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	results := []*iam.EvaluationResult{}
	for _, action := range q.actions {
		for _, resource := range resources {
			x := policy.Explain(&policy.Request{
				Principal: q.principal, Action: action, Resource: resource, ResourceAccount: q.owner, Keys: q.keys,
				IdentityPolicies: q.identity, ResourcePolicy: q.resource, Boundary: q.boundary,
			})
			r := &iam.EvaluationResult{
				EvalActionName: new(action), EvalResourceName: new(resource), EvalDecision: new(x.Effect.String()),
				MissingContextValues: append([]string{}, x.Missing...), MatchedStatements: []*iam.Statement{},
			}
			for _, m := range x.Matched {
				r.MatchedStatements = append(r.MatchedStatements, &iam.Statement{SourcePolicyId: new(m.Policy), SourcePolicyType: new(sourceType(m))})
			}
			if q.boundary != nil {
				r.PermissionsBoundaryDecisionDetail = &iam.PermissionsBoundaryDecisionDetail{
					AllowedByPermissionsBoundary: new(x.Layer != policy.BoundaryLayer || x.Effect == policy.Allow),
				}
			}
			results = append(results, r)
		}
	}
	return results
}

// sourceType is IAM's name of the sort of policy that a statement is in.
func sourceType(m policy.Match) string {
	switch {
	case m.Layer == policy.ResourceLayer:
		return "resource"
	case strings.HasPrefix(m.Policy, awsPolicy):
		return "aws-managed"
	case strings.HasPrefix(m.Policy, "arn:"):
		return "user-managed"
	}
	return "none"
}

func resultName(r *iam.EvaluationResult) string {
	return *r.EvalActionName + "\x00" + *r.EvalResourceName
}
