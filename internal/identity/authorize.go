// Package identity knows who exists (accounts, users, groups, roles, keys and
// sessions), who a request comes from, and what policy allows them.
package identity

import (
	"context"
)

// Service answers questions about identities, and the IAM and STS operations.
type Service struct{}

// Check is one question to policy: may the caller do Action to Resource?
type Check struct {
	Action   string // "dynamodb:PutItem"
	Resource string // an ARN, or "*" for an action that knows no resource
	// ResourcePolicy is the policy document attached to the resource, or nil.
	ResourcePolicy []byte
	// Conditions holds the service's own condition keys, such as
	// "dynamodb:LeadingKeys"; the global ones come from the request.
	Conditions map[string][]string
}

// Authorize returns nil if policy allows the caller of ctx every check, and
// otherwise the AccessDeniedException that names the first one refused.
func (s *Service) Authorize(ctx context.Context, checks ...Check) error {
	return nil
}
