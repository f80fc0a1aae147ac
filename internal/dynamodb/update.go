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
	update, made, err := updateOf(ctx, in)
	if err != nil {
		return nil, err
	}
	w, err := s.write(ctx, update)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.UpdateItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.cost())}
	out.ItemCollectionMetrics = s.collection(ctx, in.ReturnItemCollectionMetrics, in.TableName, w)
	if in.ReturnValues != nil {
		out.Attributes = made.returned(*in.ReturnValues, w)
	}
	return out, nil
}

// updated is what an update made of an item, once it is written.
type updated struct {
	*expr.Update
	before, after dynamodb.Attributes
}

// updateOf checks and compiles the parameters of an UpdateItem.
func updateOf(ctx context.Context, in *dynamodb.UpdateItemInput) (write, *updated, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return write{}, nil, err
	}
	compiled, err := compile(&expr.Parameters{
		Operation: "UpdateItem",
		Update:    in.UpdateExpression,
		Condition: in.ConditionExpression,
		Names:     in.ExpressionAttributeNames,
		Values:    in.ExpressionAttributeValues,
		Legacy:    legacyUpdate(in),
	}, valuesOf(in.Key))
	if err != nil {
		return write{}, nil, err
	}
	made := &updated{Update: compiled.Update}
	return write{
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
			key, err := t.schema.KeyOf(in.Key)
			if err != nil {
				return key, nil, err
			}
			return key, in.Key, compiled.Update.CheckKey(t.schema)
		},
		next: func(t *table, old item.Stored) (item.Stored, error) { return made.next(t, old, in.Key) },
	}, made, nil
}

// next makes the update of an item, or of the one that its key alone makes.
func (u *updated) next(t *table, old item.Stored, key dynamodb.Attributes) (next item.Stored, err error) {
	u.before = nil
	if old != nil {
		if u.before, err = old.Attributes(); err != nil {
			return nil, err
		}
	}
	base := u.before
	if old == nil {
		// The key of the item that begins may be too long for an index.
		if err := t.checkIndexKeys(key); err != nil {
			return nil, err
		}
		base = slices.Clone(key)
	}
	if u.after, err = u.Apply(base); err != nil {
		return nil, err
	}
	if t.indexes != nil {
		if err := t.checkUpdatedIndexKeys(u.after, u.Names()); err != nil {
			return nil, err
		}
	}
	return encode(u.after, item.CheckUpdatedSize)
}

// returned is what ReturnValues asks for of what an update did.
func (u *updated) returned(values string, w written) dynamodb.RawAttributes {
	switch {
	case values == "ALL_NEW":
		return w.new.JSON()
	case values == "ALL_OLD" && w.old != nil:
		return w.old.JSON()
	case values == "UPDATED_NEW":
		return some(u.Touched(u.after))
	case values == "UPDATED_OLD":
		return some(u.Touched(u.before))
	}
	return nil
}

// some are attributes as an answer has them: absent if there are none.
func some(a dynamodb.Attributes) dynamodb.RawAttributes {
	if len(a) == 0 {
		return nil
	}
	return item.JSON(a)
}
