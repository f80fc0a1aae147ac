package expr

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// binder gives the placeholders of a tree their meaning, and makes the checks of
// an expression that need it: what is not defined, types of literal operands,
// operands that must differ.
type binder struct {
	env
	tree *tree
	// hasName says which names the request defines, nil if all; one that it does
	// not is a fault where it first occurs.
	hasName []bool
}

func newBinder(t *tree, names map[string]string, values dynamodb.Attributes) *binder {
	b := &binder{tree: t}
	if len(t.names) > 0 {
		b.names = make([]string, len(t.names))
		for i, placeholder := range t.names {
			name, ok := names[placeholder]
			if !ok && b.hasName == nil {
				b.hasName = make([]bool, len(t.names))
				for j := range i {
					b.hasName[j] = true
				}
			}
			if b.hasName != nil {
				b.hasName[i] = ok
			}
			b.names[i] = name
		}
	}
	if len(t.values) > 0 {
		b.values = make([]dynamodb.AttributeValue, len(t.values))
		for i, placeholder := range t.values {
			b.values[i], _ = values.Get(placeholder)
		}
	}
	return b
}

// path checks that a path's names are defined and that it is not too long.
func (b *binder) path(p path) error {
	if err := b.namesOf(p); err != nil {
		return err
	}
	if len(p) > maxPathLength {
		return faultf("The document path has too many nesting levels; nesting levels: %d", len(p))
	}
	return nil
}

func (b *binder) namesOf(p path) error {
	if b.hasName == nil {
		return nil
	}
	for i := range p {
		if p[i].kind == stepPlaceholder && !b.hasName[p[i].slot] {
			return faultf("An expression attribute name used in the document path is not defined; attribute name: %s", b.tree.names[p[i].slot])
		}
	}
	return nil
}

// node checks n after its operands.
func (b *binder) node(n *node) error {
	switch n.op {
	case opPath:
		return b.path(n.path)
	case opValue:
		if b.values[n.slot].Type == dynamodb.TypeNone {
			return faultf("An expression attribute value used in expression is not defined; attribute value: %s", b.tree.values[n.slot])
		}
		return nil
	}
	for _, arg := range n.args {
		if err := b.node(arg); err != nil {
			return err
		}
	}
	switch n.op {
	case opEqual, opNotEqual:
		return b.distinct(n)
	case opLess, opLessOrEqual, opGreater, opGreaterOrEqual:
		if err := b.distinct(n); err != nil {
			return err
		}
		return b.types(n, ordered)
	case opBetween:
		if err := b.distinct(n); err != nil {
			return err
		}
		if err := b.types(n, ordered); err != nil {
			return err
		}
		return b.bounds(n.args[1], n.args[2])
	case opIn:
		if count := len(n.args) - 1; count > maxInOperands {
			return faultf("The IN operator is provided with too many operands; number of operands: %d", count)
		}
		return b.distinct(n)
	case opPlus, opMinus:
		return b.types(n, numeric)
	}
	return b.function(n)
}

func (b *binder) function(n *node) error {
	switch n.op {
	case opExists, opNotExists, opType, opIfNotExists:
		if n.args[0].op != opPath {
			return faultf("Operator or function requires a document path; operator or function: %s", n.op)
		}
		if err := b.distinct(n); err != nil {
			return err
		}
		if n.op == opType {
			return b.typeName(n)
		}
	case opBeginsWith:
		if err := b.distinct(n); err != nil {
			return err
		}
		return b.types(n, prefixed)
	case opContains:
		return b.distinct(n)
	case opSize:
		return b.types(n, sized)
	case opListAppend:
		return b.types(n, listed)
	}
	return nil
}

// typeSet is a set of types.
type typeSet uint16

func setOf(types ...dynamodb.Type) (s typeSet) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

func (s typeSet) has(t dynamodb.Type) bool { return s&(1<<t) != 0 }

var (
	ordered  = setOf(dynamodb.TypeS, dynamodb.TypeN, dynamodb.TypeB)
	prefixed = setOf(dynamodb.TypeS, dynamodb.TypeB)
	numeric  = setOf(dynamodb.TypeN)
	listed   = setOf(dynamodb.TypeL)
	sets     = setOf(dynamodb.TypeSS, dynamodb.TypeNS, dynamodb.TypeBS)
	addable  = sets | numeric
	sized    = sets | prefixed | listed | setOf(dynamodb.TypeM)
)

