package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The default quotas of an AWS account. They are told, not enforced.
const (
	accountUnits = 80000
	tableUnits   = 40000
)

// DescribeLimits tells the quotas on provisioned throughput.
func (s *Service) DescribeLimits(ctx context.Context, _ *dynamodb.DescribeLimitsInput) (*dynamodb.DescribeLimitsOutput, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DescribeLimits", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits:  new(int64(accountUnits)),
		AccountMaxWriteCapacityUnits: new(int64(accountUnits)),
		TableMaxReadCapacityUnits:    new(int64(tableUnits)),
		TableMaxWriteCapacityUnits:   new(int64(tableUnits)),
	}, nil
}

// existing returns nil if there is the table that a parameter names and policy
// allows the action on it.
func (s *Service) existing(ctx context.Context, action string, param *string, missing func(tableName) error) error {
	n, err := nameOf(ctx, param)
	if err != nil {
		return err
	}
	if err := s.authorizeTable(ctx, action, n, nil); err != nil {
		return err
	}
	return s.view(ctx, func(r kv.Reader) error {
		t, err := s.readAny(ctx, r, n)
		if err == nil && t == nil {
			err = missing(n)
		}
		return err
	})
}

// DescribeEndpoints tells clients to stay where they are, for a day.
func (s *Service) DescribeEndpoints(ctx context.Context, _ *dynamodb.DescribeEndpointsRequest) (*dynamodb.DescribeEndpointsResponse, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:DescribeEndpoints", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.DescribeEndpointsResponse{
		Endpoints: []*dynamodb.Endpoint{{Address: new(s.endpoint(ctx)), CachePeriodInMinutes: new(int64(1440))}},
	}, nil
}
