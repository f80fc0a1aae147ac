package modeltest

// The parameters from before expressions.

// expectation is one of the conditions of Expected, QueryFilter or ScanFilter: of a
// whole attribute.
type expectation struct {
	name   string
	verb   string // a ComparisonOperator
	values []value
}

// expected is some of them. It is a condition, too.
type expected struct {
	all []expectation
	or  bool
}

func (c expected) write(*text) string { panic("it has no expression") }

func (c expected) holds(d doc) bool {
	for _, e := range c.all {
		if e.holds(d) == c.or {
			return c.or
		}
	}
	return !c.or
}

func (e expectation) holds(d doc) bool {
	v, there := d[e.name]
	literal := func(i int) operand { return operand{literal: e.values[i]} }
	of := operand{path: at(e.name)}
	switch e.verb {
	case "NULL":
		return !there
	case "NOT_NULL":
		return there
	case "CONTAINS", "NOT_CONTAINS":
		contains := function{"contains", of.path, literal(0)}.holds(d)
		return there && contains == (e.verb == "CONTAINS")
	case "BEGINS_WITH":
		return function{"begins_with", of.path, literal(0)}.holds(d)
	case "IN":
		return there && has(doc{"": {kind: "L", list: e.values}}.canonical()[""].list, v)
	case "BETWEEN":
		return between{of, literal(0), literal(1)}.holds(d)
	}
	for operator, verb := range legacyNames {
		if verb == e.verb {
			return compare{of, operator, literal(0)}.holds(d)
		}
	}
	panic(e.verb)
}

var legacyNames = map[string]string{
	"=": "EQ", "<>": "NE", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE", "BETWEEN": "BETWEEN", "begins_with": "BEGINS_WITH",
}

func comparison(verb string, values ...value) map[string]any {
	c := map[string]any{"ComparisonOperator": verb}
	if len(values) > 0 {
		list := []any{}
		for _, v := range values {
			list = append(list, v.json())
		}
		c["AttributeValueList"] = list
	}
	return c
}

// into adds the conditions to a request.
func (c expected) into(r map[string]any, parameter string) {
	all := map[string]any{}
	for _, e := range c.all {
		all[e.name] = comparison(e.verb, e.values...)
	}
	r[parameter] = all
	if len(all) > 1 && c.or {
		r["ConditionalOperator"] = "OR"
	}
}

// legacy is an action of AttributeUpdates: a SET of a literal, an ADD, a DELETE or a
// REMOVE.
func (a action) legacy() map[string]any {
	switch a.clause {
	case "SET":
		return map[string]any{"Action": "PUT", "Value": a.operand.literal.json()}
	case "REMOVE":
		return map[string]any{"Action": "DELETE"}
	}
	return map[string]any{"Action": a.clause, "Value": a.value.json()}
}
