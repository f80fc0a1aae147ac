package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// PutUserPermissionsBoundary sets what a user may do at most.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return &iam.PutUserPermissionsBoundaryOutput{}, s.putBoundary(ctx, "PutUserPermissionsBoundary", in, userKind, in.UserName, in.PermissionsBoundary)
}

// PutRolePermissionsBoundary sets what a role may do at most.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return &iam.PutRolePermissionsBoundaryOutput{}, s.putBoundary(ctx, "PutRolePermissionsBoundary", in, roleKind, in.RoleName, in.PermissionsBoundary)
}

// DeleteUserPermissionsBoundary lifts the limit of a user.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return &iam.DeleteUserPermissionsBoundaryOutput{}, s.deleteBoundary(ctx, "DeleteUserPermissionsBoundary", in, userKind, in.UserName)
}

// DeleteRolePermissionsBoundary lifts the limit of a role.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return &iam.DeleteRolePermissionsBoundaryOutput{}, s.deleteBoundary(ctx, "DeleteRolePermissionsBoundary", in, roleKind, in.RoleName)
}

func (s *Service) putBoundary(ctx context.Context, action string, in any, k kind, name, arn *string) error {
	if err := checkPolicyARN(text(arn)); err != nil {
		return err
	}
	return s.changing(ctx, action, in, func(op *operation) error {
		op.about("iam:PermissionsBoundary", text(arn))
		h, err := op.holder(k, text(name))
		if err != nil {
			return err
		}
		if h.Boundary == text(arn) {
			return nil
		}
		if h.Boundary != "" {
			if err := op.clearBoundary(h); err != nil {
				return err
			}
		}
		if err := op.setBoundary(h, text(arn)); err != nil {
			return err
		}
		op.put(h)
		return nil
	})
}

func (s *Service) deleteBoundary(ctx context.Context, action string, in any, k kind, name *string) error {
	return s.changing(ctx, action, in, func(op *operation) error {
		h, err := op.limited(k, text(name))
		if err != nil {
			return err
		}
		if h.Boundary == "" {
			return iam.NoSuchEntityException("%s does not have a permissions boundary attached.", h.Name)
		}
		if err := op.clearBoundary(h); err != nil {
			return err
		}
		op.put(h)
		return nil
	})
}

// setBoundary gives h, which has none, a boundary; the caller puts h.
func (op *operation) setBoundary(h *holder, arn string) error {
	if err := op.use(arn, 0, 1); err != nil {
		return err
	}
	h.Boundary = arn
	op.markAttached(arn, asBoundary, h)
	return nil
}

// clearBoundary takes the boundary of h away; the caller puts h.
func (op *operation) clearBoundary(h *holder) error {
	if err := op.use(h.Boundary, 0, -1); err != nil {
		return err
	}
	op.w.Delete(attachedKey(op.account, h.Boundary, asBoundary, h.Kind, h.Name))
	h.Boundary = ""
	return nil
}

func describeBoundary(h *holder) *iam.AttachedPermissionsBoundary {
	if h.Boundary == "" {
		return nil
	}
	return &iam.AttachedPermissionsBoundary{PermissionsBoundaryArn: new(h.Boundary), PermissionsBoundaryType: new("Policy")}
}
