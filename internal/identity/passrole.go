package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
)

// PassRole asks whether the caller may hand a role to a service, such as
// "sagemaker.amazonaws.com", which will then act in it. A role is passed within
// its own account only.
func (s *Service) PassRole(ctx context.Context, roleARN, service string) error {
	r := api.RequestOf(ctx)
	if parts, ok := parseARN(roleARN); !ok || parts.kind != string(roleKind) || parts.account != r.Caller.Account {
		return denial(r, "Cross-account pass role is not allowed.")
	}
	return s.Authorize(ctx, Check{
		Action: "iam:PassRole", Resource: roleARN, Conditions: map[string][]string{"iam:PassedToService": {service}},
	})
}
