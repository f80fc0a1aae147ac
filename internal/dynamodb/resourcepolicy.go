package dynamodb

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// resourcePolicy is the policy of a table or a stream, as it is stored with it.
type resourcePolicy struct {
	Document string `json:"document,omitempty"` // "" once it was removed
	// Principals are the unique ids, by ARN, of the users and roles that it names.
	Principals map[string]string `json:"principals,omitempty"`
	// Revision is the time of the last change in milliseconds, and larger than that of
	// any change before.
	Revision int64 `json:"revision,omitempty"`
}

func (p resourcePolicy) id() string { return strconv.FormatInt(p.Revision, 10) }

// set puts another policy in the place of p, if it is another one.
func (p *resourcePolicy) set(next resourcePolicy, now time.Time) (changed bool) {
	if p.Document == next.Document && maps.Equal(p.Principals, next.Principals) {
		return false
	}
	*p = resourcePolicy{next.Document, next.Principals, max(now.UnixMilli(), p.Revision+1)}
	return true
}

// noPolicy is the ExpectedRevisionId of what has no policy.
const noPolicy = "NO_POLICY"

// expect returns the PolicyNotFoundException of a policy that is not of the revision
// that a request expects.
func (p *resourcePolicy) expect(revision *string, table string) error {
	switch {
	case revision == nil, p.Document != "" && *revision == p.id(), p.Document == "" && *revision == noPolicy:
		return nil
	case *revision == noPolicy:
		return policyNotFound("Requested policy update expecting none to be present for table %s, but a policy exists with revision id %s.", table, p.id())
	case p.Document == "":
		return policyNotFound("Requested update for policy with revision id %s, but table %s has no associated policy.", *revision, table)
	}
	return policyNotFound("Requested update for policy with revision id %s, but the policy associated to target table %s has revision id %s.",
		*revision, table, p.id())
}

func policyNotFound(format string, args ...any) error {
	return dynamodb.PolicyNotFoundException("Resource-based policy not found for the provided ResourceArn: "+format, args...)
}

