package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// CreatePolicy makes a managed policy.
func (s *Service) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	out := &iam.CreatePolicyOutput{}
	err := s.changing(ctx, "CreatePolicy", in, func(op *operation) error {
		now := s.now().UTC().Truncate(time.Second)
		m := &managed{
			Account: op.account, Name: text(in.PolicyName), Path: text(in.Path), ID: newID(policyID),
			Description: text(in.Description), Created: now, Tags: tagsOf(in.Tags),
		}
		if m.Path == "" {
			m.Path = "/"
		}
		op.aboutTags(m.Tags)
		if err := op.authorize(m.arn(), nil); err != nil {
			return err
		}
		if err := checkReserved(op.ctx, keysOf(m.Tags)...); err != nil {
			return err
		}
		if err := checkTags(m.Tags); err != nil {
			return err
		}
		if err := m.addVersion(text(in.PolicyDocument), true, now); err != nil {
			return err
		}
		old, err := load[managed](op.ctx, op.r, managedKey(op.account, m.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return iam.EntityAlreadyExistsException("A policy called %s already exists. Duplicate names are not allowed.", m.Name)
		}
		n, err := op.count(listKey(op.account, "policy"))
		if err != nil {
			return err
		}
		if n >= policiesPerAccount {
			return overQuota("PoliciesPerAccount", policiesPerAccount)
		}
		op.putManaged(m)
		out.Policy = describePolicy(m, true)
		return nil
	})
	return out, err
}

// addVersion gives m a new version of its document.
func (m *managed) addVersion(document string, isDefault bool, now time.Time) error {
	if _, err := checkDocument(document, policy.Identity); err != nil {
		return err
	}
	if size(document) > managedPolicySize {
		return overQuota("PolicySize", managedPolicySize)
	}
	m.Last++
	m.Versions = append(m.Versions, policyVersion{Number: m.Last, Document: document, Created: now})
	if isDefault {
		m.Default = m.Last
	}
	m.Updated = now
	return nil
}

// ownManaged returns the account's managed policy of an ARN, if the caller may do
// the operation to it.
func (op *operation) ownManaged(arn string) (*managed, error) {
	if err := checkPolicyARN(arn); err != nil {
		return nil, err
	}
	if strings.HasPrefix(arn, awsPolicy) { // which no account may change
		r := api.RequestOf(op.ctx)
		return nil, denial(r, "User: %s is not authorized to perform: %s on resource: policy %s", r.Caller.ARN, op.action, arn)
	}
	m, err := loadManaged(op.ctx, op.r, arn)
	if err != nil {
		return nil, err
	}
	var tags []tag
	if m != nil && m.Account == op.account {
		tags = m.Tags
	}
	if err := op.authorize(arn, tags); err != nil {
		return nil, err
	}
	if m == nil || m.Account != op.account {
		return nil, noSuchPolicy(arn)
	}
	return m, nil
}

// anyManaged is as ownManaged, and also finds AWS's own policies, which it shows
// as managed policies of one version.
func (op *operation) anyManaged(arn string) (*managed, error) {
	if p, ok := policy.ManagedByARN(arn); ok {
		if err := op.authorize(arn, nil); err != nil {
			return nil, err
		}
		return op.awsManaged(p)
	}
	if strings.HasPrefix(arn, awsPolicy) {
		return nil, noSuchPolicy(arn)
	}
	return op.ownManaged(arn)
}

// awsManagedSince is when AWS's own policies are said to have been made.
var awsManagedSince = time.Date(2015, time.February, 6, 18, 40, 0, 0, time.UTC)

func (op *operation) awsManaged(p *policy.Managed) (*managed, error) {
	m := &managed{
		Account: "aws", Name: p.Name, Path: p.Path, ID: p.ID, Description: p.Description,
		Created: awsManagedSince, Updated: awsManagedSince, Default: 1, Last: 1,
		Versions: []policyVersion{{1, p.Document, awsManagedSince}},
	}
	var err error
	if m.Attachments, err = op.count(tuple.Of("identity", "in", op.account, "attached", p.ARN, asPolicy)); err != nil {
		return nil, err
	}
	m.Boundaries, err = op.count(tuple.Of("identity", "in", op.account, "attached", p.ARN, asBoundary))
	return m, err
}

func (op *operation) putManaged(m *managed) {
	store(op.w, managedKey(m.Account, m.Name), m)
	op.touch("AWS::IAM::ManagedPolicy", m.arn())
}

// GetPolicy describes a managed policy.
func (s *Service) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	out := &iam.GetPolicyOutput{}
	err := s.reading(ctx, "GetPolicy", func(op *operation) error {
		m, err := op.anyManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		out.Policy = describePolicy(m, true)
		return nil
	})
	return out, err
}

