package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// maxTablesListed is the longest page of ListTables.
const maxTablesListed = 100

// ListTables lists the names of the caller's tables in the request's region.
func (s *Service) ListTables(ctx context.Context, in *dynamodb.ListTablesInput) (*dynamodb.ListTablesOutput, error) {
	req := api.RequestOf(ctx)
	all := tableName{req.Caller.Account, req.Region, "*"}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:ListTables", Resource: all.arn()}); err != nil {
		return nil, err
	}
	limit := maxTablesListed
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	prefix := tablesOf(req.Caller.Account, req.Region)
	from := prefix
	if in.ExclusiveStartTableName != nil {
		from = after(tableKey(tableName{req.Caller.Account, req.Region, *in.ExclusiveStartTableName}))
	}
	out := &dynamodb.ListTablesOutput{TableNames: []string{}}
	err := s.view(ctx, func(r kv.Reader) error {
		// One more than the page has tells whether another page follows.
		for t, err := range r.Scan(ctx, kv.Range{From: from, To: above(prefix), Limit: limit + 1}) {
			if err != nil {
				return err
			}
			if len(out.TableNames) == limit {
				out.LastEvaluatedTableName = new(out.TableNames[limit-1])
				break
			}
			name, _, err := tuple.String(t.Key[len(prefix):])
			if err != nil {
				return err
			}
			out.TableNames = append(out.TableNames, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
