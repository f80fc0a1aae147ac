package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// Bulk operations put what lies in a bucket into a table that is there. This version has
// none, and none can be begun.

// ListBulkOperations lists none.
func (s *Service) ListBulkOperations(ctx context.Context, _ *dynamodb.ListBulkOperationsInput) (*dynamodb.ListBulkOperationsOutput, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListBulkOperations", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.ListBulkOperationsOutput{BulkOperationsSummaryList: []*dynamodb.BulkOperationSummary{}}, nil
}

// DescribeBulkOperation finds none.
func (s *Service) DescribeBulkOperation(ctx context.Context, in *dynamodb.DescribeBulkOperationInput) (*dynamodb.DescribeBulkOperationOutput, error) {
	return nil, s.noBulkOperation(ctx, "DescribeBulkOperation", *in.BulkOperationArn)
}

// CancelBulkOperation finds none.
func (s *Service) CancelBulkOperation(ctx context.Context, in *dynamodb.CancelBulkOperationInput) (*dynamodb.CancelBulkOperationOutput, error) {
	return nil, s.noBulkOperation(ctx, "CancelBulkOperation", *in.BulkOperationArn)
}

func (s *Service) noBulkOperation(ctx context.Context, action, arn string) error {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:" + action, Resource: arn}); err != nil {
		return err
	}
	return dynamodb.ResourceNotFoundException("Requested resource not found: BulkOperation: %s not found", arn)
}

// StartBulkPutItems is refused.
func (s *Service) StartBulkPutItems(ctx context.Context, in *dynamodb.StartBulkPutItemsInput) (*dynamodb.StartBulkPutItemsOutput, error) {
	if err := s.existing(ctx, "StartBulkPutItems", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return nil, unavailable("StartBulkPutItems")
}

// SearchVectors finds no vector index, since no table has one.
func (s *Service) SearchVectors(ctx context.Context, in *dynamodb.SearchVectorsInput) (*dynamodb.SearchVectorsOutput, error) {
	if err := s.existing(ctx, "SearchVectors", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return nil, noSuchIndex(*in.IndexName)
}
