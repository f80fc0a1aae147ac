package sagemaker

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// packageGroup is a group of model packages as it is stored: the versions of one model.
type packageGroup struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Created     time.Time         `json:"created"`
	By          string            `json:"by"`   // ARN of who made it
	Last        int64             `json:"last"` // the last version that was given to a package
	Policy      string            `json:"policy,omitempty"`
	Principals  map[string]string `json:"principals,omitempty"` // of the policy, see identity.Check
	Tags        map[string]string `json:"tags,omitempty"`
}

func groupEntry(g *packageGroup) entry {
	return entry{name: g.Name, status: "Completed", created: g.Created}
}

func noGroup(n resource) error {
	return invalid("ModelPackageGroup %s does not exist.", n.arn())
}

// groupOf is the group that a name or an ARN names.
func groupOf(ctx context.Context, nameOrARN string) (resource, error) {
	if !strings.HasPrefix(nameOrARN, "arn:") {
		return here(ctx, groupKind, nameOrARN), nil
	}
	n, ok := parseARN(ctx, nameOrARN)
	if !ok || n.kind != groupKind {
		return n, invalid("Invalid ARN: %s is not that of a model package group in this account and region.", nameOrARN)
	}
	return n, nil
}

// findGroup authorizes an action on a group that must be there.
func (s *Service) findGroup(ctx context.Context, action, name string) (*packageGroup, resource, error) {
	n, err := groupOf(ctx, name)
	if err != nil {
		return nil, n, err
	}
	var g *packageGroup
	err = s.view(ctx, func(tx kv.Reader) (err error) {
		g, err = read[packageGroup](ctx, tx, n.key())
		return err
	})
	if err != nil {
		return nil, n, err
	}
	c := identity.Check{Action: "sagemaker:" + action, Resource: n.arn()}
	if g != nil {
		c.Conditions = tagConditions(g.Tags)
		if g.Policy != "" {
			c.ResourcePolicy, c.ResourcePrincipals = []byte(g.Policy), g.Principals
		}
	}
	if err := s.identity.Authorize(ctx, c); err != nil {
		return nil, n, err
	}
	if g == nil {
		return nil, n, noGroup(n)
	}
	return g, n, nil
}

// CreateModelPackageGroup makes a group of model packages.
func (s *Service) CreateModelPackageGroup(ctx context.Context, in *shapes.CreateModelPackageGroupInput) (*shapes.CreateModelPackageGroupOutput, error) {
	n := here(ctx, groupKind, *in.ModelPackageGroupName)
	tags, err := tagsOf(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, "CreateModelPackageGroup", n, nil, requestTags(tags)); err != nil {
		return nil, err
	}
	g := &packageGroup{
		Name: *in.ModelPackageGroupName, Description: text(in.ModelPackageGroupDescription), Created: s.instant(), By: api.RequestOf(ctx).Caller.ARN, Tags: tags,
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := tx.Get(ctx, n.key())
		if err != nil {
			return err
		}
		if old != nil {
			return invalid("Model Package Group already exists: %s", n.arn())
		}
		record(ctx, tx, n, map[string]any{"modelPackageGroupName": g.Name})
		return put(tx, n.key(), g)
	})
	return &shapes.CreateModelPackageGroupOutput{ModelPackageGroupArn: new(n.arn())}, err
}

// DescribeModelPackageGroup describes a group.
func (s *Service) DescribeModelPackageGroup(ctx context.Context, in *shapes.DescribeModelPackageGroupInput) (*shapes.DescribeModelPackageGroupOutput, error) {
	g, n, err := s.findGroup(ctx, "DescribeModelPackageGroup", *in.ModelPackageGroupName)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeModelPackageGroupOutput{
		ModelPackageGroupName: new(g.Name), ModelPackageGroupArn: new(n.arn()), ModelPackageGroupDescription: optional(g.Description),
		CreationTime: new(g.Created), CreatedBy: &shapes.UserContext{UserProfileArn: new(g.By)}, ModelPackageGroupStatus: new("Completed"),
	}, nil
}

// ListModelPackageGroups lists the caller's groups.
func (s *Service) ListModelPackageGroups(ctx context.Context, in *shapes.ListModelPackageGroupsInput) (*shapes.ListModelPackageGroupsOutput, error) {
	if err := s.askList(ctx, "ListModelPackageGroups"); err != nil {
		return nil, err
	}
	order := in.SortOrder
	if order == nil {
		order = new("Ascending")
	}
	found, next, err := list(ctx, s, listing{
		kind: groupKind, sortBy: in.SortBy, sortOrder: order, contains: in.NameContains, size: in.MaxResults, token: in.NextToken,
		createdBefore: in.CreationTimeBefore, createdAfter: in.CreationTimeAfter,
	}, groupEntry)
	out := &shapes.ListModelPackageGroupsOutput{ModelPackageGroupSummaryList: []*shapes.ModelPackageGroupSummary{}, NextToken: next}
	for _, g := range found {
		out.ModelPackageGroupSummaryList = append(out.ModelPackageGroupSummaryList, &shapes.ModelPackageGroupSummary{
			ModelPackageGroupName: new(g.Name), ModelPackageGroupArn: new(here(ctx, groupKind, g.Name).arn()), ModelPackageGroupDescription: optional(g.Description),
			CreationTime: new(g.Created), ModelPackageGroupStatus: new("Completed"),
		})
	}
	return out, err
}

