package dynamodb

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DescribeContributorInsights tells that they are off: CloudWatch, which has them, is
// not here.
func (s *Service) DescribeContributorInsights(ctx context.Context, in *dynamodb.DescribeContributorInsightsInput) (*dynamodb.DescribeContributorInsightsOutput, error) {
	n, err := s.insightsOf(ctx, "DescribeContributorInsights", in.TableName, in.IndexName)
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeContributorInsightsOutput{TableName: &n.name, IndexName: in.IndexName, ContributorInsightsStatus: new("DISABLED")}, nil
}

// UpdateContributorInsights turns them off, which they are.
func (s *Service) UpdateContributorInsights(ctx context.Context, in *dynamodb.UpdateContributorInsightsInput) (*dynamodb.UpdateContributorInsightsOutput, error) {
	n, err := s.insightsOf(ctx, "UpdateContributorInsights", in.TableName, in.IndexName)
	if err != nil {
		return nil, err
	}
	if is(in.ContributorInsightsAction, "ENABLE") {
		return nil, unavailable("ContributorInsights")
	}
	return &dynamodb.UpdateContributorInsightsOutput{TableName: &n.name, IndexName: in.IndexName, ContributorInsightsStatus: new("DISABLED")}, nil
}

// ListContributorInsights lists those that are on: none.
func (s *Service) ListContributorInsights(ctx context.Context, in *dynamodb.ListContributorInsightsInput) (*dynamodb.ListContributorInsightsOutput, error) {
	if in.TableName != nil {
		if _, err := s.insightsOf(ctx, "ListContributorInsights", in.TableName, nil); err != nil {
			return nil, err
		}
	} else if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListContributorInsights", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.ListContributorInsightsOutput{ContributorInsightsSummaries: []*dynamodb.ContributorInsightsSummary{}}, nil
}

// insightsOf returns the table that an operation on insights is about, if there is
// such a table and global index.
func (s *Service) insightsOf(ctx context.Context, action string, param, index *string) (tableName, error) {
	n, err := nameOf(ctx, param)
	if err != nil {
		return n, err
	}
	if err := s.authorizeTable(ctx, action, n, nil); err != nil {
		return n, err
	}
	return n, s.view(ctx, func(r kv.Reader) error {
		t, err := s.find(ctx, r, n)
		if err == nil && index != nil && !slices.ContainsFunc(t.Indexes, func(st indexState) bool { return !st.Local && st.Name == *index }) {
			err = dynamodb.ResourceNotFoundException("Requested resource not found: Index: %s not found for table: %s", *index, n.name)
		}
		return err
	})
}