// PutResourcePolicy attaches a policy to a table, which also speaks for its indexes, or
// to a stream. One that says the same as the one before leaves it and its revision as
// they are.
func (s *Service) PutResourcePolicy(ctx context.Context, in *dynamodb.PutResourcePolicyInput) (*dynamodb.PutResourcePolicyOutput, error) {
	n, err := policedOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizePoliced(ctx, "PutResourcePolicy", n); err != nil {
		return nil, err
	}
	next, err := s.canonicalPolicy(ctx, *in.Policy, n.actions())
	if err != nil {
		return nil, err
	}
	if in.ConfirmRemoveSelfResourceAccess == nil || !*in.ConfirmRemoveSelfResourceAccess {
		if err := s.staysInControl(ctx, n.arn(), next); err != nil {
			return nil, err
		}
	}
	out := &dynamodb.PutResourcePolicyOutput{}
	err = s.changePolicy(ctx, n, in, func(p *resourcePolicy) (bool, error) {
		if err := p.expect(in.ExpectedRevisionId, n.name); err != nil {
			return false, err
		}
		changed := p.set(next, s.now())
		out.RevisionId = new(p.id())
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetResourcePolicy returns the policy of a table or a stream.
func (s *Service) GetResourcePolicy(ctx context.Context, in *dynamodb.GetResourcePolicyInput) (*dynamodb.GetResourcePolicyOutput, error) {
	n, err := policedOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizePoliced(ctx, "GetResourcePolicy", n); err != nil {
		return nil, err
	}
	out := &dynamodb.GetResourcePolicyOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		p, err := s.policyOf(ctx, r, n)
		if err != nil {
			return err
		}
		if p.Document == "" {
			return policyNotFound("%s", *in.ResourceArn)
		}
		out.Policy, out.RevisionId = &p.Document, new(p.id())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteResourcePolicy removes the policy of a table or a stream, if it has one. The
// root of the account may do it whatever the policy says.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *dynamodb.DeleteResourcePolicyInput) (*dynamodb.DeleteResourcePolicyOutput, error) {
	n, err := policedOf(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if api.RequestOf(ctx).Caller.Type == api.RootCaller {
		err = s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DeleteResourcePolicy", Resource: n.arn()})
	} else {
		err = s.authorizePoliced(ctx, "DeleteResourcePolicy", n)
	}
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DeleteResourcePolicyOutput{}
	err = s.changePolicy(ctx, n, in, func(p *resourcePolicy) (bool, error) {
		if in.ExpectedRevisionId != nil && *in.ExpectedRevisionId == noPolicy {
			return false, policyNotFound("%s", *in.ResourceArn)
		}
		if err := p.expect(in.ExpectedRevisionId, n.name); err != nil {
			return false, err
		}
		// It tells the revision that is gone, or else that of the removal, if any.
		out.RevisionId = nil
		if p.Revision > 0 {
			out.RevisionId = new(p.id())
		}
		return p.set(resourcePolicy{}, s.now()), nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// policed is what can have a policy: a table or, with a label, a stream.
type policed struct{ streamName }

func (n policed) arn() string {
	if n.label == "" {
		return n.tableName.arn()
	}
	return n.streamName.arn()
}

func (n policed) actions() []string {
	if n.label == "" {
		return tableActions
	}
	return streamActions
}

func (s *Service) authorizePoliced(ctx context.Context, action string, n policed) error {
	if n.label == "" {
		return s.authorizeTable(ctx, action, n.tableName, nil)
	}
	return s.authorizeStream(ctx, action, n.streamName)
}

func (s *Service) policyOf(ctx context.Context, r kv.Reader, n policed) (resourcePolicy, error) {
	if n.label == "" {
		t, err := s.find(ctx, r, n.tableName)
		if err != nil {
			return resourcePolicy{}, err
		}
		return t.Policy, nil
	}
	sm, err := n.stream(ctx, r)
	if err != nil {
		return resourcePolicy{}, err
	}
	return sm.Policy, nil
}

// stream is findStream in the words of the operations on policies.
func (n policed) stream(ctx context.Context, r kv.Reader) (*stream, error) {
	sm, err := readStream(ctx, r, n.streamName)
	if err == nil && sm == nil {
		err = dynamodb.ResourceNotFoundException("Requested resource not found: Stream: %s not found for Table: %s", n.label, n.name)
	}
	return sm, err
}

// changePolicy changes a policy, if change says that it did.
func (s *Service) changePolicy(ctx context.Context, n policed, in codec.Shape, change func(*resourcePolicy) (bool, error)) error {
	err := s.update(ctx, func(tx kv.Txn) error {
		p, err := s.policyOf(ctx, tx, n)
		if err != nil {
			return err
		}
		changed, err := change(&p)
		if err != nil || !changed {
			return err
		}
		s.recordTable(ctx, tx, n.tableName, in)
		if n.label == "" {
			t, err := s.find(ctx, tx, n.tableName)
			if err != nil {
				return err
			}
			st := t.tableState
			st.Policy = p
			return st.put(tx, n.tableName)
		}
		sm, err := n.stream(ctx, tx)
		if err != nil {
			return err
		}
		sm.Policy = p
		return sm.put(tx, n.streamName)
	})
	if err == nil && n.label == "" {
		s.cache.drop(n.tableName)
	}
	return err
}

// staysInControl returns the AccessDeniedException of a policy that would not let the
// caller change it again.
func (s *Service) staysInControl(ctx context.Context, arn string, p resourcePolicy) error {
	err := s.identity.Authorize(ctx, identity.Check{
		Action: "dynamodb:PutResourcePolicy", Resource: arn, ResourcePolicy: []byte(p.Document), ResourcePrincipals: p.Principals,
	})
	if errors.Is(err, &api.Error{Code: "AccessDeniedException"}) {
		return api.AccessDeniedException("The new resource policy will not allow you to update the resource policy in the future.")
	}
	return err
}

// policedOf reads the ResourceArn of an operation on policies, which only the owner of
// a table may do.
func policedOf(ctx context.Context, arn string) (n policed, err error) {
	req := api.RequestOf(ctx)
	rest, ok := strings.CutPrefix(arn, "arn:")
	part := strings.SplitN(rest, ":", 5)
	switch {
	case !ok:
		return n, invalid("ARNs must start with 'arn:': %s", arn)
	case len(part) < 5 || part[1] != "dynamodb" || !isAccount(part[3]):
		return n, invalid("Provided Arn is not a DynamoDB resource arn: %s", arn)
	case part[0] != "aws" || part[2] != req.Region:
		return n, invalid("Invalid resource Arn: %s", arn)
	}
	kind, name, _ := strings.Cut(part[4], "/")
	name, of, nested := strings.Cut(name, "/")
	label, isStream := strings.CutPrefix(of, "stream/")
	switch {
	case strings.HasPrefix(of, "index/"):
		return n, invalid("Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", arn)
	case kind != "table" || nested && (!isStream || label == "") || checkTableName(name) != nil:
		return n, invalid("Provided Arn is not a DynamoDB resource arn: %s", arn)
	case part[3] != req.Caller.Account:
		return n, api.ValidationException("This action is only supported by accounts that match the resource owner’s account.")
	}
	return policed{streamName{tableName{part[3], part[2], name}, label}}, nil
}
