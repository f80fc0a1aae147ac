// Package filter decides which events a filter of an event source mapping lets pass.
// A pattern is JSON of the form of the event, in which each value is a list of the
// conditions of which one must hold.
// See https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html.
package filter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
)

const (
	// maxPattern is the longest pattern, in bytes, as on AWS.
	maxPattern = 4096
	// maxDepth is how deep a pattern nests at the most.
	maxDepth = 32
)

// Pattern is a compiled pattern. It is safe for concurrent use.
type Pattern struct {
	fields []field
	any    [][]*Pattern // each "$or": of each, one must match
}

// field is what a pattern says of a member: a pattern, or conditions.
type field struct {
	name string
	sub  *Pattern
	conditions
}

// conditions are those of which one must hold of a value.
type conditions struct {
	each   []condition
	absent bool // {"exists": false}
	exists bool // {"exists": true}
}

// condition reports whether a value that is there, and is no list and no structure, is
// as it must be.
type condition func(v any) bool

// Parse compiles a pattern.
func Parse(text []byte) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("a pattern has %d bytes at the most", maxPattern)
	}
	v, err := Decode(text)
	if err != nil {
		return nil, errors.New("a pattern is JSON")
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("a pattern is an object")
	}
	return parse(m, 0)
}

// Decode reads JSON in the form that Match takes: its numbers are as they were written.
func Decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text follows the JSON")
	}
	return v, nil
}

func parse(m map[string]any, depth int) (*Pattern, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("a pattern nests to %d levels at the most", maxDepth)
	}
	if len(m) == 0 {
		return nil, errors.New("an object of a pattern is not empty")
	}
	p := &Pattern{}
	for name, v := range m {
		switch x := v.(type) {
		case map[string]any:
			sub, err := parse(x, depth+1)
			if err != nil {
				return nil, err
			}
			p.fields = append(p.fields, field{name: name, sub: sub})
		case []any:
			if name == "$or" {
				alternatives, err := parseOr(x, depth)
				if err != nil {
					return nil, err
				}
				p.any = append(p.any, alternatives)
				continue
			}
			c, err := parseConditions(x)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", name, err)
			}
			p.fields = append(p.fields, field{name: name, conditions: c})
		default:
			return nil, fmt.Errorf("%q must be an object or a list", name)
		}
	}
	return p, nil
}

func parseOr(list []any, depth int) (all []*Pattern, err error) {
	if len(list) < 2 {
		return nil, errors.New("\"$or\" is a list of two patterns or more")
	}
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errors.New("\"$or\" is a list of patterns")
		}
		p, err := parse(m, depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func parseConditions(list []any) (c conditions, err error) {
	if len(list) == 0 {
		return c, errors.New("a list of conditions is not empty")
	}
	for _, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			one, err := equals(v)
			if err != nil {
				return c, err
			}
			c.each = append(c.each, one)
			continue
		}
		if len(m) != 1 {
			return c, errors.New("a condition has one operator")
		}
		for op, operand := range m {
			if op == "exists" {
				yes, ok := operand.(bool)
				if !ok {
					return c, errors.New("\"exists\" is true or false")
				}
				c.exists, c.absent = c.exists || yes, c.absent || !yes
				continue
			}
			one, err := operator(op, operand)
			if err != nil {
				return c, err
			}
			c.each = append(c.each, one)
		}
	}
	return c, nil
}

// equals is the condition that a value is another. Numbers are equal if they are the same
// number, however they are written.
func equals(want any) (condition, error) {
	switch x := want.(type) {
	case json.Number:
		n, ok := number(x)
		if !ok {
			return nil, fmt.Errorf("the number %s is too large", x)
		}
		return func(v any) bool { m, ok := number(v); return ok && n.Cmp(m) == 0 }, nil
	case string, bool, nil:
		return func(v any) bool { return v == x }, nil
	}
	return nil, errors.New("a condition is a text, a number, true, false, null or an operator")
}

