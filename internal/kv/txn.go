package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// reader is the Reader of one View, and the reading half of a Txn.
type reader struct{ snap *published }

func (r *reader) Stamp() Stamp {
	if r.snap == nil {
		return 0
	}
	return r.snap.stamp
}

func (r *reader) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := r.check(key); err != nil {
		return nil, err
	}
	return r.snap.Snapshot.Get(ctx, key)
}

func (r *reader) GetHot(ctx context.Context, key []byte) ([]byte, error) {
	if err := r.check(key); err != nil {
		return nil, err
	}
	return r.snap.db.hot.get(ctx, key, r.snap)
}

func (r *reader) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
	for _, key := range keys {
		if err := r.check(key); err != nil {
			return nil, err
		}
	}
	return r.snap.Snapshot.GetMany(ctx, keys)
}

func (r *reader) Scan(ctx context.Context, rng Range) iter.Seq2[KV, error] {
	if r.snap == nil {
		return func(yield func(KV, error) bool) { yield(KV{}, errDone) }
	}
	if bytes.Compare(rng.From, firstKey) < 0 {
		rng.From = firstKey
	}
	if rng.To != nil && bytes.Compare(rng.From, rng.To) >= 0 {
		return func(func(KV, error) bool) {}
	}
	return func(yield func(KV, error) bool) {
		n, size := 0, 0
		for p, err := range r.snap.Snapshot.Scan(ctx, rng) {
			if err != nil {
				yield(KV{}, err)
				return
			}
			// What appends to a key must not write into the engine's memory.
			if !yield(KV{slices.Clip(p.Key), slices.Clip(p.Val)}, nil) {
				return
			}
			n, size = n+1, size+len(p.Key)+len(p.Val)
			if n == rng.Limit || rng.MaxBytes > 0 && size >= rng.MaxBytes {
				return
			}
		}
	}
}

func (r *reader) check(key []byte) error {
	if r.snap == nil {
		return errDone
	}
	return checkKey(key)
}

// checkKey says whether key is fit for a user of the store.
func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case key[0] == systemPrefix:
		return fmt.Errorf("%w: %q begins with 0x00, which is the store's own", ErrInvalidKey, key[:min(len(key), 40)])
	case len(key) > MaxKey:
		return fmt.Errorf("%w: a key of %d bytes, of at most %d", ErrTooLarge, len(key), MaxKey)
	}
	return nil
}

// txn is the Txn of one run of an Update. Its reads are kept as hashes, its writes
// as operations over an arena, so that it costs few allocations.
type txn struct {
	reader
	table  *conflicts
	reads  []uint64
	writes []write
	arena  []byte
	size   int
	err    error // the first unfit write
}

// write is an Op, and where the stamp goes in its key: at stampAt if that is not 0.
type write struct {
	Op
	hash    uint64
	stampAt int
}

func (t *txn) Get(ctx context.Context, key []byte) ([]byte, error) {
	t.reads = append(t.reads, t.table.hash(key))
	return t.reader.Get(ctx, key)
}

func (t *txn) GetHot(ctx context.Context, key []byte) ([]byte, error) {
	t.reads = append(t.reads, t.table.hash(key))
	return t.reader.GetHot(ctx, key)
}

func (t *txn) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
	for _, key := range keys {
		t.reads = append(t.reads, t.table.hash(key))
	}
	return t.reader.GetMany(ctx, keys)
}

func (t *txn) Put(key, val []byte) {
	if !t.fits(key, val) {
		return
	}
	key = t.copy(key)
	t.writes = append(t.writes, write{Op: Op{OpPut, key, t.copy(val)}, hash: t.table.hash(key)})
}

func (t *txn) Delete(key []byte) {
	if !t.fits(key, nil) {
		return
	}
	key = t.copy(key)
	t.writes = append(t.writes, write{Op: Op{OpDelete, key, nil}, hash: t.table.hash(key)})
}

func (t *txn) PutStamped(prefix, suffix, val []byte) {
	if len(prefix) == 0 {
		t.fail(fmt.Errorf("%w: the prefix of a stamped key is empty", ErrInvalidKey))
		return
	}
	t.arena = slices.Grow(t.arena, len(prefix)+8+len(suffix))
	from := len(t.arena)
	t.arena = append(t.arena, prefix...)
	t.arena = append(t.arena, 0, 0, 0, 0, 0, 0, 0, 0)
	t.arena = append(t.arena, suffix...)
	key := t.arena[from:len(t.arena):len(t.arena)]
	if !t.fits(key, val) {
		return
	}
	t.writes = append(t.writes, write{Op: Op{OpPut, key, t.copy(val)}, stampAt: len(prefix)})
}

// stamp completes the stamped keys.
func (t *txn) stamp(s Stamp) {
	for i := range t.writes {
		if w := &t.writes[i]; w.stampAt > 0 {
			binary.BigEndian.PutUint64(w.Key[w.stampAt:], uint64(s))
			w.hash = t.table.hash(w.Key)
		}
	}
}

func (t *txn) fits(key, val []byte) bool {
	t.size += len(key) + len(val)
	switch err := checkKey(key); {
	case err != nil:
		t.fail(err)
	case len(val) > MaxValue:
		t.fail(fmt.Errorf("%w: a value of %d bytes, of at most %d", ErrTooLarge, len(val), MaxValue))
	case t.size > MaxTxn:
		t.fail(fmt.Errorf("%w: a transaction of %d bytes, of at most %d", ErrTooLarge, t.size, MaxTxn))
	}
	return t.err == nil
}

func (t *txn) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// copy copies b into the arena. An arena that moves leaves earlier copies alone.
func (t *txn) copy(b []byte) []byte {
	from := len(t.arena)
	t.arena = append(t.arena, b...)
	return t.arena[from:len(t.arena):len(t.arena)]
}

// reset makes t ready for another run. It keeps its memory, unless that was much.
func (t *txn) reset(snap *published) {
	if cap(t.arena) > 64<<10 || cap(t.reads)+cap(t.writes) > 4<<10 {
		t.arena, t.reads, t.writes = nil, nil, nil
	}
	clear(t.writes)
	t.arena, t.reads, t.writes = t.arena[:0], t.reads[:0], t.writes[:0]
	t.snap, t.size, t.err = snap, 0, nil
}
