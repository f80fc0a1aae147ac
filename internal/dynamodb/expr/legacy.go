package expr

import (
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Legacy are the parameters that expressions replace. See "Legacy conditional
// parameters" in DynamoDB's developer guide.
type Legacy struct {
	AttributeUpdates    map[string]AttributeUpdate
	Expected            map[string]Expected
	KeyConditions       map[string]Comparison
	QueryFilter         map[string]Comparison
	ScanFilter          map[string]Comparison
	ConditionalOperator *string
	AttributesToGet     []string
}

// AttributeUpdate is one of AttributeUpdates.
type AttributeUpdate struct {
	Action *string // PUT (the default), ADD or DELETE
	Value  *dynamodb.AttributeValue
}

// Expected is one of the conditions of Expected.
type Expected struct {
	Exists             *bool
	Value              *dynamodb.AttributeValue
	ComparisonOperator *string
	AttributeValueList []dynamodb.AttributeValue // nil if absent
}

// Comparison is one of KeyConditions, QueryFilter and ScanFilter.
type Comparison struct {
	ComparisonOperator *string
	AttributeValueList []dynamodb.AttributeValue
}

// given names the parameters that are there. KeyConditions may stand beside a
// FilterExpression, but not beside a KeyConditionExpression.
func (l *Legacy) given(withKeyExpression bool) []string {
	var list []string
	for _, p := range []struct {
		there bool
		name  string
	}{
		{l.AttributesToGet != nil, "AttributesToGet"},
		{l.AttributeUpdates != nil, "AttributeUpdates"},
		{l.QueryFilter != nil, "QueryFilter"},
		{l.ScanFilter != nil, "ScanFilter"},
		{l.Expected != nil, "Expected"},
		{l.ConditionalOperator != nil, "ConditionalOperator"},
		{l.KeyConditions != nil && withKeyExpression, "KeyConditions"},
	} {
		if p.there {
			list = append(list, p.name)
		}
	}
	return list
}

func (l *Legacy) compile(c *Compiled) (err error) {
	if err := l.checkOperator(); err != nil {
		return err
	}
	if l.AttributeUpdates != nil {
		if c.Update, err = l.update(); err != nil {
			return err
		}
	}
	if len(l.Expected) > 0 {
		if c.Condition, err = l.expected(); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		filter map[string]Comparison
		name   string
	}{{l.QueryFilter, "QueryFilter"}, {l.ScanFilter, "ScanFilter"}} {
		if len(f.filter) > 0 {
			if c.Filter, err = l.filter(f.filter, f.name); err != nil {
				return err
			}
		}
	}
	if l.AttributesToGet != nil {
		if c.Projection, err = l.projection(); err != nil {
			return err
		}
	}
	if l.KeyConditions != nil {
		c.Key, err = l.key()
	}
	return err
}

func (l *Legacy) checkOperator() error {
	if l.ConditionalOperator == nil {
		return nil
	}
	switch n := max(len(l.Expected), len(l.QueryFilter), len(l.ScanFilter)); n {
	case 0:
		return api.ValidationException("ConditionalOperator cannot be used without Filter or Expected")
	case 1:
		return api.ValidationException("ConditionalOperator can only be used when Filter or Expected has two or more elements")
	}
	return nil
}

func (l *Legacy) projection() (*item.Projection, error) {
	paths := make([]item.Path, 0, len(l.AttributesToGet))
	seen := make(map[string]bool, len(l.AttributesToGet))
	for _, name := range l.AttributesToGet {
		if seen[name] {
			return nil, invalid("Duplicate value in attribute name: %s", name)
		}
		seen[name] = true
		paths = append(paths, item.Path{{Name: name}})
	}
	return item.NewProjection(paths), nil
}

func invalid(format string, args ...any) error {
	return api.ValidationException("One or more parameter values were invalid: "+format, args...)
}

// builder makes trees of names and values that are given as they are.
type builder struct{ env }

func (b *builder) path(name string) *node {
	return &node{op: opPath, path: path{{kind: stepName, name: name}}}
}

func (b *builder) value(v dynamodb.AttributeValue) *node {
	b.values = append(b.values, v)
	return &node{op: opValue, slot: len(b.values) - 1}
}

func (l *Legacy) update() (*Update, error) {
	var b builder
	var actions []action
	for _, name := range slices.Sorted(maps.Keys(l.AttributeUpdates)) {
		u := l.AttributeUpdates[name]
		verb := "PUT"
		if u.Action != nil {
			verb = *u.Action
		}
		a := action{path: path{{kind: stepName, name: name}}}
		switch {
		case u.Value == nil && verb != "DELETE":
			return nil, invalid("Only DELETE action is allowed when no attribute value is specified")
		case u.Value == nil:
			a.clause = tokenRemove
			actions = append(actions, a)
			continue
		}
		if err := item.NormaliseValue(u.Value); err != nil {
			return nil, err
		}
		switch t := u.Value.Type; verb {
		case "DELETE":
			if !sets.has(t) {
				return nil, invalid("DELETE action with value is not supported for the type %s", t)
			}
			a.clause = tokenDelete
		case "ADD":
			if !addable.has(t) && t != dynamodb.TypeL {
				return nil, invalid("ADD action is not supported for the type %s", t)
			}
			a.clause = tokenAdd
		default:
			a.clause = tokenSet
		}
		a.value = b.value(*u.Value)
		actions = append(actions, a)
	}
	u := newUpdate(b.env, actions)
	u.legacy = true
	return u, nil
}

// all makes one condition of several.
func (l *Legacy) all(b *builder, parts []*node, param string) *Condition {
	if len(parts) == 1 {
		return &Condition{b.env, parts[0], param}
	}
	o := opAnd
	if l.ConditionalOperator != nil && *l.ConditionalOperator == "OR" {
		o = opOr
	}
	return &Condition{b.env, &node{op: o, args: parts}, param}
}

func (l *Legacy) filter(filter map[string]Comparison, param string) (*Condition, error) {
	var b builder
	var parts []*node
	for _, name := range slices.Sorted(maps.Keys(filter)) {
		n, err := b.comparison(name, filter[name])
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
	}
	return l.all(&b, parts, param), nil
}

func (l *Legacy) expected() (*Condition, error) {
	var b builder
	var parts []*node
	for _, name := range slices.Sorted(maps.Keys(l.Expected)) {
		n, err := b.expectation(name, l.Expected[name])
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
	}
	return l.all(&b, parts, "Expected"), nil
}

func (b *builder) expectation(name string, e Expected) (*node, error) {
	switch {
	case e.AttributeValueList != nil && e.Value != nil:
		return nil, invalid("Value and AttributeValueList cannot be used together for Attribute: %s", name)
	case e.ComparisonOperator != nil && e.Exists != nil:
		return nil, invalid("Exists and ComparisonOperator cannot be used together for Attribute: %s", name)
	case e.ComparisonOperator != nil:
		verb := *e.ComparisonOperator
		if verb != "NULL" && verb != "NOT_NULL" && e.AttributeValueList == nil && e.Value == nil {
			return nil, invalid("Value or AttributeValueList must be used with ComparisonOperator: %s for Attribute: %s", verb, name)
		}
		list := e.AttributeValueList
		if e.Value != nil {
			list = []dynamodb.AttributeValue{*e.Value}
		}
		return b.comparison(name, Comparison{e.ComparisonOperator, list})
	case e.AttributeValueList != nil:
		return nil, invalid("AttributeValueList can only be used with a ComparisonOperator for Attribute: %s", name)
	case e.Exists != nil && !*e.Exists:
		if e.Value != nil {
			return nil, invalid("Value cannot be used when Exists is false for Attribute: %s", name)
		}
		return &node{op: opNotExists, args: []*node{b.path(name)}}, nil
	case e.Value == nil:
		exists := "null"
		if e.Exists != nil {
			exists = "true"
		}
		return nil, invalid("Value must be provided when Exists is %s for Attribute: %s", exists, name)
	}
	return b.comparison(name, Comparison{new("EQ"), []dynamodb.AttributeValue{*e.Value}})
}

// comparator is one of the values of ComparisonOperator.
type comparator struct {
	op       op
	negated  bool
	min, max int     // operands; max 0 means no bound
	types    typeSet // of the operands
}

var (
	anyType = sets | ordered | listed | setOf(dynamodb.TypeM, dynamodb.TypeBOOL, dynamodb.TypeNULL)

	comparators = map[string]comparator{
		"EQ":           {opEqual, false, 1, 1, anyType},
		"NE":           {opNotEqual, false, 1, 1, anyType},
		"LE":           {opLessOrEqual, false, 1, 1, ordered},
		"LT":           {opLess, false, 1, 1, ordered},
		"GE":           {opGreaterOrEqual, false, 1, 1, ordered},
		"GT":           {opGreater, false, 1, 1, ordered},
		"NOT_NULL":     {opExists, false, 0, -1, anyType},
		"NULL":         {opNotExists, false, 0, -1, anyType},
		"CONTAINS":     {opContains, false, 1, 1, ordered | setOf(dynamodb.TypeBOOL, dynamodb.TypeNULL)},
		"NOT_CONTAINS": {opContains, true, 1, 1, ordered | setOf(dynamodb.TypeBOOL, dynamodb.TypeNULL)},
		"BEGINS_WITH":  {opBeginsWith, false, 1, 1, prefixed},
		"IN":           {opIn, false, 1, 0, ordered},
		"BETWEEN":      {opBetween, false, 2, 2, ordered},
	}
)

// check checks a comparison and returns its comparator; it normalises the values.
func (c Comparison) check() (comparator, error) {
	verb := ""
	if c.ComparisonOperator != nil {
		verb = *c.ComparisonOperator
	}
	// That the operator is one of these, the service model says already.
	op, ok := comparators[verb]
	if !ok {
		return op, invalid("Unsupported operator on ExpectedAttributeValue: %s", verb)
	}
	list := c.AttributeValueList
	for i := range list {
		if err := item.NormaliseValue(&list[i]); err != nil {
			return op, err
		}
	}
	if len(list) < op.min || op.max != 0 && len(list) > max(op.max, 0) {
		return op, invalid("Invalid number of argument(s) for the %s ComparisonOperator", verb)
	}
	for _, v := range list {
		if v.Type != list[0].Type {
			return op, invalid("AttributeValues inside AttributeValueList must be of same type")
		}
	}
	for _, v := range list {
		if !op.types.has(v.Type) {
			return op, invalid("ComparisonOperator %s is not valid for %s AttributeValue type", verb, v.Type)
		}
	}
	if op.op == opBetween {
		if order, ok := item.Compare(list[0], list[1]); ok && order > 0 {
			return op, api.ValidationException("The BETWEEN condition was provided a range where the lower bound is greater than the upper bound")
		}
	}
	return op, nil
}

func (b *builder) comparison(name string, c Comparison) (*node, error) {
	op, err := c.check()
	if err != nil {
		return nil, err
	}
	n := &node{op: op.op, args: []*node{b.path(name)}}
	for _, v := range c.AttributeValueList {
		n.args = append(n.args, b.value(v))
	}
	if !op.negated {
		return n, nil
	}
	// NOT_CONTAINS does not hold for an attribute that is not there.
	return &node{op: opAnd, args: []*node{
		{op: opExists, args: []*node{b.path(name)}},
		{op: opNot, args: []*node{n}},
	}}, nil
}

func (l *Legacy) key() (*KeyExpression, error) {
	k := &KeyExpression{}
	for _, name := range slices.Sorted(maps.Keys(l.KeyConditions)) {
		c := l.KeyConditions[name]
		op, err := c.check()
		if err != nil {
			return nil, err
		}
		part := keyPart{name: name, op: op.op, values: c.AttributeValueList}
		k.conditions = append(k.conditions, part)
	}
	if len(k.conditions) == 0 {
		return nil, errConditionCount()
	}
	return k, nil
}
