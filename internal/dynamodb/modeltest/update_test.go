package modeltest

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// update is what an UpdateItem does.
type update []action

type action struct {
	clause  string // SET, REMOVE, ADD, DELETE
	path    path
	operand setOperand // of SET
	value   value      // of ADD and DELETE
}

// setOperand is what a SET writes: a literal, the value at a path, or f of others.
type setOperand struct {
	f       string // "", "path", "if_not_exists", "list_append", "+", "-"
	path    path
	literal value
	args    []setOperand // of if_not_exists only one
}

func (o setOperand) write(t *text) string {
	switch o.f {
	case "":
		return t.value(o.literal)
	case "path":
		return t.path(o.path)
	case "if_not_exists":
		return "if_not_exists(" + t.path(o.path) + ", " + o.args[0].write(t) + ")"
	case "list_append":
		return "list_append(" + o.args[0].write(t) + ", " + o.args[1].write(t) + ")"
	}
	return o.args[0].write(t) + " " + o.f + " " + o.args[1].write(t)
}

func (u update) write(t *text) string {
	var clauses []string
	for _, clause := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		var actions []string
		for _, a := range u {
			if a.clause != clause {
				continue
			}
			switch clause {
			case "ADD", "DELETE":
				if t.partiql {
					p := t.path(a.path)
					actions = append(actions, p+" = set_"+strings.ToLower(clause)+"("+p+", "+t.value(a.value)+")")
				} else {
					actions = append(actions, t.path(a.path)+" "+t.value(a.value))
				}
			case "SET":
				actions = append(actions, t.path(a.path)+" = "+a.operand.write(t))
			case "REMOVE":
				actions = append(actions, t.path(a.path))
			}
		}
		if actions == nil {
			continue
		}
		if t.partiql {
			verb := "SET "
			if clause == "REMOVE" {
				verb = "REMOVE "
			}
			for _, a := range actions {
				clauses = append(clauses, verb+a)
			}
			continue
		}
		clauses = append(clauses, clause+" "+strings.Join(actions, ", "))
	}
	return strings.Join(clauses, " ")
}

func (u update) paths() (paths []path) {
	for _, a := range u {
		paths = append(paths, a.path)
	}
	return paths
}

// The ways in which an update can fail because of the item that it meets.
const (
	badPath    = "The document path provided in the update expression is invalid for update"
	badType    = "An operand in the update expression has an incorrect data type"
	noOperand  = "The provided expression refers to an attribute that does not exist in the item"
	badNesting = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

// faults collects what is wrong. If there are several, DynamoDB may tell any of them.
type faults map[string]bool

func (f faults) add(message string) {
	if message != "" {
		f[message] = true
	}
}

// value computes an operand of an item; ok is false if there is none.
func (o setOperand) value(old doc, wrong faults) (v value, ok bool) {
	switch o.f {
	case "":
		return o.literal.canonical(), true
	case "path":
		if v, ok = o.path.in(old); !ok {
			wrong.add(noOperand)
		}
		return v, ok
	case "if_not_exists":
		if v, ok = o.path.in(old); ok {
			return v, true
		}
		return o.args[0].value(old, wrong)
	}
	a, okA := o.args[0].value(old, wrong)
	b, okB := o.args[1].value(old, wrong)
	kind := "N"
	if o.f == "list_append" {
		kind = "L"
	}
	if okA && a.kind != kind || okB && b.kind != kind {
		wrong.add(badType)
		return value{}, false
	}
	if !okA || !okB {
		return value{}, false
	}
	switch o.f {
	case "list_append":
		return value{kind: "L", list: slices.Concat(a.list, b.list)}, true
	case "-":
		return sum(rat(a.text), new(big.Rat).Neg(rat(b.text)), wrong)
	}
	return sum(rat(a.text), rat(b.text), wrong)
}

func sum(a, b *big.Rat, wrong faults) (value, bool) {
	r := new(big.Rat).Add(a, b)
	if why := storable(r); why != "" {
		wrong.add(why)
		return value{}, false
	}
	return value{kind: "N", text: digits(r)}, true
}

// apply returns the item that the update makes of old, which is at least its key, and
// what is wrong with it.
func (u update) apply(old doc) (doc, faults) {
	wrong := faults{}
	whole := value{kind: "M", fields: old}
	sets, removals := map[string]value{}, []path{}
	var order []path
	for _, a := range u {
		parent, ok := a.path.parent().in(old)
		if len(a.path) == 1 {
			parent, ok = whole, true
		}
		if !ok || (a.path.last().index < 0) != (parent.kind == "M") || parent.kind != "M" && parent.kind != "L" {
			wrong.add(badPath)
		}
		current, there := a.path.in(old)
		set := func(v value, ok bool) {
			if ok {
				sets[a.path.key()] = v
				order = append(order, a.path)
			}
		}
		operand := a.value.canonical()
		switch {
		case a.clause == "SET":
			set(a.operand.value(old, wrong))
		case a.clause == "REMOVE":
			removals = append(removals, a.path)
		case !there && a.clause == "ADD":
			set(operand, true)
		case !there:
		case current.kind != operand.kind:
			wrong.add(badType)
		case a.clause == "ADD" && current.kind == "N":
			set(sum(rat(current.text), rat(operand.text), wrong))
		case a.clause == "ADD" && current.kind == "L": // of AttributeUpdates
			current.list = slices.Concat(current.list, operand.list)
			set(current, true)
		case a.clause == "ADD":
			for _, m := range operand.list {
				if !has(current.list, m) {
					current.list = append(slices.Clone(current.list), m)
				}
			}
			set(current, true)
		default:
			current.list = slices.DeleteFunc(slices.Clone(current.list), func(m value) bool { return has(operand.list, m) })
			if len(current.list) == 0 {
				removals = append(removals, a.path)
			} else {
				set(current, true)
			}
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	// What is set takes its place, past the end of a list in the order of indexes; then
	// what is removed goes, so that all indexes are those of the old item.
	slices.SortStableFunc(order, func(p, q path) int { return cmp.Compare(p.last().index, q.last().index) })
	for _, p := range order {
		whole = p.parent().replaced(whole, func(parent value) value {
			v, s := sets[p.key()], p.last()
			switch {
			case s.index < 0:
				parent.fields = parent.fields.with(s.name, v)
			case s.index < len(parent.list):
				parent.list = slices.Clone(parent.list)
				parent.list[s.index] = v
			default:
				parent.list = append(slices.Clone(parent.list), v)
			}
			return parent
		})
	}
	// The deepest first, and from the end of a list to its start.
	slices.SortStableFunc(removals, func(p, q path) int {
		return cmp.Or(cmp.Compare(len(q), len(p)), cmp.Compare(q.last().index, p.last().index))
	})
	for _, p := range removals {
		if _, ok := p.in(old); !ok {
			continue
		}
		whole = p.parent().replaced(whole, func(parent value) value {
			if s := p.last(); s.index < 0 {
				parent.fields = parent.fields.without(s.name)
			} else {
				parent.list = slices.Delete(slices.Clone(parent.list), s.index, s.index+1)
			}
			return parent
		})
	}
	for _, v := range whole.fields {
		if v.nesting() > 31 {
			wrong.add(badNesting)
		}
	}
	return maps.Clone(whole.fields), wrong
}
