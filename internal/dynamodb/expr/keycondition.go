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
	// MoreHash are the values of the further attributes of a hash key of several.
	MoreHash []dynamodb.AttributeValue
	// Leading are values that the first attributes of a range key of several have, before
	// the one that Op is on.
	Leading []dynamodb.AttributeValue
	Op      RangeOp
	// Low is the operand; of Between the lower one.
	Low dynamodb.AttributeValue
	// High is the upper operand of Between, which is included.
	High dynamodb.AttributeValue
}

// Hashes are the values of all attributes of the hash key.
func (k *KeyCondition) Hashes() []dynamodb.AttributeValue {
	return append([]dynamodb.AttributeValue{k.Hash}, k.MoreHash...)
}

// HashBytes is the hash key as item.Key has it.
func (k *KeyCondition) HashBytes() []byte {
	b := item.JoinKey(nil, k.Hash, len(k.MoreHash) > 0)
	for _, v := range k.MoreHash {
		b = item.JoinKey(b, v, true)
	}
	return b
}

// Add adds a condition on the next attribute of the range key.
func (k *KeyCondition) Add(op RangeOp, low, high dynamodb.AttributeValue) {
	if k.Op != Any {
		k.Leading = append(k.Leading, k.Low)
	}
	k.Op, k.Low, k.High = op, low, high
}

// CheckLength returns the ValidationException of a key that is too long.
func (k *KeyCondition) CheckLength() error {
	var length item.KeyLength
	if err := length.Add(k.Hash, true); err != nil {
		return err
	}
	for _, v := range k.MoreHash {
		if err := length.Add(v, true); err != nil {
			return err
		}
	}
	for _, v := range k.Leading {
		if err := length.Add(v, false); err != nil {
			return err
		}
	}
	if k.Op == Any {
		return nil
	}
	return length.Add(k.Low, false)
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
	return k, nil
}

// CheckPlain returns the ValidationException of more conditions than a key with one
// attribute of a kind can have.
func (k *KeyExpression) CheckPlain() error {
	if k != nil && len(k.conditions) > 2 {
		return errConditionCount()
	}
	return nil
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
// ValidationException of one that does not fit it. It has an equality on each attribute
// of the hash key, and conditions on the first ones of the range key: equalities, but for
// the last.
func (k *KeyExpression) Bind(s item.Schema) (c KeyCondition, err error) {
	notSupported := func() (KeyCondition, error) {
		return KeyCondition{}, api.ValidationException("Query key condition not supported")
	}
	missed := func(name string) (KeyCondition, error) {
		return KeyCondition{}, api.ValidationException("Query condition missed key schema element: %s", name)
	}
	if s.Plain() {
		if err := k.CheckPlain(); err != nil {
			return c, err
		}
	}
	if s.Range.Name == "" && len(k.conditions) > s.Len() {
		return notSupported()
	}
	bound := 0
	var absent string // the first attribute of the range key without a condition
	var inner *keyPart
	for a, hash := range s.Parts() {
		part := k.on(a.Name)
		switch {
		case part == nil && hash:
			return missed(a.Name)
		case part == nil && absent == "":
			absent = a.Name
		}
		if part == nil {
			continue
		}
		if err := part.check(a); err != nil {
			return KeyCondition{}, err
		}
		bound++
		switch {
		case hash && part.op != opEqual:
			return notSupported()
		case hash && bound == 1:
			c.Hash = part.values[0]
		case hash:
			c.MoreHash = append(c.MoreHash, part.values[0])
		case absent != "":
			return KeyCondition{}, errNotLeading(absent, a.Name)
		case inner != nil && inner.op != opEqual:
			return KeyCondition{}, errNotLeading(inner.name, a.Name)
		default:
			inner = part
			c.Add(rangeOps[part.op], part.values[0], part.values[len(part.values)-1])
		}
	}
	if bound < len(k.conditions) {
		if absent == "" {
			return notSupported()
		}
		return missed(absent)
	}
	return c, c.CheckLength()
}

func errNotLeading(name, later string) error {
	return api.ValidationException("RANGE key attributes %s must have equality conditions specified in the query "+
		"because a condition is present on key attribute %s", name, later)
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
