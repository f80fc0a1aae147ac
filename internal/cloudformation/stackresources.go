package cloudformation

import (
	"context"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// listed is a resource as the listings show it.
type listed struct {
	*resource
	physicalID string
}

// resources returns the resources of a stack that were begun, by logical ID.
func (s *Service) resources(ctx context.Context, st *stack) (list []listed, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		for rec, err := range resourcesIn(ctx, tx, st.UUID) {
			if err != nil {
				return err
			}
			if rec.Status == "" {
				continue
			}
			l := listed{rec, ""}
			switch {
			case rec.Now != nil:
				l.physicalID = rec.Now.ID
			case rec.Step != nil:
				l.physicalID = rec.Step.Physical.ID
			case len(rec.Doomed) > 0:
				l.physicalID = rec.Doomed[len(rec.Doomed)-1].ID
			default:
				l.physicalID = rec.Last
			}
			list = append(list, l)
		}
		return nil
	})
	return list, err
}

// DescribeStackResource describes a resource of a stack.
func (s *Service) DescribeStackResource(ctx context.Context, in *cloudformation.DescribeStackResourceInput) (*cloudformation.DescribeStackResourceOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "DescribeStackResource")
	if err != nil {
		return nil, err
	}
	list, err := s.resources(ctx, st)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(l listed) bool { return l.ID == text(in.LogicalResourceId) })
	if i < 0 {
		return nil, invalid("Resource %s does not exist for stack %s", text(in.LogicalResourceId), st.Name)
	}
	l := list[i]
	d := &cloudformation.StackResourceDetail{
		StackName: &st.Name, StackId: new(st.arn()), LogicalResourceId: &l.ID, PhysicalResourceId: optional(l.physicalID), ResourceType: &l.Type,
		LastUpdatedTimestamp: &l.Updated, ResourceStatus: &l.Status, ResourceStatusReason: optional(l.Reason), Metadata: new("{}"),
		DriftInformation: &cloudformation.StackResourceDriftInformation{StackResourceDriftStatus: new("NOT_CHECKED")},
	}
	if body := st.shown().Body; body > 0 {
		t, err := s.template(ctx, st.UUID, body)
		if err != nil {
			return nil, err
		}
		if decl := t.Resource(l.ID); decl != nil && decl.Metadata != nil {
			d.Metadata = new(string(encode(decl.Metadata)))
		}
	}
	return &cloudformation.DescribeStackResourceOutput{StackResourceDetail: d}, nil
}

// DescribeStackResources describes the resources of a stack, which may be named by one of
// them.
func (s *Service) DescribeStackResources(ctx context.Context, in *cloudformation.DescribeStackResourcesInput) (*cloudformation.DescribeStackResourcesOutput, error) {
	if in.StackName == nil {
		return nil, invalid("Stack name must be specified: to find a stack by the physical ID of a resource is not supported by this version of Modelwharf")
	}
	st, err := s.open(ctx, *in.StackName, nil, "DescribeStackResources")
	if err != nil {
		return nil, err
	}
	list, err := s.resources(ctx, st)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeStackResourcesOutput{StackResources: []*cloudformation.StackResource{}}
	for _, l := range list[:min(len(list), stackPage)] {
		if in.LogicalResourceId != nil && l.ID != *in.LogicalResourceId || in.PhysicalResourceId != nil && l.physicalID != *in.PhysicalResourceId {
			continue
		}
		out.StackResources = append(out.StackResources, &cloudformation.StackResource{
			StackName: &st.Name, StackId: new(st.arn()), LogicalResourceId: &l.ID, PhysicalResourceId: optional(l.physicalID), ResourceType: &l.Type,
			Timestamp: &l.Updated, ResourceStatus: &l.Status, ResourceStatusReason: optional(l.Reason),
			DriftInformation: &cloudformation.StackResourceDriftInformation{StackResourceDriftStatus: new("NOT_CHECKED")},
		})
	}
	if in.LogicalResourceId != nil && len(out.StackResources) == 0 {
		return nil, invalid("Resource %s does not exist for stack %s", *in.LogicalResourceId, st.Name)
	}
	return out, nil
}

// ListStackResources lists the resources of a stack, page by page.
func (s *Service) ListStackResources(ctx context.Context, in *cloudformation.ListStackResourcesInput) (*cloudformation.ListStackResourcesOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "ListStackResources")
	if err != nil {
		return nil, err
	}
	page := pagetoken.Listing{Account: st.Account, Region: st.Region, Operation: "cloudformation:ListStackResources", Parameters: []byte(st.UUID)}
	from, err := s.position(page, in.NextToken, nil)
	if err != nil {
		return nil, err
	}
	list, err := s.resources(ctx, st)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ListStackResourcesOutput{StackResourceSummaries: []*cloudformation.StackResourceSummary{}}
	for _, l := range list {
		if l.ID < string(from) {
			continue
		}
		if len(out.StackResourceSummaries) == stackPage {
			out.NextToken = new(s.seal.Seal(page, []byte(l.ID)))
			break
		}
		out.StackResourceSummaries = append(out.StackResourceSummaries, &cloudformation.StackResourceSummary{
			LogicalResourceId: &l.ID, PhysicalResourceId: optional(l.physicalID), ResourceType: &l.Type, LastUpdatedTimestamp: &l.Updated,
			ResourceStatus: &l.Status, ResourceStatusReason: optional(l.Reason),
			DriftInformation: &cloudformation.StackResourceDriftInformationSummary{StackResourceDriftStatus: new("NOT_CHECKED")},
		})
	}
	return out, nil
}

// eventsKept is how long the events of a deleted stack can be read, as on AWS.
const eventsKept = 90 * 24 * time.Hour

// DescribeStackEvents lists what happened to a stack, the newest first.
func (s *Service) DescribeStackEvents(ctx context.Context, in *cloudformation.DescribeStackEventsInput) (*cloudformation.DescribeStackEventsOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "DescribeStackEvents")
	if err != nil {
		return nil, err
	}
	if st.gone() && s.now().Sub(st.Deleted) > eventsKept {
		return nil, noStack(text(in.StackName))
	}
	page := pagetoken.Listing{Account: st.Account, Region: st.Region, Operation: "cloudformation:DescribeStackEvents", Parameters: []byte(st.UUID)}
	prefix := eventsOf(st.UUID)
	to, err := s.position(page, in.NextToken, tuple.Below(prefix))
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeStackEventsOutput{StackEvents: []*cloudformation.StackEvent{}}
	err = s.store.View(ctx, func(tx kv.Reader) error {
		var last []byte
		for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: to, Reverse: true, Limit: stackPage + 1}) {
			if err != nil {
				return err
			}
			if len(out.StackEvents) == stackPage {
				out.NextToken = new(s.seal.Seal(page, last))
				return nil
			}
			e, err := decode[event](p.Val)
			if err != nil {
				return err
			}
			last = append(last[:0], p.Key...)
			out.StackEvents = append(out.StackEvents, &cloudformation.StackEvent{
				StackId: new(st.arn()), EventId: &e.ID, StackName: &st.Name, LogicalResourceId: &e.LogicalID, PhysicalResourceId: &e.PhysicalID,
				ResourceType: &e.Type, Timestamp: &e.Time, ResourceStatus: &e.Status, ResourceStatusReason: optional(e.Reason),
				ResourceProperties: optional(string(e.Properties)), ClientRequestToken: optional(e.Token),
			})
		}
		return nil
	})
	return out, err
}
