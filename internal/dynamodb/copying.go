package dynamodb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// What a transaction of a filling reads at most. With the entries of twenty indexes that
// hold whole items it is still far below what a transaction may write.
const (
	filledAtOnce = 4000
	filledBytes  = 1 << 20
)

// part is some of what a filling reads, in order.
type part struct {
	pairs []kv.KV
	last  []byte // the last key; nil if there was nothing left
}

// ahead yields the parts of ranges, each of a snapshot of its own and read while the one
// before is being written; `from` is the range that follows a key. A part without pairs
// is the end.
func (s *Service) ahead(ctx context.Context, r kv.Range, from func(last []byte) kv.Range) iter.Seq2[part, error] {
	type result struct {
		part
		err error
	}
	return func(yield func(part, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		parts := make(chan result, 1)
		go func() {
			defer close(parts)
			for {
				p, err := s.part(ctx, r)
				select {
				case parts <- result{p, err}:
				case <-ctx.Done():
					return
				}
				if err != nil || p.last == nil {
					return
				}
				r = from(p.last)
			}
		}()
		defer func() {
			stop()
			for range parts {
			}
		}()
		for p := range parts {
			if !yield(p.part, p.err) || p.err != nil {
				return
			}
		}
	}
}

// part reads the first part of a range.
func (s *Service) part(ctx context.Context, r kv.Range) (p part, err error) {
	r.Limit, r.MaxBytes = filledAtOnce, filledBytes
	kept := make([]byte, 0, filledBytes+filledBytes/2)
	keep := func(b []byte) []byte {
		n := len(kept)
		kept = append(kept, b...)
		return kept[n:len(kept):len(kept)]
	}
	err = s.view(ctx, func(snap kv.Reader) error {
		for pair, err := range snap.Scan(ctx, r) {
			if err != nil {
				return err
			}
			p.last = keep(pair.Key)
			p.pairs = append(p.pairs, kv.KV{Key: p.last, Val: keep(pair.Val)})
		}
		return nil
	})
	return p, err
}

// filler is the owner of a filling's job at work.
type filler struct {
	*Service
	job *jobs.Job
	filling
	last kv.Stamp // its newest commit
}

// step runs a transaction of a filling, which saves how far it is.
func (w *filler) step(ctx context.Context, fn func(kv.Txn, *table) (filled, error)) (p filled, err error) {
	err = w.commit(ctx, func(tx kv.Txn) error {
		t, err := w.filledTable(ctx, tx, w.filling)
		if err != nil {
			return err
		}
		if p, err = fn(tx, t); err == nil {
			w.job.Save(tx, p.encode())
		}
		return err
	})
	return p, err
}

// commit commits a transaction of the job. If others have committed something since the
// one before, it leaves them as much time as it took.
func (w *filler) commit(ctx context.Context, fn func(kv.Txn) error) error {
	start := time.Now()
	stamp, err := w.job.Update(ctx, fn)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if alone := stamp == w.last+1; alone {
		took = 0
	}
	w.last = stamp
	return rest(ctx, took)
}

// copyItems copies what the source holds.
func (w *filler) copyItems(ctx context.Context, p filled) (filled, error) {
	prefix := ofTable(itemsPrefix, w.From)
	first := append(bytes.Clone(prefix), p.At...)
	parts := w.ahead(ctx, kv.Range{From: first, To: above(prefix)}, func(last []byte) kv.Range {
		return kv.Range{From: after(last), To: above(prefix)}
	})
	for part, err := range parts {
		if err != nil {
			return p, err
		}
		p, err = w.step(ctx, func(tx kv.Txn, t *table) (filled, error) {
			if part.last == nil {
				next := p
				next.Stage, next.At = fillEnds, nil
				if w.Source != nil {
					// All parts are of older snapshots than this.
					next.Stage, next.At = fillRewinds, binary.BigEndian.AppendUint64(nil, uint64(tx.Stamp())+1)
				}
				return next, nil
			}
			var d effect
			for _, pair := range part.pairs {
				it, err := item.Open(pair.Val)
				if err != nil {
					return p, err
				}
				one, _, err := t.apply(ctx, tx, change{at: t.at(pair.Key[len(prefix):]), new: it})
				if err != nil {
					return p, err
				}
				d.add(one)
			}
			next := p.add(d)
			next.At = after(part.last[len(prefix):])
			return next, nil
		})
		if err != nil || p.Stage != fillCopies {
			return p, err
		}
	}
	return p, ctx.Err()
}

// at is the key of an item of a place.
func (t *table) at(place []byte) []byte {
	return append(append(make([]byte, 0, len(t.items)+len(place)), t.items...), place...)
}

// rewind undoes in the target what changed in the source after a commit.
func (w *filler) rewind(ctx context.Context, p filled) (filled, error) {
	prefix := ofTable(logPrefix, w.From)
	first := atStamp(prefix, p.Until+1)
	before := func(at []byte) kv.Range { return kv.Range{From: first, To: at, Reverse: true} }
	for part, err := range w.ahead(ctx, before(append(bytes.Clone(prefix), p.At...)), before) {
		if err != nil {
			return p, err
		}
		p, err = w.step(ctx, func(tx kv.Txn, t *table) (filled, error) {
			if part.last == nil {
				next := p
				next.Stage, next.At = fillEnds, nil
				return next, nil
			}
			d, err := t.undo(ctx, tx, len(prefix), part.pairs)
			next := p.add(d)
			next.At = part.last[len(prefix):]
			return next, err
		})
		if err != nil || p.Stage != fillRewinds {
			return p, err
		}
	}
	return p, ctx.Err()
}

// undo puts back the old images of entries of the log of another table, whose newest
// comes first. Of several at one place the last one counts.
func (t *table) undo(ctx context.Context, tx kv.Txn, prefix int, entries []kv.KV) (d effect, err error) {
	images := make(map[string]item.Stored, len(entries))
	var places [][]byte
	for _, p := range entries {
		e, err := decodeLogged(prefix, p)
		if err != nil {
			return d, err
		}
		if e.was && e.old == nil {
			return d, fmt.Errorf("the change at commit %d of the log of table %d has no image of what was before it", e.stamp, t.ID)
		}
		if _, known := images[string(e.place)]; !known {
			places = append(places, t.at(e.place))
		}
		images[string(e.place)] = e.old
	}
	current, err := tx.GetMany(ctx, places)
	if err != nil {
		return d, err
	}
	for i, at := range places {
		is, err := stored(current[i], nil)
		if err != nil {
			return d, err
		}
		one, _, err := t.apply(ctx, tx, change{at: at, old: is, new: images[string(at[len(t.items):])]})
		if err != nil {
			return d, err
		}
		d.add(one)
	}
	return d, nil
}
