package identity

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// CreateGroup makes a group.
func (s *Service) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	out := &iam.CreateGroupOutput{}
	err := s.changing(ctx, "CreateGroup", in, func(op *operation) error {
		g, err := op.newHolder(groupKind, in.GroupName, in.Path, nil, nil)
		if err != nil {
			return err
		}
		op.put(g)
		out.Group = describeGroup(g)
		return nil
	})
	return out, err
}

// GetGroup describes a group and lists its users.
func (s *Service) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	out := &iam.GetGroupOutput{Users: []*iam.User{}}
	err := s.reading(ctx, "GetGroup", func(op *operation) error {
		g, err := op.holder(groupKind, text(in.GroupName))
		if err != nil {
			return err
		}
		out.Group = describeGroup(g)
		names, n, err := op.members(g, page{in.Marker, in.MaxItems})
		if err != nil {
			return err
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		for _, name := range names {
			u, err := op.find(userKind, name)
			if err != nil {
				return err
			}
			if u != nil {
				out.Users = append(out.Users, describeUser(u, false))
			}
		}
		return nil
	})
	return out, err
}

// members returns a page of the names of a group's users.
func (op *operation) members(g *holder, p page) ([]string, next, error) {
	var names []string
	_, n, err := records(op, tuple.Of("identity", "in", op.account, "member", fold(g.Name)), p, func(key []byte, _ *struct{}) bool {
		if name, _, err := tuple.String(key); err == nil && len(names) < p.limit() {
			names = append(names, name)
		}
		return true
	})
	return names, n, err
}

// UpdateGroup renames or moves a group.
func (s *Service) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return &iam.UpdateGroupOutput{}, s.changing(ctx, "UpdateGroup", in, func(op *operation) error {
		g, err := op.holder(groupKind, text(in.GroupName))
		if err != nil {
			return err
		}
		old := *g
		if err := op.rename(g, in.NewGroupName, in.NewPath); err != nil {
			return err
		}
		if fold(old.Name) == fold(g.Name) {
			return nil
		}
		names, _, err := op.members(&old, page{max: new(int64(usersPerAccount))})
		if err != nil {
			return err
		}
		for _, name := range names {
			u, err := op.find(userKind, name)
			if err != nil {
				return err
			}
			if u == nil {
				continue
			}
			u.Groups[slices.Index(u.Groups, fold(old.Name))] = fold(g.Name)
			store(op.w, holderKey(op.account, userKind, name), u)
			op.w.Delete(memberKey(op.account, old.Name, name))
			op.w.Put(memberKey(op.account, g.Name, name), []byte{})
		}
		return nil
	})
}

// DeleteGroup deletes a group without users and policies.
func (s *Service) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return &iam.DeleteGroupOutput{}, s.changing(ctx, "DeleteGroup", in, func(op *operation) error {
		g, err := op.holder(groupKind, text(in.GroupName))
		if err != nil {
			return err
		}
		if g.Members > 0 {
			return iam.DeleteConflictException("Cannot delete entity, must remove users from group first.")
		}
		return op.drop(g)
	})
}

// ListGroups lists the groups under a path.
func (s *Service) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	out := &iam.ListGroupsOutput{Groups: []*iam.Group{}}
	err := s.reading(ctx, "ListGroups", func(op *operation) error {
		groups, n, err := op.holders(groupKind, in.PathPrefix, page{in.Marker, in.MaxItems})
		for _, g := range groups {
			out.Groups = append(out.Groups, describeGroup(g))
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// ListGroupsForUser lists the groups that a user is in.
func (s *Service) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	out := &iam.ListGroupsForUserOutput{Groups: []*iam.Group{}}
	err := s.reading(ctx, "ListGroupsForUser", func(op *operation) error {
		u, err := op.holder(userKind, text(in.UserName))
		if err != nil {
			return err
		}
		names, n, err := slice(op, u.Groups, page{in.Marker, in.MaxItems}, func(name string) string { return name })
		if err != nil {
			return err
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		for _, name := range names {
			g, err := op.find(groupKind, name)
			if err != nil {
				return err
			}
			if g != nil {
				out.Groups = append(out.Groups, describeGroup(g))
			}
		}
		return nil
	})
	return out, err
}

// AddUserToGroup puts a user into a group; one that is in it stays so.
func (s *Service) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return &iam.AddUserToGroupOutput{}, s.changing(ctx, "AddUserToGroup", in, func(op *operation) error {
		g, u, err := op.groupAndUser(in.GroupName, in.UserName)
		if err != nil {
			return err
		}
		i, found := slices.BinarySearch(u.Groups, fold(g.Name))
		switch {
		case found:
			return nil
		case len(u.Groups) >= groupsPerUser:
			return overQuota("GroupsPerUser", groupsPerUser)
		}
		u.Groups = slices.Insert(u.Groups, i, fold(g.Name))
		g.Members++
		op.put(g)
		op.put(u)
		op.w.Put(memberKey(op.account, g.Name, u.Name), []byte{})
		return nil
	})
}

// RemoveUserFromGroup takes a user out of a group.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return &iam.RemoveUserFromGroupOutput{}, s.changing(ctx, "RemoveUserFromGroup", in, func(op *operation) error {
		g, u, err := op.groupAndUser(in.GroupName, in.UserName)
		if err != nil {
			return err
		}
		if !slices.Contains(u.Groups, fold(g.Name)) {
			return nil
		}
		u.Groups = remove(u.Groups, fold(g.Name))
		g.Members--
		op.put(g)
		op.put(u)
		op.w.Delete(memberKey(op.account, g.Name, u.Name))
		return nil
	})
}

// groupAndUser returns a group, about which policy is asked, and a user.
func (op *operation) groupAndUser(group, user *string) (g, u *holder, err error) {
	if g, err = op.holder(groupKind, text(group)); err != nil {
		return nil, nil, err
	}
	if u, err = op.find(userKind, text(user)); err != nil {
		return nil, nil, err
	}
	if u == nil {
		return nil, nil, noSuchHolder(userKind, text(user))
	}
	return g, u, nil
}

func describeGroup(g *holder) *iam.Group {
	return &iam.Group{
		Arn: new(g.arn()), CreateDate: new(g.Created), GroupId: new(g.ID), GroupName: new(g.Name), Path: new(g.Path),
	}
}

// GroupsOf returns the ARNs of the groups of the user who acts in a context; none for a role or
// root.
func (s *Service) GroupsOf(ctx context.Context) (arns []string, err error) {
	who, err := s.acting(ctx, api.RequestOf(ctx))
	if err != nil || who == nil {
		return nil, err
	}
	h := who.subject.holder
	if len(h.Groups) == 0 {
		return nil, nil
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		for _, name := range h.Groups {
			g, err := load[holder](ctx, r, holderKey(h.Account, groupKind, name))
			if err != nil {
				return err
			}
			if g != nil {
				arns = append(arns, g.arn())
			}
		}
		return nil
	})
	return arns, err
}
