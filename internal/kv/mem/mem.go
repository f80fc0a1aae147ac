// Package mem is a kv engine in memory: a copy-on-write B-tree, for tests and for
// stores that need not outlive the process.
package mem

import (
	"bytes"
	"context"
	"iter"

	"github.com/tidwall/btree"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Engine keeps keys in a tree whose copies share all that has not changed since.
type Engine struct{ tree *btree.BTreeG[kv.KV] }

// New returns an empty engine. It survives the Close of a store, so that a test
// can open another one on it.
func New() *Engine {
	less := func(a, b kv.KV) bool { return bytes.Compare(a.Key, b.Key) < 0 }
	return &Engine{tree: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// Apply applies ops in their order.
func (e *Engine) Apply(ops []kv.Op) error {
	for _, op := range ops {
		switch op.Kind {
		case kv.OpPut:
			e.tree.Set(kv.KV{Key: bytes.Clone(op.Key), Val: append([]byte{}, op.Val...)})
		case kv.OpDelete:
			e.tree.Delete(kv.KV{Key: op.Key})
		case kv.OpDeleteRange:
			e.deleteRange(op.Key, op.Val)
		}
	}
	return nil
}

// deleteRange collects before it deletes, as a tree must not change under a walk.
func (e *Engine) deleteRange(from, to []byte) {
	var doomed []kv.KV
	for p := range (snapshot{e.tree}).Scan(context.Background(), kv.Range{From: from, To: to}) {
		doomed = append(doomed, p)
	}
	for _, p := range doomed {
		e.tree.Delete(p)
	}
}

// Snapshot returns a copy of the tree, which takes constant time.
func (e *Engine) Snapshot() (kv.Snapshot, error) {
	return snapshot{e.tree.IsoCopy()}, nil
}

// Close does nothing.
func (e *Engine) Close() error { return nil }

type snapshot struct{ tree *btree.BTreeG[kv.KV] }

func (s snapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, ok := s.tree.Get(kv.KV{Key: key})
	if !ok {
		return nil, nil
	}
	return append([]byte{}, p.Val...), nil
}

func (s snapshot) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
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

func (s snapshot) Scan(ctx context.Context, r kv.Range) iter.Seq2[kv.KV, error] {
	return func(yield func(kv.KV, error) bool) {
		visit := func(p kv.KV) bool {
			if err := ctx.Err(); err != nil {
				yield(kv.KV{}, err)
				return false
			}
			return yield(p, nil)
		}
		switch {
		case !r.Reverse:
			s.tree.Ascend(kv.KV{Key: r.From}, func(p kv.KV) bool {
				return (r.To == nil || bytes.Compare(p.Key, r.To) < 0) && visit(p)
			})
		case r.To == nil:
			s.tree.Reverse(func(p kv.KV) bool {
				return bytes.Compare(p.Key, r.From) >= 0 && visit(p)
			})
		default:
			s.tree.Descend(kv.KV{Key: r.To}, func(p kv.KV) bool {
				if bytes.Equal(p.Key, r.To) {
					return true
				}
				return bytes.Compare(p.Key, r.From) >= 0 && visit(p)
			})
		}
	}
}

func (s snapshot) Close() {}
