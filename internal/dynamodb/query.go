package dynamodb

import (
	"bytes"
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Query reads the items of one hash key, in the order of their range keys.
func (s *Service) Query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	compiled, err := compile(&expr.Parameters{
		Operation:    "Query",
		KeyCondition: in.KeyConditionExpression,
		Filter:       in.FilterExpression,
		Projection:   in.ProjectionExpression,
		Names:        in.ExpressionAttributeNames,
		Values:       in.ExpressionAttributeValues,
		Legacy:       legacyQuery(in),
	}, func() error { return checkStart(in.ExclusiveStartKey) })
	if err != nil {
		return nil, err
	}
	if in.IndexName == nil {
		if err := compiled.Key.CheckPlain(); err != nil {
			return nil, err
		}
	}
	sel, err := selectionOf(selectParameters{in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName, in.Limit}, compiled)
	if err != nil {
		return nil, err
	}
	_, err = s.authorizeItems(ctx, n, use{
		action: "dynamodb:Query",
		index:  in.IndexName,
		leading: func(t *table) []dynamodb.AttributeValue {
			from, err := t.source(in.IndexName)
			if err != nil {
				return nil
			}
			k, err := compiled.Key.Bind(from.schema)
			if err != nil {
				return nil
			}
			return k.Hashes()
		},
		attributes: projected(compiled.Projection, compiled.Filter),
		sel:        in.Select,
		consumed:   in.ReturnConsumedCapacity,
	})
	if err != nil {
		return nil, err
	}
	var found page
	var spent cost
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.read(ctx, r, n)
		if err != nil {
			return err
		}
		if t == nil {
			return noSuchTable()
		}
		from, err := t.source(in.IndexName)
		if err != nil {
			return err
		}
		k, err := compiled.Key.Bind(from.schema)
		if err != nil {
			return err
		}
		if err := compiled.Filter.CheckFilter(from.schema); err != nil {
			return err
		}
		if err := from.check(&sel, is(in.Select, "ALL_ATTRIBUTES"), in.ConsistentRead); err != nil {
			return err
		}
		keys, err := from.queried(k, in.ExclusiveStartKey, in.ScanIndexForward == nil || *in.ScanIndexForward)
		if err != nil {
			return err
		}
		if err := from.admitRead(); err != nil {
			return err
		}
		if found, err = sel.read(ctx, r, from, keys); err != nil {
			return err
		}
		spent = from.cost(found, in.ConsistentRead)
		t.read(found.examined, spent)
		t.meter.returned.Add(float64(found.count))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.QueryOutput{
		Items:            found.items,
		Count:            new(found.count),
		ScannedCount:     new(found.examined),
		LastEvaluatedKey: found.last,
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, spent),
	}, nil
}

// queried is the range of keys that a key condition selects, from an exclusive
// start on.
func (s *source) queried(k expr.KeyCondition, start dynamodb.Attributes, forward bool) (kv.Range, error) {
	hash := k.HashBytes()
	partition := s.partition(hash)
	for _, v := range k.Leading {
		partition = tuple.AppendBytes(partition, item.KeyBytes(v))
	}
	low, high := k.Bounds()
	keys := kv.Range{From: partition, To: tuple.Below(bytes.Clone(partition)), Reverse: !forward}
	if s.schema.Range.Name != "" {
		if low != nil {
			keys.From = tuple.AppendBytes(bytes.Clone(partition), low)
		}
		if high != nil {
			keys.To = tuple.AppendBytes(bytes.Clone(partition), high)
		}
	}
	if start == nil {
		return keys, nil
	}
	at, startHash, err := s.place(start)
	if err != nil {
		return keys, err
	}
	switch {
	case !bytes.Equal(startHash, hash):
		return keys, api.ValidationException("The provided starting key is outside query boundaries based on provided conditions")
	case bytes.Compare(at, keys.From) < 0 || bytes.Compare(at, keys.To) >= 0:
		return keys, api.ValidationException("The provided starting key does not match the range key predicate")
	case forward:
		keys.From = after(at)
	default:
		keys.To = at
	}
	return keys, nil
}

// checkStart checks the values of an ExclusiveStartKey. What is wrong with a
// number DynamoDB reports as it does anywhere else.
func checkStart(start dynamodb.Attributes) error {
	for i := range start {
		switch err := item.Normalise(start[i : i+1]); {
		case err == nil:
		case start[i].Value.Type == dynamodb.TypeN, start[i].Value.Type == dynamodb.TypeNS:
			return err
		default:
			return errStart(err)
		}
	}
	return nil
}

func errStart(err error) error {
	return api.ValidationException("The provided starting key is invalid: %s", api.AsError(err).Message)
}

// selectParameters are those that decide what a Query or Scan returns.
type selectParameters struct {
	sel             *string
	projection      *string
	attributesToGet []string
	index           *string
	limit           *int64
}

// selectionOf checks that the parameters go together.
func selectionOf(p selectParameters, compiled expr.Compiled) (selection, error) {
	s := selection{filter: compiled.Filter, projection: compiled.Projection}
	if p.limit != nil {
		s.limit = int(*p.limit)
	}
	parameter := "AttributesToGet"
	if p.projection != nil {
		parameter = "ProjectionExpression"
	}
	chosen := p.projection != nil || p.attributesToGet != nil
	switch sel := p.sel; {
	case sel == nil:
	case *sel == "ALL_PROJECTED_ATTRIBUTES" && p.index == nil:
		return s, api.ValidationException("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case chosen && (*sel == "ALL_ATTRIBUTES" || *sel == "ALL_PROJECTED_ATTRIBUTES"):
		return s, api.ValidationException("Cannot specify the %s when choosing to get %s", parameter, *sel)
	case chosen && *sel == "COUNT":
		return s, api.ValidationException("Cannot specify the %s when choosing to get only the Count", parameter)
	case !chosen && *sel == "SPECIFIC_ATTRIBUTES":
		return s, api.ValidationException("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case *sel == "COUNT":
		s.countOnly = true
	}
	return s, nil
}
