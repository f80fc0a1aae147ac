package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// TransactGetItems reads items of one or more tables, all at one moment: from one
// snapshot, which no write disturbs.
func (s *Service) TransactGetItems(ctx context.Context, in *dynamodb.TransactGetItemsInput) (*dynamodb.TransactGetItemsOutput, error) {
	x := transaction{writes: make([]write, len(in.TransactItems)), limit: maxTransaction}
	projections := make([]*item.Projection, len(in.TransactItems))
	for i, action := range in.TransactItems {
		var err error
		if x.writes[i], projections[i], err = wantedItemOf(ctx, action.Get); err != nil {
			return nil, err
		}
		x.writes[i].use.enclosing = "TransactGetItems"
		x.writes[i].use.consumed = in.ReturnConsumedCapacity
	}
	out := &dynamodb.TransactGetItemsOutput{}
	var err error
	out.Responses, out.ConsumedCapacity, err = s.snapshot(ctx, &x, projections, in.ReturnConsumedCapacity)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// snapshot reads the items that a transaction is about, and returns the parts of
// them that are wanted and what that cost.
func (s *Service) snapshot(ctx context.Context, x *transaction, projections []*item.Projection, wanted *string) ([]*dynamodb.ItemResponse, []*dynamodb.ConsumedCapacity, error) {
	if err := s.authorize(ctx, x); err != nil {
		return nil, nil, err
	}
	err := s.view(ctx, func(r kv.Reader) error {
		if err := x.locate(ctx, s, r); err != nil {
			return err
		}
		if err := x.admitTables(readsOf); err != nil {
			return err
		}
		return x.load(ctx, r)
	})
	if err != nil {
		return nil, nil, err
	}
	responses := make([]*dynamodb.ItemResponse, len(x.done))
	size := 0
	for i := range x.done {
		responses[i] = &dynamodb.ItemResponse{}
		old := x.done[i].old
		if old == nil {
			continue
		}
		if size += old.Size(); size > maxTransaction {
			return nil, nil, errTransactionTooLarge()
		}
		if responses[i].Item, err = project(projections[i], old); err != nil {
			return nil, nil, err
		}
	}
	return responses, x.read().reads(wanted), nil
}

// wantedItemOf checks and compiles the parameters of a Get, which is as a write that
// is never done.
func wantedItemOf(ctx context.Context, in *dynamodb.Get) (write, *item.Projection, error) {
	names, _ := placeholders(in.ProjectionExpression, in.ExpressionAttributeNames, nil)
	compiled, err := compile(&expr.Parameters{
		Operation:  "GetItem",
		Projection: in.ProjectionExpression,
		Names:      names,
	}, valuesOf(in.Key))
	if err != nil {
		return write{}, nil, err
	}
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return write{}, nil, err
	}
	return write{
		table: n,
		param: in.TableName,
		use: use{
			action:     "dynamodb:GetItem",
			leading:    leadingKey(in.Key),
			attributes: projected(compiled.Projection, nil),
		},
		key: func(t *table) (item.Key, dynamodb.Attributes, error) {
			if err := compiled.Projection.CheckKey(t.schema); err != nil {
				return item.Key{}, nil, err
			}
			return keyParameter(in.Key)(t)
		},
	}, compiled.Projection, nil
}
