package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// AttachUserPolicy attaches a managed policy to a user.
func (s *Service) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return &iam.AttachUserPolicyOutput{}, s.attach(ctx, "AttachUserPolicy", in, userKind, in.UserName, in.PolicyArn)
}

// AttachGroupPolicy attaches a managed policy to a group.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return &iam.AttachGroupPolicyOutput{}, s.attach(ctx, "AttachGroupPolicy", in, groupKind, in.GroupName, in.PolicyArn)
}

// AttachRolePolicy attaches a managed policy to a role.
func (s *Service) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return &iam.AttachRolePolicyOutput{}, s.attach(ctx, "AttachRolePolicy", in, roleKind, in.RoleName, in.PolicyArn)
}

// DetachUserPolicy detaches a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return &iam.DetachUserPolicyOutput{}, s.detach(ctx, "DetachUserPolicy", in, userKind, in.UserName, in.PolicyArn)
}

// DetachGroupPolicy detaches a managed policy from a group.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return &iam.DetachGroupPolicyOutput{}, s.detach(ctx, "DetachGroupPolicy", in, groupKind, in.GroupName, in.PolicyArn)
}

// DetachRolePolicy detaches a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return &iam.DetachRolePolicyOutput{}, s.detach(ctx, "DetachRolePolicy", in, roleKind, in.RoleName, in.PolicyArn)
}

// ListAttachedUserPolicies lists the managed policies of a user.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	out := &iam.ListAttachedUserPoliciesOutput{}
	list, n, err := s.attached(ctx, "ListAttachedUserPolicies", userKind, in.UserName, in.PathPrefix, page{in.Marker, in.MaxItems})
	out.AttachedPolicies, out.IsTruncated, out.Marker = list, n.truncated, n.marker
	return out, err
}

// ListAttachedGroupPolicies lists the managed policies of a group.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	out := &iam.ListAttachedGroupPoliciesOutput{}
	list, n, err := s.attached(ctx, "ListAttachedGroupPolicies", groupKind, in.GroupName, in.PathPrefix, page{in.Marker, in.MaxItems})
	out.AttachedPolicies, out.IsTruncated, out.Marker = list, n.truncated, n.marker
	return out, err
}

// ListAttachedRolePolicies lists the managed policies of a role.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	out := &iam.ListAttachedRolePoliciesOutput{}
	list, n, err := s.attached(ctx, "ListAttachedRolePolicies", roleKind, in.RoleName, in.PathPrefix, page{in.Marker, in.MaxItems})
	out.AttachedPolicies, out.IsTruncated, out.Marker = list, n.truncated, n.marker
	return out, err
}

func (s *Service) attach(ctx context.Context, action string, in any, k kind, name, policyARN *string) error {
	arn := text(policyARN)
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	return s.changing(ctx, action, in, func(op *operation) error {
		op.about("iam:PolicyARN", arn)
		h, err := op.limited(k, text(name))
		if err != nil {
			return err
		}
		if slices.Contains(h.Attached, arn) {
			return nil
		}
		if len(h.Attached) >= attachedPerHolder {
			return overQuota(attachedQuota[k], attachedPerHolder)
		}
		if err := op.use(arn, 1, 0); err != nil {
			return err
		}
		h.Attached = append(h.Attached, arn)
		op.markAttached(arn, asPolicy, h)
		op.put(h)
		op.touch("AWS::IAM::ManagedPolicy", arn)
		return nil
	})
}

func (s *Service) detach(ctx context.Context, action string, in any, k kind, name, policyARN *string) error {
	arn := text(policyARN)
	if err := checkPolicyARN(arn); err != nil {
		return err
	}
	return s.changing(ctx, action, in, func(op *operation) error {
		op.about("iam:PolicyARN", arn)
		h, err := op.limited(k, text(name))
		if err != nil {
			return err
		}
		if !slices.Contains(h.Attached, arn) {
			return noSuchPolicy(arn)
		}
		if err := op.use(arn, -1, 0); err != nil {
			return err
		}
		h.Attached = remove(h.Attached, arn)
		op.w.Delete(attachedKey(op.account, arn, asPolicy, k, h.Name))
		op.put(h)
		op.touch("AWS::IAM::ManagedPolicy", arn)
		return nil
	})
}

// use counts an attachment to a managed policy, as a policy or as a boundary. The
// count guards the policy against being deleted meanwhile.
func (op *operation) use(arn string, attachments, boundaries int) error {
	if strings.HasPrefix(arn, awsPolicy) {
		if _, ok := policy.ManagedByARN(arn); !ok {
			return notAttachable(arn)
		}
		return nil
	}
	m, err := loadManaged(op.ctx, op.r, arn)
	if err != nil {
		return err
	}
	if m == nil || m.Account != op.account {
		return notAttachable(arn)
	}
	m.Attachments += attachments
	m.Boundaries += boundaries
	store(op.w, managedKey(m.Account, m.Name), m)
	return nil
}

// markAttached says in the index of policies that h has one.
func (op *operation) markAttached(arn, use string, h *holder) {
	op.w.Put(attachedKey(op.account, arn, use, h.Kind, h.Name), []byte{})
}

func (s *Service) attached(ctx context.Context, action string, k kind, name, pathPrefix *string, p page) (list []*iam.AttachedPolicy, n next, err error) {
	err = s.reading(ctx, action, func(op *operation) error {
		h, err := op.holder(k, text(name))
		if err != nil {
			return err
		}
		prefix := text(pathPrefix)
		arns := slices.DeleteFunc(slices.Clone(h.Attached), func(arn string) bool {
			parts, _ := parseARN(arn)
			return !strings.HasPrefix(parts.path, prefix)
		})
		arns, n, err = slice(op, arns, p, func(arn string) string { return arn })
		list = describeAttached(arns)
		return err
	})
	return list, n, err
}