// staticType is the type that an operand has whatever the item, or none.
func (b *binder) staticType(n *node) dynamodb.Type {
	switch n.op {
	case opValue:
		return b.values[n.slot].Type
	case opSize:
		return dynamodb.TypeN
	}
	return dynamodb.TypeNone
}

// types checks that the operands whose type is known have an allowed one.
func (b *binder) types(n *node, allowed typeSet) error {
	for _, arg := range n.args {
		if t := b.staticType(arg); t != dynamodb.TypeNone && !allowed.has(t) {
			return faultOperandType(n.op, t.String())
		}
	}
	return nil
}

func faultOperandType(o op, t string) error {
	return faultf("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", o, t)
}

// typeName checks the second operand of attribute_type.
func (b *binder) typeName(n *node) error {
	second := n.args[1]
	switch t := b.staticType(second); {
	case t == dynamodb.TypeNone:
		return faultOperandType(n.op, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case t != dynamodb.TypeS:
		return faultOperandType(n.op, t.String())
	}
	if name := b.values[second.slot].S; typeNamed(name) == dynamodb.TypeNone {
		return faultf("Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", name)
	}
	return nil
}

// typeNamed returns the type of a name, or none.
func typeNamed(name string) dynamodb.Type {
	for t := dynamodb.TypeS; t <= dynamodb.TypeM; t++ {
		if t.String() == name {
			return t
		}
	}
	return dynamodb.TypeNone
}

// distinct checks that the first operand is not one of the others, if it is a path.
func (b *binder) distinct(n *node) error {
	first := n.args[0]
	if first.op != opPath {
		return nil
	}
	for _, arg := range n.args[1:] {
		if arg.op == opPath && b.same(first.path, arg.path) {
			return faultf("The first operand must be distinct from the remaining operands for this operator or function; "+
				"operator: %s, first operand: %s", n.op, b.show(first.path))
		}
	}
	return nil
}

func (e *env) same(a, b path) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !e.sameStep(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

func (e *env) sameStep(a, b *step) bool {
	if a.kind == stepIndex || b.kind == stepIndex {
		return a.kind == b.kind && a.index == b.index
	}
	return e.nameOf(a) == e.nameOf(b)
}

// show writes a path as errors do: [a, [3], b].
func (e *env) show(p path) string {
	parts := make([]string, len(p))
	for i := range p {
		if p[i].kind == stepIndex {
			parts[i] = "[" + strconv.Itoa(p[i].index) + "]"
		} else {
			parts[i] = e.nameOf(&p[i])
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// bounds checks the bounds of a BETWEEN that are both literals.
func (b *binder) bounds(low, high *node) error {
	if low.op != opValue || high.op != opValue {
		return nil
	}
	l, h := b.values[low.slot], b.values[high.slot]
	wrong := ""
	if l.Type != h.Type {
		wrong = "same data type for lower and upper bounds"
	} else if order, ok := item.Compare(l, h); ok && order > 0 {
		wrong = "upper bound to be greater than or equal to lower bound"
	}
	if wrong == "" {
		return nil
	}
	return fault("The BETWEEN operator requires " + wrong + "; lower bound operand: " + showValue(l) + ", upper bound operand: " + showValue(h))
}

func showValue(v dynamodb.AttributeValue) string {
	s := v.S
	if v.Type == dynamodb.TypeB {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return fmt.Sprintf("AttributeValue: {%s:%s}", v.Type, s)
}

// resolve returns a path in the form that does not need the names any more.
func (e *env) resolve(p path) item.Path {
	list := make(item.Path, len(p))
	for i := range p {
		if p[i].kind == stepIndex {
			list[i] = item.Step{InList: true, Index: p[i].index}
		} else {
			list[i] = item.Step{Name: e.nameOf(&p[i])}
		}
	}
	return list
}

// overlap checks that no two paths are the same, or one inside of the other, or
// use one attribute as a list and as a map.
func (e *env) overlap(paths []path) error {
	for j, b := range paths {
		for _, a := range paths[:j] {
			if what := e.clash(a, b); what != "" {
				return faultf("Two document paths %s with each other; must remove or rewrite one of these paths; "+
					"path one: %s, path two: %s", what, e.show(a), e.show(b))
			}
		}
	}
	return nil
}

func (e *env) clash(a, b path) string {
	for i := range min(len(a), len(b)) {
		switch {
		case (a[i].kind == stepIndex) != (b[i].kind == stepIndex):
			return "conflict"
		case !e.sameStep(&a[i], &b[i]):
			return ""
		}
	}
	return "overlap"
}
