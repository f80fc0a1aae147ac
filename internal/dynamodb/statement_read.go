package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/partiql"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// readStatement reads a page of a SELECT into out, and returns what it cost.
func (s *Service) readStatement(ctx context.Context, st statement, in *dynamodb.ExecuteStatementInput, out *dynamodb.ExecuteStatementOutput) (spent cost, err error) {
	listing := listing(ctx, in)
	from, err := s.openPosition(listing, in.NextToken)
	if err != nil {
		return cost{}, err
	}
	sel := selection{projection: st.Projection}
	if in.Limit != nil {
		sel.limit = int(*in.Limit)
	}
	u := st.reads()
	u.consumed = in.ReturnConsumedCapacity
	if _, err := s.authorizeItems(ctx, st.table, u); err != nil {
		return cost{}, err
	}
	err = s.view(ctx, func(r kv.Reader) error {
		src, plan, err := s.planned(ctx, r, st)
		if err != nil {
			return err
		}
		sel.filter = plan.Filter
		if plan.One {
			sel.limit = 0 // there is no page after it
		}
		if err := src.check(&sel, st.Projection == nil && src.index != nil && src.index.Local, in.ConsistentRead); err != nil {
			return err
		}
		if err := src.admitRead(); err != nil {
			return err
		}
		var next *position
		var examined int64
		for part := from.part; part < max(1, len(plan.Keys)) && next == nil; part++ {
			keys, err := src.part(plan, part, from.after)
			if err != nil {
				return err
			}
			from.after = nil
			found, err := sel.read(ctx, r, src, keys)
			if err != nil {
				return err
			}
			out.Items = append(out.Items, found.items...)
			spent.add(src.cost(found, in.ConsistentRead))
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
		src.table.read(examined, spent)
		src.table.meter.returned.Add(float64(len(out.Items)))
		return nil
	})
	return spent, err
}

// part is one of the ranges of keys that a SELECT reads, from an exclusive start on.
func (s *source) part(plan partiql.Plan, part int, start dynamodb.Attributes) (kv.Range, error) {
	if len(start) == 0 {
		start = nil
	}
	if plan.Keys == nil {
		return s.scanned(segment{0, 1}, start)
	}
	return s.queried(plan.Keys[part], start, !plan.Reverse)
}

// planned returns the table or index of a SELECT, and how the statement reads it.
func (s *Service) planned(ctx context.Context, r kv.Reader, st statement) (*source, partiql.Plan, error) {
	t, err := s.read(ctx, r, st.table)
	if err != nil {
		return nil, partiql.Plan{}, err
	}
	if t == nil {
		return nil, partiql.Plan{}, noSuchTable()
	}
	from, err := st.source(t)
	if err != nil {
		return nil, partiql.Plan{}, err
	}
	plan, err := st.Plan(from.schema)
	return from, plan, err
}

// index is the name of the index that a statement names, nil if it names none.
func (st statement) index() *string {
	if st.Index == "" {
		return nil
	}
	return &st.Index
}

// source is what a SELECT reads of a table.
func (st statement) source(t *table) (*source, error) { return t.source(st.index()) }

// planOn is how a SELECT reads a table or its index.
func (st statement) planOn(t *table) (partiql.Plan, error) {
	from, err := st.source(t)
	if err != nil {
		return partiql.Plan{}, err
	}
	return st.Plan(from.schema)
}

// reads is what a SELECT wants of a table, for policies.
func (st statement) reads() use {
	sel := "ALL_ATTRIBUTES"
	if st.Projection != nil {
		sel = "SPECIFIC_ATTRIBUTES"
	}
	return use{
		action: "dynamodb:PartiQLSelect",
		index:  st.index(),
		leading: func(t *table) (keys []dynamodb.AttributeValue) {
			plan, err := st.planOn(t)
			if err != nil {
				return nil
			}
			for _, k := range plan.Keys {
				keys = append(keys, k.Hashes()...)
			}
			return keys
		},
		attributes: projected(st.Projection, st.Condition),
		fullScan: func(t *table) bool {
			plan, err := st.planOn(t)
			return err == nil && plan.Keys == nil
		},
		sel: &sel,
	}
}
