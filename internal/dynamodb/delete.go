package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// DeleteItem removes an item. It succeeds also if there is none.
func (s *Service) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput) (*dynamodb.DeleteItemOutput, error) {
	if err := checkReturnValues(in.ReturnValues); err != nil {
		return nil, err
	}
	del, err := deleteOf(ctx, in)
	if err != nil {
		return nil, err
	}
	w, err := s.write(ctx, del)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DeleteItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.cost())}
	out.ItemCollectionMetrics = s.collection(ctx, in.ReturnItemCollectionMetrics, in.TableName, w)
	if w.old != nil && is(in.ReturnValues, "ALL_OLD") {
		out.Attributes = w.old.JSON()
	}
	return out, nil
}

// deleteOf checks and compiles the parameters of a DeleteItem.
func deleteOf(ctx context.Context, in *dynamodb.DeleteItemInput) (write, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return write{}, err
	}
	compiled, err := compile(&expr.Parameters{
		Operation: "DeleteItem",
		Condition: in.ConditionExpression,
		Names:     in.ExpressionAttributeNames,
		Values:    in.ExpressionAttributeValues,
		Legacy:    legacyCondition(in.Expected, in.ConditionalOperator),
	}, valuesOf(in.Key))
	if err != nil {
		return write{}, err
	}
	return write{
		table:     n,
		param:     in.TableName,
		condition: compiled.Condition,
		onFailure: in.ReturnValuesOnConditionCheckFailure,
		use: use{
			action:       "dynamodb:DeleteItem",
			leading:      leadingKey(in.Key),
			attributes:   named(in.Key, compiled.Condition),
			returnValues: in.ReturnValues,
			consumed:     in.ReturnConsumedCapacity,
		},
		key:  keyParameter(in.Key),
		next: func(*table, item.Stored) (item.Stored, error) { return nil, nil },
	}, nil
}

// keyParameter is a write's key, of a Key parameter.
func keyParameter(key dynamodb.Attributes) func(*table) (item.Key, dynamodb.Attributes, error) {
	return func(t *table) (item.Key, dynamodb.Attributes, error) {
		k, err := t.schema.KeyOf(key)
		return k, key, err
	}
}
