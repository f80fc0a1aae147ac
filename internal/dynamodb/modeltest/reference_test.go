package modeltest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// attribute is a key's attribute.
type attribute struct{ name, kind string }

// index is a secondary index, or the table itself if it has no name.
type index struct {
	name       string
	local      bool
	key        []attribute
	hashes     int // how many of the key are the hash key; 0 means 1
	projection string
	include    []string
}

type table struct {
	name    string
	key     []attribute
	indexes []*index
	items   map[string]doc

	history  []change
	restored bool // nothing expires in it
}

// reference is how the service must behave: a map of items for each table, and
// everything else computed of it when it is asked for.
type reference struct {
	tables []*table
	tokens map[string]spent
	// begun is the second from which on there is recovery.
	begun   int64
	backups []kept
}

// spent is a ClientRequestToken that a transaction was done with.
type spent struct {
	request string
	when    time.Time
}

// failure is an error that the service must answer with. If there are several
// messages, any of them will do, and if there is none, any at all.
type failure struct {
	code     string
	messages []string
	item     doc       // that failed the condition, if asked for
	late     bool      // in a transaction, a reason of it
	either   bool      // there are two, of which one is late: which is told is not documented
	reasons  []failure // of a TransactionCanceledException; an empty code is None
}

func invalid(messages ...string) *failure {
	return &failure{code: "ValidationException", messages: messages}
}

func (f *failure) asReason() *failure {
	f.late = true
	return f
}

func placeOf(t *table, d doc) string {
	var b strings.Builder
	for _, k := range t.key {
		fmt.Fprintf(&b, "%s%q", k.kind, d[k.name].text)
	}
	return b.String()
}

func (t *table) get(key doc) doc { return t.items[placeOf(t, key)] }

func (t *table) set(key, d doc) {
	if d == nil {
		delete(t.items, placeOf(t, key))
	} else {
		t.items[placeOf(t, key)] = d
	}
}

func (t *table) index(name string) *index {
	for _, x := range t.indexes {
		if x.name == name {
			return x
		}
	}
	return &index{key: t.key, projection: "ALL", local: true}
}

// hash and rest are the attributes of the hash and the range key.
func (x *index) hash() []attribute { return x.key[:max(1, x.hashes)] }
func (x *index) rest() []attribute { return x.key[max(1, x.hashes):] }

// tooLong reports whether the attributes of an item's hash key are too long together, or
// those of its range key. Numbers do not count.
func (x *index) tooLong(d doc, hash bool) bool {
	of, most, n := x.rest(), 1024, 0
	if hash {
		of, most = x.hash(), 2048
	}
	for _, k := range of {
		if v := d[k.name]; v.kind == k.kind && k.kind != "N" {
			n += len(v.text)
		}
	}
	return n > most
}

// entry is what an index has of an item; nil if nothing.
func (t *table) entry(x *index, d doc) doc {
	for _, k := range x.key {
		if v, ok := d[k.name]; !ok || v.kind != k.kind || v.text == "" {
			return nil
		}
	}
	if x.tooLong(d, true) || x.tooLong(d, false) {
		return nil
	}
	if d == nil || x.projection == "ALL" {
		return d
	}
	return d.only(t.projected(x))
}

// projected are the names of what is in an index that has not everything.
func (t *table) projected(x *index) (names []string) {
	for _, k := range slices.Concat(t.key, x.key) {
		names = append(names, k.name)
	}
	return append(names, x.include...)
}

// keyNames are the attributes of a LastEvaluatedKey.
func (t *table) keyNames(x *index) (names []string) {
	for _, k := range slices.Concat(x.key, t.key) {
		names = append(names, k.name)
	}
	return names
}

// rows are what an index has, or the table, in the order of its range keys and then of
// the table's keys.
func (t *table) rows(x *index) (rows []doc) {
	for _, d := range t.items {
		if e := t.entry(x, d); e != nil {
			rows = append(rows, e)
		}
	}
	slices.SortFunc(rows, func(a, b doc) int { return t.compare(x, a, b) })
	return rows
}

func (t *table) compare(x *index, a, b doc) int {
	for _, k := range slices.Concat(x.key, t.key) {
		if o := order(a[k.name], b[k.name]); o != 0 {
			return o
		}
	}
	return 0
}

// size is the ItemCount and the size in bytes of an index, or the table.
func (t *table) size(x *index) (count, bytes int) {
	for _, row := range t.rows(x) {
		count++
		bytes += row.bytes()
	}
	return count, bytes
}

// write is a change of one item, or a ConditionCheck.
type write struct {
	kind      string // Put, Update, Delete, Check; Insert is a PartiQL statement alone
	table     string
	key       doc // of a Put the item
	update    update
	condition condition
	returnOld bool // ReturnValuesOnConditionCheckFailure
	legacy    bool // by AttributeUpdates
}

