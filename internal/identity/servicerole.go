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
	if sub == nil || sub.holder.arn() != roleARN {
		return nil, untrusted(r, "sts:AssumeRole", roleARN)
	}
	p, err := s.trustPolicy(sub.holder.Trust)
	if err != nil {
		return nil, api.Internal(err)
	}
	check := Check{Action: "sts:AssumeRole", Resource: roleARN}
	if err := s.authorize(ctx, r, nil, &check, &policy.Attached{Name: sub.holder.Name, Policy: p}); err != nil {
		return nil, err
	}
	who := &Identity{Caller: callerOf(sub.holder), subject: sub, tags: sub.holder.Tags}
	who.Caller.Type = api.RoleCaller
	who.Caller.ARN = sessionARN(parts.account, sub.holder.Name, session)
	who.Caller.UserID = sub.holder.ID + ":" + session
	r.Caller = who.Caller
	return context.WithValue(api.WithRequest(ctx, r), identityKey{}, who), nil
}
