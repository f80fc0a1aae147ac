package modeltest

import "maps"

// cost is the capacity that an operation consumes of a table, and of its indexes by
// name.
type cost struct {
	table   float64
	indexes map[string]float64
}

func (c *cost) add(d cost) {
	c.table += d.table
	indexes := maps.Clone(c.indexes)
	if indexes == nil {
		indexes = map[string]float64{}
	}
	for name, units := range d.indexes {
		indexes[name] += units
	}
	c.indexes = indexes
}

// units are how many whole parts of a size something has, but at least one.
func units(bytes, size int) float64 { return float64(max(1, (bytes+size-1)/size)) }

func readCost(bytes int, consistent bool) float64 {
	if consistent {
		return units(bytes, 4096)
	}
	return units(bytes, 4096) / 2
}

// writeCost is what it costs to put next in the place of old. An index costs nothing
// if its entry stays, and twice if the entry moves.
func (t *table) writeCost(old, next doc) cost {
	c := cost{table: units(max(old.bytes(), next.bytes()), 1024), indexes: map[string]float64{}}
	for _, x := range t.indexes {
		was, is := t.entry(x, old), t.entry(x, next)
		moved := false
		for _, k := range x.key {
			moved = moved || !equal(was[k.name], is[k.name])
		}
		switch {
		case was == nil && is == nil, maps.EqualFunc(was, is, equal):
		case was == nil || is == nil || !moved:
			c.indexes[x.name] = units(max(was.bytes(), is.bytes()), 1024)
		default:
			c.indexes[x.name] = units(was.bytes(), 1024) + units(is.bytes(), 1024)
		}
	}
	return c
}

// told is a ConsumedCapacity, if one is wanted; kind is ReadCapacityUnits or
// WriteCapacityUnits in transactions.
func (c cost) told(t *table, wanted, kind string) map[string]any {
	part := func(units float64) map[string]any {
		m := map[string]any{"CapacityUnits": units}
		if kind != "" {
			m[kind] = units
		}
		return m
	}
	sum := c.table
	for _, units := range c.indexes {
		sum += units
	}
	m := part(sum)
	m["TableName"] = t.name
	if wanted != "INDEXES" {
		return m
	}
	m["Table"] = part(c.table)
	for name, units := range c.indexes {
		kind := "GlobalSecondaryIndexes"
		if t.index(name).local {
			kind = "LocalSecondaryIndexes"
		}
		if m[kind] == nil {
			m[kind] = map[string]any{}
		}
		m[kind].(map[string]any)[name] = part(units)
	}
	return m
}
