package modeltest

import (
	"slices"
)

// path is a path to any value; one into an attribute of a key has one step.
func (g *generator) path() path {
	if g.one(2) {
		return at(pick(g, indexed...).name)
	}
	return g.inner()
}

// inner is a path that does not begin with an attribute of a key.
func (g *generator) inner() path {
	p := at(pick(g, others...))
	if g.one(3) {
		p = at(pick(g, "doc", "lst"))
	}
	for range g.IntN(3) {
		last := p.last().name
		if last == "lst" && !g.one(8) || last != "doc" && g.one(2) {
			p = append(p, step{"", g.IntN(4)})
		} else {
			p = append(p, step{pick(g, members...), -1})
		}
	}
	return p
}

// condition is a condition on anything but the attributes called without.
func (g *generator) condition(depth int, without ...string) condition {
	if depth > 0 {
		switch g.IntN(5) {
		case 0:
			return both{g.condition(depth-1, without...), g.condition(depth-1, without...)}
		case 1:
			return either{g.condition(depth-1, without...), g.condition(depth-1, without...)}
		case 2:
			return not{g.condition(depth-1, without...)}
		}
	}
	some := func() path {
		for {
			if p := g.path(); !slices.Contains(without, p[0].name) {
				return p
			}
		}
	}
	p := some()
	of := operand{path: p, size: g.one(8)}
	kind := pick(g, "S", "N", "B")
	for _, k := range indexed {
		if k.name == p[0].name && !g.one(5) {
			kind = k.kind
		}
	}
	if of.size {
		kind = "N"
	}
	literal := func() operand {
		if !g.one(3) {
			return operand{literal: g.keyValue(attribute{"", kind}, false)} // of those that items have
		}
		v := g.scalar(kind)
		if kind != "N" && g.one(2) {
			v.text = v.text[:min(len(v.text), 1)]
			if kind == "S" {
				v.text = pick(g, texts...)
			}
		}
		return operand{literal: v}
	}
	// other is an operand that is not the first one.
	other := func() operand {
		if q := some(); g.one(4) && q.key() != p.key() {
			return operand{path: q}
		}
		return literal()
	}
	switch g.IntN(10) {
	case 0, 1:
		return exists{p, g.one(2)}
	case 2:
		return function{"attribute_type", p, operand{literal: str(pick(g, "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"))}}
	case 3:
		kind = pick(g, "S", "B")
		return function{"begins_with", p, literal()}
	case 4:
		if g.one(2) {
			return function{"contains", p, operand{literal: g.value(1)}}
		}
		return function{"contains", p, other()}
	case 5:
		low, high := literal(), literal()
		if order(low.literal, high.literal) > 0 {
			low, high = high, low
		}
		return between{of, low, high}
	case 6:
		of.size = false // which PartiQL does not take
		c := in{of: of}
		for range 1 + g.IntN(3) {
			c.list = append(c.list, literal())
		}
		return c
	case 7:
		if v := g.value(2); !of.size {
			return compare{of, pick(g, "=", "<>"), operand{literal: v}}
		}
	}
	return compare{of, pick(g, "=", "<>", "<", "<=", ">", ">="), other()}
}

// maybe is a condition, or none.
func (g *generator) maybe(without ...string) condition {
	if g.one(2) {
		return nil
	}
	if g.one(5) {
		return g.expected(without...)
	}
	return g.condition(g.IntN(3), without...)
}

// ofWrite is a condition of a write, or none, which most have: otherwise little would
// be written.
func (g *generator) ofWrite() condition {
	if g.one(2) {
		return nil
	}
	return g.maybe()
}

