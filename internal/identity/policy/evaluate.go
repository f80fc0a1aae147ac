package policy

import (
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Evaluate decides a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
//
// A statement that denies decides, wherever it is. Otherwise, in one account, the
// caller's identity policies or the resource's policy must allow; across accounts
// both. A permissions boundary and session policies must allow too, unless the
// resource's policy names the caller itself.
func Evaluate(r *Request) Decision {
	e := evaluation{Request: r}
	return e.decide()
}

// Explain decides a request as Evaluate does and collects every matching
// statement; it is slower.
func Explain(r *Request) Explanation {
	x := Explanation{}
	e := evaluation{Request: r, explain: &x}
	x.Decision = e.decide()
	slices.Sort(x.Missing)
	x.Missing = slices.Compact(x.Missing)
	return x
}

// evaluation is the state of one decision.
type evaluation struct {
	*Request
	explain *Explanation // nil unless wanted
	denied  bool
	denial  Decision // by the first statement that denies
}

// verdict is what the policies of one layer say: allowed, and by which statement.
type verdict struct {
	layer     Layer
	applies   bool // without policies a boundary or session limits nothing
	allowed   bool
	grant     grant // of a resource policy
	policy    string
	statement int
	sid       string
}

func (e *evaluation) decide() Decision {
	var identity, resource, boundary, session verdict
	identity.layer, identity.applies = IdentityLayer, true
	boundary.layer, boundary.applies = BoundaryLayer, e.Boundary != nil
	session.layer, session.applies = SessionLayer, e.Restricted || len(e.SessionPolicies) > 0
	resource.layer = ResourceLayer
	if e.ResourcePolicy != nil && e.ResourcePolicy.Policy.kind == Trust {
		resource.layer = TrustLayer
	}

	// One pass over each layer, which ends at the first statement that denies.
	for i := range e.IdentityPolicies {
		e.read(&e.IdentityPolicies[i], &identity)
	}
	if e.ResourcePolicy != nil {
		e.read(e.ResourcePolicy, &resource)
	}
	if e.OuterPolicy != nil {
		e.read(e.OuterPolicy, &resource)
	}
	if e.Boundary != nil {
		e.read(e.Boundary, &boundary)
	}
	for i := range e.SessionPolicies {
		e.read(&e.SessionPolicies[i], &session)
	}
	if e.denied {
		return e.denial
	}
	if e.Principal.Type == api.RootCaller && !identity.allowed {
		identity.allowed, identity.layer, identity.statement = true, NoLayer, -1
	}
	return e.combine(&identity, &resource, &boundary, &session)
}

// combine applies the rules of one account, or of two.
func (e *evaluation) combine(identity, resource, boundary, session *verdict) Decision {
	switch {
	case e.Principal.Account == "", e.Principal.Type == api.ServiceCaller, e.Principal.Type == api.AnonymousCaller:
		// Services and the anonymous have no policies of their own.
		if resource.grant == noGrant {
			return lacking(resource.layer)
		}
		return resource.decision()
	case e.Principal.Account != e.resourceAccount():
		for _, v := range [...]*verdict{identity, boundary, session, resource} {
			if !v.allowed && (v.applies || v == resource) {
				return lacking(v.layer)
			}
		}
		return resource.decision()
	case resource.grant == directGrant:
		return resource.decision()
	case resource.grant == noGrant && resource.layer == TrustLayer:
		// A role is assumed by those that it trusts only.
		return lacking(TrustLayer)
	}
	granted := identity
	if resource.grant == entityGrant {
		granted = resource
	} else if !identity.allowed {
		return lacking(IdentityLayer)
	}
	for _, v := range [...]*verdict{boundary, session} {
		if v.applies && !v.allowed {
			return lacking(v.layer)
		}
	}
	return granted.decision()
}

func lacking(l Layer) Decision { return Decision{Layer: l, Statement: -1} }

func (v *verdict) decision() Decision {
	return Decision{Effect: Allow, Layer: v.layer, Policy: v.policy, Statement: v.statement, Sid: v.sid}
}

// read lets a policy speak: it may allow in v, or deny.
func (e *evaluation) read(a *Attached, v *verdict) {
	if e.denied && e.explain == nil {
		return
	}
	p := a.Policy
	for i := range p.statements {
		s := &p.statements[i]
		// What has been allowed needs no second statement that does, unless
		// a resource policy may name the caller more directly.
		if s.allow && v.allowed && e.explain == nil && (s.principals == nil || v.grant == directGrant) {
			continue
		}
		g := directGrant
		if s.principals != nil {
			g = e.named(s)
		} else if v.layer == ResourceLayer || v.layer == TrustLayer {
			g = noGrant // an identity policy in the place of another
		}
		if g == noGrant || !e.speaks(s) || !e.conditions(s) {
			continue
		}
		if e.explain != nil {
			m := Match{Layer: v.layer, Policy: a.Name, Statement: i, Sid: s.sid, Effect: ExplicitDeny}
			if s.allow {
				m.Effect = Allow
			}
			e.explain.Matched = append(e.explain.Matched, m)
		}
		switch {
		case !s.allow:
			if !e.denied {
				e.denied = true
				e.denial = Decision{Effect: ExplicitDeny, Layer: v.layer, Policy: a.Name, Statement: i, Sid: s.sid}
			}
			if e.explain == nil {
				return
			}
		case !v.allowed || g > v.grant:
			v.allowed, v.grant = true, g
			v.policy, v.statement, v.sid = a.Name, i, s.sid
		}
	}
}

// named says how a statement's Principal or NotPrincipal names the caller.
func (e *evaluation) named(s *statement) grant {
	switch {
	case !s.notPrincipal:
		return s.principals.grants(&e.Principal)
	case s.allow:
		return grantIf(s.principals.grants(&e.Principal) == noGrant, directGrant)
	default:
		// AWS: NotPrincipal with Deny denies every caller that has a
		// permissions boundary, whatever it lists.
		return grantIf(e.Boundary != nil || !s.principals.excepts(&e.Principal), directGrant)
	}
}

// speaks reports whether a statement is about the action and the resource.
func (e *evaluation) speaks(s *statement) bool {
	action := s.anyAction
	for i := 0; !action && i < len(s.actions); i++ {
		action = match(s.actions[i], e.Action, true)
	}
	if action == s.notAction {
		return false
	}
	if s.anyResource {
		return !s.notResource
	}
	for i := range s.resources {
		text, ok := s.resources[i].expand(e)
		if !ok {
			// A variable without a value: a resource that nothing is. To
			// NotResource that would be "not this" by accident, so it does
			// not make a statement allow.
			if s.notResource && s.allow {
				return false
			}
			continue
		}
		if match(text, e.Resource, false) {
			return !s.notResource
		}
	}
	return s.notResource
}

// conditions reports whether all conditions of a statement hold.
func (e *evaluation) conditions(s *statement) bool {
	all := true
	for i := range s.conditions {
		if !s.conditions[i].holds(e, s.allow) {
			if all = false; e.explain == nil {
				return false // else go on, to learn of all missing keys
			}
		}
	}
	return all
}

// key returns the values of a condition key, whose name is given in lower case
// and as the policy writes it.
func (e *evaluation) key(lower, name string) []string {
	var values []string
	if e.Keys != nil {
		values, _ = e.Keys.Key(lower)
	}
	if len(values) == 0 && e.explain != nil {
		e.explain.Missing = append(e.explain.Missing, name)
	}
	return values
}
