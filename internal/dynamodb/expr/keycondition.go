package expr

import (
	"bytes"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// KeyExpression is a KeyConditionExpression, or KeyConditions, that is not yet
// bound to a schema.
type KeyExpression struct {
	conditions []keyPart
}

// keyPart is a condition on one attribute.
type keyPart struct {
	name   string
	op     op // a comparator, opBetween, opBeginsWith, or one that no index serves
	values []dynamodb.AttributeValue
}

// KeyCondition is which items a Query reads: those of one hash key, and of the
// range keys that Op and its operands select.
type KeyCondition struct {
	Hash dynamodb.AttributeValue
	Op   RangeOp
	// Low is the operand; of Between the lower one.
	Low dynamodb.AttributeValue
	// High is the upper operand of Between, which is included.
	High dynamodb.AttributeValue
}

// RangeOp is the condition on a range key.
type RangeOp uint8

// The conditions on a range key.
const (
	Any RangeOp = iota // there is none
	Equal
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	BeginsWith
)

var rangeOps = map[op]RangeOp{
	opEqual: Equal, opLess: Less, opLessOrEqual: LessOrEqual, opGreater: Greater,
	opGreaterOrEqual: GreaterOrEqual, opBetween: Between, opBeginsWith: BeginsWith,
}

// mirrored is the comparator of operands that change sides.
var mirrored = map[op]op{
	opEqual: opEqual, opLess: opGreater, opLessOrEqual: opGreaterOrEqual,
	opGreater: opLess, opGreaterOrEqual: opLessOrEqual,
}

// newKeyExpression takes a condition apart into conditions on attributes.
func newKeyExpression(e env, root *node) (*KeyExpression, error) {
	k := &KeyExpression{}
	if err := k.add(e, root); err != nil {
		return nil, err
	}
	if n := len(k.conditions); n > 2 {
		return nil, errConditionCount()
	}
	return k, nil
}

func errConditionCount() error {
	return api.ValidationException("Conditions can be of length 1 or 2 only")
}

func (k *KeyExpression) add(e env, n *node) error {
	switch n.op {
	case opAnd:
		for _, arg := range n.args {
			if err := k.add(e, arg); err != nil {
				return err
			}
		}
		return nil
	case opOr, opNot, opIn, opNotEqual, opExists, opNotExists, opType, opContains:
		return api.ValidationException("Invalid operator used in KeyConditionExpression: %s", n.op)
	case opBetween, opBeginsWith:
		if n.args[0].op == opValue {
			return invalidKeyCondition("%s operator must have the key attribute as its first operand", n.op)
		}
	}
	part := keyPart{op: n.op}
	for i, arg := range n.args {
		switch arg.op {
		case opSize:
			return api.ValidationException("KeyConditionExpressions cannot contain nested operations")
		case opValue:
			part.values = append(part.values, e.values[arg.slot])
		case opPath:
			switch {
			case part.name != "":
				return invalidKeyCondition("Multiple attribute names used in one condition")
			case len(arg.path) > 1:
				return api.ValidationException("KeyConditionExpressions cannot have conditions on nested attributes")
			}
			part.name = e.nameOf(&arg.path[0])
			if i > 0 {
				part.op = mirrored[n.op]
			}
		}
	}
	if part.name == "" {
		return invalidKeyCondition("No key attribute specified")
	}
	if slices.ContainsFunc(k.conditions, func(c keyPart) bool { return c.name == part.name }) {
		return api.ValidationException("KeyConditionExpressions must only contain one condition per key")
	}
	k.conditions = append(k.conditions, part)
	return nil
}

func invalidKeyCondition(format string, args ...any) error {
	return api.ValidationException("Invalid condition in KeyConditionExpression: "+format, args...)
}

func (k *KeyExpression) on(name string) *keyPart {
	for i := range k.conditions {
		if k.conditions[i].name == name {
			return &k.conditions[i]
		}
	}
	return nil
}

// Bind returns the key condition that the expression states for a schema, or the
// ValidationException of one that does not fit it.
func (k *KeyExpression) Bind(s item.Schema) (KeyCondition, error) {
	notSupported := func() (KeyCondition, error) {
		return KeyCondition{}, api.ValidationException("Query key condition not supported")
	}
	missed := func(name string) (KeyCondition, error) {
		return KeyCondition{}, api.ValidationException("Query condition missed key schema element: %s", name)
	}
	if s.Range.Name == "" && len(k.conditions) > 1 {
		return notSupported()
	}
	hash := k.on(s.Hash.Name)
	if hash == nil {
		return missed(s.Hash.Name)
	}
	if err := hash.check(s.Hash); err != nil {
		return KeyCondition{}, err
	}
	if hash.op != opEqual {
		return notSupported()
	}
	c := KeyCondition{Hash: hash.values[0]}
	if len(k.conditions) == 1 {
		return c, s.CheckKeyLength(c.Hash, dynamodb.AttributeValue{})
	}
	rest := k.on(s.Range.Name)
	if rest == nil {
		return missed(s.Range.Name)
	}
	if err := rest.check(s.Range); err != nil {
		return KeyCondition{}, err
	}
	c.Op, c.Low = rangeOps[rest.op], rest.values[0]
	if c.Op == Between {
		c.High = rest.values[1]
	}
	return c, s.CheckKeyLength(c.Hash, c.Low)
}

// check reports a condition that an index cannot serve, or whose operands no key
// can have.
func (p *keyPart) check(k item.KeyAttribute) error {
	if _, ok := rangeOps[p.op]; !ok {
		return api.ValidationException("Attempted conditional constraint is not an indexable operation")
	}
	for _, v := range p.values {
		if v.Type != k.Type {
			return api.ValidationException("One or more parameter values were invalid: Condition parameter type does not match schema type")
		}
	}
	for _, v := range p.values {
		// An empty prefix is no key, but as good a prefix as any.
		if p.op != opBeginsWith {
			if err := item.CheckKeyNotEmpty(k.Name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bounds returns the range of the order-preserving bytes of range keys that the
// condition selects: from <= key < to, nil for no bound.
func (k KeyCondition) Bounds() (from, to []byte) {
	if k.Op == Any {
		return nil, nil
	}
	low := item.KeyBytes(k.Low)
	switch k.Op {
	case Equal:
		return low, after(low)
	case Less:
		return nil, low
	case LessOrEqual:
		return nil, after(low)
	case Greater:
		return after(low), nil
	case GreaterOrEqual:
		return low, nil
	case Between:
		return low, after(item.KeyBytes(k.High))
	}
	return low, afterPrefix(low)
}

// after returns the least key greater than k.
func after(k []byte) []byte { return append(slices.Clip(k), 0) }

// afterPrefix returns the least key greater than all that begin with k, or nil.
func afterPrefix(k []byte) []byte {
	k = bytes.TrimRight(k, "\xFF")
	if len(k) == 0 {
		return nil
	}
	k = slices.Clone(k)
	k[len(k)-1]++
	return k
}
