package identity

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// defaultMaxSession is how long sessions of a role may last unless it says more.
const defaultMaxSession = time.Hour

// CreateRole makes a role.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	out := &iam.CreateRoleOutput{}
	err := s.changing(ctx, "CreateRole", in, func(op *operation) error {
		h, err := op.newHolder(roleKind, in.RoleName, in.Path, tagsOf(in.Tags), in.PermissionsBoundary)
		if err != nil {
			return err
		}
		if err := op.setTrust(h, text(in.AssumeRolePolicyDocument)); err != nil {
			return err
		}
		h.Description = text(in.Description)
		h.MaxSession = defaultMaxSession
		if in.MaxSessionDuration != nil {
			h.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		op.put(h)
		out.Role = describeRole(h, true)
		return nil
	})
	return out, err
}

// setTrust sets who may assume a role. The users and roles that a trust policy
// names must exist; the role remembers their unique ids, so that one who comes
// later under the same name is not trusted.
func (op *operation) setTrust(h *holder, document string) error {
	p, err := checkDocument(document, policy.Trust)
	if err != nil {
		return err
	}
	if size(document) > trustPolicySize {
		return overQuota("ACLSizePerRole", trustPolicySize)
	}
	trusted := map[string]string{}
	for _, arn := range p.Principals() {
		parts, ok := parseARN(arn)
		if !ok || parts.kind != string(userKind) && parts.kind != string(roleKind) {
			continue
		}
		other, err := load[holder](op.ctx, op.r, holderKey(parts.account, kind(parts.kind), parts.name))
		if err != nil {
			return err
		}
		if self := arn == h.arn(); self || other == nil || other.arn() != arn {
			if self && other != nil {
				trusted[arn] = h.ID
				continue
			}
			return iam.MalformedPolicyDocumentException(`Invalid principal in policy: "AWS":"%s"`, arn)
		}
		trusted[arn] = other.ID
	}
	h.Trust, h.Trusted = document, trusted
	return nil
}

// GetRole describes a role.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	out := &iam.GetRoleOutput{}
	err := s.reading(ctx, "GetRole", func(op *operation) error {
		h, err := op.holder(roleKind, text(in.RoleName))
		if err != nil {
			return err
		}
		out.Role = describeRole(h, true)
		use, err := s.lastUsed(op.ctx, op.r, h.ID)
		out.Role.RoleLastUsed = &iam.RoleLastUsed{}
		if use != nil {
			out.Role.RoleLastUsed = &iam.RoleLastUsed{LastUsedDate: &use.Time, Region: &use.Region}
		}
		return err
	})
	return out, err
}

// UpdateRole sets a role's description and longest session.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	return &iam.UpdateRoleOutput{}, s.changing(ctx, "UpdateRole", in, func(op *operation) error {
		h, err := op.holder(roleKind, text(in.RoleName))
		if err != nil {
			return err
		}
		if in.Description != nil {
			h.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			h.MaxSession = time.Duration(*in.MaxSessionDuration) * time.Second
		}
		op.put(h)
		return nil
	})
}

// UpdateRoleDescription sets a role's description and describes it.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	out := &iam.UpdateRoleDescriptionOutput{}
	err := s.changing(ctx, "UpdateRoleDescription", in, func(op *operation) error {
		h, err := op.holder(roleKind, text(in.RoleName))
		if err != nil {
			return err
		}
		h.Description = text(in.Description)
		op.put(h)
		out.Role = describeRole(h, true)
		return nil
	})
	return out, err
}

// UpdateAssumeRolePolicy sets who may assume a role.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	return &iam.UpdateAssumeRolePolicyOutput{}, s.changing(ctx, "UpdateAssumeRolePolicy", in, func(op *operation) error {
		h, err := op.holder(roleKind, text(in.RoleName))
		if err != nil {
			return err
		}
		if err := op.setTrust(h, text(in.PolicyDocument)); err != nil {
			return err
		}
		op.put(h)
		return nil
	})
}

// DeleteRole deletes a role without policies. Its sessions end with it.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	return &iam.DeleteRoleOutput{}, s.changing(ctx, "DeleteRole", in, func(op *operation) error {
		h, err := op.holder(roleKind, text(in.RoleName))
		if err != nil {
			return err
		}
		return op.drop(h)
	})
}

// ListRoles lists the roles under a path.
func (s *Service) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	out := &iam.ListRolesOutput{Roles: []*iam.Role{}}
	err := s.reading(ctx, "ListRoles", func(op *operation) error {
		roles, n, err := op.holders(roleKind, in.PathPrefix, page{in.Marker, in.MaxItems})
		for _, h := range roles {
			out.Roles = append(out.Roles, describeRole(h, false))
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// describeRole describes a role; lists leave out its tags and boundary.
func describeRole(h *holder, whole bool) *iam.Role {
	d := &iam.Role{
		Arn: new(h.arn()), CreateDate: new(h.Created), RoleId: new(h.ID), RoleName: new(h.Name), Path: new(h.Path),
		AssumeRolePolicyDocument: encoded(h.Trust), MaxSessionDuration: new(int64(h.MaxSession / time.Second)),
	}
	if h.Description != "" {
		d.Description = new(h.Description)
	}
	if whole {
		d.Tags = describeTags(h.Tags)
		d.PermissionsBoundary = describeBoundary(h)
	}
	return d
}
