package identity

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// GetCallerIdentity says who asks. It needs no permission.
func (s *Service) GetCallerIdentity(ctx context.Context, in *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := &api.RequestOf(ctx).Caller
	return &sts.GetCallerIdentityOutput{Account: new(c.Account), Arn: new(c.ARN), UserId: new(c.UserID)}, nil
}

// GetAccessKeyInfo says which account an access key belongs to, which can be read
// from the id itself.
func (s *Service) GetAccessKeyInfo(ctx context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	if err := s.withoutBareSession(ctx); err != nil {
		return nil, err
	}
	if err := s.Authorize(ctx, Check{Action: "sts:GetAccessKeyInfo", Resource: "*"}); err != nil {
		return nil, err
	}
	id := text(in.AccessKeyId)
	var k *accessKey
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		k, err = load[accessKey](ctx, r, accessKeyKey(id))
		return err
	})
	switch account, ok := accountOfKey(id); {
	case err != nil:
		return nil, err
	case k != nil: // also one that the administrator chose
		return &sts.GetAccessKeyInfoOutput{Account: &k.Account}, nil
	case ok:
		return &sts.GetAccessKeyInfoOutput{Account: &account}, nil
	}
	return nil, validationError("The specified access key %s is not valid.", id)
}

// rootSessionMax is the longest session of an account's root.
const rootSessionMax = time.Hour

// GetSessionToken makes a session of the user or root who asks. It may do what
// they may, but for IAM and STS, and ends early with the key that it was made
// with. It needs no permission.
func (s *Service) GetSessionToken(ctx context.Context, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	r := api.RequestOf(ctx)
	who := s.identityOf(ctx, &r.Caller)
	if who == nil || who.claims != nil {
		return nil, denial(r, "Cannot call GetSessionToken with session credentials")
	}
	if text(in.SerialNumber) != "" || text(in.TokenCode) != "" {
		return nil, denial(r, "MultiFactorAuthentication failed, unable to validate MFA code.")
	}
	lasts := 12 * time.Hour
	if in.DurationSeconds != nil {
		lasts = time.Duration(*in.DurationSeconds) * time.Second
	}
	h := who.subject.holder
	if h.Kind == rootKind {
		lasts = min(lasts, rootSessionMax)
	}
	made, err := s.newSession(claims{
		Account: h.Account, Kind: h.Kind, Name: h.Name, ID: h.ID, Issuer: who.Caller.AccessKeyID,
	}, lasts)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		s.record(ctx, tx, Event{
			Resources:  []Resource{{h.Kind.resourceType(), h.arn()}},
			Parameters: parameters(in),
			Response:   parameters(&issued{Credentials: made.public()}),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sts.GetSessionTokenOutput{Credentials: made.describe()}, nil
}

// DecodeAuthorizationMessage refuses every message: denials say in plain words why
// here, and no encoded ones are given out.
func (s *Service) DecodeAuthorizationMessage(ctx context.Context, in *sts.DecodeAuthorizationMessageInput) (*sts.DecodeAuthorizationMessageOutput, error) {
	if err := s.withoutBareSession(ctx); err != nil {
		return nil, err
	}
	if err := s.Authorize(ctx, Check{Action: "sts:DecodeAuthorizationMessage", Resource: "*"}); err != nil {
		return nil, err
	}
	return nil, sts.InvalidAuthorizationMessageException("The message is not one that this server has encoded.")
}
