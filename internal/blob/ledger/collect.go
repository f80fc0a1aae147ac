package ledger

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Collected is what a collection did.
type Collected struct {
	Blobs   int   // blobs whose bytes were deleted
	Bytes   int64 // how many those were
	Uploads int   // uploads that nobody went on with
	Open    int   // uploads that are left
}

// Collect deletes the bytes that nobody holds and whose lease is over, those of which there
// is no record, which a crash left, and uploads that were left long ago. Two must not run
// at once.
func (l *Ledger) Collect(ctx context.Context) (c Collected, err error) {
	for _, step := range []func(context.Context, *Collected) error{l.collectBytes, l.collectStrays, l.collectUploads} {
		if err := step(ctx, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// batch is how many keys a scan takes at once.
const batch = 1000

// Below calls fn with all keys below prefix, in batches, each of a snapshot of its own.
func Below(ctx context.Context, store kv.Store, prefix []byte, fn func(key, val []byte) error) error {
	for from := prefix; from != nil; {
		var page []kv.KV
		err := store.View(ctx, func(tx kv.Reader) error {
			page = page[:0]
			for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix), Limit: batch}) {
				if err != nil {
					return err
				}
				page = append(page, kv.KV{Key: append([]byte(nil), p.Key...), Val: append([]byte(nil), p.Val...)})
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := fn(p.Key, p.Val); err != nil {
				return err
			}
		}
		if from = nil; len(page) == batch {
			from = append(page[batch-1].Key, 0)
		}
	}
	return nil
}

// over tells whether a record's lease is over.
func (l *Ledger) over(r *record) bool { return !l.Now().Before(r.Leased) }

func (l *Ledger) collectBytes(ctx context.Context, c *Collected) error {
	return Below(ctx, l.Store, l.blobs, func(key, val []byte) error {
		r, err := decode(val)
		if err != nil || !r.Leaving && !l.over(r) {
			return err
		}
		text, _, err := tuple.String(key[len(l.blobs):])
		if err != nil {
			return err
		}
		return l.remove(ctx, c, blob.Digest(text), func(r *record) bool { return r != nil && l.over(r) })
	})
}

// remove deletes the bytes of a blob that nobody holds, if its record is as it shall be.
func (l *Ledger) remove(ctx context.Context, c *Collected, d blob.Digest, fits func(*record) bool) error {
	if !l.keep.TryLock() {
		return nil // the next collection looks again
	}
	defer l.keep.Unlock()
	leaving := false
	_, err := l.Store.Update(ctx, func(tx kv.Txn) error {
		leaving = false
		r, err := read(ctx, tx, l.blobKey(d))
		if err != nil {
			return err
		}
		if r != nil && r.Leaving {
			leaving = true
			return nil
		}
		if !fits(r) {
			return nil
		}
		// A holder that comes renews the lease, and this conflicts.
		if held, err := l.held(ctx, tx, d); err != nil || held {
			return err
		}
		leaving = true
		tx.Put(l.blobKey(d), encode(record{Leaving: true}))
		return nil
	})
	if err != nil || !leaving {
		return err
	}
	info, err := l.Blobs.Stat(ctx, d)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	if err := l.Blobs.Delete(ctx, d); err != nil {
		return err
	}
	c.Blobs++
	c.Bytes += info.Size
	if l.Freed != nil {
		l.Freed(info.Size)
	}
	_, err = l.Store.Update(ctx, func(tx kv.Txn) error {
		tx.Delete(l.blobKey(d))
		return nil
	})
	return err
}

// collectStrays deletes the bytes of which there is no record.
func (l *Ledger) collectStrays(ctx context.Context, c *Collected) error {
	var page []blob.Digest
	for info, err := range l.Blobs.List(ctx) {
		if err != nil {
			return err
		}
		if page = append(page, info.Digest); len(page) == batch {
			if err := l.removeStrays(ctx, c, page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return l.removeStrays(ctx, c, page)
}

func (l *Ledger) removeStrays(ctx context.Context, c *Collected, page []blob.Digest) error {
	keys := make([][]byte, len(page))
	for i, d := range page {
		keys[i] = l.blobKey(d)
	}
	var known [][]byte
	err := l.Store.View(ctx, func(tx kv.Reader) (err error) {
		known, err = tx.GetMany(ctx, keys)
		return err
	})
	if err != nil {
		return err
	}
	for i, d := range page {
		if known[i] != nil {
			continue
		}
		if err := l.remove(ctx, c, d, func(r *record) bool { return r == nil }); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) collectUploads(ctx context.Context, c *Collected) error {
	for info, err := range l.Blobs.Uploads(ctx) {
		if err != nil {
			return err
		}
		if l.Now().Sub(info.Modified) < l.Abandoned {
			c.Open++
			continue
		}
		if err := l.Blobs.CancelUpload(ctx, info.ID); errors.Is(err, blob.ErrBusy) {
			c.Open++
			continue
		} else if err != nil {
			return err
		}
		c.Uploads++
	}
	return nil
}
