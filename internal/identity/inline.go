package identity

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// PutUserPolicy sets an inline policy of a user.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return &iam.PutUserPolicyOutput{}, s.putInline(ctx, "PutUserPolicy", in, userKind, in.UserName, in.PolicyName, in.PolicyDocument)
}

// PutGroupPolicy sets an inline policy of a group.
func (s *Service) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return &iam.PutGroupPolicyOutput{}, s.putInline(ctx, "PutGroupPolicy", in, groupKind, in.GroupName, in.PolicyName, in.PolicyDocument)
}

// PutRolePolicy sets an inline policy of a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return &iam.PutRolePolicyOutput{}, s.putInline(ctx, "PutRolePolicy", in, roleKind, in.RoleName, in.PolicyName, in.PolicyDocument)
}

// GetUserPolicy returns an inline policy of a user.
func (s *Service) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	h, p, err := s.getInline(ctx, "GetUserPolicy", userKind, in.UserName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: &h.Name, PolicyName: &p.Name, PolicyDocument: encoded(p.Document)}, nil
}

// GetGroupPolicy returns an inline policy of a group.
func (s *Service) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	h, p, err := s.getInline(ctx, "GetGroupPolicy", groupKind, in.GroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{GroupName: &h.Name, PolicyName: &p.Name, PolicyDocument: encoded(p.Document)}, nil
}

// GetRolePolicy returns an inline policy of a role.
func (s *Service) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	h, p, err := s.getInline(ctx, "GetRolePolicy", roleKind, in.RoleName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: &h.Name, PolicyName: &p.Name, PolicyDocument: encoded(p.Document)}, nil
}

// DeleteUserPolicy deletes an inline policy of a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return &iam.DeleteUserPolicyOutput{}, s.deleteInline(ctx, "DeleteUserPolicy", in, userKind, in.UserName, in.PolicyName)
}

// DeleteGroupPolicy deletes an inline policy of a group.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return &iam.DeleteGroupPolicyOutput{}, s.deleteInline(ctx, "DeleteGroupPolicy", in, groupKind, in.GroupName, in.PolicyName)
}

// DeleteRolePolicy deletes an inline policy of a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return &iam.DeleteRolePolicyOutput{}, s.deleteInline(ctx, "DeleteRolePolicy", in, roleKind, in.RoleName, in.PolicyName)
}

// ListUserPolicies lists the inline policies of a user.
func (s *Service) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, n, err := s.listInline(ctx, "ListUserPolicies", userKind, in.UserName, page{in.Marker, in.MaxItems})
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: n.truncated, Marker: n.marker}, err
}

// ListGroupPolicies lists the inline policies of a group.
func (s *Service) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, n, err := s.listInline(ctx, "ListGroupPolicies", groupKind, in.GroupName, page{in.Marker, in.MaxItems})
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: n.truncated, Marker: n.marker}, err
}

// ListRolePolicies lists the inline policies of a role.
func (s *Service) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, n, err := s.listInline(ctx, "ListRolePolicies", roleKind, in.RoleName, page{in.Marker, in.MaxItems})
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: n.truncated, Marker: n.marker}, err
}

func (s *Service) putInline(ctx context.Context, action string, in any, k kind, holderName, policyName, document *string) error {
	return s.changing(ctx, action, in, func(op *operation) error {
		h, err := op.limited(k, text(holderName))
		if err != nil {
			return err
		}
		if _, err := checkDocument(text(document), policy.Identity); err != nil {
			return err
		}
		p := inline{text(policyName), text(document)}
		if i, ok := h.inline(p.Name); ok {
			h.Inline[i] = p
		} else {
			h.Inline = slices.Insert(h.Inline, i, p)
		}
		total := 0
		for _, p := range h.Inline {
			total += size(p.Document)
		}
		if total > inlineSize[k] {
			return iam.LimitExceededException("Maximum policy size of %d bytes exceeded for %s %s", inlineSize[k], k, h.Name)
		}
		op.put(h)
		return nil
	})
}

func (s *Service) getInline(ctx context.Context, action string, k kind, holderName, policyName *string) (h *holder, p inline, err error) {
	err = s.reading(ctx, action, func(op *operation) error {
		if h, err = op.holder(k, text(holderName)); err != nil {
			return err
		}
		i, ok := h.inline(text(policyName))
		if !ok {
			return noSuchInline(k, text(policyName))
		}
		p = h.Inline[i]
		return nil
	})
	return h, p, err
}

func (s *Service) deleteInline(ctx context.Context, action string, in any, k kind, holderName, policyName *string) error {
	return s.changing(ctx, action, in, func(op *operation) error {
		h, err := op.limited(k, text(holderName))
		if err != nil {
			return err
		}
		i, ok := h.inline(text(policyName))
		if !ok {
			return noSuchInline(k, text(policyName))
		}
		h.Inline = slices.Delete(h.Inline, i, i+1)
		op.put(h)
		return nil
	})
}

func (s *Service) listInline(ctx context.Context, action string, k kind, holderName *string, p page) (names []string, n next, err error) {
	err = s.reading(ctx, action, func(op *operation) error {
		h, err := op.holder(k, text(holderName))
		if err != nil {
			return err
		}
		list, end, err := slice(op, h.Inline, p, func(p inline) string { return p.Name })
		names, n = make([]string, 0, len(list)), end
		for _, p := range list {
			names = append(names, p.Name)
		}
		return err
	})
	return names, n, err
}

func noSuchInline(k kind, name string) error {
	return iam.NoSuchEntityException("The %s policy with name %s cannot be found.", k, name)
}
