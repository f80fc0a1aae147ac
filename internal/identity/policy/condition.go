package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// set is how a condition treats the values of a key that has several.
type set uint8

const (
	anyOf    set = iota // no prefix: the key is meant to have one value
	allOfSet            // ForAllValues
	anyOfSet            // ForAnyValue
)

// condition is one key of one operator in a Condition block.
type condition struct {
	operator
	set      set
	ifExists bool
	key      string // in lower case
	name     string // the key as written
	operands []operand
}

// conditionsOf compiles a Condition block.
func conditionsOf(block any, variables bool) ([]condition, error) {
	operators, ok := block.(object)
	if !ok {
		return nil, syntax("Condition must be an object")
	}
	var list []condition
	for _, o := range operators {
		keys, ok := o.value.(object)
		if !ok {
			return nil, syntax("the condition operator %s must hold keys", o.name)
		}
		proto, ok := conditionOf(o.name)
		if !ok {
			return nil, syntax("%s is not a condition operator", o.name)
		}
		for _, k := range keys {
			c := proto
			if c.key, c.name = strings.ToLower(k.name), k.name; c.key == "" {
				return nil, syntax("a condition key is empty")
			}
			values, ok := scalarsOf(k.value)
			if !ok {
				return nil, syntax("the values of %s must be texts", k.name)
			}
			for _, s := range values {
				v, ok := operandOf(c.comparison, s, variables)
				if !ok {
					return nil, &MalformedError{Message: failedParsing, Detail: fmt.Sprintf("%s: %s cannot take %q", k.name, o.name, s)}
				}
				c.operands = append(c.operands, v)
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// conditionOf parses an operator's name with its prefix and suffix.
func conditionOf(name string) (c condition, ok bool) {
	name = strings.ToLower(name)
	if rest, ok := strings.CutPrefix(name, "forallvalues:"); ok {
		c.set, name = allOfSet, rest
	} else if rest, ok := strings.CutPrefix(name, "foranyvalue:"); ok {
		c.set, name = anyOfSet, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "ifexists")
	c.operator, ok = operators[name]
	return c, ok && !(c.ifExists && c.comparison == null)
}

// scalarsOf returns the values of a condition key as texts.
func scalarsOf(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	texts := make([]string, 0, len(list))
	for _, e := range list {
		switch e := e.(type) {
		case string:
			texts = append(texts, e)
		case bool:
			texts = append(texts, fmt.Sprint(e))
		case json.Number:
			texts = append(texts, e.String())
		default:
			return nil, false
		}
	}
	return texts, true
}

// holds decides the condition for a statement that allows, or one that denies.
//
// Of a key that is missing, or has no values: a condition does not hold, except
// that a negated one does (it asks for "not this"), that …IfExists does, and that
// ForAllValues does, being true of every value of an empty set; ForAnyValue never
// does, with IfExists or without.
func (c *condition) holds(e *evaluation, allows bool) bool {
	values := e.key(c.key, c.name)
	if c.comparison == null {
		return c.null(e, len(values) == 0)
	}
	if len(values) == 0 {
		switch c.set {
		case allOfSet:
			return true
		case anyOfSet:
			return false
		default:
			return c.ifExists || c.negated
		}
	}
	switch c.set {
	case allOfSet:
		for _, v := range values {
			if !c.accepts(e, v, allows) {
				return false
			}
		}
		return true
	case anyOfSet:
		for _, v := range values {
			if c.accepts(e, v, allows) {
				return true
			}
		}
		return false
	default:
		// Several values without a set prefix: one that fits is enough for an
		// operator, and too many for a negated one.
		for _, v := range values {
			if c.accepts(e, v, allows) != c.negated {
				return !c.negated
			}
		}
		return c.negated
	}
}

// accepts decides one value of the key: it must fit one of the operands, or none
// if the operator is negated.
//
// An operand whose variable has no value fits nothing. To a negated operator that
// would be a "not this" that holds by accident, so it then never makes a statement
// allow.
func (c *condition) accepts(e *evaluation, value string, allows bool) bool {
	unknown := false
	for i := range c.operands {
		o := &c.operands[i]
		text, ok := o.expand(e)
		if !ok {
			unknown = true
			continue
		}
		if o.holds(c.comparison, text, value) {
			return !c.negated
		}
	}
	return c.negated && !(unknown && allows)
}

// null decides a Null condition: "true" asks that the key be absent.
func (c *condition) null(e *evaluation, absent bool) bool {
	for i := range c.operands {
		if text, ok := c.operands[i].expand(e); ok && strings.EqualFold(text, "true") == absent {
			return true
		}
	}
	return false
}
