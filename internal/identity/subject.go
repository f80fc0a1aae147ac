package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// subject is a user, role or root with all that policy says of it, compiled. It
// is immutable, and true for one generation of its account.
type subject struct {
	generation string
	holder     *holder
	policies   []policy.Attached
	boundary   *policy.Attached
}

// subject returns the subject of a holder, or nil if there is none.
func (s *Service) subject(ctx context.Context, r kv.Reader, account string, k kind, name string) (*subject, error) {
	generation, err := r.GetHot(ctx, generationKey(account))
	if err != nil {
		return nil, err
	}
	key := holderKey(account, k, name)
	if cached, ok := s.subjects.get(string(key)); ok && cached.generation == string(generation) {
		return cached, nil
	}
	h, err := load[holder](ctx, r, key)
	if h == nil || err != nil {
		return nil, err
	}
	sub := &subject{generation: string(generation), holder: h}
	if sub.policies, err = policiesOf(ctx, r, h); err != nil {
		return nil, err
	}
	if h.Boundary != "" {
		boundary, err := managedPolicy(ctx, r, h.Boundary)
		if err != nil {
			return nil, err
		}
		sub.boundary = &boundary
	}
	s.subjects.set(string(key), sub)
	return sub, nil
}

// policiesOf compiles all policies of a holder: its own, and for a user those of
// its groups.
func policiesOf(ctx context.Context, r kv.Reader, h *holder) ([]policy.Attached, error) {
	holders := []*holder{h}
	for _, name := range h.Groups {
		g, err := load[holder](ctx, r, holderKey(h.Account, groupKind, name))
		if err != nil {
			return nil, err
		}
		if g != nil {
			holders = append(holders, g)
		}
	}
	var all []policy.Attached
	for _, h := range holders {
		for _, in := range h.Inline {
			p, err := policy.Parse([]byte(in.Document), policy.Identity)
			if err != nil {
				return nil, fmt.Errorf("identity: policy %s of %s: %w", in.Name, h.arn(), err)
			}
			all = append(all, policy.Attached{Name: in.Name, Policy: p})
		}
		for _, arn := range h.Attached {
			p, err := managedPolicy(ctx, r, arn)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	return all, nil
}

var errNoPolicy = errors.New("identity: a managed policy is in use and does not exist")

// managedPolicy compiles the default version of a managed policy. One that is
// missing or no longer compiles is an error, never an absence: it might deny.
func managedPolicy(ctx context.Context, r kv.Reader, arn string) (policy.Attached, error) {
	if p, ok := policy.ManagedByARN(arn); ok {
		return policy.Attached{Name: arn, Policy: p.Policy}, nil
	}
	m, err := loadManaged(ctx, r, arn)
	if err != nil {
		return policy.Attached{}, err
	}
	if m == nil {
		return policy.Attached{}, fmt.Errorf("%w: %s", errNoPolicy, arn)
	}
	p, err := policy.Parse([]byte(m.document()), policy.Identity)
	if err != nil {
		return policy.Attached{}, fmt.Errorf("identity: policy %s: %w", arn, err)
	}
	return policy.Attached{Name: arn, Policy: p}, nil
}

// loadManaged reads a customer's managed policy, nil if there is none of the ARN.
func loadManaged(ctx context.Context, r kv.Reader, arn string) (*managed, error) {
	parts, ok := parseARN(arn)
	if !ok || parts.kind != "policy" || parts.account == "aws" {
		return nil, nil
	}
	m, err := load[managed](ctx, r, managedKey(parts.account, parts.name))
	if m == nil || err != nil || m.arn() != arn {
		return nil, err
	}
	return m, nil
}
