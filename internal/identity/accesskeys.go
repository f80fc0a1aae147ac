package identity

import (
	"context"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreateAccessKey makes an access key for a user or, without a name, the caller.
// Its secret is in the answer and never seen again.
func (s *Service) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	out := &iam.CreateAccessKeyOutput{}
	err := s.changing(ctx, "CreateAccessKey", in, func(op *operation) error {
		u, err := op.userOrSelf(in.UserName)
		if err != nil {
			return err
		}
		if len(u.AccessKeys) >= accessKeysPerUser {
			return overQuota("AccessKeysPerUser", accessKeysPerUser)
		}
		k, secret, err := s.newAccessKey(op.ctx, op.w, u)
		if err != nil {
			return err
		}
		op.put(u)
		op.touch("AWS::IAM::AccessKey", k.ID)
		out.AccessKey = &iam.AccessKey{
			AccessKeyId: &k.ID, SecretAccessKey: &secret, Status: status(k.Active), CreateDate: &k.Created, UserName: new(u.Name),
		}
		return nil
	})
	return out, err
}

// newAccessKey makes an access key of a user or root, whose record the caller puts.
func (s *Service) newAccessKey(ctx context.Context, tx kv.Txn, h *holder) (*accessKey, string, error) {
	for {
		id, err := newAccessKeyID(longTermKey, h.Account)
		if err != nil {
			return nil, "", err
		}
		place := accessKeyKey(id)
		taken, err := tx.Get(ctx, place)
		if err != nil {
			return nil, "", err
		}
		if taken != nil {
			continue
		}
		secret := newSecret()
		k := &accessKey{
			ID: id, Account: h.Account, Kind: h.Kind, User: h.Name, UserID: h.ID, Active: true,
			Created: s.now().UTC().Truncate(time.Second), Sealed: s.sealer.seal(atRest, []byte(secret), place),
		}
		store(tx, place, k)
		h.AccessKeys = append(h.AccessKeys, id)
		return k, secret, nil
	}
}

// UpdateAccessKey activates or deactivates an access key, from the next request on.
func (s *Service) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	return &iam.UpdateAccessKeyOutput{}, s.changing(ctx, "UpdateAccessKey", in, func(op *operation) error {
		u, k, err := op.userAndKey(in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		switch text(in.Status) {
		case "Active":
			k.Active = true
		case "Inactive":
			k.Active = false
		default:
			return validationError("Invalid status %s.", text(in.Status))
		}
		store(op.w, accessKeyKey(k.ID), k)
		op.touch(u.Kind.resourceType(), u.arn())
		op.touch("AWS::IAM::AccessKey", k.ID)
		return nil
	})
}

// DeleteAccessKey deletes an access key.
func (s *Service) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return &iam.DeleteAccessKeyOutput{}, s.changing(ctx, "DeleteAccessKey", in, func(op *operation) error {
		u, k, err := op.userAndKey(in.UserName, in.AccessKeyId)
		if err != nil {
			return err
		}
		u.AccessKeys = remove(u.AccessKeys, k.ID)
		op.w.Delete(accessKeyKey(k.ID))
		op.w.Delete(lastUseKey(k.ID))
		op.put(u)
		op.touch("AWS::IAM::AccessKey", k.ID)
		return nil
	})
}

// userAndKey returns a user, or the caller, and one of their access keys.
func (op *operation) userAndKey(name, id *string) (*holder, *accessKey, error) {
	u, err := op.userOrSelf(name)
	if err != nil {
		return nil, nil, err
	}
	k, err := load[accessKey](op.ctx, op.r, accessKeyKey(text(id)))
	if err != nil {
		return nil, nil, err
	}
	if k == nil || !slices.Contains(u.AccessKeys, k.ID) {
		return nil, nil, iam.NoSuchEntityException("The Access Key with id %s cannot be found.", text(id))
	}
	return u, k, nil
}

// ListAccessKeys lists the access keys of a user or, without a name, the caller.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []*iam.AccessKeyMetadata{}}
	err := s.reading(ctx, "ListAccessKeys", func(op *operation) error {
		u, err := op.userOrSelf(in.UserName)
		if err != nil {
			return err
		}
		ids, n, err := slice(op, u.AccessKeys, page{in.Marker, in.MaxItems}, func(id string) string { return id })
		if err != nil {
			return err
		}
		out.IsTruncated, out.Marker = n.truncated, n.marker
		for _, id := range ids {
			k, err := load[accessKey](op.ctx, op.r, accessKeyKey(id))
			if err != nil {
				return err
			}
			if k == nil {
				continue
			}
			d := &iam.AccessKeyMetadata{AccessKeyId: &k.ID, Status: status(k.Active), CreateDate: &k.Created}
			if u.Kind == userKind {
				d.UserName = new(u.Name)
			}
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, d)
		}
		return nil
	})
	return out, err
}

// GetAccessKeyLastUsed says when an access key was last used, and for what.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	out := &iam.GetAccessKeyLastUsedOutput{}
	err := s.reading(ctx, "GetAccessKeyLastUsed", func(op *operation) error {
		k, err := load[accessKey](op.ctx, op.r, accessKeyKey(text(in.AccessKeyId)))
		if err != nil {
			return err
		}
		var owner *holder
		if k != nil && k.Account == op.account {
			if owner, err = op.find(k.Kind, k.User); err != nil {
				return err
			}
		}
		if owner == nil {
			if err := op.authorize(iamARN(op.account, "user/*"), nil); err != nil {
				return err
			}
			return iam.NoSuchEntityException("The Access Key with id %s cannot be found.", text(in.AccessKeyId))
		}
		if err := op.authorize(owner.arn(), owner.Tags); err != nil {
			return err
		}
		use, err := s.lastUsed(op.ctx, op.r, k.ID)
		if err != nil {
			return err
		}
		out.UserName = new(owner.Name)
		out.AccessKeyLastUsed = &iam.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")}
		if use != nil {
			out.AccessKeyLastUsed = &iam.AccessKeyLastUsed{LastUsedDate: &use.Time, ServiceName: &use.Service, Region: &use.Region}
		}
		return nil
	})
	return out, err
}

func status(active bool) *string {
	if active {
		return new("Active")
	}
	return new("Inactive")
}
