package dynamodb

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
)

// Exports and imports are between tables and buckets of objects, which this version does
// not do: there are none, and none can be begun.

// ListExports lists none.
func (s *Service) ListExports(ctx context.Context, _ *dynamodb.ListExportsInput) (*dynamodb.ListExportsOutput, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListExports", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.ListExportsOutput{ExportSummaries: []*dynamodb.ExportSummary{}}, nil
}

// ListImports lists none.
func (s *Service) ListImports(ctx context.Context, _ *dynamodb.ListImportsInput) (*dynamodb.ListImportsOutput, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListImports", Resource: "*"}); err != nil {
		return nil, err
	}
	return &dynamodb.ListImportsOutput{ImportSummaryList: []*dynamodb.ImportSummary{}}, nil
}

// DescribeExport finds none.
func (s *Service) DescribeExport(ctx context.Context, in *dynamodb.DescribeExportInput) (*dynamodb.DescribeExportOutput, error) {
	ours, err := s.transferOf(ctx, "DescribeExport", *in.ExportArn, "Export")
	switch {
	case err != nil:
		return nil, err
	case !ours:
		return nil, dynamodb.ExportNotFoundException("Export not found: Invalid export arn")
	}
	return nil, dynamodb.ExportNotFoundException("Export not found: Export not found: %s", *in.ExportArn)
}

// DescribeImport finds none.
func (s *Service) DescribeImport(ctx context.Context, in *dynamodb.DescribeImportInput) (*dynamodb.DescribeImportOutput, error) {
	ours, err := s.transferOf(ctx, "DescribeImport", *in.ImportArn, "Import")
	switch {
	case err != nil:
		return nil, err
	case !ours:
		return nil, dynamodb.ImportNotFoundException("Import not found: Invalid import arn")
	}
	return nil, dynamodb.ImportNotFoundException("Import not found: Import not found: %s", *in.ImportArn)
}

// transferOf checks the ARN of an export or import, and whether the caller may do an
// action to it. ours is whether it is of the request's region.
func (s *Service) transferOf(ctx context.Context, action, arn, kind string) (ours bool, err error) {
	req := api.RequestOf(ctx)
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] != "aws" || part[2] != "dynamodb" || !isAccount(part[4]) {
		return false, api.ValidationException("Invalid %s ARN", kind)
	}
	name := strings.Split(part[5], "/")
	if len(name) != 4 || name[0] != "table" || name[2] != strings.ToLower(kind) {
		return false, api.ValidationException("Invalid %s ARN", kind)
	}
	if part[4] != req.Caller.Account {
		return false, api.AccessDeniedException("Access is denied")
	}
	return part[3] == req.Region, s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:" + action, Resource: arn})
}

// ExportTableToPointInTime is refused.
func (s *Service) ExportTableToPointInTime(ctx context.Context, in *dynamodb.ExportTableToPointInTimeInput) (*dynamodb.ExportTableToPointInTimeOutput, error) {
	err := s.existing(ctx, "ExportTableToPointInTime", in.TableArn, func(n tableName) error {
		return dynamodb.TableNotFoundException("Table not found: %s", n.arn())
	})
	if err != nil {
		return nil, err
	}
	return nil, unavailable("ExportTableToPointInTime")
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