// checkKey finds what is wrong with the key or item that a request has.
func (t *table) checkKey(w write) *failure {
	open := "One or more parameter values were invalid: "
	puts := w.kind == "Put" || w.kind == "Insert"
	if !puts && len(w.key) != len(t.key) {
		return invalid("The provided key element does not match the schema").asReason()
	}
	for i, k := range t.key {
		v, ok := w.key[k.name]
		switch {
		case !puts && (!ok || v.kind != k.kind):
			return invalid("The provided key element does not match the schema").asReason()
		case !ok:
			return invalid(open + "Missing the key " + k.name + " in the item").asReason()
		case v.kind != k.kind:
			return invalid(fmt.Sprintf(open+"Type mismatch for key %s expected: %s actual: %s", k.name, k.kind, v.kind)).asReason()
		case v.text == "":
			return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty " + kindNames[k.kind] + " value. Key: " + k.name)
		case k.kind != "N" && i == 0 && len(v.text) > 2048:
			return invalid(open + "Size of hashkey has exceeded the maximum size limit of2048 bytes")
		case k.kind != "N" && i == 1 && len(v.text) > 1024:
			return invalid(open + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
		}
	}
	if puts {
		return t.checkIndexes(w.key)
	}
	if w.kind == "Update" {
		wrong := faults{}
		for _, a := range w.update {
			for _, k := range t.key {
				if a.path[0].name == k.name {
					wrong.add(open + "Cannot update attribute " + k.name + ". This attribute is part of the key")
				}
			}
		}
		if len(wrong) > 0 {
			return invalid(slices.Collect(maps.Keys(wrong))...)
		}
	}
	return nil
}

var kindNames = map[string]string{"S": "string", "B": "binary"}

// checkIndexes finds what of an item cannot be a key of an index.
func (t *table) checkIndexes(d doc) *failure {
	wrong, late, early := faults{}, false, false
	for _, x := range t.indexes {
		for _, k := range x.key {
			v, ok := d[k.name]
			switch {
			case !ok:
			case v.kind != k.kind:
				wrong.add(fmt.Sprintf("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", k.name, k.kind, v.kind, x.name))
				late = true
			case v.text == "":
				wrong.add(fmt.Sprintf("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kindNames[k.kind], x.name, k.name))
				early = true
			}
		}
		if x.tooLong(d, true) {
			wrong.add("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes")
			early = true
		}
		if x.tooLong(d, false) {
			wrong.add("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
			early = true
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	f := invalid(slices.Collect(maps.Keys(wrong))...)
	f.late, f.either = !early, late && early
	return f
}

// decide computes the item before a write and after it, if that is possible.
func (t *table) decide(w write) (old, next doc, f *failure) {
	old = t.get(w.key)
	if w.condition != nil && !w.condition.holds(old) {
		f := &failure{code: "ConditionalCheckFailedException", messages: []string{"The conditional request failed"}}
		if w.returnOld {
			f.item = old
		}
		return old, nil, f
	}
	switch w.kind {
	case "Insert":
		if old != nil {
			return old, nil, &failure{code: "DuplicateItemException", messages: []string{"Duplicate primary key exists in table"}}
		}
		return old, w.key.canonical(), nil
	case "Put":
		return old, w.key.canonical(), nil
	case "Delete":
		return old, nil, nil
	case "Check":
		return old, old, nil
	}
	base := old
	if base == nil {
		if f := t.checkIndexes(w.key); f != nil {
			return old, nil, f
		}
		base = w.key.canonical()
	}
	next, wrong := w.update.apply(base)
	if w.legacy && wrong[badType] {
		delete(wrong, badType)
		wrong.add("Type mismatch for attribute to update")
	}
	if len(wrong) > 0 {
		return old, nil, invalid(slices.Collect(maps.Keys(wrong))...)
	}
	for _, x := range t.indexes {
		for i, k := range x.key {
			v, ok := next[k.name]
			touched := slices.ContainsFunc(w.update, func(a action) bool { return a.path[0].name == k.name })
			if !ok || !touched {
				continue
			}
			switch {
			case v.kind != k.kind:
				wrong.add("The update expression attempted to update the secondary index key to unsupported type")
			case v.text == "":
				wrong.add("One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty " + kindNames[k.kind] + " value.")
			case x.tooLong(next, i < len(x.hash())):
				wrong.add("The update expression attempted to update the secondary index key beyond allowed size limits")
			}
		}
	}
	if len(wrong) > 0 {
		return old, nil, invalid(slices.Collect(maps.Keys(wrong))...)
	}
	if next.bytes() > maxItem {
		return old, nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	return old, next, nil
}

const maxItem = 400 << 10
