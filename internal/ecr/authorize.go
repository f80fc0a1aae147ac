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
		checks[i] = identity.Check{Action: n.action(op), Resource: n.ARN()}
		if r == nil {
			continue
		}
		if r.Policy != "" {
			checks[i].ResourcePolicy, checks[i].ResourcePrincipals = []byte(r.Policy), r.Principals
		}
		checks[i].Conditions = r.conditions(n)
	}
	return s.identity.Authorize(ctx, checks...)
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
