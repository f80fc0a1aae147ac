package dynamodb

import (
	"bytes"
	"context"
	"math/bits"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Scan reads a table's items in the order of their partition keys' hashes, or
// those of one segment of it.
func (s *Service) Scan(ctx context.Context, in *dynamodb.ScanInput) (*dynamodb.ScanOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	var part segment
	compiled, err := compile(&expr.Parameters{
		Operation:  "Scan",
		Filter:     in.FilterExpression,
		Projection: in.ProjectionExpression,
		Names:      in.ExpressionAttributeNames,
		Values:     in.ExpressionAttributeValues,
		Legacy:     legacyScan(in),
	}, func() (err error) {
		if err := checkStart(in.ExclusiveStartKey); err != nil {
			return err
		}
		part, err = segmentOf(in.Segment, in.TotalSegments)
		return err
	})
	if err != nil {
		return nil, err
	}
	sel, err := selectionOf(selectParameters{in.Select, in.ProjectionExpression, in.AttributesToGet, in.IndexName, in.Limit}, compiled)
	if err != nil {
		return nil, err
	}
	_, err = s.authorizeItems(ctx, n, use{
		action:     "dynamodb:Scan",
		index:      in.IndexName,
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
		if err := from.check(&sel, is(in.Select, "ALL_ATTRIBUTES"), in.ConsistentRead); err != nil {
			return err
		}
		keys, err := from.scanned(part, in.ExclusiveStartKey)
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
	return &dynamodb.ScanOutput{
		Items:            found.items,
		Count:            new(found.count),
		ScannedCount:     new(found.examined),
		LastEvaluatedKey: found.last,
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, spent),
	}, nil
}

// segment is one of a number of equal parts of all partition-key hashes. A hash
// never changes its segment, whatever is written or deleted.
type segment struct {
	number, of uint64
}

// segmentOf checks Segment and TotalSegments; without them, all is one segment.
func segmentOf(number, of *int64) (segment, error) {
	switch {
	case number == nil && of == nil:
		return segment{0, 1}, nil
	case of == nil:
		return segment{}, api.ValidationException("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case number == nil:
		return segment{}, api.ValidationException("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *number >= *of:
		return segment{}, api.ValidationException("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *number, *of)
	}
	return segment{uint64(*number), uint64(*of)}, nil
}

// start is the first hash of the segment: its share of 2^64, rounded up.
func (g segment) start() uint64 {
	q, r := bits.Div64(g.number, 0, g.of)
	if r > 0 {
		q++
	}
	return q
}

// keys is the range of a source's keys that the segment covers.
func (g segment) keys(s *source) kv.Range {
	if g.number+1 == g.of {
		from, to := s.hashes(g.start(), nil)
		return kv.Range{From: from, To: to}
	}
	from, to := s.hashes(g.start(), new(segment{g.number + 1, g.of}.start()))
	return kv.Range{From: from, To: to}
}

// scanned is the range of keys of a segment, from an exclusive start on.
func (s *source) scanned(g segment, start dynamodb.Attributes) (kv.Range, error) {
	keys := g.keys(s)
	if start == nil {
		return keys, nil
	}
	at, _, err := s.place(start)
	if err != nil {
		return keys, err
	}
	if bytes.Compare(at, keys.From) < 0 || bytes.Compare(at, keys.To) >= 0 {
		return keys, api.ValidationException("The provided starting key is invalid: Invalid ExclusiveStartKey. "+
			"Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", g.of, g.number)
	}
	keys.From = after(at)
	return keys, nil
}
