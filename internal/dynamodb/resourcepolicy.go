package dynamodb

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// resourcePolicy is the policy of a table, as it is stored.
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

// noPolicy is the ExpectedRevisionId of a table without a policy.
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

// PutResourcePolicy attaches a policy to a table, which also speaks for its indexes. One
// that says the same as the table's leaves it and its revision as they are.
func (s *Service) PutResourcePolicy(ctx context.Context, in *dynamodb.PutResourcePolicyInput) (*dynamodb.PutResourcePolicyOutput, error) {
	n, err := policyTable(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "PutResourcePolicy", n, nil); err != nil {
		return nil, err
	}
	next, err := s.canonicalPolicy(ctx, *in.Policy)
	if err != nil {
		return nil, err
	}
	if in.ConfirmRemoveSelfResourceAccess == nil || !*in.ConfirmRemoveSelfResourceAccess {
		if err := s.staysInControl(ctx, n, next); err != nil {
			return nil, err
		}
	}
	out := &dynamodb.PutResourcePolicyOutput{}
	err = s.changePolicy(ctx, n, func(tx kv.Txn, st *tableState) (bool, error) {
		if err := st.Policy.expect(in.ExpectedRevisionId, n.name); err != nil {
			return false, err
		}
		changed := st.Policy.set(next, s.now())
		out.RevisionId = new(st.Policy.id())
		if changed {
			s.recordTable(ctx, tx, n, in)
		}
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetResourcePolicy returns the policy of a table.
func (s *Service) GetResourcePolicy(ctx context.Context, in *dynamodb.GetResourcePolicyInput) (*dynamodb.GetResourcePolicyOutput, error) {
	n, err := policyTable(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "GetResourcePolicy", n, nil); err != nil {
		return nil, err
	}
	out := &dynamodb.GetResourcePolicyOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.find(ctx, r, n)
		if err != nil {
			return err
		}
		if t.Policy.Document == "" {
			return policyNotFound("%s", *in.ResourceArn)
		}
		out.Policy, out.RevisionId = new(t.Policy.Document), new(t.Policy.id())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteResourcePolicy removes the policy of a table, if it has one. The root of the
// table's account may do it whatever the policy says.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *dynamodb.DeleteResourcePolicyInput) (*dynamodb.DeleteResourcePolicyOutput, error) {
	n, err := policyTable(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if api.RequestOf(ctx).Caller.Type == api.RootCaller {
		err = s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DeleteResourcePolicy", Resource: n.arn()})
	} else {
		err = s.authorizeTable(ctx, "DeleteResourcePolicy", n, nil)
	}
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DeleteResourcePolicyOutput{}
	err = s.changePolicy(ctx, n, func(tx kv.Txn, st *tableState) (bool, error) {
		if in.ExpectedRevisionId != nil && *in.ExpectedRevisionId == noPolicy {
			return false, policyNotFound("%s", *in.ResourceArn)
		}
		if err := st.Policy.expect(in.ExpectedRevisionId, n.name); err != nil {
			return false, err
		}
		// It tells the revision that is gone, or else that of the removal, if any.
		out.RevisionId = nil
		if st.Policy.Revision > 0 {
			out.RevisionId = new(st.Policy.id())
		}
		changed := st.Policy.set(resourcePolicy{}, s.now())
		if changed {
			s.recordTable(ctx, tx, n, in)
		}
		return changed, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// changePolicy changes the description of a table, if change says that it did.
func (s *Service) changePolicy(ctx context.Context, n tableName, change func(kv.Txn, *tableState) (bool, error)) error {
	err := s.update(ctx, func(tx kv.Txn) error {
		t, err := s.find(ctx, tx, n)
		if err != nil {
			return err
		}
		st := t.tableState
		changed, err := change(tx, &st)
		if err != nil || !changed {
			return err
		}
		return st.put(tx, n)
	})
	if err == nil {
		s.cache.drop(n)
	}
	return err
}

// staysInControl returns the AccessDeniedException of a policy that would not let the
// caller change it again.
func (s *Service) staysInControl(ctx context.Context, n tableName, p resourcePolicy) error {
	err := s.identity.Authorize(ctx, identity.Check{
		Action: "dynamodb:PutResourcePolicy", Resource: n.arn(), ResourcePolicy: []byte(p.Document), ResourcePrincipals: p.Principals,
	})
	if errors.Is(err, &api.Error{Code: "AccessDeniedException"}) {
		return api.AccessDeniedException("The new resource policy will not allow you to update the resource policy in the future.")
	}
	return err
}

// policyTable reads the ResourceArn of an operation on policies, which only the owner
// of a table may do.
func policyTable(ctx context.Context, arn string) (tableName, error) {
	req := api.RequestOf(ctx)
	rest, ok := strings.CutPrefix(arn, "arn:")
	part := strings.SplitN(rest, ":", 5)
	switch {
	case !ok:
		return tableName{}, invalid("ARNs must start with 'arn:': %s", arn)
	case len(part) < 5 || part[1] != "dynamodb" || !isAccount(part[3]):
		return tableName{}, invalid("Provided Arn is not a DynamoDB resource arn: %s", arn)
	case part[0] != "aws" || part[2] != req.Region:
		return tableName{}, invalid("Invalid resource Arn: %s", arn)
	}
	kind, name, _ := strings.Cut(part[4], "/")
	name, of, nested := strings.Cut(name, "/")
	switch {
	case nested && strings.HasPrefix(of, "stream/"):
		return tableName{}, unavailable("A policy of a stream")
	case nested && strings.HasPrefix(of, "index/"):
		return tableName{}, invalid("Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", arn)
	case kind != "table" || nested || checkTableName(name) != nil:
		return tableName{}, invalid("Provided Arn is not a DynamoDB resource arn: %s", arn)
	case part[3] != req.Caller.Account:
		return tableName{}, api.ValidationException("This action is only supported by accounts that match the resource owner’s account.")
	}
	return tableName{part[3], part[2], name}, nil
}