// DeletePolicy deletes a managed policy that is attached nowhere and has only its
// default version.
func (s *Service) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	return &iam.DeletePolicyOutput{}, s.changing(ctx, "DeletePolicy", in, func(op *operation) error {
		m, err := op.ownManaged(text(in.PolicyArn))
		if err != nil {
			return err
		}
		switch {
		case m.Attachments > 0 || m.Boundaries > 0:
			return iam.DeleteConflictException("Cannot delete a policy attached to entities.")
		case len(m.Versions) > 1:
			return iam.DeleteConflictException("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		op.w.Delete(managedKey(m.Account, m.Name))
		op.touch("AWS::IAM::ManagedPolicy", m.arn())
		return nil
	})
}

// ListPolicies lists managed policies: the account's own, then AWS's.
func (s *Service) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	out := &iam.ListPoliciesOutput{Policies: []*iam.Policy{}}
	scope, prefix := text(in.Scope), text(in.PathPrefix)
	if prefix == "" {
		prefix = "/"
	}
	err := s.reading(ctx, "ListPolicies", func(op *operation) error {
		if err := op.authorize(iamARN(op.account, "policy"+prefix), nil); err != nil {
			return err
		}
		wanted := func(m *managed) bool {
			attached := in.OnlyAttached != nil && *in.OnlyAttached
			switch text(in.PolicyUsageFilter) {
			case "PermissionsPolicy":
				if m.Attachments == 0 {
					return false
				}
			case "PermissionsBoundary":
				if m.Boundaries == 0 {
					return false
				}
			}
			return strings.HasPrefix(m.Path, prefix) && (!attached || m.Attachments+m.Boundaries > 0)
		}
		var all []*managed
		if scope != "AWS" {
			own, err := every[managed](op, listKey(op.account, "policy"))
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(own, func(m *managed) bool { return !wanted(m) })
		}
		if scope != "Local" {
			for _, p := range policy.AllManaged() {
				m, err := op.awsManaged(p)
				if err != nil {
					return err
				}
				if wanted(m) {
					all = append(all, m)
				}
			}
		}
		list, n, err := slice(op, all, page{in.Marker, in.MaxItems}, func(m *managed) string { return m.arn() })
		for _, m := range list {
			out.Policies = append(out.Policies, describePolicy(m, false))
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// ListEntitiesForPolicy lists the users, groups and roles that have a managed
// policy, as a policy or as their boundary.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyUsers: []*iam.PolicyUser{}, PolicyGroups: []*iam.PolicyGroup{}, PolicyRoles: []*iam.PolicyRole{},
	}
	kinds := map[string]kind{"User": userKind, "Group": groupKind, "Role": roleKind}
	arn := text(in.PolicyArn)
	err := s.reading(ctx, "ListEntitiesForPolicy", func(op *operation) error {
		if _, err := op.anyManaged(arn); err != nil {
			return err
		}
		uses := []string{asPolicy, asBoundary}
		switch text(in.PolicyUsageFilter) {
		case "PermissionsPolicy":
			uses = uses[:1]
		case "PermissionsBoundary":
			uses = uses[1:]
		}
		var all []*holder
		for _, use := range uses {
			names, err := op.holdersOf(arn, use)
			if err != nil {
				return err
			}
			for _, n := range names {
				h, err := op.find(n.Kind, n.Name)
				if err != nil {
					return err
				}
				filter := text(in.EntityFilter)
				if h == nil || slices.ContainsFunc(all, func(o *holder) bool { return o.ID == h.ID }) ||
					kinds[filter] != "" && kinds[filter] != h.Kind || !strings.HasPrefix(h.Path, text(in.PathPrefix)) {
					continue
				}
				all = append(all, h)
			}
		}
		list, n, err := slice(op, all, page{in.Marker, in.MaxItems}, func(h *holder) string { return h.ID })
		for _, h := range list {
			switch h.Kind {
			case userKind:
				out.PolicyUsers = append(out.PolicyUsers, &iam.PolicyUser{UserName: new(h.Name), UserId: new(h.ID)})
			case groupKind:
				out.PolicyGroups = append(out.PolicyGroups, &iam.PolicyGroup{GroupName: new(h.Name), GroupId: new(h.ID)})
			case roleKind:
				out.PolicyRoles = append(out.PolicyRoles, &iam.PolicyRole{RoleName: new(h.Name), RoleId: new(h.ID)})
			}
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// holdersOf returns who has a managed policy in one use, by kind and name only.
func (op *operation) holdersOf(arn, use string) ([]holder, error) {
	var all []holder
	_, _, err := records(op, tuple.Of("identity", "in", op.account, "attached", arn, use), page{}, func(key []byte, _ *struct{}) bool {
		k, rest, err := tuple.String(key)
		if err != nil {
			return false
		}
		name, _, err := tuple.String(rest)
		if err == nil {
			all = append(all, holder{Kind: kind(k), Name: name})
		}
		return false // so that the page never fills, and all are seen
	})
	return all, err
}

// describePolicy describes a managed policy; lists leave out its description and
// tags.
func describePolicy(m *managed, whole bool) *iam.Policy {
	d := &iam.Policy{
		Arn: new(m.arn()), PolicyName: new(m.Name), PolicyId: new(m.ID), Path: new(m.Path),
		CreateDate: new(m.Created), UpdateDate: new(m.Updated), DefaultVersionId: new(policyVersion{Number: m.Default}.id()),
		AttachmentCount: new(int64(m.Attachments)), PermissionsBoundaryUsageCount: new(int64(m.Boundaries)), IsAttachable: new(true),
	}
	if whole {
		d.Tags = describeTags(m.Tags)
		if m.Description != "" {
			d.Description = new(m.Description)
		}
	}
	return d
}
