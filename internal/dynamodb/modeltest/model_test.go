// Package modeltest does random operations to a service and to a plain reference of
// what DynamoDB documents, and expects one answer of both. The reference shares no code
// with the service: an operation is made once in the abstract, is written as a request
// for the one, and is evaluated by the other.
//
// MODELWHARF_SOAK=1 does a hundred thousand operations instead of some, and
// MODELWHARF_SEED=n those of one seed that failed before.
package modeltest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// model is the two sides.
type model struct {
	reference
	server *server
}

func (m *model) table(name string) *table {
	for _, t := range m.tables {
		if t.name == name {
			return t
		}
	}
	panic("no table " + name)
}

// schema are the tables of a model, in the order of their names.
func schema() []*table {
	s, n, b := attribute{"s", "S"}, attribute{"n", "N"}, attribute{"b", "B"}
	id, pos := attribute{"id", "S"}, attribute{"pos", "N"}
	tables := []*table{
		{name: "binary", key: []attribute{b, s}, indexes: []*index{
			{name: "by-n", key: []attribute{n, s}, projection: "KEYS_ONLY"},
		}},
		{name: "plain", key: []attribute{id}, indexes: []*index{
			{name: "by-many", key: []attribute{s, b, n, pos}, hashes: 2, projection: "KEYS_ONLY"},
			{name: "by-n", key: []attribute{n}, projection: "KEYS_ONLY"},
			{name: "by-s", key: []attribute{s, n}, projection: "ALL"},
		}},
		{name: "ranged", key: []attribute{id, pos}, indexes: []*index{
			{name: "by-pos", key: []attribute{pos, id}, projection: "ALL"},
			{name: "by-s", key: []attribute{s}, projection: "INCLUDE", include: []string{"xa", "doc"}},
			{name: "local-b", local: true, key: []attribute{id, b}, projection: "ALL"},
			{name: "local-n", local: true, key: []attribute{id, n}, projection: "INCLUDE", include: []string{"xa", "Größe"}},
			{name: "local-s", local: true, key: []attribute{id, s}, projection: "KEYS_ONLY"},
		}},
	}
	for _, t := range tables {
		t.items = map[string]doc{}
	}
	return tables
}

func (x *index) request() map[string]any {
	projection := map[string]any{"ProjectionType": x.projection}
	if x.include != nil {
		projection["NonKeyAttributes"] = x.include
	}
	return map[string]any{"IndexName": x.name, "KeySchema": keySchema(x), "Projection": projection}
}

func keySchema(x *index) (list []any) {
	for _, k := range x.hash() {
		list = append(list, map[string]any{"AttributeName": k.name, "KeyType": "HASH"})
	}
	for _, k := range x.rest() {
		list = append(list, map[string]any{"AttributeName": k.name, "KeyType": "RANGE"})
	}
	return list
}

func (t *table) request() map[string]any {
	kinds := map[string]string{}
	r := map[string]any{"TableName": t.name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keySchema(t.index(""))}
	for _, k := range t.key {
		kinds[k.name] = k.kind
	}
	for _, x := range t.indexes {
		for _, k := range x.key {
			kinds[k.name] = k.kind
		}
		kind := "GlobalSecondaryIndexes"
		if x.local {
			kind = "LocalSecondaryIndexes"
		}
		list, _ := r[kind].([]any)
		r[kind] = append(list, x.request())
	}
	definitions := []any{}
	for name, kind := range kinds {
		definitions = append(definitions, map[string]any{"AttributeName": name, "AttributeType": kind})
	}
	r["AttributeDefinitions"] = definitions
	return r
}

// run does operations to a new model, and returns the first of which the sides differ
// and how; -1 if there is none.
func run(t *testing.T, operations []operation) (first int, why string) {
	first = -1
	synctest.Test(t, func(t *testing.T) {
		m := &model{reference: reference{tables: schema(), tokens: map[string]spent{}}, server: newServer(t)}
		defer func() { m.server.close() }()
		for _, table := range m.tables {
			if _, err := m.server.must("CreateTable", table.request()); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.begin(); err != nil {
			t.Fatal(err)
		}
		for i, o := range operations {
			if why = o.do(m); why != "" {
				first = i
				return
			}
		}
		if why = m.finish(); why != "" {
			first = len(operations) - 1
			return
		}
		if len(operations) == runLength {
			t.Log(m.server.asked)
		}
	})
	return first, why
}

// shrink leaves out operations as long as the rest still makes the sides differ.
func shrink(t *testing.T, operations []operation, why string) ([]operation, string) {
	for size := len(operations) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(operations); {
			rest := slices.Concat(operations[:from], operations[from+size:])
			if first, still := run(t, rest); first >= 0 {
				operations, why = rest[:first+1], still
			} else {
				from += size
			}
		}
	}
	return operations, why
}

const runLength = 1000

func TestModel(t *testing.T) {
	t.Parallel()
	seed, runs := uint64(time.Now().UnixNano()), 4
	if os.Getenv("MODELWHARF_SOAK") != "" {
		runs = 100
	}
	if s := os.Getenv("MODELWHARF_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed, runs = n, 1
	}
	for n := range runs {
		seed := seed + uint64(n)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			operations := newGenerator(seed).operations(runLength)
			first, why := run(t, operations)
			if first < 0 {
				return
			}
			t.Logf("operation %d: %s", first, why)
			operations, why = shrink(t, operations[:first+1], why)
			var steps []string
			for _, o := range operations {
				steps = append(steps, fmt.Sprintf("%T %s", o, clip(fmt.Sprintf("%+v", o))))
			}
			t.Errorf("after %d operations:\n%s\n%s", len(operations), strings.Join(steps, "\n"), why)
		})
	}
}

// finish compares everything that there is.
func (m *model) finish() string {
	if why := m.settle(); why != "" {
		return why
	}
	for _, t := range m.tables {
		if why := m.whole(t); why != "" {
			return why
		}
	}
	return follow{}.do(m)
}

// whole compares a table and its indexes.
func (m *model) whole(t *table) string {
	if why := (describe{t.name}).do(m); why != "" {
		return why
	}
	for _, x := range append(slices.Clone(t.indexes), t.index("")) {
		if why := (search{scan: true, table: t.name, index: x.name, limit: 7, capacity: "INDEXES"}).do(m); why != "" {
			return why
		}
	}
	return ""
}

// restart stops the service and starts it again.
type restart struct{}

func (restart) do(m *model) string { m.server.restart(); return "" }

// wait lets time pass.
type wait struct{ time.Duration }

func (o wait) do(m *model) string { time.Sleep(o.Duration); return "" }

// upkeep lets the background do what there is to do.
type upkeep struct{}

func (upkeep) do(m *model) string { return m.settle() }
