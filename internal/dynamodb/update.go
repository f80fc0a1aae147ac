package dynamodb

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// UpdateItem changes an item, or makes one of its key if there is none.
func (s *Service) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput) (*dynamodb.UpdateItemOutput, error) {
	compiled, err := compile(&expr.Parameters{
		Operation: "UpdateItem",
		Update:    in.UpdateExpression,
		Condition: in.ConditionExpression,
		Names:     in.ExpressionAttributeNames,
		Values:    in.ExpressionAttributeValues,
		Legacy:    legacyUpdate(in),
	}, valuesOf(in.Key))
	if err != nil {
		return nil, err
	}
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	var before, after dynamodb.Attributes
	w, err := s.write(ctx, write{
		table:     n,
		param:     in.TableName,
		condition: compiled.Condition,
		onFailure: in.ReturnValuesOnConditionCheckFailure,
		use: use{
			action:       "dynamodb:UpdateItem",
			leading:      leadingKey(in.Key),
			attributes:   named(in.Key, compiled.Condition, compiled.Update.Names()...),
			returnValues: in.ReturnValues,
			consumed:     in.ReturnConsumedCapacity,
		},
		key: func(t *table) (item.Key, dynamodb.Attributes, error) {
			if err := compiled.Update.CheckKey(t.schema); err != nil {
				return item.Key{}, nil, err
			}
			return keyParameter(in.Key)(t)
		},
		next: func(_ *table, old item.Stored) (next item.Stored, err error) {
			before = nil
			if old != nil {
				if before, err = old.Attributes(); err != nil {
					return nil, err
				}
			}
			base := before
			if old == nil {
				base = slices.Clone(in.Key)
			}
			if after, err = compiled.Update.Apply(base); err != nil {
				return nil, err
			}
			return encode(after, item.CheckUpdatedSize)
		},
	})
	if err != nil {
		return nil, err
	}
	out := &dynamodb.UpdateItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.units())}
	switch {
	case is(in.ReturnValues, "ALL_NEW"):
		out.Attributes = w.new.JSON()
	case is(in.ReturnValues, "ALL_OLD") && w.old != nil:
		out.Attributes = w.old.JSON()
	case is(in.ReturnValues, "UPDATED_NEW"):
		out.Attributes = some(compiled.Update.Touched(after))
	case is(in.ReturnValues, "UPDATED_OLD"):
		out.Attributes = some(compiled.Update.Touched(before))
	}
	return out, nil
}

// some are attributes as an answer has them: absent if there are none.
func some(a dynamodb.Attributes) dynamodb.RawAttributes {
	if len(a) == 0 {
		return nil
	}
	return item.JSON(a)
}
