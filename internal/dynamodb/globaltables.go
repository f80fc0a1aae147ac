package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// A region is a name here, so no table is replicated, and there are no global tables.
// AWS makes none of the kind that these operations are for any more, either.

// ListGlobalTables lists none.
func (s *Service) ListGlobalTables(ctx context.Context, _ *dynamodb.ListGlobalTablesInput) (*dynamodb.ListGlobalTablesOutput, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListGlobalTables", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.ListGlobalTablesOutput{GlobalTables: []*dynamodb.GlobalTable{}}, nil
}

// DescribeGlobalTable finds none.
func (s *Service) DescribeGlobalTable(ctx context.Context, in *dynamodb.DescribeGlobalTableInput) (*dynamodb.DescribeGlobalTableOutput, error) {
	if err := s.authorizeGlobalTable(ctx, "DescribeGlobalTable", *in.GlobalTableName); err != nil {
		return nil, err
	}
	return nil, dynamodb.GlobalTableNotFoundException("Global table not found: Global table with name: '%s' does not exist.", *in.GlobalTableName)
}

// DescribeGlobalTableSettings finds none.
func (s *Service) DescribeGlobalTableSettings(ctx context.Context, in *dynamodb.DescribeGlobalTableSettingsInput) (*dynamodb.DescribeGlobalTableSettingsOutput, error) {
	if err := s.authorizeGlobalTable(ctx, "DescribeGlobalTableSettings", *in.GlobalTableName); err != nil {
		return nil, err
	}
	return nil, noGlobalTable(*in.GlobalTableName)
}

// UpdateGlobalTableSettings finds none.
func (s *Service) UpdateGlobalTableSettings(ctx context.Context, in *dynamodb.UpdateGlobalTableSettingsInput) (*dynamodb.UpdateGlobalTableSettingsOutput, error) {
	if err := s.authorizeGlobalTable(ctx, "UpdateGlobalTableSettings", *in.GlobalTableName); err != nil {
		return nil, err
	}
	return nil, noGlobalTable(*in.GlobalTableName)
}

// CreateGlobalTable is refused, as on AWS.
func (s *Service) CreateGlobalTable(ctx context.Context, in *dynamodb.CreateGlobalTableInput) (*dynamodb.CreateGlobalTableOutput, error) {
	if err := s.authorizeGlobalTable(ctx, "CreateGlobalTable", *in.GlobalTableName); err != nil {
		return nil, err
	}
	return nil, errLegacyGlobalTable()
}

// UpdateGlobalTable is refused if it asks for a replica, as on AWS; it finds none to
// delete.
func (s *Service) UpdateGlobalTable(ctx context.Context, in *dynamodb.UpdateGlobalTableInput) (*dynamodb.UpdateGlobalTableOutput, error) {
	if err := s.authorizeGlobalTable(ctx, "UpdateGlobalTable", *in.GlobalTableName); err != nil {
		return nil, err
	}
	for _, u := range in.ReplicaUpdates {
		if u.Create != nil {
			return nil, errLegacyGlobalTable()
		}
	}
	if len(in.ReplicaUpdates) == 0 {
		return nil, api.ValidationException("One or more parameter values were invalid")
	}
	return nil, noGlobalTable(*in.GlobalTableName)
}

// DescribeTableReplicaAutoScaling finds no global table.
func (s *Service) DescribeTableReplicaAutoScaling(ctx context.Context, in *dynamodb.DescribeTableReplicaAutoScalingInput) (*dynamodb.DescribeTableReplicaAutoScalingOutput, error) {
	return nil, s.unreplicated(ctx, "DescribeTableReplicaAutoScaling", in.TableName)
}

// UpdateTableReplicaAutoScaling finds no global table.
func (s *Service) UpdateTableReplicaAutoScaling(ctx context.Context, in *dynamodb.UpdateTableReplicaAutoScalingInput) (*dynamodb.UpdateTableReplicaAutoScalingOutput, error) {
	return nil, s.unreplicated(ctx, "UpdateTableReplicaAutoScaling", in.TableName)
}

// unreplicated says of a table, as AWS does, that it is no global one, whether it is
// there or not.
func (s *Service) unreplicated(ctx context.Context, action string, param *string) error {
	n, err := nameOf(ctx, param)
	if err != nil {
		return err
	}
	if err := s.authorizeTable(ctx, action, n, nil); err != nil {
		return err
	}
	return dynamodb.ResourceNotFoundException("Global table with name: '%s' does not exist.", n.name)
}

func (s *Service) authorizeGlobalTable(ctx context.Context, action, name string) error {
	return s.identity.Authorize(ctx, identity.Check{
		Action:   "dynamodb:" + action,
		Resource: "arn:aws:dynamodb::" + api.RequestOf(ctx).Caller.Account + ":global-table/" + name,
	})
}

func noGlobalTable(name string) error {
	return dynamodb.GlobalTableNotFoundException("Global table with name: '%s' does not exist.", name)
}

func errLegacyGlobalTable() error {
	return invalid("DynamoDB global tables version 2017.11.29 is not supported. " +
		"We recommend using DynamoDB global tables version 2019.11.21, instead of version 2017.11.29 (Legacy).")
}
