package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Authorize asks policy whether the caller may do operations ("PutImage") to a repository.
// r is nil if there is none of the name. The error is AccessDeniedException.
func (s *Service) Authorize(ctx context.Context, n Name, r *Repository, operations ...string) error {
	checks := make([]identity.Check, len(operations))
	for i, op := range operations {
		checks[i] = check(n, r, op)
	}
	return s.ask(ctx, n, checks...)
}

// ask asks policy about a repository. The policy of its registry speaks too, on every
// action: that is version 2 of what AWS calls the scope of registry policies.
func (s *Service) ask(ctx context.Context, n Name, checks ...identity.Check) error {
	if n.Public {
		return s.identity.Authorize(ctx, checks...)
	}
	err := s.view(ctx, func(tx kv.Reader) error {
		reg, err := readRegistry(ctx, tx, n)
		if err != nil || reg.Policy == "" {
			return err
		}
		for i := range checks {
			checks[i].OuterPolicy, checks[i].OuterPrincipals = []byte(reg.Policy), reg.Principals
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.identity.Authorize(ctx, checks...)
}

// check is the question whether the caller may do an operation to a repository, of which
// r is what there is, or nil.
func check(n Name, r *Repository, operation string) identity.Check {
	c := identity.Check{Action: n.action(operation), Resource: n.ARN()}
	if r == nil {
		return c
	}
	if r.Policy != "" {
		c.ResourcePolicy, c.ResourcePrincipals = []byte(r.Policy), r.Principals
	}
	c.Conditions = r.conditions(n)
	return c
}

// conditions are the condition keys that a repository brings.
func (r *Repository) conditions(n Name) map[string][]string {
	if len(r.Tags) == 0 {
		return nil
	}
	c := make(map[string][]string, 2*len(r.Tags))
	service := "ecr:ResourceTag/"
	if n.Public {
		service = "ecr-public:ResourceTag/"
	}
	for k, v := range r.Tags {
		c["aws:ResourceTag/"+k], c[service+k] = []string{v}, []string{v}
	}
	return c
}

// Anonymous tells whether a request brings nobody's credentials.
func Anonymous(ctx context.Context) bool {
	return api.RequestOf(ctx).Caller.Type == api.AnonymousCaller
}
