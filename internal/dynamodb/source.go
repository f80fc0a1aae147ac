package dynamodb

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// source is what a Query or Scan reads: the items of a table in the order of their
// keys, or what an index of it holds of them in the order of its own.
type source struct {
	table    *table
	index    *index // nil of the table itself
	prefix   []byte // of the keys
	schema   item.Schema
	keyNames []string // of a LastEvaluatedKey, sorted
	limits   limits
	meter    *sourceMeter
}

// source returns the index of a name, or the table itself without one.
func (t *table) source(index *string) (*source, error) {
	if index == nil {
		return &t.own, nil
	}
	for _, x := range t.indexes {
		if x.Name != *index {
			continue
		}
		if x.Status == indexCreating {
			return nil, api.ValidationException("Cannot read from backfilling global secondary index: %s", *index)
		}
		return &x.source, nil
	}
	return nil, noSuchIndex(*index)
}

// noSuchIndex says that a table has not the index that a Query or Scan names.
func noSuchIndex(name string) error {
	return api.ValidationException("The table does not have the specified index: %s", name)
}

// global reports whether it is a global secondary index.
func (s *source) global() bool { return s.index != nil && !s.index.Local }

// partition is the prefix of what shares a hash key.
func (s *source) partition(hash []byte) []byte {
	return s.appendPartition(make([]byte, 0, len(s.prefix)+9+len(hash)+8+64), hash)
}

func (s *source) appendPartition(dst, hash []byte) []byte {
	dst = append(dst, s.prefix...)
	dst = tuple.AppendUint(dst, item.PartitionHash(hash))
	if len(s.schema.MoreHash) > 0 {
		return append(dst, hash...)
	}
	return tuple.AppendBytes(dst, hash)
}

// hashes is the range of what has a partition hash of at least from and below to;
// nil is no bound.
func (s *source) hashes(from uint64, to *uint64) (first, end []byte) {
	first = tuple.AppendUint(bytes.Clone(s.prefix), from)
	if to == nil {
		return first, above(s.prefix)
	}
	return first, tuple.AppendUint(bytes.Clone(s.prefix), *to)
}

// place returns where an ExclusiveStartKey lies, and its hash key.
func (s *source) place(start dynamodb.Attributes) (at, hash []byte, err error) {
	if s.index == nil {
		key, err := s.schema.KeyOf(start)
		if err != nil {
			return nil, nil, errStart(err)
		}
		return s.table.itemKey(key), key.Hash, nil
	}
	// It has the index's key and the table's, and nothing else.
	key, err := s.schema.KeyOf(s.schema.Attributes(start))
	base, baseErr := s.table.schema.KeyOf(s.table.schema.Attributes(start))
	if err != nil || baseErr != nil || len(start) != len(s.keyNames) {
		return nil, nil, api.ValidationException("The provided starting key is invalid")
	}
	return s.index.entryKey(key, s.table.baseKey(s.table.itemKey(base))), key.Hash, nil
}

// check returns the ValidationException of a selection that the source cannot serve.
// What an index does not project, a local one fetches of the table.
func (s *source) check(sel *selection, all bool, consistent *bool) error {
	if s.global() {
		switch {
		case consistent != nil && *consistent:
			return api.ValidationException("Consistent reads are not supported on global secondary indexes")
		case s.index.projected == nil:
		case all:
			return invalid("Select type ALL_ATTRIBUTES is not supported for global secondary index %s because its projection type is not ALL", s.index.Name)
		default:
			if missing := s.index.lacks(sel.projection.Names()); len(missing) > 0 {
				return invalid("Global secondary index %s does not project [%s]", s.index.Name, strings.Join(missing, ", "))
			}
		}
	}
	if s.index != nil && s.index.Local && s.index.projected != nil {
		sel.fetch = all || len(s.index.lacks(sel.projection.Names())) > 0
	}
	if err := sel.filter.CheckKey(s.schema); err != nil {
		return err
	}
	return sel.projection.CheckKey(s.schema)
}

// lacks are those of some attributes that the index does not project.
func (x *index) lacks(names []string) (missing []string) {
	if x.projected == nil {
		return nil
	}
	for _, name := range names {
		if _, ok := slices.BinarySearch(x.projected, name); !ok {
			missing = append(missing, name)
		}
	}
	return missing
}

// fetch returns the whole item of an index's entry.
func (s *source) fetch(ctx context.Context, r kv.Reader, entry item.Stored) (item.Stored, error) {
	a, err := entry.Some(s.table.keyNames)
	if err != nil {
		return nil, err
	}
	key, err := s.table.schema.KeyOf(a)
	if err != nil {
		return nil, err
	}
	it, err := stored(r.Get(ctx, s.table.itemKey(key)))
	if it == nil && err == nil {
		err = item.ErrMalformed // an entry of no item
	}
	return it, err
}

// cost is what reading a page costs: of the table, and of the index if it was read.
func (s *source) cost(found page, consistent *bool) cost {
	if s.index == nil {
		return cost{table: readUnits(found.size, consistent)}
	}
	c := cost{arms: []arm{{s.index, readUnits(found.size, consistent)}}}
	for _, size := range found.fetched {
		c.table += readUnits(size, consistent)
	}
	return c
}
