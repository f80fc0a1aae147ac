package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The jobs of indexes that are created or deleted on a table that is there.
const (
	fillIndex = "dynamodb.FillIndex"
	dropIndex = "dynamodb.DropIndex"
)

// onlineIndex is an index as its job has it.
type onlineIndex struct {
	Table storedName `json:"table"`
	ID    uint64     `json:"id"` // the table's number
	Index uint64     `json:"index"`
}

// enqueueIndex leaves the rest of an index's creation or deletion to a job.
func (s *Service) enqueueIndex(ctx context.Context, tx kv.Txn, n tableName, table uint64, x *indexState) error {
	b, err := json.Marshal(onlineIndex{*storedNameOf(n), table, x.ID})
	if err != nil {
		return err
	}
	kind := fillIndex
	if x.Status == indexDeleting {
		kind = dropIndex
	}
	return jobs.Enqueue(ctx, tx, kind, fmt.Sprint(table, ".", x.ID), b)
}

func decodeOnlineIndex(b []byte) (o onlineIndex, err error) {
	if err := json.Unmarshal(b, &o); err != nil {
		return o, fmt.Errorf("an index that is created or deleted: %w", err)
	}
	return o, nil
}

// of returns the table of the index if both are still there and the index has that
// status; else nil, and then there is nothing left to do.
func (o onlineIndex) of(ctx context.Context, s *Service, r kv.Reader, status string) (*table, error) {
	t, err := s.read(ctx, r, o.Table.table())
	if err != nil || t == nil || t.ID != o.ID {
		return nil, err
	}
	if !slices.ContainsFunc(t.Indexes, func(x indexState) bool { return x.ID == o.Index && x.Status == status }) {
		return nil, nil
	}
	return t, nil
}

// What one transaction looks through at most when an index is filled.
const (
	backfilledAtOnce = 1000
	backfilledBytes  = 1 << 20
)

// backfillRest is what part of the time that such a transaction took is left to others
// after it.
const backfillRest = 4

// backfillIndex puts what a table holds into a new index, a part at a time, and saves
// how far it is. Meanwhile whoever changes an item does the same for it, wherever the
// job is: from the commit on that made the index, for the table's description, which
// every writer reads, has it from then on.
func (s *Service) backfillIndex(ctx context.Context, job *jobs.Job) error {
	o, err := decodeOnlineIndex(job.Input)
	if err != nil {
		return err
	}
	atOnce := backfilledAtOnce
	for at, done := job.Progress, false; !done; {
		start := time.Now()
		var next []byte
		var changed int
		// Who meets writers runs again: with less, so that it gets through.
		atOnce *= 4
		_, err := job.Update(ctx, func(tx kv.Txn) error {
			atOnce = max(1, min(atOnce/2, backfilledAtOnce))
			t, err := o.of(ctx, s, tx, indexCreating)
			if err != nil || t == nil {
				done = true
				return err
			}
			var d effect
			if d, next, err = t.backfill(ctx, tx, o.Index, at, atOnce); err != nil {
				return err
			}
			t.note(tx, d)
			changed = 1
			if done = next == nil; done {
				st := t.tableState
				st.Indexes = slices.Clone(st.Indexes)
				for i := range st.Indexes {
					if st.Indexes[i].ID == o.Index {
						st.Indexes[i].Status = ""
					}
				}
				return st.put(tx, t.tableName)
			}
			job.Save(tx, next)
			return nil
		})
		if err != nil {
			return err
		}
		s.upkeep.changed(o.Table.table(), changed)
		at = next
		if err := rest(ctx, time.Since(start)/backfillRest); err != nil {
			return err
		}
	}
	s.cache.drop(o.Table.table())
	return nil
}

// backfill makes entries in an index of items from the place at on, and returns the
// place from which to go on, nil if that was all. What is there already was made by the
// item's last writer. The items that get an entry are read once more, and so is the place
// of their entry, since only that is validated: so it conflicts with whoever changes one
// of them, and takes nobody's change back. Of an item that has no entry in the
// transaction's snapshot, and gets one meanwhile, the entry is written with it. An item
// whose attributes cannot be the index's key is passed over.
func (t *table) backfill(ctx context.Context, tx kv.Txn, id uint64, at []byte, atOnce int) (d effect, next []byte, err error) {
	var x *index
	for _, y := range t.indexes {
		if y.ID == id {
			x = y
		}
	}
	type entry struct {
		at    []byte
		value item.Stored
	}
	var entries []entry
	var read [][]byte
	n, from := 0, append(bytes.Clone(t.items), at...)
	for pair, err := range tx.Scan(ctx, kv.Range{From: from, To: above(t.items), Limit: atOnce, MaxBytes: backfilledBytes}) {
		if err != nil {
			return d, nil, err
		}
		it, err := item.Open(pair.Val)
		if err != nil {
			return d, nil, err
		}
		a, err := it.Some(x.sourceNames)
		if err != nil {
			return d, nil, err
		}
		if at, value := x.entry(a, it, t.baseKey(pair.Key)); at != nil {
			entries = append(entries, entry{at, bytes.Clone(value)})
			read = append(read, at, bytes.Clone(pair.Key))
		}
		n, next = n+1, after(bytes.Clone(pair.Key[len(t.items):]))
	}
	if n == 0 {
		return d, nil, nil
	}
	found, err := tx.GetMany(ctx, read)
	if err != nil {
		return d, nil, err
	}
	var sum size
	for i, e := range entries {
		if found[2*i] == nil {
			tx.Put(e.at, e.value)
			sum.add(size{1, int64(e.value.Size())})
		}
	}
	d.indexes = []indexEffect{{index: x, size: sum}}
	return d, next, nil
}

// removeIndex takes away the entries of an index that is being deleted, and then the
// index. From the commit on that made the job nobody reads or writes them.
func (s *Service) removeIndex(ctx context.Context, job *jobs.Job) error {
	o, err := decodeOnlineIndex(job.Input)
	if err != nil {
		return err
	}
	from := entriesOf(o.ID, o.Index)
	if err := s.store.DeleteRange(ctx, from, above(from)); err != nil {
		return err
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		t, err := o.of(ctx, s, tx, indexDeleting)
		if err != nil || t == nil {
			return err
		}
		st := t.tableState
		st.Indexes = slices.DeleteFunc(slices.Clone(st.Indexes), func(x indexState) bool { return x.ID == o.Index })
		st.undefine()
		return st.put(tx, t.tableName)
	})
	s.cache.drop(o.Table.table())
	return err
}
