package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ServiceRole returns a context in which a service, such as "lambda.amazonaws.com",
// acts in a role, in a session of the given name: what policy allows the role, it
// allows there. The error is AccessDenied if the role does not trust the service, or is
// not there. The context is for one act: it knows the role as it is now.
func (s *Service) ServiceRole(ctx context.Context, roleARN, service, session string) (context.Context, error) {
	r := new(*api.RequestOf(ctx))
	r.Caller = api.Caller{Type: api.ServiceCaller, ARN: service, Principal: service}
	parts, ok := parseARN(roleARN)
	if !ok || parts.kind != string(roleKind) {
		return nil, untrusted(r, "sts:AssumeRole", roleARN)
	}
	var sub *subject
	err := s.store.View(ctx, func(tx kv.Reader) (err error) {
		sub, err = s.subject(ctx, tx, parts.account, roleKind, parts.name)
		return err
	})
	if err != nil {
		return nil, err
	}
	a, err := s.acts(sub, roleARN, session)
	switch {
	case err != nil:
		return nil, api.Internal(err)
	case a == nil:
		return nil, untrusted(r, "sts:AssumeRole", roleARN)
	}
	if err := s.authorize(ctx, r, nil, &Check{Action: "sts:AssumeRole", Resource: roleARN}, &a.trust); err != nil {
		return nil, err
	}
	r.Caller = a.who.Caller
	return context.WithValue(api.WithRequest(ctx, r), identityKey{}, a.who), nil
}

// actor is who a service is when it acts in a role, as the role was at a generation.
type actor struct {
	who   *Identity
	trust policy.Attached
}

// acts returns who acts in a role in a session of a service, nil if the role is not the one of
// the ARN.
func (s *Service) acts(sub *subject, roleARN, session string) (*actor, error) {
	key := [2]string{roleARN, session}
	if a, ok := s.actors.get(key); ok && a.who.subject == sub {
		return a, nil
	}
	if sub == nil || sub.holder.arn() != roleARN {
		return nil, nil
	}
	p, err := s.trustPolicy(sub.holder.Trust)
	if err != nil {
		return nil, err
	}
	who := &Identity{Caller: callerOf(sub.holder), subject: sub, tags: sub.holder.Tags}
	who.Caller.Type = api.RoleCaller
	who.Caller.ARN = sessionARN(sub.holder.Account, sub.holder.Name, session)
	who.Caller.UserID = sub.holder.ID + ":" + session
	a := &actor{who, policy.Attached{Name: sub.holder.Name, Policy: p}}
	s.actors.set(key, a)
	return a, nil
}