// expected is a condition of the older parameters.
func (g *generator) expected(without ...string) condition {
	c := expected{or: g.one(2)}
	for range 1 + g.IntN(2) {
		e := expectation{name: pick(g, "s", "n", "b", "xa", "ya", "doc", "lst", "Größe")}
		if slices.Contains(without, e.name) || slices.ContainsFunc(c.all, func(o expectation) bool { return o.name == e.name }) {
			continue
		}
		kind := pick(g, "S", "N", "B")
		e.verb = pick(g, "EQ", "NE", "LT", "LE", "GT", "GE", "NULL", "NOT_NULL", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH", "IN", "BETWEEN")
		switch e.verb {
		case "NULL", "NOT_NULL":
		case "EQ", "NE":
			e.values = []value{g.value(2)}
		case "BEGINS_WITH":
			e.values = []value{g.scalar(pick(g, "S", "B"))}
		case "IN":
			for range 1 + g.IntN(3) {
				e.values = append(e.values, g.scalar(kind))
			}
		case "BETWEEN":
			low, high := g.scalar(kind), g.scalar(kind)
			if order(low, high) > 0 {
				low, high = high, low
			}
			e.values = []value{low, high}
		default:
			e.values = []value{g.scalar(kind)}
		}
		c.all = append(c.all, e)
	}
	if len(c.all) == 0 {
		return exists{at("xa"), true}
	}
	return c
}

// update is an update of an item of a table.
func (g *generator) update(t *table) (u update) {
	for range 1 + g.IntN(1+g.IntN(4)) {
		p := g.inner()
		if len(p) > 1 && !g.one(3) {
			p = p[:1]
		}
		if g.one(4) {
			if p = at(pick(g, indexed...).name); slicesHave(t.key, p[0].name) && !g.one(20) {
				continue
			}
		}
		if g.one(30) {
			p = at(pick(g, "big", expires))
		}
		if slices.ContainsFunc(u, func(a action) bool { return clashes(a.path, p) }) {
			continue
		}
		a := action{clause: pick(g, "SET", "SET", "SET", "REMOVE", "ADD", "DELETE"), path: p}
		switch a.clause {
		case "SET":
			a.operand = g.setOperand(p)
		case "ADD":
			a.value = g.valueOf(pick(g, "N", "N", "SS", "NS", "BS"), 0)
		case "DELETE":
			a.value = g.set(pick(g, "SS", "NS", "BS"))
		}
		u = append(u, a)
	}
	if u == nil {
		return update{{clause: "REMOVE", path: at("ya")}}
	}
	return inClauses(u)
}

// inClauses is an update in the order in which it is written.
func inClauses(u update) (ordered update) {
	for _, clause := range []string{"SET", "REMOVE", "ADD", "DELETE"} {
		for _, a := range u {
			if a.clause == clause {
				ordered = append(ordered, a)
			}
		}
	}
	return ordered
}

func (g *generator) setOperand(p path) setOperand {
	literal := func(kind string) setOperand { return setOperand{literal: g.valueOf(kind, 2)} }
	source := func() path {
		if g.one(2) {
			return p
		}
		return g.path()
	}
	term := func(kind string) setOperand {
		switch g.IntN(3) {
		case 0:
			return setOperand{f: "path", path: source()}
		case 1:
			return setOperand{f: "if_not_exists", path: source(), args: []setOperand{literal(kind)}}
		}
		return literal(kind)
	}
	if p[0].name == "lst" && len(p) == 1 && g.one(2) {
		return setOperand{f: "list_append", args: []setOperand{{f: "if_not_exists", path: p, args: []setOperand{literal("L")}}, literal("L")}}
	}
	if p[0].name == expires {
		return setOperand{literal: g.time()}
	}
	switch g.IntN(10) {
	case 0:
		return setOperand{f: pick(g, "+", "-"), args: []setOperand{term("N"), term("N")}}
	case 1:
		return setOperand{f: "list_append", args: []setOperand{term("L"), term("L")}}
	case 2:
		return term(pick(g, "S", "N", "L", "M"))
	case 3:
		if g.one(8) {
			return setOperand{literal: nested(28 + g.IntN(4))}
		}
	case 4:
		if len(p) == 1 && slicesHave(indexed, p[0].name) {
			break
		}
		return setOperand{literal: g.value(3)}
	}
	for _, k := range indexed {
		if k.name == p[0].name && !g.one(15) {
			return setOperand{literal: g.keyValue(k, false)}
		}
	}
	return setOperand{literal: g.valueAt(p[0].name)}
}

// olderUpdate is an update by AttributeUpdates.
func (g *generator) olderUpdate(t *table) (u update) {
	for range 1 + g.IntN(3) {
		name := pick(g, "s", "n", "b", "xa", "ya", "lst", "Größe")
		if slicesHave(t.key, name) || slices.ContainsFunc(u, func(a action) bool { return a.path[0].name == name }) {
			continue
		}
		a := action{clause: pick(g, "SET", "SET", "REMOVE", "ADD", "DELETE"), path: at(name)}
		switch a.clause {
		case "SET":
			a.operand = setOperand{literal: g.value(2)}
			for _, k := range indexed {
				if k.name == name && !g.one(15) {
					a.operand.literal = g.keyValue(k, false)
				}
			}
		case "ADD":
			a.value = g.valueOf(pick(g, "N", "SS", "NS", "BS", "L"), 1)
		case "DELETE":
			a.value = g.set(pick(g, "SS", "NS", "BS"))
		}
		u = append(u, a)
	}
	if u == nil {
		return update{{clause: "REMOVE", path: at("ya")}}
	}
	return u
}
