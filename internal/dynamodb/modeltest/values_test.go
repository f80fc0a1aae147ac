package modeltest

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes random operations. What it makes depends on its seed alone.
type generator struct {
	*rand.Rand
	tables []*table
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 1)), schema()}
}

// one reports, by chance, true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

var (
	texts    = []string{"a", "b", "ab", "abc", "é", "e\u0301", "😀", "\x00", "\x01a", "\uffff", "\u2028", `"\/`, "<&>", "z"}
	binaries = []string{"\x00", "\x00\x00", "\x00\xff", "\xff", "\xff\xff", "ab", "abc", "\x80"}
	digitses = []string{"0", "-0", "1", "-1", "2", "3", "10", "1.50", "1E+2", "100", "00042", "0.1", "-0.5", "5e-1", "0.001", "1000000",
		"12345678901234567890123456789012345678", "-1234567890123456789.0123456789012345678", "0.12345678901234567890123456789012345678",
		"9.9999999999999999999999999999999999999E+125", "-9.9999999999999999999999999999999999999E+125", "1e-130", "-1E-130", "1.5e-129",
		"9007199254740993", "9007199254740992", "-9007199254740993", "99999999999999999999999999999999999999", "3.14159"}
	small = []string{"0", "1", "-1", "2", "3", "1.5", "-2.25", "10"}
)

func (g *generator) number() value {
	if g.one(3) {
		return num(pick(g, digitses...))
	}
	return num(pick(g, small...))
}

// scalar is an S, N or B, which may be empty.
func (g *generator) scalar(kind string) value {
	switch {
	case kind == "N":
		return g.number()
	case g.one(12):
		return value{kind: kind}
	case kind == "S" && g.one(25):
		return str(strings.Repeat(pick(g, "x", "é", "😀"), g.IntN(3000)))
	case kind == "B":
		return bin(pick(g, binaries...))
	}
	return str(pick(g, texts...))
}

func (g *generator) set(kind string) value {
	v := value{kind: kind}
	for range 1 + g.IntN(3) {
		m := g.scalar(kind[:1])
		if kind == "SS" && len(m.text) > 100 {
			m.text = "long"
		}
		if !has(v.canonical().list, m.canonical()) {
			v.list = append(v.list, m)
		}
	}
	return v
}

// value is any value, with at most depth more levels of nesting.
func (g *generator) value(depth int) value {
	kinds := []string{"S", "S", "N", "N", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "L", "M"}
	if depth == 0 {
		kinds = kinds[:11]
	}
	return g.valueOf(pick(g, kinds...), depth)
}

func (g *generator) valueOf(kind string, depth int) value {
	switch kind {
	case "S", "N", "B":
		return g.scalar(kind)
	case "BOOL":
		return value{kind: kind, text: pick(g, "true", "false")}
	case "NULL":
		return value{kind: kind}
	case "L":
		v := value{kind: kind, list: []value{}}
		for range g.IntN(4) {
			v.list = append(v.list, g.value(max(0, depth-1)))
		}
		return v
	case "M":
		v := value{kind: kind, fields: doc{}}
		for range g.IntN(4) {
			v.fields[pick(g, members...)] = g.value(max(0, depth-1))
		}
		return v
	}
	return g.set(kind)
}

// valueAt is a value for an attribute of which most are of one kind.
func (g *generator) valueAt(name string) value {
	switch kind := map[string]string{"doc": "M", "lst": "L", "xa": "N", "ya": "SS"}[name]; {
	case kind == "" || g.one(5):
		return g.value(3)
	default:
		return g.valueOf(kind, 2)
	}
}

var (
	others  = []string{"xa", "ya", "doc", "lst", "Größe", "a.b", "with space", "😀"}
	members = []string{"k1", "k2", "名", "xa"}
)

// nested is a value with so many levels.
func nested(levels int) value {
	v := num("1")
	for i := range levels {
		if i%2 == 0 {
			v = value{kind: "L", list: []value{v}}
		} else {
			v = value{kind: "M", fields: doc{"k1": v}}
		}
	}
	return v
}

// keyValue is a value for a key, one of few.
func (g *generator) keyValue(k attribute, isHash bool) value {
	longest := 1024
	if isHash {
		longest = 2048
	}
	switch {
	case k.kind != "N" && g.one(150):
		return value{kind: k.kind, text: strings.Repeat("k", longest)}
	case k.kind == "N" && g.one(4):
		return num(pick(g, digitses...))
	case k.kind == "N":
		return num(pick(g, small...))
	case k.kind == "B":
		return bin(pick(g, binaries[:5]...))
	}
	return str(pick(g, texts[:5]...))
}

// key is the key of an item, which once in many times is none.
func (g *generator) key(t *table) doc {
	d := doc{}
	for i, k := range t.key {
		d[k.name] = g.keyValue(k, i == 0)
	}
	if !g.one(80) {
		return d
	}
	i := g.IntN(len(t.key))
	k := t.key[i]
	switch g.IntN(4) {
	case 0:
		delete(d, k.name)
		if len(d) == 0 {
			d["xa"] = str("x")
		}
	case 1:
		d[k.name] = g.value(1)
	case 2:
		if k.kind != "N" {
			d[k.name] = value{kind: k.kind}
		}
	case 3:
		if k.kind != "N" {
			d[k.name] = value{kind: k.kind, text: strings.Repeat("k", []int{2049, 1025}[i])}
		}
	}
	return d
}

// goodKey is the key of an item.
func (g *generator) goodKey(t *table) doc {
	for {
		d := g.key(t)
		if t.checkKey(write{kind: "Get", key: d}) == nil {
			return d
		}
	}
}

// indexed are the attributes of tables' indexes.
var indexed = []attribute{{"s", "S"}, {"n", "N"}, {"b", "B"}, {"pos", "N"}, {"id", "S"}}

// item is an item to put.
func (g *generator) item(t *table) doc {
	d := g.key(t)
	for _, k := range indexed {
		if _, ok := d[k.name]; ok || g.one(3) {
			continue
		}
		if slicesHave(t.key, k.name) {
			continue
		}
		switch {
		case g.one(60):
			d[k.name] = g.value(1)
		default:
			d[k.name] = g.keyValue(k, false)
		}
	}
	if g.one(5) {
		d[expires] = g.time()
	}
	for range g.IntN(5) {
		name := pick(g, others...)
		d[name] = g.valueAt(name)
	}
	switch {
	case g.one(150):
		d["big"] = str(strings.Repeat("b", maxItem-600+g.IntN(700)))
	case g.one(60):
		d["big"] = str(strings.Repeat("b", 100_000+g.IntN(150_000)))
	case g.one(10):
		d["big"] = str(strings.Repeat("b", g.IntN(9000)))
	}
	if g.one(80) {
		d["lst"] = nested(29 + g.IntN(3))
	}
	return d
}

// time is a value for the attribute by which items expire. The clock of a run begins
// with the year 2000.
func (g *generator) time() value {
	const start = 946684800
	switch g.IntN(8) {
	case 0:
		return str(strconv.Itoa(start))
	case 1:
		return num(pick(g, "0", "-1", "1e100", strconv.Itoa(start-2*fiveYears)))
	case 2:
		return num(strconv.Itoa(start - fiveYears/2))
	}
	return num(strconv.Itoa(start + g.IntN(6000)))
}

func slicesHave(key []attribute, name string) bool {
	for _, k := range key {
		if k.name == name {
			return true
		}
	}
	return false
}
