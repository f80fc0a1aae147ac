package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// readStatement reads a page of a SELECT into out, and returns what it cost.
func (s *Service) readStatement(ctx context.Context, st statement, in *dynamodb.ExecuteStatementInput, out *dynamodb.ExecuteStatementOutput) (units float64, err error) {
	listing := listing(ctx, in)
	from, err := s.openPosition(listing, in.NextToken)
	if err != nil {
		return 0, err
	}
	sel := selection{projection: st.Projection}
	if in.Limit != nil {
		sel.limit = int(*in.Limit)
	}
	u := st.reads()
	u.consumed = in.ReturnConsumedCapacity
	if _, err := s.authorizeItems(ctx, st.table, u); err != nil {
		return 0, err
	}
	err = s.view(ctx, func(r kv.Reader) error {
		t, plan, err := s.planned(ctx, r, st)
		if err != nil {
			return err
		}
		sel.filter = plan.Filter
		if plan.One {
			sel.limit = 0 // there is no page after it
		}
		if err := sel.checkKey(t); err != nil {
			return err
		}
		var next *position
		var examined int64
		for part := from.part; part < max(1, len(plan.Keys)) && next == nil; part++ {
			keys, err := t.part(plan, part, from.after)
			if err != nil {
				return err
			}
			from.after = nil
			found, err := sel.read(ctx, r, t, keys)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, found.items...)
			units += readUnits(found.size, in.ConsistentRead)
			examined += found.examined
			if found.last != nil && !plan.One {
				next = &position{part, found.last}
			}
			sel.limit -= int(min(found.examined, int64(sel.limit)))
			sel.before += found.size
		}
		if next != nil {
			out.NextToken, out.LastEvaluatedKey = s.sealPosition(listing, *next), next.after
		}
		t.meter.read(examined, units)
		return nil
	})
	return units, err
}

// part is one of the ranges of keys that a SELECT reads, from an exclusive start on.
func (t *table) part(plan partiql.Plan, part int, start dynamodb.Attributes) (kv.Range, error) {
	if len(start) == 0 {
		start = nil
	}
	if plan.Keys == nil {
		return t.scanned(segment{0, 1}, start)
	}
	return t.queried(plan.Keys[part], start, !plan.Reverse)
}

// planned returns the table of a SELECT, and how the statement reads it.
func (s *Service) planned(ctx context.Context, r kv.Reader, st statement) (*table, partiql.Plan, error) {
	t, err := s.read(ctx, r, st.table)
	if err != nil {
		return nil, partiql.Plan{}, err
	}
	if t == nil {
		return nil, partiql.Plan{}, noSuchTable()
	}
	if st.Index != "" {
		return nil, partiql.Plan{}, noSuchIndex(st.Index)
	}
	plan, err := st.Plan(t.schema)
	return t, plan, err
}

// reads is what a SELECT wants of a table, for policies.
func (st statement) reads() use {
	sel := "ALL_ATTRIBUTES"
	if st.Projection != nil {
		sel = "SPECIFIC_ATTRIBUTES"
	}
	return use{
		action: "dynamodb:PartiQLSelect",
		leading: func(t *table) (keys []dynamodb.AttributeValue) {
			plan, err := st.Plan(t.schema)
			if err != nil {
				return nil
			}
			for _, k := range plan.Keys {
				keys = append(keys, k.Hash)
			}
			return keys
		},
		attributes: projected(st.Projection, st.Condition),
		fullScan: func(t *table) bool {
			plan, err := st.Plan(t.schema)
			return err == nil && plan.Keys == nil
		},
		sel: &sel,
	}
}
