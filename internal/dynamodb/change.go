package dynamodb

import (
	"bytes"
	"context"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// change is one item of a table that takes the place of another.
type change struct {
	at       []byte      // where the item lies
	old, new item.Stored // nil is no item
	by       actor
}

// actor is on whose behalf an item changes: zero is the caller of an operation.
type actor int

// byExpiry is the service itself, whose deletions of expired items bear the
// userIdentity {Type: Service, PrincipalId: dynamodb.amazonaws.com} in streams.
const byExpiry actor = 1

// apply makes a change and writes in the same transaction whatever follows from
// it. It is the only place where an item of a table changes, so that nothing that
// is derived of items can be forgotten. It returns how the sizes of the table and its
// indexes change; a change that leaves the item as it is writes nothing.
func (t *table) apply(ctx context.Context, tx kv.Txn, c change) (d effect, changed bool, err error) {
	switch {
	case c.new == nil && c.old == nil, c.new != nil && c.old != nil && bytes.Equal(c.old, c.new):
		return effect{}, false, nil
	case c.new == nil:
		tx.Delete(c.at)
		d.size = size{-1, -int64(c.old.Size())}
	case c.old == nil:
		tx.Put(c.at, c.new)
		d.size = size{1, int64(c.new.Size())}
	default:
		tx.Put(c.at, c.new)
		d.size = size{0, int64(c.new.Size() - c.old.Size())}
	}
	place := c.at[len(t.items):]
	if t.log != nil {
		if err := t.log.add(tx, place, c, t.keyNames); err != nil {
			return d, true, err
		}
	}
	if t.expiring != nil {
		if err := t.expiring.follow(tx, place, c.old, c.new); err != nil {
			return d, true, err
		}
	}
	if t.indexes != nil {
		d.indexes, err = t.follow(ctx, tx, c)
	}
	return d, true, err
}
