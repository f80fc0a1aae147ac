package dynamodb

import (
	"bytes"
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// indexState is a secondary index as it is stored with its table.
type indexState struct {
	ID    uint64 `json:"id"` // among the table's; never used again
	Name  string `json:"name"`
	Local bool   `json:"local,omitempty"`
	// Hash and Range are the attributes of its key: of a global one up to four each.
	Hash  []keyAttribute `json:"hash"`
	Range []keyAttribute `json:"range,omitempty"`
	// Projection is a ProjectionType; Include are its NonKeyAttributes.
	Projection string     `json:"projection"`
	Include    []string   `json:"include,omitempty"`
	Throughput throughput `json:"throughput,omitzero"`
	Maximum    maximum    `json:"maximum,omitzero"` // on demand
	Warm       warm       `json:"warm,omitzero"`
	Status     string     `json:"status,omitempty"` // empty once it is ACTIVE
}

const (
	indexCreating = "CREATING"
	indexDeleting = "DELETING"
)

// index is a secondary index as requests use it. An item that has all attributes of
// the index's key has one entry in it, and no other has:
//
//	entry | table | index | hash | index hash key | range | base hash key | range
//
// So an entry is told from others by the index's key and the table's, and those of
// one key of the index lie in the order of the table's keys. A hash or range key of
// several attributes is as many elements. Its value is what the index projects of the
// item, in the form of an item.
type index struct {
	indexState
	source
	projected []string // the names of what an entry holds, sorted; nil for all
	// sourceNames are the attributes that an entry is made of, but for one that holds a
	// whole item; sorted.
	sourceNames []string
}

// decodeIndexes makes a table's indexes of their stored form. Those that are being
// deleted are left out: they are neither read nor written any more.
func (t *table) decodeIndexes() {
	for _, st := range t.Indexes {
		if st.Status == indexDeleting {
			continue
		}
		x := &index{indexState: st}
		x.source = source{table: t, index: x, prefix: entriesOf(t.ID, st.ID), schema: st.schema()}
		x.source.keyNames = sortedNames(x.source.schema.Names(), t.keyNames)
		if st.Projection != "ALL" {
			x.projected = sortedNames(x.source.keyNames, st.Include)
		}
		x.sourceNames = sortedNames(x.source.schema.Names(), x.projected)
		t.indexes = append(t.indexes, x)
		t.indexedNames = sortedNames(t.indexedNames, x.sourceNames)
	}
}

func (st *indexState) schema() (s item.Schema) {
	for i, k := range st.Hash {
		if i == 0 {
			s.Hash = k.key()
		} else {
			s.MoreHash = append(s.MoreHash, k.key())
		}
	}
	for i, k := range st.Range {
		if i == 0 {
			s.Range = k.key()
		} else {
			s.MoreRange = append(s.MoreRange, k.key())
		}
	}
	return s
}

func sortedNames(names ...[]string) []string {
	all := slices.Concat(names...)
	slices.Sort(all)
	return slices.Compact(all)
}

// indexARN is the ARN of an index, which policies name.
func indexARN(table, index string) string { return table + "/index/" + index }

// indexEffect is what a change of an item does to an index of its table.
type indexEffect struct {
	index *index
	size
	units float64 // write capacity
}

// follow keeps the indexes in step with a change of an item, and returns those that
// it changes. An entry that stays as it is costs nothing, one whose key changes as
// much as its deletion and another's creation.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations.Writes.
func (t *table) follow(ctx context.Context, tx kv.Txn, c change) (effects []indexEffect, err error) {
	before, err := t.indexed(c.old)
	if err != nil {
		return nil, err
	}
	after, err := t.indexed(c.new)
	if err != nil {
		return nil, err
	}
	base := t.baseKey(c.at)
	for _, x := range t.indexes {
		was, old := x.entry(before, c.old, base)
		is, next := x.entry(after, c.new, base)
		if was != nil && x.Status == indexCreating {
			// The index may not hold yet what was there before it.
			if old, err = stored(tx.Get(ctx, was)); err != nil {
				return nil, err
			}
			if old == nil {
				was = nil
			}
		}
		e := indexEffect{index: x}
		switch {
		case was == nil && is == nil:
			continue
		case was != nil && bytes.Equal(was, is):
			if bytes.Equal(old, next) {
				continue
			}
			e.bytes = int64(next.Size() - old.Size())
			e.units = writeUnits(old.Size(), next.Size())
		default:
			if was != nil {
				tx.Delete(was)
				e.add(size{-1, -int64(old.Size())})
				e.units += writeUnits(old.Size(), 0)
			}
			if is != nil {
				e.add(size{1, int64(next.Size())})
				e.units += writeUnits(0, next.Size())
			}
		}
		if is != nil {
			tx.Put(is, next)
		}
		effects = append(effects, e)
	}
	return effects, nil
}

// indexed decodes of an item what its table's indexes are made of.
func (t *table) indexed(it item.Stored) (dynamodb.Attributes, error) {
	if it == nil {
		return nil, nil
	}
	return it.Some(t.indexedNames)
}

// baseKey is the part of an item's place that an entry's key ends with.
func (t *table) baseKey(at []byte) []byte { return at[len(t.items)+9:] }

// entry returns the key and the value of an item's entry, of attributes of it; nil
// if it has none. The key of the index may be of a wrong type or no key at all in an
// item that is older than the index: such an item has no entry.
func (x *index) entry(a dynamodb.Attributes, it item.Stored, base []byte) (key []byte, value item.Stored) {
	if it == nil {
		return nil, nil
	}
	k, ok := x.keyOf(a)
	if !ok {
		return nil, nil
	}
	return x.entryKey(k, base), x.project(a, it)
}

func (x *index) keyOf(a dynamodb.Attributes) (k item.Key, ok bool) {
	s := &x.source.schema
	var length item.KeyLength
	for part, hash := range s.Parts() {
		v, ok := a.Get(part.Name)
		if !ok || v.Type != part.Type || v.S == "" || length.Add(v, hash) != nil {
			return k, false
		}
		if hash {
			k.Hash = item.JoinKey(k.Hash, v, len(s.MoreHash) > 0)
		} else {
			k.Range = item.JoinKey(k.Range, v, len(s.MoreRange) > 0)
		}
	}
	return k, true
}

func (x *index) entryKey(k item.Key, base []byte) []byte {
	dst := make([]byte, 0, len(x.prefix)+9+len(k.Hash)+len(k.Range)+len(base)+8)
	dst = x.appendPartition(dst, k.Hash)
	switch len(x.Range) {
	case 0:
	case 1:
		dst = tuple.AppendBytes(dst, k.Range)
	default:
		dst = append(dst, k.Range...)
	}
	return append(dst, base...)
}

// project returns what an entry holds of an item, of attributes of it.
func (x *index) project(a dynamodb.Attributes, it item.Stored) item.Stored {
	if x.projected == nil {
		return it
	}
	part := make(dynamodb.Attributes, 0, len(x.projected))
	for i := range a {
		if _, ok := slices.BinarySearch(x.projected, a[i].Name); ok {
			part = append(part, a[i])
		}
	}
	return item.Encode(part, item.Size(part))
}

// checkIndexKeys returns the ValidationException of an item that cannot be in an
// index because of a value of the index's key.
func (t *table) checkIndexKeys(a dynamodb.Attributes) error {
	for _, x := range t.indexes {
		var length item.KeyLength
		for k, hash := range x.source.schema.Parts() {
			v, ok := a.Get(k.Name)
			switch {
			case !ok:
			case v.Type != k.Type:
				return item.Mismatch(invalid("Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", k.Name, k.Type, v.Type, x.Name))
			case v.S == "":
				return api.ValidationException("One or more parameter values are not valid. A value specified for a secondary index key is not supported. "+
					"The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", emptyKind(k.Type), x.Name, k.Name)
			default:
				if err := length.Add(v, hash); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkUpdatedIndexKeys is checkIndexKeys of the attributes called touched of an
// updated item. What an update leaves as it is may be older than an index; but it counts
// towards the length of a key of several attributes, of which another is touched.
func (t *table) checkUpdatedIndexKeys(a dynamodb.Attributes, touched []string) error {
	for _, x := range t.indexes {
		var length item.KeyLength
		var hash, rest struct{ touched, long bool }
		for k, ofHash := range x.source.schema.Parts() {
			v, ok := a.Get(k.Name)
			if !ok {
				continue
			}
			part := &rest
			if ofHash {
				part = &hash
			}
			changes := slices.Contains(touched, k.Name)
			switch {
			case changes && v.Type != k.Type:
				return api.ValidationException("The update expression attempted to update the secondary index key to unsupported type")
			case changes && v.S == "":
				return api.ValidationException("One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. "+
					"The AttributeValue for a key attribute cannot contain an empty %s value.", emptyKind(k.Type))
			case v.Type == k.Type:
				part.long = length.Add(v, ofHash) != nil
			}
			part.touched = part.touched || changes
		}
		if hash.touched && hash.long || rest.touched && rest.long {
			return api.ValidationException("The update expression attempted to update the secondary index key beyond allowed size limits")
		}
	}
	return nil
}

func emptyKind(t dynamodb.Type) string {
	if t == dynamodb.TypeB {
		return "binary"
	}
	return "string"
}
