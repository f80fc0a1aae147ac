package ledger

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// KeepBytes keeps the bytes of all blobs, whatever is deleted, until the function that it
// returns is called: for a backup. Records may go meanwhile.
func (l *Ledger) KeepBytes() (release func()) {
	l.keep.RLock()
	return l.keep.RUnlock
}

// errEnough ends a walk whose caller has seen enough.
var errEnough = errors.New("ledger: enough")

// Digests yields the blobs that are there or on their way in; who wants to read them all
// keeps them by KeepBytes.
func (l *Ledger) Digests(ctx context.Context) iter.Seq2[blob.Digest, error] {
	return func(yield func(blob.Digest, error) bool) {
		err := Below(ctx, l.Store, l.blobs, func(key, val []byte) error {
			r, err := decode(val)
			if err != nil || r.Leaving {
				return err
			}
			text, _, err := tuple.String(key[len(l.blobs):])
			if err == nil && !yield(blob.Digest(text), nil) {
				err = errEnough
			}
			return err
		})
		if err != nil && err != errEnough {
			yield("", err)
		}
	}
}

// Open reads all bytes of a blob.
func (l *Ledger) Open(ctx context.Context, d blob.Digest) (io.ReadCloser, error) {
	return l.Blobs.Open(ctx, d, 0, -1)
}

// Needed tells whether somebody holds a blob.
func (l *Ledger) Needed(ctx context.Context, d blob.Digest) (needed bool) {
	_ = l.Store.View(ctx, func(tx kv.Reader) (err error) {
		needed, err = l.held(ctx, tx, d)
		return err
	})
	return needed
}

// held tells whether somebody holds a blob.
func (l *Ledger) held(ctx context.Context, tx kv.Reader, d blob.Digest) (bool, error) {
	holders := l.holdersOf(d)
	for _, err := range tx.Scan(ctx, kv.Range{From: holders, To: tuple.Below(holders), Limit: 1}) {
		return err == nil, err
	}
	return false, nil
}
