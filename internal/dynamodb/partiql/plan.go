package partiql

import (
	"bytes"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Plan is how a SELECT finds its items.
type Plan struct {
	// Keys are the queries to make, one after the other, no two of them of one hash
	// key; nil to scan the table.
	Keys []expr.KeyCondition
	// One is whether Keys is one primary key, of one item at the most.
	One bool
	// Only is whether the WHERE clause says nothing but that.
	Only    bool
	Reverse bool
	// Filter is what of the WHERE clause is left to look at in the items.
	Filter *expr.Condition
}

// rangeOps are the conditions that a sort key serves.
var rangeOps = map[string]expr.RangeOp{
	"=": expr.Equal, "<": expr.Less, "<=": expr.LessOrEqual, ">": expr.Greater, ">=": expr.GreaterOrEqual,
	"BETWEEN": expr.Between, "begins_with": expr.BeginsWith,
}

// Plan plans a SELECT from a table, or returns the ValidationException of one that
// does not fit its key.
//
// An equality or IN on the hash key, also as equalities joined by OR, makes it
// queries, and the first condition on the sort key that one serves narrows them.
func (s *Statement) Plan(schema item.Schema) (Plan, error) {
	var plan Plan
	rest := s.conjuncts()
	hashes := take(&rest, func(n *node) []dynamodb.AttributeValue { return n.equals(schema.Hash.Name) })
	if hashes != nil {
		if err := checkType(schema, schema.Hash.Name, hashes); err != nil {
			return plan, err
		}
		var by expr.KeyCondition
		bounds := take(&rest, func(n *node) []dynamodb.AttributeValue {
			name, op, values, ok := n.on()
			if !ok || name != schema.Range.Name || rangeOps[op] == expr.Any {
				return nil
			}
			by.Op = rangeOps[op]
			return values
		})
		if bounds != nil {
			if err := checkBounds(schema, by.Op, bounds); err != nil {
				return plan, err
			}
			by.Low, by.High = bounds[0], bounds[len(bounds)-1]
		}
		for _, by.Hash = range distinct(hashes) {
			if err := schema.CheckKeyLength(by.Hash, by.Low); err != nil {
				return plan, err
			}
			plan.Keys = append(plan.Keys, by)
		}
		plan.One = len(plan.Keys) == 1 && (schema.Range.Name == "" || by.Op == expr.Equal)
		plan.Only = plan.One && len(rest) == 0
	}
	if err := s.sort(schema, &plan); err != nil {
		return plan, err
	}
	var err error
	plan.Filter, err = condition(rest)
	return plan, err
}

// take removes the first condition for which values are found, and returns those.
func take(from *[]*node, find func(*node) []dynamodb.AttributeValue) []dynamodb.AttributeValue {
	for i, n := range *from {
		if values := find(n); values != nil {
			*from = slices.Delete(slices.Clone(*from), i, i+1)
			return values
		}
	}
	return nil
}

// equals returns the values of which a condition says that an attribute is one;
// nil if it says something else.
func (n *node) equals(attribute string) (values []dynamodb.AttributeValue) {
	if n.op == "OR" {
		for _, arg := range n.args {
			one := arg.equals(attribute)
			if one == nil {
				return nil
			}
			values = append(values, one...)
		}
		return values
	}
	if name, op, values, ok := n.on(); ok && name == attribute && (op == "=" || op == "IN") {
		return values
	}
	return nil
}

func checkBounds(schema item.Schema, op expr.RangeOp, values []dynamodb.AttributeValue) error {
	if op == expr.BeginsWith && values[0].S == "" && values[0].Type == schema.Range.Type {
		return nil // an empty prefix is as good as any
	}
	return checkType(schema, schema.Range.Name, values)
}

// distinct are the values without those that were there before.
func distinct(values []dynamodb.AttributeValue) []dynamodb.AttributeValue {
	seen := make(map[string]bool, len(values))
	return slices.DeleteFunc(slices.Clone(values), func(v dynamodb.AttributeValue) bool {
		again := seen[v.S]
		seen[v.S] = true
		return again
	})
}

// sort puts a plan in the order of ORDER BY.
func (s *Statement) sort(schema item.Schema, plan *Plan) error {
	if s.order == nil {
		return nil
	}
	if s.where == nil {
		return api.ValidationException("Must have WHERE clause in the statement when using ORDER BY clause.")
	}
	if plan.Keys == nil {
		return api.ValidationException("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
	}
	byHash := false
	for _, by := range s.order {
		switch by.name {
		case schema.Hash.Name:
			byHash = true
			slices.SortFunc(plan.Keys, func(a, b expr.KeyCondition) int {
				order := bytes.Compare(item.KeyBytes(a.Hash), item.KeyBytes(b.Hash))
				if by.descending {
					return -order
				}
				return order
			})
		case schema.Range.Name:
			plan.Reverse = by.descending
		default:
			return api.ValidationException("Variable reference %s in ORDER BY clause must be part of the primary key", by.name)
		}
	}
	if len(plan.Keys) > 1 && !byHash {
		return api.ValidationException("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
	}
	return nil
}
