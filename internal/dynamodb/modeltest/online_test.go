package modeltest

import "slices"

// extra is the name of an index that comes and goes. What it is made of, its table's
// items have had before.
const extra = "extra"

// toggle adds an index to a table, or removes the one that was added before.
type toggle struct {
	table  string
	index  index
	during []single // are done while the index is being filled
}

func (o toggle) do(m *model) string {
	t := m.table(o.table)
	at := slices.IndexFunc(t.indexes, func(x *index) bool { return x.name == extra })
	change := map[string]any{"Delete": map[string]any{"IndexName": extra}}
	r := map[string]any{"TableName": t.name}
	if at < 0 {
		change = map[string]any{"Create": o.index.request()}
		definitions := []any{}
		for _, k := range o.index.key {
			definitions = append(definitions, map[string]any{"AttributeName": k.name, "AttributeType": k.kind})
		}
		r["AttributeDefinitions"] = definitions
		t.indexes = append(slices.Clone(t.indexes), &o.index)
	} else {
		t.indexes = slices.Delete(slices.Clone(t.indexes), at, at+1)
	}
	r["GlobalSecondaryIndexUpdates"] = []any{change}
	if _, err := m.server.must("UpdateTable", r); err != nil {
		return err.Error()
	}
	for _, w := range o.during {
		if why := w.do(m); why != "" {
			return why
		}
	}
	if at < 0 {
		got := m.server.call("Scan", map[string]any{"TableName": t.name, "IndexName": extra})
		if why := differ("Scan of an index that is being filled", got, invalid("Cannot read from backfilling global secondary index: "+extra), nil); why != "" {
			return why
		}
	}
	if why := m.settle(); why != "" {
		return why
	}
	return m.whole(t)
}

func (g *generator) toggle() operation {
	t := pick(g, g.tableOf("plain"), g.tableOf("ranged"))
	o := toggle{table: t.name, index: index{name: extra, projection: pick(g, "ALL", "KEYS_ONLY")}}
	o.index.key = pick(g, []attribute{{"xa", "N"}}, []attribute{{"xa", "N"}, {"id", "S"}}, []attribute{{"n", "N"}, {"xa", "N"}}, []attribute{{"Größe", "S"}})
	if o.index.projection == "KEYS_ONLY" && g.one(2) {
		o.index.projection, o.index.include = "INCLUDE", []string{"ya", "doc"}
	}
	for range g.IntN(12) {
		// What they consume of the index depends on how far it is filled.
		w := single{write: g.put()}
		if g.one(2) {
			w.write = g.updateOf()
		} else if g.one(4) {
			w.write = g.delete()
		}
		o.during = append(o.during, w)
	}
	return o
}
