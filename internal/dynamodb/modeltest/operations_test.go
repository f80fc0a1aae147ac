package modeltest

import (
	"fmt"
	"time"
)

func (g *generator) operations(n int) (all []operation) {
	for range n {
		all = append(all, g.operation())
	}
	return all
}

func (g *generator) operation() operation {
	switch n := g.IntN(100); {
	case n < 20:
		return single{g.put(), pick(g, "", "ALL_OLD", "NONE"), g.capacity()}
	case n < 45:
		return single{g.updateOf(), pick(g, "", "NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"), g.capacity()}
	case n < 50:
		return single{g.delete(), pick(g, "", "ALL_OLD", "NONE"), g.capacity()}
	case n < 56:
		return g.getOf(g.table(), g.key)
	case n < 66:
		return g.query()
	case n < 71:
		return g.scan()
	case n < 75:
		return g.batchWrite()
	case n < 77:
		return g.batchGet()
	case n < 82:
		return g.transactWrite()
	case n < 84:
		return g.transactGet()
	case n < 94:
		return g.partiql()
	case n < 96:
		return describe{g.table().name}
	case n < 97:
		return restart{}
	case n < 98:
		return upkeep{}
	case n < 99 && g.one(2):
		switch g.IntN(7) {
		case 5, 6:
			return g.toggle()
		case 0:
			return follow{}
		case 1:
			return backUp{g.table().name}
		case 2:
			return restoreBackup{g.IntN(10)}
		}
		return restore{g.table().name, pick[int64](g, 0, 1, 7, 100, 1000, 10000)}
	}
	return wait{pick(g, time.Second/2, 7*time.Second, 3*time.Minute, 11*time.Minute)}
}

func (g *generator) table() *table    { return pick(g, g.tables...) }
func (g *generator) capacity() string { return pick(g, "", "NONE", "TOTAL", "INDEXES") }

func (g *generator) put() write {
	t := g.table()
	return write{kind: "Put", table: t.name, key: g.item(t), condition: g.ofWrite(), returnOld: g.one(2)}
}

func (g *generator) updateOf() write {
	t := g.table()
	w := write{kind: "Update", table: t.name, key: g.key(t), returnOld: g.one(2)}
	if w.legacy = g.one(6); w.legacy {
		w.update = g.olderUpdate(t)
		if g.one(2) {
			w.condition = g.expected()
		}
		return w
	}
	if !g.one(20) {
		w.update = g.update(t)
	}
	if w.condition = g.ofWrite(); len(w.update) > 0 {
		if _, older := w.condition.(expected); older {
			w.condition = nil
		}
	}
	return w
}

func (g *generator) delete() write {
	t := g.table()
	return write{kind: "Delete", table: t.name, key: g.key(t), condition: g.ofWrite(), returnOld: g.one(2)}
}

// projection is a ProjectionExpression of the attributes called names, or of any;
// once in a while there is none.
func (g *generator) projection(names ...string) (paths []path) {
	if g.one(2) {
		return nil
	}
next:
	for range 1 + g.IntN(4) {
		p := g.path()
		if names != nil {
			p = at(pick(g, names...))
		}
		for _, q := range paths {
			if clashes(p, q) {
				continue next
			}
		}
		paths = append(paths, p)
	}
	return paths
}

func (g *generator) getOf(t *table, key func(*table) doc) get {
	return get{table: t.name, key: key(t), paths: g.projection(), consistent: g.one(2), capacity: g.capacity()}
}

// distinct makes up to n of what has a table and a key, no two of the same item.
func distinct[T any](g *generator, n int, some func() T, of func(T) (string, doc)) (all []T) {
	seen := map[string]bool{}
	for range n {
		one := some()
		name, key := of(one)
		for _, t := range g.tables {
			if t.name == name && !seen[name+placeOf(t, key)] {
				seen[name+placeOf(t, key)] = true
				all = append(all, one)
			}
		}
	}
	return all
}

func (g *generator) gets(n int) []get {
	like := map[string]get{}
	return distinct(g, n, func() get {
		t := g.table()
		if _, ok := like[t.name]; !ok {
			like[t.name] = g.getOf(t, g.goodKey)
		}
		one := like[t.name]
		one.key = g.goodKey(t)
		return one
	}, func(o get) (string, doc) { return o.table, o.key })
}

func (g *generator) batchGet() operation { return batchGet{g.gets(1 + g.IntN(12)), g.capacity()} }

