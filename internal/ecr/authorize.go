package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// Authorize asks policy whether the caller may do operations ("PutImage") to a repository.
// r is nil if there is none of the name. The error is AccessDeniedException.
func (s *Service) Authorize(ctx context.Context, n Name, r *Repository, operations ...string) error {
	checks := make([]identity.Check, len(operations))
	for i, op := range operations {
		checks[i] = check(n, r, op)
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
