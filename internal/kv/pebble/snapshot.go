package pebble

import (
	"context"
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/modelwharf/modelwharf/internal/kv"
)

type snapshot struct{ *pebble.Snapshot }

func (s *snapshot) Close() { s.Snapshot.Close() }

func (s *snapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	val, closer, err := s.Snapshot.Get(key)
	if err != nil {
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, nil
		}
		return nil, err
	}
	own := make([]byte, len(val))
	copy(own, val)
	return own, closer.Close()
}

func (s *snapshot) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
	vals := make([][]byte, len(keys))
	for i, key := range keys {
		val, err := s.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		vals[i] = val
	}
	return vals, nil
}

// checkEvery is how many keys a scan yields between two looks at its context.
const checkEvery = 64

func (s *snapshot) Scan(ctx context.Context, r kv.Range) iter.Seq2[kv.KV, error] {
	return func(yield func(kv.KV, error) bool) {
		it, err := s.Snapshot.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: r.From, UpperBound: r.To})
		if err != nil {
			yield(kv.KV{}, err)
			return
		}
		defer it.Close()
		first, next := it.First, it.Next
		if r.Reverse {
			first, next = it.Last, it.Prev
		}
		n := 0
		for ok := first(); ok; ok = next() {
			if n%checkEvery == 0 && ctx.Err() != nil {
				yield(kv.KV{}, ctx.Err())
				return
			}
			n++
			val, err := it.ValueAndErr()
			if err != nil {
				yield(kv.KV{}, err)
				return
			}
			if !yield(kv.KV{Key: it.Key(), Val: val}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(kv.KV{}, err)
		}
	}
}
