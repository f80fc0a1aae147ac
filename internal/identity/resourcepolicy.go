package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ResourcePolicyPrincipals returns the unique ids, by ARN, of the users and roles that
// a policy of a resource names, for the Checks that the policy is for, and what it names
// that does not exist. A document that is no policy is a *policy.MalformedError.
func (s *Service) ResourcePolicyPrincipals(ctx context.Context, document []byte) (ids map[string]string, unknown []string, err error) {
	p, err := policy.Parse(document, policy.Resource)
	if err != nil {
		return nil, nil, err
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		ids, unknown = map[string]string{}, nil
		for _, id := range p.Accounts() {
			rec, err := load[account](ctx, r, accountKey(id))
			if err != nil {
				return err
			}
			if rec == nil {
				unknown = append(unknown, id)
			}
		}
		for _, arn := range p.Principals() {
			parts, ok := parseARN(arn)
			if !ok || parts.kind != string(userKind) && parts.kind != string(roleKind) {
				continue // a session, which comes and goes
			}
			h, err := load[holder](ctx, r, holderKey(parts.account, kind(parts.kind), parts.name))
			if err != nil {
				return err
			}
			if h == nil || h.arn() != arn {
				unknown = append(unknown, arn)
				continue
			}
			ids[arn] = h.ID
		}
		return nil
	})
	return ids, unknown, err
}
