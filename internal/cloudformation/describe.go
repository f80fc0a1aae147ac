package cloudformation

import (
	"context"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// stackPage is how many stacks, resources, events and exports a page has, as on AWS.
const stackPage = 100

// DescribeStacks describes a stack, also a deleted one by its ARN, or all that there are.
func (s *Service) DescribeStacks(ctx context.Context, in *cloudformation.DescribeStacksInput) (*cloudformation.DescribeStacksOutput, error) {
	if in.StackName != nil {
		st, err := s.open(ctx, *in.StackName, nil, "DescribeStacks")
		if err != nil {
			return nil, err
		}
		d, err := s.describe(ctx, st)
		return &cloudformation.DescribeStacksOutput{Stacks: []*cloudformation.Stack{d}}, err
	}
	out := &cloudformation.DescribeStacksOutput{Stacks: []*cloudformation.Stack{}}
	next, err := s.list(ctx, "DescribeStacks", in.NextToken, nil, func(st *stack) (bool, error) {
		if st.gone() {
			return false, nil
		}
		d, err := s.describe(ctx, st)
		out.Stacks = append(out.Stacks, d)
		return true, err
	})
	out.NextToken = next
	return out, err
}

// ListStacks lists stacks with some statuses, deleted ones too.
func (s *Service) ListStacks(ctx context.Context, in *cloudformation.ListStacksInput) (*cloudformation.ListStacksOutput, error) {
	out := &cloudformation.ListStacksOutput{StackSummaries: []*cloudformation.StackSummary{}}
	filter := slices.Sorted(slices.Values(in.StackStatusFilter))
	next, err := s.list(ctx, "ListStacks", in.NextToken, encode(filter), func(st *stack) (bool, error) {
		if len(filter) > 0 && !slices.Contains(filter, st.Status) {
			return false, nil
		}
		out.StackSummaries = append(out.StackSummaries, &cloudformation.StackSummary{
			StackId: new(st.arn()), StackName: &st.Name, TemplateDescription: optional(st.shown().Description), CreationTime: moment(st.Created),
			LastUpdatedTime: moment(st.Updated), DeletionTime: moment(st.Deleted), StackStatus: &st.Status, StackStatusReason: optional(st.Reason),
			ParentId: optional(st.Parent), RootId: optional(st.Root),
			DriftInformation: &cloudformation.StackDriftInformationSummary{StackDriftStatus: new("NOT_CHECKED")},
		})
		return true, nil
	})
	out.NextToken = next
	return out, err
}

// list calls fn with the stacks of the caller's account and region until a page is full of
// those that it takes.
func (s *Service) list(ctx context.Context, operation string, token *string, parameters []byte, fn func(*stack) (bool, error)) (next *string, err error) {
	r := api.RequestOf(ctx)
	if err := s.authorize(ctx, "*", nil, nil, operation); err != nil {
		return nil, err
	}
	page := pagetoken.Listing{Account: r.Caller.Account, Region: r.Region, Operation: "cloudformation:" + operation, Parameters: parameters}
	prefix := listPrefix(r.Caller.Account, r.Region)
	from, err := s.position(page, token, prefix)
	if err != nil {
		return nil, err
	}
	var stacks []*stack
	err = s.store.View(ctx, func(tx kv.Reader) error {
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			uuid, _, err := tuple.String(p.Key[len(prefix):])
			if err != nil {
				return err
			}
			st, err := readStack(ctx, tx, uuid)
			if err != nil {
				return err
			}
			stacks = append(stacks, st)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	taken := 0
	for _, st := range stacks {
		if taken == stackPage {
			return new(s.seal.Seal(page, listKey(st))), nil
		}
		took, err := fn(st)
		if err != nil {
			return nil, err
		}
		if took {
			taken++
		}
	}
	return nil, nil
}

// position returns the key at which a page of a listing begins.
func (s *Service) position(page pagetoken.Listing, token *string, first []byte) ([]byte, error) {
	if token == nil {
		return first, nil
	}
	b, err := s.seal.Open(page, *token)
	if err != nil {
		return nil, invalid("The specified NextToken is invalid.")
	}
	return b, nil
}

// shown is the side of a stack that is shown: what it is brought to while it is.
func (st *stack) shown() *side {
	if op := st.Operation; op != nil && op.Target.Body > 0 && op.Failed == "" {
		return &op.Target
	}
	return &st.Current
}

// describe is a stack as the API shows it.
func (s *Service) describe(ctx context.Context, st *stack) (*cloudformation.Stack, error) {
	now := st.shown()
	d := &cloudformation.Stack{
		StackId: new(st.arn()), StackName: &st.Name, Description: optional(now.Description), CreationTime: moment(st.Created), LastUpdatedTime: moment(st.Updated),
		DeletionTime: moment(st.Deleted), StackStatus: &st.Status, StackStatusReason: optional(st.Reason), DisableRollback: &st.KeepOnFailure,
		NotificationARNs: now.Notifications, Capabilities: now.Capabilities, RoleARN: optional(st.Role), EnableTerminationProtection: &st.Protected,
		ParentId: optional(st.Parent), RootId: optional(st.Root), ChangeSetId: optional(st.ChangeSet),
		RollbackConfiguration: &cloudformation.RollbackConfiguration{},
		DriftInformation:      &cloudformation.StackDriftInformation{StackDriftStatus: new("NOT_CHECKED")},
	}
	if st.Timeout > 0 {
		d.TimeoutInMinutes = &st.Timeout
	}
	for _, k := range slices.Sorted(maps.Keys(now.Tags)) {
		d.Tags = append(d.Tags, &cloudformation.Tag{Key: &k, Value: new(now.Tags[k])})
	}
	for _, o := range st.Outputs {
		d.Outputs = append(d.Outputs, &cloudformation.Output{OutputKey: &o.Key, OutputValue: &o.Value, Description: optional(o.Description), ExportName: optional(o.Export)})
	}
	if now.Body == 0 {
		return d, nil
	}
	t, err := s.template(ctx, st.UUID, now.Body)
	if err != nil {
		return nil, err
	}
	d.Parameters = shownParameters(t, now.Parameters)
	return d, nil
}

// shownParameters are the values of parameters, but for the secret ones.
func shownParameters(t *template.Template, values map[string]string) (list []*cloudformation.Parameter) {
	for _, p := range t.Parameters {
		value := values[p.Name]
		if p.NoEcho {
			value = template.Masked
		}
		list = append(list, &cloudformation.Parameter{ParameterKey: &p.Name, ParameterValue: &value})
	}
	return list
}

// DescribeAccountLimits tells what an account may have.
func (s *Service) DescribeAccountLimits(ctx context.Context, _ *cloudformation.DescribeAccountLimitsInput) (*cloudformation.DescribeAccountLimitsOutput, error) {
	if err := s.authorize(ctx, "*", nil, nil, "DescribeAccountLimits"); err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeAccountLimitsOutput{}
	for _, l := range []struct {
		name  string
		value int64
	}{{"StackLimit", maxStacks}, {"StackOutputsLimit", 200}, {"ConcurrentResourcesLimit", atOnce}} {
		out.AccountLimits = append(out.AccountLimits, &cloudformation.AccountLimit{Name: &l.name, Value: &l.value})
	}
	return out, nil
}

// maxStacks is how many stacks an account may have in a region, AWS's default.
const maxStacks = 2000
