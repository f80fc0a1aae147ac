// Package identity knows who exists (accounts, users, groups, roles, keys and
// sessions), who a request comes from, and what policy allows them.
package identity

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Check is one question to policy: may the caller do Action to Resource?
type Check struct {
	Action   string // "dynamodb:PutItem"
	Resource string // an ARN, or "*" for an action that knows no resource
	// ResourceAccount owns the resource, if its ARN does not say so, as S3's do not.
	ResourceAccount string
	// ResourcePolicy is the policy document attached to the resource, or nil.
	ResourcePolicy []byte
	// ResourcePrincipals are the unique ids, by ARN, of the users and roles that
	// ResourcePolicy names, so that one who comes later under the same name is not
	// taken for them. What is not in it is known by its ARN alone.
	ResourcePrincipals map[string]string
	// OuterPolicy is the policy document of what the resource lies in, such as a registry,
	// or nil. It speaks as a second policy of the resource.
	OuterPolicy     []byte
	OuterPrincipals map[string]string // as ResourcePrincipals
	// Conditions holds the service's own condition keys, such as
	// "dynamodb:LeadingKeys"; the global ones come from the request.
	Conditions map[string][]string
	// Late, if there is one, is asked instead when a policy names the first of them: for those
	// that cost something to know.
	Late func() map[string][]string
}

// Authorize returns nil if policy allows the caller of ctx every check, and
// otherwise the AccessDeniedException that names the first one refused (for a
// Query service: AccessDenied). It reads nothing from the store if Admit made ctx.
func (s *Service) Authorize(ctx context.Context, checks ...Check) error {
	r := api.RequestOf(ctx)
	who, err := s.acting(ctx, r)
	if err != nil {
		return err
	}
	for i := range checks {
		if err := s.authorize(ctx, r, who, &checks[i], nil); err != nil {
			return err
		}
	}
	return nil
}

// acting returns the identity that acts in ctx. A caller who did not come through
// Admit is known by its key if it is in the cache, and a user by its name. Root,
// services and the anonymous have no policies to find: for them it is nil.
func (s *Service) acting(ctx context.Context, r *api.Request) (*Identity, error) {
	c := &r.Caller
	if who := s.identityOf(ctx, c); who != nil {
		return who, nil
	}
	switch c.Type {
	case api.UserCaller, api.RoleCaller:
	default:
		return nil, nil
	}
	if who, ok := s.identities.get(c.AccessKeyID); ok && who.Caller == *c {
		who, _, err := s.Lookup(ctx, c.AccessKeyID, who.token)
		if err != nil {
			return nil, api.Internal(err)
		}
		return who, nil
	}
	parts, ok := parseARN(c.Principal)
	if !ok || c.Type != api.UserCaller || c.ARN != c.Principal {
		return nil, denial(r, "User: %s is not authorized to perform this request", c.ARN)
	}
	who := &Identity{Caller: *c}
	err := s.store.View(ctx, func(tx kv.Reader) (err error) {
		who.subject, err = s.subject(ctx, tx, parts.account, kind(parts.kind), parts.name)
		return err
	})
	if err != nil {
		return nil, api.Internal(err)
	}
	if who.subject == nil || who.subject.holder.ID != c.UserID {
		return nil, denial(r, "User: %s is not authorized to perform this request", c.ARN)
	}
	who.tags = who.subject.holder.Tags
	return who, nil
}

// authorize answers one check. trust, if not nil, is the trust policy of a role
// that is to be assumed.
func (s *Service) authorize(ctx context.Context, r *api.Request, who *Identity, check *Check, trust *policy.Attached) error {
	debug := s.log != nil && s.log.Enabled(ctx, slog.LevelDebug)
	if r.Caller.Type == api.RootCaller && check.ResourcePolicy == nil && check.OuterPolicy == nil && trust == nil && !debug &&
		(who == nil || len(who.session) == 0) && (check.Resource == "*" || check.owner() == r.Caller.Account) {
		return nil
	}
	q := question{keys: requestKeys{request: r, who: who, conditions: check.Conditions, late: check.Late, owner: check.owner(), now: s.now}}
	q.Request = policy.Request{
		Principal: policy.PrincipalOf(&r.Caller), Action: check.Action, Resource: check.Resource,
		ResourceAccount: check.ResourceAccount, ResourcePolicy: trust,
	}
	q.Keys = &q.keys
	if who != nil {
		q.IdentityPolicies, q.Boundary, q.SessionPolicies = who.subject.policies, who.subject.boundary, who.session
	}
	for _, attached := range [...]struct {
		document   []byte
		principals map[string]string
		to         **policy.Attached
	}{
		{check.ResourcePolicy, check.ResourcePrincipals, &q.ResourcePolicy},
		{check.OuterPolicy, check.OuterPrincipals, &q.OuterPolicy},
	} {
		if attached.document == nil {
			continue
		}
		p, err := s.resourcePolicy(attached.document)
		if err != nil {
			return api.Internal(err)
		}
		*attached.to = &policy.Attached{Name: check.Resource, Policy: p}
		if id, named := attached.principals[r.Caller.Principal]; named && who != nil && who.subject.holder.ID != id {
			q.Principal.Namesake = true
		}
	}
	if debug {
		x := policy.Explain(&q.Request)
		s.log.LogAttrs(ctx, slog.LevelDebug, "policy decision",
			slog.String("request_id", r.ID), slog.String("caller", r.Caller.ARN), slog.String("action", check.Action),
			slog.String("resource", check.Resource), slog.String("decision", x.Decision.String()),
			slog.Any("matched", x.Matched), slog.Any("missing_keys", x.Missing))
		if x.Allowed() {
			return nil
		}
		return denial(r, "%s", x.Message(&q.Request))
	}
	d := policy.Evaluate(&q.Request)
	if d.Allowed() {
		return nil
	}
	return denial(r, "%s", d.Message(&q.Request))
}

// question is a policy request and its keys, in one allocation.
type question struct {
	policy.Request
	keys requestKeys
}

// resourcePolicy compiles a policy of a resource, once.
func (s *Service) resourcePolicy(document []byte) (*policy.Policy, error) {
	if p, ok := s.resources.get(string(document)); ok {
		return p, nil
	}
	p, err := policy.Parse(document, policy.Resource)
	if err != nil {
		return nil, err
	}
	s.resources.set(string(document), p)
	return p, nil
}

// owner is the account that owns the resource, or "".
func (c *Check) owner() string {
	if c.ResourceAccount != "" {
		return c.ResourceAccount
	}
	return accountOf(c.Resource)
}

// accountOf is the account in an ARN, or "".
func accountOf(arn string) string {
	for range 4 {
		_, arn, _ = strings.Cut(arn, ":")
	}
	if account, _, ok := strings.Cut(arn, ":"); ok && validAccount(account) {
		return account
	}
	return ""
}

// denial is the answer to a request that policy does not allow, as the protocol
// of the service names it.
func denial(r *api.Request, format string, args ...any) error {
	switch r.Service {
	case "iam", "sts", "cloudformation", "s3":
		return api.Errorf("AccessDenied", http.StatusForbidden, format, args...)
	}
	return api.AccessDeniedException(format, args...)
}
