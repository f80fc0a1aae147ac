package identity

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// operation is one IAM operation while it runs, in its transaction: who asks for
// what, in which account. Whatever record it reads by name, it has asked policy
// about first.
type operation struct {
	ctx     context.Context
	s       *Service
	r       kv.Reader
	w       kv.Txn // nil in an operation that only reads
	action  string // "iam:CreateUser"
	account string
	touched []Resource
	// conditions are keys of the operation's own, such as iam:PolicyARN.
	conditions map[string][]string
}

// reading runs an operation that changes nothing.
func (s *Service) reading(ctx context.Context, action string, fn func(*operation) error) error {
	op, err := s.operation(ctx, action)
	if err != nil {
		return err
	}
	return s.store.View(ctx, func(r kv.Reader) error {
		op.r = r
		return fn(op)
	})
}

// changing runs an operation that changes the account's identities: it renews the
// account's generation and leaves an event in the audit trail.
func (s *Service) changing(ctx context.Context, action string, in any, fn func(*operation) error) error {
	op, err := s.operation(ctx, action)
	if err != nil {
		return err
	}
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		op.r, op.w, op.touched, op.conditions = tx, tx, nil, nil
		if err := fn(op); err != nil {
			return err
		}
		renew(tx, op.account)
		s.record(ctx, tx, Event{Resources: op.touched, Parameters: parameters(in)})
		return nil
	})
	return err
}

// operation begins an operation.
func (s *Service) operation(ctx context.Context, action string) (*operation, error) {
	if err := s.withoutBareSession(ctx); err != nil {
		return nil, err
	}
	return &operation{ctx: ctx, s: s, action: "iam:" + action, account: api.RequestOf(ctx).Caller.Account}, nil
}

// withoutBareSession refuses the sessions of GetSessionToken, which are made without
// a device here: they may not use IAM, and of STS only AssumeRole and
// GetCallerIdentity. See
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html.
func (s *Service) withoutBareSession(ctx context.Context) error {
	if who := s.identityOf(ctx, &api.RequestOf(ctx).Caller); who != nil && who.claims != nil && who.claims.Kind != roleKind {
		return invalidClientToken()
	}
	return nil
}

// authorize asks policy for the operation on a resource.
func (op *operation) authorize(arn string, resourceTags []tag) error {
	check := Check{Action: op.action, Resource: arn, Conditions: op.conditions}
	if len(resourceTags) > 0 {
		check.Conditions = map[string][]string{}
		for k, v := range op.conditions {
			check.Conditions[k] = v
		}
		for _, t := range resourceTags {
			check.Conditions["aws:ResourceTag/"+t.Key] = []string{t.Value}
			check.Conditions["iam:ResourceTag/"+t.Key] = []string{t.Value}
		}
	}
	return op.s.Authorize(op.ctx, check)
}

// about sets a condition key of the operation's own.
func (op *operation) about(key string, values ...string) {
	if op.conditions == nil {
		op.conditions = map[string][]string{}
	}
	op.conditions[key] = values
}

// aboutTags sets the condition keys of tags that the request brings.
func (op *operation) aboutTags(tags []tag) {
	var keys []string
	for _, t := range tags {
		if api.SystemTag(t.Key) {
			continue
		}
		op.about("aws:RequestTag/"+t.Key, t.Value)
		keys = append(keys, t.Key)
	}
	if keys != nil {
		op.about("aws:TagKeys", keys...)
	}
}

// holder returns the user, group or role of a name, if the caller may do the
// operation to it.
func (op *operation) holder(k kind, name string) (*holder, error) {
	h, err := op.find(k, name)
	if err != nil {
		return nil, err
	}
	if h == nil {
		if err := op.authorize(iamARN(op.account, string(k)+"/"+name), nil); err != nil {
			return nil, err
		}
		return nil, noSuchHolder(k, name)
	}
	if err := op.authorize(h.arn(), h.Tags); err != nil {
		return nil, err
	}
	return h, nil
}

// limited is holder for the operations that a policy may allow on holders of a certain
// permissions boundary only, as one does that lets others hand out rights: see
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html.
func (op *operation) limited(k kind, name string) (*holder, error) {
	h, err := op.find(k, name)
	if err != nil {
		return nil, err
	}
	if h != nil && h.Boundary != "" {
		op.about("iam:PermissionsBoundary", h.Boundary)
	}
	return op.holder(k, name)
}

// userOrSelf returns the user of a name or, without one, the caller's own record,
// which may be root's.
func (op *operation) userOrSelf(name *string) (*holder, error) {
	if name != nil && *name != "" {
		return op.holder(userKind, *name)
	}
	c := &api.RequestOf(op.ctx).Caller
	switch c.Type {
	case api.RootCaller:
		h, err := op.find(rootKind, "")
		if h == nil && err == nil {
			err = noSuchHolder(userKind, "root")
		}
		if err != nil {
			return nil, err
		}
		return h, op.authorize(h.arn(), nil)
	case api.UserCaller:
		return op.holder(userKind, c.ARN[strings.LastIndexByte(c.ARN, '/')+1:])
	}
	return nil, validationError("Must specify userName when calling with non-User credentials")
}

// find returns a holder without asking policy, nil if there is none.
func (op *operation) find(k kind, name string) (*holder, error) {
	return load[holder](op.ctx, op.r, holderKey(op.account, k, name))
}

// put writes a holder back.
func (op *operation) put(h *holder) {
	store(op.w, holderKey(h.Account, h.Kind, h.Name), h)
	op.touch(h.Kind.resourceType(), h.arn())
}

// touch notes for the audit trail what the operation changes.
func (op *operation) touch(resourceType, arn string) {
	r := Resource{resourceType, arn}
	if !slices.Contains(op.touched, r) {
		op.touched = append(op.touched, r)
	}
}

// renew gives an account a new generation, which ends what is cached of it. The
// value is random, so that two changes at once do not conflict over it.
func renew(tx kv.Txn, account string) {
	var generation [16]byte
	rand.Read(generation[:])
	tx.Put(generationKey(account), generation[:])
}
