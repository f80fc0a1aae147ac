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

// DescribeContinuousBackups tells that a table's past is not kept. The status of
// continuous backups is ENABLED nevertheless, as it is of every table on AWS.
func (s *Service) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	err := s.existing(ctx, "DescribeContinuousBackups", in.TableName, func(n tableName) error {
		return dynamodb.TableNotFoundException("Table not found: %s", n.name)
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeContinuousBackupsOutput{
		ContinuousBackupsDescription: &dynamodb.ContinuousBackupsDescription{
			ContinuousBackupsStatus: new("ENABLED"),
			PointInTimeRecoveryDescription: &dynamodb.PointInTimeRecoveryDescription{
				PointInTimeRecoveryStatus: new("DISABLED"),
			},
		},
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
		t, err := s.read(ctx, r, n)
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
