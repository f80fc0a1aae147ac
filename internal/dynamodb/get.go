package dynamodb

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// GetItem reads an item. An item that is wanted whole is sent as it is stored.
func (s *Service) GetItem(ctx context.Context, in *dynamodb.GetItemInput) (*dynamodb.GetItemOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	params := expr.Parameters{
		Operation:  "GetItem",
		Projection: in.ProjectionExpression,
		Names:      in.ExpressionAttributeNames,
	}
	if in.AttributesToGet != nil {
		params.Legacy = &expr.Legacy{AttributesToGet: in.AttributesToGet}
	}
	compiled, err := compile(&params, valuesOf(in.Key))
	if err != nil {
		return nil, err
	}
	_, err = s.authorizeItems(ctx, n, use{
		action:     "dynamodb:GetItem",
		leading:    leadingKey(in.Key),
		attributes: projected(compiled.Projection, nil),
		consumed:   in.ReturnConsumedCapacity,
	})
	if err != nil {
		return nil, err
	}
	out := &dynamodb.GetItemOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.read(ctx, r, n)
		if err != nil {
			return err
		}
		if t == nil {
			return noSuchTable()
		}
		if err := compiled.Projection.CheckKey(t.schema); err != nil {
			return err
		}
		key, err := t.schema.KeyOf(in.Key)
		if err != nil {
			return err
		}
		if err := t.own.admitRead(); err != nil {
			return err
		}
		it, err := stored(r.Get(ctx, t.itemKey(key)))
		if err != nil {
			return err
		}
		if it != nil {
			if out.Item, err = project(compiled.Projection, it); err != nil {
				return err
			}
		}
		spent := cost{table: readUnits(sizeOrZero(it), in.ConsistentRead)}
		out.ConsumedCapacity = consumed(in.ReturnConsumedCapacity, in.TableName, spent)
		t.read(1, spent)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// compile checks the parameters of a request in the order in which DynamoDB
// reports what is wrong: parameters that do not go together, then the values of
// a key or an item, then the expressions.
func compile(p *expr.Parameters, values func() error) (expr.Compiled, error) {
	if err := p.Check(); err != nil {
		return expr.Compiled{}, err
	}
	if err := values(); err != nil {
		return expr.Compiled{}, err
	}
	return p.Compile()
}

// valuesOf checks the values of keys or of an item, for compile.
func valuesOf(all ...dynamodb.Attributes) func() error {
	return func() error {
		for _, a := range all {
			if err := item.Normalise(a); err != nil {
				return err
			}
		}
		return nil
	}
}

// leadingKey is the hash key of a key or an item, for policies.
func leadingKey(a dynamodb.Attributes) func(*table) []dynamodb.AttributeValue {
	return func(t *table) []dynamodb.AttributeValue {
		if v, ok := a.Get(t.schema.Hash.Name); ok {
			return []dynamodb.AttributeValue{v}
		}
		return nil
	}
}

// projected are the attributes that a projection and a filter read, for policies:
// nil, which stands for all, without a projection.
func projected(p *item.Projection, filter *expr.Condition) func(*table) []string {
	return func(*table) []string {
		if p == nil {
			return nil
		}
		return slices.Concat(p.Names(), filter.Names())
	}
}
