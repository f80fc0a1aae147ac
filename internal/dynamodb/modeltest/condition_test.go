package modeltest

import (
	"fmt"
	"strconv"
	"strings"
)

// condition is a condition or filter.
type condition interface {
	write(*text) string
	holds(doc) bool // nil is no item
}

// operand is a path, a literal or the size of what is at a path.
type operand struct {
	path    path // nil of a literal
	size    bool
	literal value
}

func (o operand) write(t *text) string {
	switch {
	case o.size:
		return "size(" + t.path(o.path) + ")"
	case o.path != nil:
		return t.path(o.path)
	}
	return t.value(o.literal)
}

func (o operand) of(d doc) (value, bool) {
	if o.path == nil {
		return o.literal.canonical(), true
	}
	v, ok := o.path.in(d)
	if ok && o.size {
		n, ok := v.length()
		return value{kind: "N", text: strconv.Itoa(n)}, ok
	}
	return v, ok
}

type both struct{ left, right condition }

func (c both) write(t *text) string {
	return writeSide(c.left, t) + " AND " + writeSide(c.right, t)
}
func (c both) holds(d doc) bool { return c.left.holds(d) && c.right.holds(d) }

type either struct{ left, right condition }

func (c either) write(t *text) string {
	return writeSide(c.left, t) + " OR " + writeSide(c.right, t)
}
func (c either) holds(d doc) bool { return c.left.holds(d) || c.right.holds(d) }

type not struct{ condition }

func (c not) write(t *text) string { return "NOT " + writeSide(c.condition, t) }
func (c not) holds(d doc) bool     { return !c.condition.holds(d) }

func writeSide(c condition, t *text) string {
	switch c.(type) {
	case both, either, not:
		return "(" + c.write(t) + ")"
	}
	return c.write(t)
}

type compare struct {
	left     operand
	operator string
	right    operand
}

func (c compare) write(t *text) string {
	return c.left.write(t) + " " + c.operator + " " + c.right.write(t)
}

func (c compare) holds(d doc) bool {
	v, ok := c.left.of(d)
	w, there := c.right.of(d)
	same := ok && there && equal(v, w)
	switch c.operator {
	case "=":
		return same
	case "<>":
		return !same
	}
	if !ok || !there || v.kind != w.kind || !isOrdered(v.kind) {
		return false
	}
	o := order(v, w)
	return map[string]bool{"<": o < 0, "<=": o <= 0, ">": o > 0, ">=": o >= 0}[c.operator]
}

type between struct{ of, low, high operand }

func (c between) write(t *text) string {
	return c.of.write(t) + " BETWEEN " + c.low.write(t) + " AND " + c.high.write(t)
}

func (c between) holds(d doc) bool {
	return compare{c.of, ">=", c.low}.holds(d) && compare{c.of, "<=", c.high}.holds(d)
}

type in struct {
	of   operand
	list []operand
}

func (c in) write(t *text) string {
	of := c.of.write(t)
	var list []string
	for _, o := range c.list {
		list = append(list, o.write(t))
	}
	open, end := "(", ")"
	if t.partiql {
		open, end = "[", "]"
	}
	return of + " IN " + open + strings.Join(list, ", ") + end
}

func (c in) holds(d doc) bool {
	for _, o := range c.list {
		if (compare{c.of, "=", o}).holds(d) {
			return true
		}
	}
	return false
}

// exists is attribute_exists or attribute_not_exists.
type exists struct {
	path path
	not  bool
}

func (c exists) write(t *text) string {
	switch {
	case t.partiql && c.not:
		return t.path(c.path) + " IS MISSING"
	case t.partiql:
		return t.path(c.path) + " IS NOT MISSING"
	case c.not:
		return "attribute_not_exists(" + t.path(c.path) + ")"
	}
	return "attribute_exists(" + t.path(c.path) + ")"
}

func (c exists) holds(d doc) bool {
	_, ok := c.path.in(d)
	return ok != c.not
}

// function is attribute_type, begins_with or contains.
type function struct {
	name string
	path path
	arg  operand
}

func (c function) write(t *text) string {
	return fmt.Sprintf("%s(%s, %s)", c.name, t.path(c.path), c.arg.write(t))
}

func (c function) holds(d doc) bool {
	v, ok := c.path.in(d)
	w, there := c.arg.of(d)
	if !ok || !there {
		return false
	}
	text := v.kind == w.kind && (v.kind == "S" || v.kind == "B")
	switch c.name {
	case "attribute_type":
		return v.kind == w.text
	case "begins_with":
		return text && strings.HasPrefix(v.text, w.text)
	}
	return text && strings.Contains(v.text, w.text) || (isSet(v.kind) || v.kind == "L") && has(v.list, w)
}
