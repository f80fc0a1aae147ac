package dynamodb

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// PutItem puts an item in the place of the one with its key, if there is one.
func (s *Service) PutItem(ctx context.Context, in *dynamodb.PutItemInput) (*dynamodb.PutItemOutput, error) {
	put, err := putOf(ctx, in)
	if err != nil {
		return nil, err
	}
	w, err := s.write(ctx, put)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.PutItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, w.cost())}
	out.ItemCollectionMetrics = s.collection(ctx, in.ReturnItemCollectionMetrics, in.TableName, w)
	if w.old != nil && is(in.ReturnValues, "ALL_OLD") {
		out.Attributes = w.old.JSON()
	}
	return out, nil
}

// putOf checks and compiles the parameters of a PutItem.
func putOf(ctx context.Context, in *dynamodb.PutItemInput) (write, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return write{}, err
	}
	var after item.Stored
	compiled, err := compile(&expr.Parameters{
		Operation: "PutItem",
		Condition: in.ConditionExpression,
		Names:     in.ExpressionAttributeNames,
		Values:    in.ExpressionAttributeValues,
		Legacy:    legacyCondition(in.Expected, in.ConditionalOperator),
	}, func() (err error) {
		if err := item.Normalise(in.Item); err != nil {
			return err
		}
		if err := checkReturnValues(in.ReturnValues); err != nil {
			return err
		}
		after, err = encode(in.Item, item.CheckSize)
		return err
	})
	if err != nil {
		return write{}, err
	}
	return write{
		table:     n,
		param:     in.TableName,
		condition: compiled.Condition,
		onFailure: in.ReturnValuesOnConditionCheckFailure,
		use: use{
			action:       "dynamodb:PutItem",
			leading:      leadingKey(in.Item),
			attributes:   named(in.Item, compiled.Condition),
			returnValues: in.ReturnValues,
			consumed:     in.ReturnConsumedCapacity,
		},
		key: func(t *table) (item.Key, dynamodb.Attributes, error) {
			key, err := t.keyOfItem(in.Item)
			return key, in.Item, err
		},
		next: func(*table, item.Stored) (item.Stored, error) { return after, nil },
	}, nil
}

// keyOfItem is the key of an item that is put, which must suit the indexes too.
func (t *table) keyOfItem(a dynamodb.Attributes) (item.Key, error) {
	key, err := t.schema.KeyOfItem(a)
	if err == nil {
		err = t.checkIndexKeys(a)
	}
	return key, err
}

// checkReturnValues refuses what PutItem and DeleteItem cannot return.
func checkReturnValues(p *string) error {
	if p == nil || *p == "NONE" || *p == "ALL_OLD" {
		return nil
	}
	return api.ValidationException("ReturnValues can only be ALL_OLD or NONE")
}

// named are the attributes of an item or key, of a condition and others, for
// policies.
func named(a dynamodb.Attributes, c *expr.Condition, others ...string) func(*table) []string {
	return func(*table) []string {
		names := slices.Clone(others)
		for _, x := range a {
			names = append(names, x.Name)
		}
		return append(names, c.Names()...)
	}
}