func (g *generator) transactGet() operation { return transactGet{g.gets(1 + g.IntN(8)), g.capacity()} }

// several are writes of different items; once in a while, one is written twice.
func (g *generator) several(n int, one func() write) []write {
	writes := distinct(g, n, one, func(w write) (string, doc) { return w.table, w.key })
	if g.one(25) {
		writes = append(writes, writes[0])
	}
	return writes
}

func (g *generator) batchWrite() operation {
	return batchWrite{g.several(1+g.IntN(10), func() write {
		t := g.table()
		if g.one(3) {
			return write{kind: "Delete", table: t.name, key: g.goodKey(t)}
		}
		for {
			w := write{kind: "Put", table: t.name, key: g.item(t)}
			if w.key.bytes() <= maxItem && t.checkKey(w) == nil {
				return w
			}
		}
	}), g.capacity()}
}

func (g *generator) transactWrite() operation {
	o := transactWrite{capacity: g.capacity()}
	if g.one(2) {
		o.token = fmt.Sprint("token", g.IntN(3))
	}
	o.writes = g.several(1+g.IntN(5), func() (w write) {
		switch g.IntN(4) {
		case 0:
			w = g.put()
		case 1:
			w = g.delete()
		case 2:
			t := g.table()
			w = write{kind: "Update", table: t.name, key: g.key(t), update: g.update(t), condition: g.ofWrite(), returnOld: g.one(2)}
		default:
			t := g.table()
			w = write{kind: "Check", table: t.name, key: g.key(t), condition: g.condition(g.IntN(2)), returnOld: g.one(2)}
			if !g.one(3) {
				w.condition = exists{at("with space"), true}
			}
		}
		if _, older := w.condition.(expected); older {
			w.condition = nil
		}
		return w
	})
	return o
}

func (g *generator) scan() operation {
	t := g.table()
	x := pick(g, append(t.indexes, t.index(""))...)
	o := g.selection(t, x, g.maybe())
	o.scan = true
	if g.one(3) {
		o.segments = 1 + g.IntN(5)
		o.segment = g.IntN(o.segments)
	}
	return o
}

func (g *generator) query() operation {
	t := g.table()
	x := pick(g, append(t.indexes, t.index(""), t.index(""))...)
	if x.hashes > 1 {
		return search{scan: true, table: t.name, index: x.name, limit: 3} // its key conditions are tested elsewhere
	}
	var names []string
	for _, k := range x.key {
		names = append(names, k.name)
	}
	o := g.selection(t, x, g.maybe(names...))
	_, older := o.filter.(expected)
	o.legacy = older || g.one(10) && o.filter == nil
	if o.legacy {
		o.paths = nil
	}
	o.hash, o.reverse = g.keyValue(x.key[0], true), g.one(2)
	if len(x.key) > 1 && !g.one(3) {
		k := x.key[1]
		o.rangeOp = pick(g, "=", "<", "<=", ">", ">=", "BETWEEN", "begins_with")
		if k.kind == "N" && o.rangeOp == "begins_with" {
			o.rangeOp = ">"
		}
		o.bounds = []value{g.keyValue(k, false)}
		if o.rangeOp == "BETWEEN" {
			o.bounds = append(o.bounds, g.keyValue(k, false))
			if order(o.bounds[0], o.bounds[1]) > 0 {
				o.bounds[0], o.bounds[1] = o.bounds[1], o.bounds[0]
			}
		}
	} else if g.one(3) {
		o.start = g.goodKey(t)
		for i, k := range x.key {
			if _, ok := o.start[k.name]; !ok {
				o.start[k.name] = g.keyValue(k, i == 0)
			}
		}
		o.start[x.key[0].name] = o.hash
		if len(x.key) > 1 && len(o.start[x.key[1].name].text) > 1024 && x.key[1].kind != "N" {
			o.start = nil
		}
	}
	return o
}

// selection is what is the same of queries and scans.
func (g *generator) selection(t *table, x *index, filter condition) search {
	o := search{table: t.name, index: x.name, filter: filter, capacity: g.capacity(), consistent: x.local && g.one(2), counts: g.one(6)}
	if g.one(2) {
		o.limit = 1 + g.IntN(5)
	}
	if _, older := filter.(expected); older || o.counts {
		return o
	}
	if x.local || x.projection == "ALL" {
		o.paths = g.projection()
	} else {
		o.paths = g.projection(t.projected(x)...)
	}
	return o
}