// DeleteModelPackageGroup deletes a group without packages.
func (s *Service) DeleteModelPackageGroup(ctx context.Context, in *shapes.DeleteModelPackageGroupInput) (*shapes.DeleteModelPackageGroupOutput, error) {
	_, n, err := s.findGroup(ctx, "DeleteModelPackageGroup", *in.ModelPackageGroupName)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		g, err := read[packageGroup](ctx, tx, n.key())
		if err != nil {
			return err
		}
		if g == nil {
			return noGroup(n)
		}
		prefix := n.packagesKey()
		for _, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: 1}) {
			if err != nil {
				return err
			}
			return conflict("ModelPackageGroup %s cannot be deleted: it has model packages. Delete those first.", n.arn())
		}
		record(ctx, tx, n, map[string]any{"modelPackageGroupName": g.Name})
		tx.Delete(n.key())
		return nil
	})
	return &shapes.DeleteModelPackageGroupOutput{}, err
}

func conflict(format string, args ...any) error { return shapes.ConflictException(format, args...) }

// PutModelPackageGroupPolicy says who of other accounts may use a group.
func (s *Service) PutModelPackageGroupPolicy(ctx context.Context, in *shapes.PutModelPackageGroupPolicyInput) (*shapes.PutModelPackageGroupPolicyOutput, error) {
	_, n, err := s.findGroup(ctx, "PutModelPackageGroupPolicy", *in.ModelPackageGroupName)
	if err != nil {
		return nil, err
	}
	principals, unknown, err := s.identity.ResourcePolicyPrincipals(ctx, []byte(*in.ResourcePolicy))
	if e, ok := errors.AsType[*policy.MalformedError](err); ok {
		return nil, invalid("Invalid resource policy: %s", e)
	}
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, invalid("Invalid resource policy: it names principals that do not exist: %s", strings.Join(unknown, ", "))
	}
	return &shapes.PutModelPackageGroupPolicyOutput{ModelPackageGroupArn: new(n.arn())}, s.setGroupPolicy(ctx, n, *in.ResourcePolicy, principals)
}

func (s *Service) setGroupPolicy(ctx context.Context, n resource, document string, principals map[string]string) error {
	return s.update(ctx, func(tx kv.Txn) error {
		g, err := read[packageGroup](ctx, tx, n.key())
		if err != nil {
			return err
		}
		if g == nil {
			return noGroup(n)
		}
		if document == "" && g.Policy == "" {
			return noGroupPolicy(n)
		}
		g.Policy, g.Principals = document, principals
		record(ctx, tx, n, map[string]any{"modelPackageGroupName": g.Name, "resourcePolicy": document})
		return put(tx, n.key(), g)
	})
}

func noGroupPolicy(n resource) error {
	return api.Errorf("ValidationException", http.StatusBadRequest, "Cannot find resource policy for %s.", n.arn())
}

// GetModelPackageGroupPolicy returns the policy of a group.
func (s *Service) GetModelPackageGroupPolicy(ctx context.Context, in *shapes.GetModelPackageGroupPolicyInput) (*shapes.GetModelPackageGroupPolicyOutput, error) {
	g, n, err := s.findGroup(ctx, "GetModelPackageGroupPolicy", *in.ModelPackageGroupName)
	if err != nil {
		return nil, err
	}
	if g.Policy == "" {
		return nil, noGroupPolicy(n)
	}
	return &shapes.GetModelPackageGroupPolicyOutput{ResourcePolicy: new(g.Policy)}, nil
}

// DeleteModelPackageGroupPolicy takes the policy of a group away.
func (s *Service) DeleteModelPackageGroupPolicy(ctx context.Context, in *shapes.DeleteModelPackageGroupPolicyInput) (*shapes.DeleteModelPackageGroupPolicyOutput, error) {
	_, n, err := s.findGroup(ctx, "DeleteModelPackageGroupPolicy", *in.ModelPackageGroupName)
	if err != nil {
		return nil, err
	}
	return &shapes.DeleteModelPackageGroupPolicyOutput{}, s.setGroupPolicy(ctx, n, "", nil)
}
