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
	hashes, left, err := takeHashes(schema, rest)
	if err != nil {
		return plan, err
	}
	if hashes != nil {
		rest = left
		var by expr.KeyCondition
		for k, hash := range schema.Parts() {
			if hash {
				continue
			}
			var op expr.RangeOp
			bounds := take(&rest, func(n *node) []dynamodb.AttributeValue {
				name, verb, values, ok := n.on()
				if !ok || name != k.Name || rangeOps[verb] == expr.Any {
					return nil
				}
				op = rangeOps[verb]
				return values
			})
			if bounds == nil {
				break
			}
			if err := checkBounds(schema, k, op, bounds); err != nil {
				return plan, err
			}
			by.Add(op, bounds[0], bounds[len(bounds)-1])
			if op != expr.Equal {
				break
			}
		}
		for _, key := range hashes {
			by.Hash, by.MoreHash = key[0], key[1:]
			if err := by.CheckLength(); err != nil {
				return plan, err
			}
			plan.Keys = append(plan.Keys, by)
		}
		whole := schema.Range.Name == "" || by.Op == expr.Equal && len(by.Leading) == len(schema.MoreRange)
		plan.One = s.Index == "" && len(plan.Keys) == 1 && whole
		plan.Only = plan.One && len(rest) == 0
	}
	if err := s.sort(schema, &plan); err != nil {
		return plan, err
	}
	plan.Filter, err = condition(rest)
	return plan, err
}

// maxHashKeys is how many hash keys of several attributes conditions may list for a
// SELECT to be queries of each of them.
const maxHashKeys = 100

// takeHashes returns the hash keys that conditions list, the values of all attributes
// each, and what is left of the conditions; nil if not all attributes have one.
func takeHashes(schema item.Schema, rest []*node) (keys [][]dynamodb.AttributeValue, left []*node, err error) {
	keys, left = [][]dynamodb.AttributeValue{nil}, rest
	for k, hash := range schema.Parts() {
		if !hash {
			break
		}
		values := take(&left, func(n *node) []dynamodb.AttributeValue { return n.equals(k.Name) })
		if values == nil {
			return nil, rest, nil
		}
		if err := checkType(schema, k.Name, values); err != nil {
			return nil, nil, err
		}
		values = distinct(values)
		if len(schema.MoreHash) > 0 && len(keys)*len(values) > maxHashKeys {
			return nil, rest, nil
		}
		longer := make([][]dynamodb.AttributeValue, 0, len(keys)*len(values))
		for _, key := range keys {
			for _, v := range values {
				longer = append(longer, append(slices.Clip(key), v))
			}
		}
		keys = longer
	}
	return keys, left, nil
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

func checkBounds(schema item.Schema, k item.KeyAttribute, op expr.RangeOp, values []dynamodb.AttributeValue) error {
	if op == expr.BeginsWith && values[0].S == "" && values[0].Type == k.Type {
		return nil // an empty prefix is as good as any
	}
	return checkType(schema, k.Name, values)
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
	byHash, byRange := false, false
	sorted := 0 // how many attributes of the range key are in order
	if by := plan.Keys[0]; by.Op == expr.Equal {
		sorted = len(by.Leading) + 1
	} else {
		sorted = len(by.Leading)
	}
	for _, by := range s.order {
		switch place, hash := placeIn(schema, by.name); {
		case hash:
			byHash = true
			slices.SortFunc(plan.Keys, func(a, b expr.KeyCondition) int {
				order := bytes.Compare(a.HashBytes(), b.HashBytes())
				if by.descending {
					return -order
				}
				return order
			})
		case place >= 0 && place <= sorted && (!byRange || plan.Reverse == by.descending):
			byRange, plan.Reverse = true, by.descending
			sorted = max(sorted, place+1)
		case place >= 0:
			return api.ValidationException("Variable reference %s in ORDER BY clause must follow the attributes before it in the key, in the same direction", by.name)
		default:
			return api.ValidationException("Variable reference %s in ORDER BY clause must be part of the primary key", by.name)
		}
	}
	if len(plan.Keys) > 1 && !byHash {
		return api.ValidationException("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
	}
	return nil
}

// placeIn returns whether a name is an attribute of the hash key, and otherwise its place
// among those of the range key, -1 if it is not one of them.
func placeIn(schema item.Schema, name string) (place int, hash bool) {
	place = -1
	for k, hash := range schema.Parts() {
		if !hash {
			place++
		}
		if k.Name == name {
			return place, hash
		}
	}
	return -1, false
}
