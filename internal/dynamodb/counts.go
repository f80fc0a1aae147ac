package dynamodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// size is what a table holds. AWS brings it up to date every six hours; here it
// is exact.
//
// A write notes how it changes the size under a key of its own, in its own
// transaction, so that writers never meet: there is no counter to fight for. The
// notes are added up now and then (see upkeep) into a total, which only that
// reads and writes in a transaction.
type size struct {
	items, bytes int64
}

func (c *size) add(d size) {
	c.items += d.items
	c.bytes += d.bytes
}

// effect is what changes of items do to the sizes of their table and its indexes.
type effect struct {
	size
	indexes []indexEffect
}

func (e *effect) add(d effect) {
	e.size.add(d.size)
	for _, x := range d.indexes {
		if i := slices.IndexFunc(e.indexes, func(y indexEffect) bool { return y.index == x.index }); i >= 0 {
			e.indexes[i].size.add(x.size)
			e.indexes[i].units += x.units
		} else {
			e.indexes = append(e.indexes, x)
		}
	}
}

// encode is the form of a note: the table's change, and for each index that changes
// its number and its change.
func (e effect) encode() []byte {
	b := e.size.encode()
	for _, x := range e.indexes {
		if x.size != (size{}) {
			b = append(binary.AppendUvarint(b, x.index.ID), x.size.encode()...)
		}
	}
	return b
}

// none reports whether the sizes stay as they are.
func (e effect) none() bool {
	return e.size == size{} && !slices.ContainsFunc(e.indexes, func(x indexEffect) bool { return x.size != size{} })
}

// note records in tx how the sizes of the table and its indexes change.
func (t *table) note(tx kv.Txn, d effect) {
	if !d.none() {
		tx.PutStamped(t.changes, nil, d.encode())
	}
}

func (c size) encode() []byte {
	return binary.AppendVarint(binary.AppendVarint(make([]byte, 0, 8), c.items), c.bytes)
}

func decodeSize(b []byte) (d size, rest []byte, err error) {
	items, n := binary.Varint(b)
	if n > 0 {
		if bytes, m := binary.Varint(b[n:]); m > 0 {
			return size{items, bytes}, b[n+m:], nil
		}
	}
	return size{}, nil, fmt.Errorf("malformed change of a table's size: %x", b)
}

// holding is how much a table holds, and each of its indexes by number.
type holding struct {
	size
	indexes map[uint64]size
}

// addIndexes adds the changes of indexes that a note or a total ends with.
func (h *holding) addIndexes(b []byte) error {
	for len(b) > 0 {
		id, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("malformed change of an index's size: %x", b)
		}
		d, rest, err := decodeSize(b[n:])
		if err != nil {
			return err
		}
		if h.indexes == nil {
			h.indexes = map[uint64]size{}
		}
		sum := h.indexes[id]
		sum.add(d)
		h.indexes[id], b = sum, rest
	}
	return nil
}

// keep forgets the indexes that are not of a table any more.
func (h *holding) keep(indexes []indexState) {
	for id := range h.indexes {
		if !slices.ContainsFunc(indexes, func(x indexState) bool { return x.ID == id }) {
			delete(h.indexes, id)
		}
	}
}

// total is the sum of the notes up to a commit's stamp; those after it are not in it.
type total struct {
	holding
	upTo kv.Stamp
}

func (s total) encode() []byte {
	b := binary.AppendUvarint(s.size.encode(), uint64(s.upTo))
	for _, id := range slices.Sorted(maps.Keys(s.indexes)) {
		b = append(binary.AppendUvarint(b, id), s.indexes[id].encode()...)
	}
	return b
}

// totalOf reads the total of a table, which is zero before the first.
func totalOf(ctx context.Context, r kv.Reader, id uint64) (s total, err error) {
	raw, err := r.Get(ctx, ofTable(totalsPrefix, id))
	if err != nil || raw == nil {
		return total{}, err
	}
	var rest []byte
	if s.size, rest, err = decodeSize(raw); err != nil {
		return total{}, err
	}
	stamp, n := binary.Uvarint(rest)
	if n <= 0 {
		return total{}, fmt.Errorf("malformed size of a table: %x", raw)
	}
	s.upTo = kv.Stamp(stamp)
	return s, s.addIndexes(rest[n:])
}

// addNotes adds the notes that follow the total, at most limit of them if that is
// not 0, and returns how many there were.
func (s *total) addNotes(ctx context.Context, r kv.Reader, id uint64, limit int) (n int, err error) {
	prefix := ofTable(changesPrefix, id)
	notes := kv.Range{From: noteAfter(prefix, s.upTo), To: above(prefix), Limit: limit}
	for note, err := range r.Scan(ctx, notes) {
		if err != nil {
			return n, err
		}
		d, rest, err := decodeSize(note.Val)
		if err != nil {
			return n, err
		}
		if err := s.addIndexes(rest); err != nil {
			return n, err
		}
		s.add(d)
		s.upTo = kv.Stamp(binary.BigEndian.Uint64(note.Key[len(prefix):]))
		n++
	}
	return n, nil
}

// noteAfter is where the notes of commits after a stamp begin.
func noteAfter(prefix []byte, stamp kv.Stamp) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(prefix), uint64(stamp)+1)
}

// sizeOf returns the size of a table as r sees it.
func (s *Service) sizeOf(ctx context.Context, r kv.Reader, t *table) (holding, error) {
	sum, err := totalOf(ctx, r, t.ID)
	if err != nil {
		return holding{}, err
	}
	n, err := sum.addNotes(ctx, r, t.ID, 0)
	if err != nil {
		return holding{}, err
	}
	if n >= foldAtOnce {
		s.upkeep.changed(t.tableName, n)
	}
	return sum.holding, nil
}

// foldAtOnce is how many notes are added up in one transaction, and how many there
// are before it is worth it.
const foldAtOnce = 4000
