package expr

import (
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Condition is a ConditionExpression or FilterExpression, or the older
// parameters in their place.
type Condition struct {
	env
	root  *node
	param string // what it was given as, for errors: "Filter Expression"
}

// condition checks a condition and makes it ready to run.
func (b *binder) condition(param string) (*Condition, error) {
	if err := b.node(b.tree.root); err != nil {
		return nil, err
	}
	return &Condition{b.env, b.tree.root, param}, nil
}

func (c *Condition) walk(n *node, visit func(path)) {
	if n.op == opPath {
		visit(n.path)
	}
	for _, arg := range n.args {
		c.walk(arg, visit)
	}
}

// Names returns the top-level attributes that the condition reads, sorted; nil,
// of a nil condition, for none.
func (c *Condition) Names() []string {
	if c == nil {
		return nil
	}
	names := []string{}
	c.walk(c.root, func(p path) {
		name := c.nameOf(&p[0])
		if i, ok := slices.BinarySearch(names, name); !ok {
			names = slices.Insert(names, i, name)
		}
	})
	return names
}

// CheckFilter returns the ValidationException of a Query's filter that names an
// attribute of the key that is queried.
func (c *Condition) CheckFilter(s item.Schema) error {
	if c == nil {
		return nil
	}
	reads := c.Names()
	for _, name := range s.Names() {
		if slices.Contains(reads, name) {
			return api.ValidationException("%s can only contain non-primary key attributes: Primary key attribute: %s", c.param, name)
		}
	}
	return nil
}

// CheckKey returns the ValidationException of a condition that looks inside of a
// key's attribute, which is always a scalar.
func (c *Condition) CheckKey(s item.Schema) (err error) {
	if c == nil {
		return nil
	}
	c.walk(c.root, func(p path) {
		if name := c.nameOf(&p[0]); len(p) > 1 && err == nil && s.Has(name) {
			err = item.NotDocument(name)
		}
	})
	return err
}

// Holds evaluates the condition. A nil condition holds for every item, and a nil
// item is one that does not exist.
func (c *Condition) Holds(a dynamodb.Attributes) bool {
	return c == nil || c.holds(c.root, a)
}

func (e *env) holds(n *node, a dynamodb.Attributes) bool {
	switch n.op {
	case opAnd:
		return !slices.ContainsFunc(n.args, func(arg *node) bool { return !e.holds(arg, a) })
	case opOr:
		return slices.ContainsFunc(n.args, func(arg *node) bool { return e.holds(arg, a) })
	case opNot:
		return !e.holds(n.args[0], a)
	}
	v, ok := e.operand(n.args[0], a)
	switch n.op {
	case opExists:
		return ok
	case opNotExists:
		return !ok
	case opNotEqual:
		// A value that is not there is unlike any.
		w, there := e.operand(n.args[1], a)
		return !ok || !there || !item.Equal(v, w)
	}
	if !ok {
		return false
	}
	switch n.op {
	case opIn:
		return slices.ContainsFunc(n.args[1:], func(arg *node) bool {
			w, ok := e.operand(arg, a)
			return ok && item.Equal(v, w)
		})
	case opBetween:
		low, okLow := e.operand(n.args[1], a)
		high, okHigh := e.operand(n.args[2], a)
		return okLow && okHigh && compares(opGreaterOrEqual, v, low) && compares(opLessOrEqual, v, high)
	}
	w, ok := e.operand(n.args[1], a)
	if !ok {
		return false
	}
	switch n.op {
	case opEqual:
		return item.Equal(v, w)
	case opType:
		return w.Type == dynamodb.TypeS && v.Type.String() == w.S
	case opBeginsWith:
		return v.Type == w.Type && prefixed.has(v.Type) && strings.HasPrefix(v.S, w.S)
	case opContains:
		return contains(v, w)
	}
	return compares(n.op, v, w)
}

// operand returns the value of an operand for an item, if it has one.
func (e *env) operand(n *node, a dynamodb.Attributes) (dynamodb.AttributeValue, bool) {
	switch n.op {
	case opPath:
		return e.lookup(n.path, a)
	case opValue:
		return e.values[n.slot], true
	case opSize:
		v, ok := e.operand(n.args[0], a)
		if !ok || !sized.has(v.Type) {
			return dynamodb.AttributeValue{}, false
		}
		return dynamodb.AttributeValue{Type: dynamodb.TypeN, S: strconv.Itoa(size(v))}, true
	}
	return dynamodb.AttributeValue{}, false
}

// size is DynamoDB's size(): the UTF-16 units of a string, the bytes of a binary
// value, the elements of anything else.
func size(v dynamodb.AttributeValue) int {
	switch v.Type {
	case dynamodb.TypeS:
		n := 0
		for _, r := range v.S {
			n++
			if r > 0xFFFF {
				n++
			}
		}
		return n
	case dynamodb.TypeB:
		return len(v.S)
	case dynamodb.TypeM:
		return len(v.M)
	}
	return len(v.L)
}

func compares(o op, v, w dynamodb.AttributeValue) bool {
	order, ok := item.Compare(v, w)
	if !ok {
		return false
	}
	switch o {
	case opLess:
		return order < 0
	case opLessOrEqual:
		return order <= 0
	case opGreater:
		return order > 0
	case opGreaterOrEqual:
		return order >= 0
	}
	return false
}

// contains is DynamoDB's contains(): a part of a string or binary value, a member
// of a set, an element of a list.
func contains(v, w dynamodb.AttributeValue) bool {
	switch v.Type {
	case dynamodb.TypeS, dynamodb.TypeB:
		return w.Type == v.Type && strings.Contains(v.S, w.S)
	case dynamodb.TypeSS, dynamodb.TypeNS, dynamodb.TypeBS, dynamodb.TypeL:
		return slices.ContainsFunc(v.L, func(e dynamodb.AttributeValue) bool { return item.Equal(e, w) })
	}
	return false
}
