package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// GetAccountAuthorizationDetails shows all users, groups, roles and managed
// policies with their documents, in this order. Without a filter it shows AWS's
// policies only if they are attached.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []*iam.UserDetail{}, GroupDetailList: []*iam.GroupDetail{}, RoleDetailList: []*iam.RoleDetail{}, Policies: []*iam.ManagedPolicyDetail{},
	}
	wanted := func(filter string) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, filter) }
	err := s.reading(ctx, "GetAccountAuthorizationDetails", func(op *operation) error {
		if err := op.authorize("*", nil); err != nil {
			return err
		}
		var all []detailed
		for _, c := range []struct {
			filter string
			kind   kind
		}{{"User", userKind}, {"Group", groupKind}, {"Role", roleKind}} {
			if !wanted(c.filter) {
				continue
			}
			holders, err := every[holder](op, listKey(op.account, string(c.kind)))
			if err != nil {
				return err
			}
			for _, h := range holders {
				all = append(all, detailed{holder: h})
			}
		}
		if wanted("LocalManagedPolicy") {
			policies, err := every[managed](op, listKey(op.account, "policy"))
			if err != nil {
				return err
			}
			for _, m := range policies {
				all = append(all, detailed{policy: m})
			}
		}
		if wanted("AWSManagedPolicy") {
			for _, p := range policy.AllManaged() {
				m, err := op.awsManaged(p)
				if err != nil {
					return err
				}
				if len(in.Filter) > 0 || m.Attachments+m.Boundaries > 0 {
					all = append(all, detailed{policy: m})
				}
			}
		}
		list, n, err := slice(op, all, page{in.Marker, in.MaxItems}, detailed.arn)
		out.IsTruncated, out.Marker = n.truncated, n.marker
		for _, d := range list {
			if err := op.detail(out, d); err != nil {
				return err
			}
		}
		return err
	})
	return out, err
}

// detailed is a holder or a managed policy that GetAccountAuthorizationDetails shows.
type detailed struct {
	holder *holder
	policy *managed
}

func (d detailed) arn() string {
	if d.holder != nil {
		return d.holder.arn()
	}
	return d.policy.arn()
}

// detail adds d to its list.
func (op *operation) detail(out *iam.GetAccountAuthorizationDetailsOutput, d detailed) error {
	if m := d.policy; m != nil {
		p := describePolicy(m, true)
		shown := &iam.ManagedPolicyDetail{
			PolicyName: p.PolicyName, PolicyId: p.PolicyId, Arn: p.Arn, Path: p.Path, DefaultVersionId: p.DefaultVersionId,
			AttachmentCount: p.AttachmentCount, PermissionsBoundaryUsageCount: p.PermissionsBoundaryUsageCount, IsAttachable: p.IsAttachable,
			Description: p.Description, CreateDate: p.CreateDate, UpdateDate: p.UpdateDate,
		}
		for _, v := range m.Versions {
			shown.PolicyVersionList = append(shown.PolicyVersionList, describeVersion(m, v, true))
		}
		out.Policies = append(out.Policies, shown)
		return nil
	}
	h := d.holder
	inline := []*iam.PolicyDetail{}
	for _, p := range h.Inline {
		inline = append(inline, &iam.PolicyDetail{PolicyName: new(p.Name), PolicyDocument: encoded(p.Document)})
	}
	attached := describeAttached(h.Attached)
	switch h.Kind {
	case userKind:
		u := describeUser(h, true)
		shown := &iam.UserDetail{
			Path: u.Path, UserName: u.UserName, UserId: u.UserId, Arn: u.Arn, CreateDate: u.CreateDate, UserPolicyList: inline,
			GroupList: []string{}, AttachedManagedPolicies: attached, PermissionsBoundary: u.PermissionsBoundary, Tags: u.Tags,
		}
		for _, name := range h.Groups {
			g, err := op.find(groupKind, name)
			if err != nil {
				return err
			}
			if g != nil {
				shown.GroupList = append(shown.GroupList, g.Name)
			}
		}
		out.UserDetailList = append(out.UserDetailList, shown)
	case groupKind:
		g := describeGroup(h)
		out.GroupDetailList = append(out.GroupDetailList, &iam.GroupDetail{
			Path: g.Path, GroupName: g.GroupName, GroupId: g.GroupId, Arn: g.Arn, CreateDate: g.CreateDate,
			GroupPolicyList: inline, AttachedManagedPolicies: attached,
		})
	case roleKind:
		r := describeRole(h, true)
		shown := &iam.RoleDetail{
			Path: r.Path, RoleName: r.RoleName, RoleId: r.RoleId, Arn: r.Arn, CreateDate: r.CreateDate,
			AssumeRolePolicyDocument: r.AssumeRolePolicyDocument, InstanceProfileList: []*iam.InstanceProfile{}, RolePolicyList: inline,
			AttachedManagedPolicies: attached, PermissionsBoundary: r.PermissionsBoundary, Tags: r.Tags, RoleLastUsed: &iam.RoleLastUsed{},
		}
		use, err := op.s.lastUsed(op.ctx, op.r, h.ID)
		if err != nil {
			return err
		}
		if use != nil {
			shown.RoleLastUsed = &iam.RoleLastUsed{LastUsedDate: &use.Time, Region: &use.Region}
		}
		out.RoleDetailList = append(out.RoleDetailList, shown)
	}
	return nil
}

func describeAttached(arns []string) []*iam.AttachedPolicy {
	list := make([]*iam.AttachedPolicy, 0, len(arns))
	for _, arn := range arns {
		list = append(list, &iam.AttachedPolicy{PolicyArn: new(arn), PolicyName: new(arn[strings.LastIndexByte(arn, '/')+1:])})
	}
	return list
}
