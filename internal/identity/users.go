package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// CreateUser makes a user, who has no keys yet.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	out := &iam.CreateUserOutput{}
	err := s.changing(ctx, "CreateUser", in, func(op *operation) error {
		u, err := op.newHolder(userKind, in.UserName, in.Path, tagsOf(in.Tags), in.PermissionsBoundary)
		if err != nil {
			return err
		}
		op.put(u)
		out.User = describeUser(u, true)
		return nil
	})
	return out, err
}

// GetUser describes a user or, without a name, the caller.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	out := &iam.GetUserOutput{}
	err := s.reading(ctx, "GetUser", func(op *operation) error {
		u, err := op.userOrSelf(in.UserName)
		if err != nil {
			return err
		}
		out.User = describeUser(u, true)
		return nil
	})
	return out, err
}

// UpdateUser renames or moves a user.
func (s *Service) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return &iam.UpdateUserOutput{}, s.changing(ctx, "UpdateUser", in, func(op *operation) error {
		u, err := op.holder(userKind, text(in.UserName))
		if err != nil {
			return err
		}
		old := u.Name
		if err := op.rename(u, in.NewUserName, in.NewPath); err != nil {
			return err
		}
		if fold(old) == fold(u.Name) {
			return nil
		}
		for _, group := range u.Groups {
			op.w.Delete(memberKey(op.account, group, old))
			op.w.Put(memberKey(op.account, group, u.Name), []byte{})
		}
		for _, id := range u.AccessKeys {
			k, err := load[accessKey](op.ctx, op.r, accessKeyKey(id))
			if err != nil {
				return err
			}
			if k != nil {
				k.User = u.Name
				store(op.w, accessKeyKey(id), k)
			}
		}
		return nil
	})
}

// DeleteUser deletes a user without keys, groups and policies.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	return &iam.DeleteUserOutput{}, s.changing(ctx, "DeleteUser", in, func(op *operation) error {
		u, err := op.holder(userKind, text(in.UserName))
		if err != nil {
			return err
		}
		switch {
		case len(u.AccessKeys) > 0:
			return iam.DeleteConflictException("Cannot delete entity, must delete access keys first.")
		case len(u.Groups) > 0:
			return iam.DeleteConflictException("Cannot delete entity, must remove users from group first.")
		}
		return op.drop(u)
	})
}

// ListUsers lists the users under a path.
func (s *Service) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	out := &iam.ListUsersOutput{}
	err := s.reading(ctx, "ListUsers", func(op *operation) error {
		users, n, err := op.holders(userKind, in.PathPrefix, page{in.Marker, in.MaxItems})
		out.Users = make([]*iam.User, 0, len(users))
		for _, u := range users {
			out.Users = append(out.Users, describeUser(u, false))
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		return err
	})
	return out, err
}

// describeUser describes a user; lists leave out its tags and boundary.
func describeUser(u *holder, whole bool) *iam.User {
	d := &iam.User{Arn: new(u.arn()), CreateDate: new(u.Created), UserId: new(u.ID)}
	if u.Kind == rootKind {
		return d
	}
	d.UserName, d.Path = new(u.Name), new(u.Path)
	if whole {
		d.Tags = describeTags(u.Tags)
		d.PermissionsBoundary = describeBoundary(u)
	}
	return d
}
