package expr

import (
	"fmt"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// op is what a node does: an operator, a function or an operand.
type op uint8

const (
	opPath op = iota
	opValue
	opAnd
	opOr
	opNot
	opEqual
	opNotEqual
	opLess
	opLessOrEqual
	opGreater
	opGreaterOrEqual
	opBetween
	opIn
	opPlus
	opMinus
	opExists
	opNotExists
	opType
	opBeginsWith
	opContains
	opSize
	opIfNotExists
	opListAppend
	opUnknown // a function that there is not
)

var opNames = [...]string{
	opAnd: "AND", opOr: "OR", opNot: "NOT", opEqual: "=", opNotEqual: "<>", opLess: "<", opLessOrEqual: "<=",
	opGreater: ">", opGreaterOrEqual: ">=", opBetween: "BETWEEN", opIn: "IN", opPlus: "+", opMinus: "-",
	opExists: "attribute_exists", opNotExists: "attribute_not_exists", opType: "attribute_type",
	opBeginsWith: "begins_with", opContains: "contains", opSize: "size",
	opIfNotExists: "if_not_exists", opListAppend: "list_append", opUnknown: "",
}

func (o op) String() string { return opNames[o] }

// functions are the names of functions, which are case-sensitive.
var functions = func() map[string]op {
	m := map[string]op{}
	for o := opExists; o <= opListAppend; o++ {
		m[o.String()] = o
	}
	return m
}()

func (o op) isFunction() bool { return o >= opExists }

// node is a part of an expression. A tree never changes once it is parsed: it is
// shared by all requests of the same text, whatever their names and values.
type node struct {
	op    op
	paren bool   // it stands in parentheses
	slot  int    // of a value: its place among the values of the expression
	path  path   // of a path
	name  string // of a function that there is not
	args  []*node
}

// path is a document path as it is written.
type path []step

// step is one step of a path: a name, a placeholder of one, or a list's index.
type step struct {
	kind  stepKind
	name  string // literal
	slot  int    // of a placeholder: its place among the names of the expression
	index int
}

type stepKind uint8

const (
	stepName stepKind = iota
	stepPlaceholder
	stepIndex
)

// tree is a parsed expression.
type tree struct {
	root    *node    // of a condition
	paths   []path   // of a projection
	actions []action // of an update
	clauses []kind   // the sections of an update, as they are written
	names   []string // the #names that it contains
	values  []string // the :values that it contains
}

// action is one action of an update.
type action struct {
	clause  kind // tokenSet, tokenRemove, tokenAdd or tokenDelete
	section int  // which of the update's sections it is in
	path    path
	value   *node // nil for REMOVE
}

// fault is why an expression is wrong, in AWS's words. Which of a request's
// expressions it is goes in front.
type fault string

func (f fault) Error() string { return string(f) }

func faultf(format string, args ...any) error { return fault(fmt.Sprintf(format, args...)) }

// env holds what the placeholders of a tree stand for in one request.
type env struct {
	names  []string
	values []dynamodb.AttributeValue
}

// nameOf returns the name of a step that is not an index.
func (e *env) nameOf(s *step) string {
	if s.kind == stepPlaceholder {
		return e.names[s.slot]
	}
	return s.name
}

// lookup returns the value that a path leads to in an item.
func (e *env) lookup(p path, a dynamodb.Attributes) (v dynamodb.AttributeValue, ok bool) {
	v, ok = a.Get(e.nameOf(&p[0]))
	for i := 1; i < len(p) && ok; i++ {
		v, ok = e.follow(&p[i], v)
	}
	return v, ok
}

// follow returns the value that a step leads to inside of v.
func (e *env) follow(s *step, v dynamodb.AttributeValue) (dynamodb.AttributeValue, bool) {
	switch {
	case s.kind == stepIndex:
		if v.Type == dynamodb.TypeL && s.index < len(v.L) {
			return v.L[s.index], true
		}
	case v.Type == dynamodb.TypeM:
		return v.M.Get(e.nameOf(s))
	}
	return dynamodb.AttributeValue{}, false
}
