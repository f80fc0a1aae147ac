package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DescribeImport describes an import of the last 90 days.
func (s *Service) DescribeImport(ctx context.Context, in *dynamodb.DescribeImportInput) (*dynamodb.DescribeImportOutput, error) {
	n, err := imports.parse(ctx, s, "DescribeImport", *in.ImportArn)
	if err != nil {
		return nil, err
	}
	d := new(dynamodb.ImportTableDescription)
	err = s.view(ctx, func(r kv.Reader) error {
		_, err := imports.find(ctx, r, n, d, s.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeImportOutput{ImportTableDescription: d}, nil
}

// ImportTable is refused.
func (s *Service) ImportTable(ctx context.Context, in *dynamodb.ImportTableInput) (*dynamodb.ImportTableOutput, error) {
	n, err := nameOf(ctx, in.TableCreationParameters.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "ImportTable", n, nil); err != nil {
		return nil, err
	}
	return nil, unavailable("ImportTable")
}
