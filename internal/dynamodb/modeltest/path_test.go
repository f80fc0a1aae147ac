package modeltest

import (
	"fmt"
	"slices"
	"strings"
)

// step leads into a value: to a member of a map by its name, or to an element of a
// list by its index.
type step struct {
	name  string
	index int // of an element; -1 of a member
}

// path leads to a value of an item. It begins with a name.
type path []step

func at(name string) path { return path{{name, -1}} }

// key tells paths apart.
func (p path) key() string {
	var b strings.Builder
	for _, s := range p {
		fmt.Fprintf(&b, "/%q[%d]", s.name, s.index)
	}
	return b.String()
}

func (p path) parent() path { return p[:len(p)-1] }
func (p path) last() step   { return p[len(p)-1] }

// in returns the value that p leads to.
func (p path) in(d doc) (value, bool) {
	v := value{kind: "M", fields: d}
	for _, s := range p {
		switch {
		case s.index < 0 && v.kind == "M":
			member, ok := v.fields[s.name]
			if !ok {
				return value{}, false
			}
			v = member
		case s.index >= 0 && v.kind == "L" && s.index < len(v.list):
			v = v.list[s.index]
		default:
			return value{}, false
		}
	}
	return v, true
}

// replaced is v with what p leads to changed by f, which is there.
func (p path) replaced(v value, f func(value) value) value {
	if len(p) == 0 {
		return f(v)
	}
	if s := p[0]; s.index < 0 {
		v.fields = v.fields.with(s.name, p[1:].replaced(v.fields[s.name], f))
	} else {
		v.list = slices.Clone(v.list)
		v.list[s.index] = p[1:].replaced(v.list[s.index], f)
	}
	return v
}

// clashes reports whether DynamoDB refuses two paths in one expression.
func clashes(p, q path) bool {
	for i := range min(len(p), len(q)) {
		if (p[i].index < 0) != (q[i].index < 0) {
			return true
		}
		if p[i] != q[i] {
			return false
		}
	}
	return true
}

// project is what paths lead to of an item: elements of lists close up, and what would
// be empty is left out. Nil paths are all of it.
func project(d doc, paths []path) doc {
	if paths == nil {
		return d
	}
	v, _ := part(value{kind: "M", fields: d}, paths)
	if v.fields == nil {
		return doc{}
	}
	return v.fields
}

func part(v value, paths []path) (value, bool) {
	if slices.ContainsFunc(paths, func(p path) bool { return len(p) == 0 }) {
		return v, true
	}
	below := map[step][]path{}
	for _, p := range paths {
		below[p[0]] = append(below[p[0]], p[1:])
	}
	switch v.kind {
	case "M":
		kept := doc{}
		for name, member := range v.fields {
			if paths, ok := below[step{name, -1}]; ok {
				if member, ok = part(member, paths); ok {
					kept[name] = member
				}
			}
		}
		return value{kind: "M", fields: kept}, len(kept) > 0
	case "L":
		var kept []value
		for i, element := range v.list {
			if paths, ok := below[step{"", i}]; ok {
				if element, ok = part(element, paths); ok {
					kept = append(kept, element)
				}
			}
		}
		return value{kind: "L", list: kept}, len(kept) > 0
	}
	return value{}, false
}