func operator(op string, operand any) (condition, error) {
	s, isText := operand.(string)
	fold := false
	// {"prefix": {"equals-ignore-case": "x"}}
	if m, ok := operand.(map[string]any); ok && len(m) == 1 && (op == "prefix" || op == "suffix") {
		if s, isText = m["equals-ignore-case"].(string); isText {
			fold, s = true, strings.ToLower(s)
		}
	}
	text := func(has func(v, s string) bool) (condition, error) {
		if !isText {
			return nil, fmt.Errorf("%q takes a text", op)
		}
		return func(v any) bool {
			t, ok := v.(string)
			if fold {
				t = strings.ToLower(t)
			}
			return ok && has(t, s)
		}, nil
	}
	switch op {
	case "prefix":
		return text(strings.HasPrefix)
	case "suffix":
		return text(strings.HasSuffix)
	case "equals-ignore-case":
		return text(strings.EqualFold)
	case "numeric":
		list, _ := operand.([]any)
		return numeric(list)
	case "anything-but":
		return anythingBut(operand)
	}
	return nil, fmt.Errorf("%q is not an operator", op)
}

// anythingBut is the condition that none of others holds.
func anythingBut(operand any) (condition, error) {
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return nil, errors.New("\"anything-but\" takes what is excluded")
	}
	var none []condition
	for _, v := range list {
		var c condition
		var err error
		switch x := v.(type) {
		case map[string]any:
			if ok || len(x) != 1 {
				return nil, errors.New("\"anything-but\" takes values, or one operator")
			}
			for op, operand := range x {
				if op != "prefix" && op != "suffix" && op != "equals-ignore-case" {
					return nil, fmt.Errorf("%q is not an operator of \"anything-but\"", op)
				}
				c, err = operator(op, operand)
			}
		default:
			c, err = equals(v)
		}
		if err != nil {
			return nil, err
		}
		none = append(none, c)
	}
	return func(v any) bool {
		return !slices.ContainsFunc(none, func(c condition) bool { return c(v) })
	}, nil
}

// numeric is the condition of a range: [">", 0, "<=", 5].
func numeric(list []any) (condition, error) {
	if len(list) != 2 && len(list) != 4 {
		return nil, errors.New("\"numeric\" is a list of one or two comparisons")
	}
	type bound struct {
		op string
		n  *big.Rat
	}
	var all []bound
	for i := 0; i < len(list); i += 2 {
		op, _ := list[i].(string)
		n, ok := number(list[i+1])
		if !ok || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, op) {
			return nil, errors.New("a comparison of \"numeric\" is =, <, <=, > or >= and a number")
		}
		all = append(all, bound{op, n})
	}
	return func(v any) bool {
		m, ok := number(v)
		if !ok {
			return false
		}
		for _, b := range all {
			c := m.Cmp(b.n)
			holds := map[string]bool{"=": c == 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[b.op]
			if !holds {
				return false
			}
		}
		return true
	}, nil
}

// number is the number that a value is. What is larger or finer than any number of a
// table is none, so that a comparison takes no time to speak of.
func number(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	text := string(n)
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 5 || len(text) > 512 {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(text)
	return r, ok
}

// Match reports whether an event, as Decode returns it, is of the pattern.
func (p *Pattern) Match(event any) bool {
	m, ok := event.(map[string]any)
	return ok && p.match(m)
}

func (p *Pattern) match(m map[string]any) bool {
	for i := range p.fields {
		f := &p.fields[i]
		v, there := m[f.name]
		if f.sub != nil {
			if !f.sub.matchValue(v) {
				return false
			}
		} else if !f.conditions.match(v, there) {
			return false
		}
	}
	for _, alternatives := range p.any {
		if !slices.ContainsFunc(alternatives, func(a *Pattern) bool { return a.match(m) }) {
			return false
		}
	}
	return true
}

// matchValue matches a structure, or a list of which one must match. What is not there is
// a structure without members, which may be just what is wanted.
func (p *Pattern) matchValue(v any) bool {
	switch x := v.(type) {
	case map[string]any:
		return p.match(x)
	case []any:
		return slices.ContainsFunc(x, p.Match)
	case nil:
		return p.match(nil)
	}
	return false
}

// match reports whether one of the conditions holds of a value: of a list, of one of its
// elements.
func (c *conditions) match(v any, there bool) bool {
	if !there {
		return c.absent
	}
	switch x := v.(type) {
	case map[string]any: // "exists" is of leaves
		return false
	case []any:
		if c.exists && len(x) > 0 {
			return true
		}
		return slices.ContainsFunc(x, func(e any) bool { return c.match(e, true) })
	}
	return c.exists || slices.ContainsFunc(c.each, func(one condition) bool { return one(v) })
}
