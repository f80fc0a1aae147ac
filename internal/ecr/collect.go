package ecr

import (
	"context"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Collected is what a collection did.
type Collected struct {
	Layers  int // blobs taken from repositories
	Blobs   int // blobs whose bytes were deleted
	Uploads int // uploads that nobody went on with
}

// Collect deletes what nobody needs: what deleted repositories had, blobs of repositories
// that no manifest names, bytes that no repository has, uploads that were left.
//
// It runs beside pushes. A blob that someone was told of is leased, and not looked at. One
// that is not may be wanted again at the same moment: each decision is a transaction that
// reads the lease, and whoever wants the blob again writes it, so that one of the two
// runs again and sees the other. Bytes are first marked as leaving, then deleted, then
// forgotten; who brings the same bytes meanwhile waits until they are forgotten. A crash
// in between leaves the mark, and the next collection goes on there. Two must not run at
// once.
func (s *Service) Collect(ctx context.Context) (c Collected, err error) {
	for _, step := range []func(context.Context, *Collected) error{s.clearGone, s.collectLayers, s.collectBytes, s.collectStrays, s.collectUploads, s.collectShortParts} {
		if err := step(ctx, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// batch is how many keys a scan of the collector takes at once.
const batch = 1000

// keysBelow calls fn with all keys below prefix, in batches, each of a snapshot of its own.
func (s *Service) keysBelow(ctx context.Context, prefix []byte, fn func(k, val []byte) error) error {
	for from := prefix; from != nil; {
		var page []kv.KV
		err := s.view(ctx, func(tx kv.Reader) error {
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

// clearGone removes what deleted repositories had.
func (s *Service) clearGone(ctx context.Context, c *Collected) error {
	return s.keysBelow(ctx, gonePrefix, func(k, _ []byte) error {
		id, _, err := tuple.Uint(k[len(gonePrefix):])
		if err != nil {
			return err
		}
		layers := key(layersPrefix, id)
		err = s.keysBelow(ctx, layers, func(k, _ []byte) error {
			d, err := lastText(k, layers)
			if err != nil {
				return err
			}
			c.Layers++
			return s.update(ctx, func(tx kv.Txn) error {
				tx.Delete(k)
				tx.Delete(holderKey(blob.Digest(d), id))
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, prefix := range ofRepository {
			below := key(prefix, id)
			if err := s.store.DeleteRange(ctx, below, tuple.Below(below)); err != nil {
				return err
			}
		}
		return s.update(ctx, func(tx kv.Txn) error { tx.Delete(k); return nil })
	})
}

// over tells whether a lease is over.
func (s *Service) over(lease time.Time) bool { return !s.now().Before(lease) }

// collectLayers takes blobs from repositories in which no manifest needs them.
func (s *Service) collectLayers(ctx context.Context, c *Collected) error {
	return s.keysBelow(ctx, layersPrefix, func(k, val []byte) error {
		if l, err := decode[layer](val); err != nil || !s.over(l.Leased) {
			return err
		}
		id, rest, err := tuple.Uint(k[len(layersPrefix):])
		if err != nil {
			return err
		}
		text, _, err := tuple.String(rest)
		if err != nil {
			return err
		}
		uses := key(usesPrefix, id, text)
		taken := false
		err = s.update(ctx, func(tx kv.Txn) error {
			taken = false
			l, err := readLayer(ctx, tx, id, blob.Digest(text))
			if err != nil || l == nil || !s.over(l.Leased) {
				return err
			}
			// A manifest that comes to need it renews the lease, and this conflicts.
			if used, err := exists(ctx, tx, uses); err != nil || used {
				return err
			}
			taken = true
			tx.Delete(k)
			tx.Delete(holderKey(blob.Digest(text), id))
			return nil
		})
		if taken && err == nil {
			c.Layers++
		}
		return err
	})
}

// exists tells whether there is a key below prefix.
func exists(ctx context.Context, tx kv.Reader, prefix []byte) (bool, error) {
	for _, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: 1}) {
		return err == nil, err
	}
	return false, nil
}

// collectBytes deletes the bytes that no repository has.
func (s *Service) collectBytes(ctx context.Context, c *Collected) error {
	return s.keysBelow(ctx, blobsPrefix, func(k, val []byte) error {
		rec, err := decode[bytesRecord](val)
		if err != nil || !rec.Leaving && !s.over(rec.Leased) {
			return err
		}
		text, err := lastText(k, blobsPrefix)
		if err != nil {
			return err
		}
		return s.remove(ctx, c, blob.Digest(text), func(rec *bytesRecord) bool { return rec != nil && s.over(rec.Leased) })
	})
}

// remove deletes the bytes of a blob that no repository has, if its record is as it shall
// be.
func (s *Service) remove(ctx context.Context, c *Collected, d blob.Digest, fits func(*bytesRecord) bool) error {
	if !s.keep.TryLock() {
		return nil // the next collection looks again
	}
	defer s.keep.Unlock()
	leaving := false
	err := s.update(ctx, func(tx kv.Txn) error {
		leaving = false
		b, err := tx.Get(ctx, blobKey(d))
		if err != nil {
			return err
		}
		rec, err := decode[bytesRecord](b)
		if err != nil {
			return err
		}
		if rec != nil && rec.Leaving {
			leaving = true
			return nil
		}
		if !fits(rec) {
			return nil
		}
		// A repository that comes to have it renews the lease, and this conflicts.
		if held, err := exists(ctx, tx, holdersOf(d)); err != nil || held {
			return err
		}
		leaving = true
		tx.Put(blobKey(d), encode(bytesRecord{Leaving: true}))
		return nil
	})
	if err != nil || !leaving {
		return err
	}
	if err := s.blobs.Delete(ctx, d); err != nil {
		return err
	}
	c.Blobs++
	return s.update(ctx, func(tx kv.Txn) error {
		tx.Delete(blobKey(d))
		return nil
	})
}

// collectStrays deletes bytes of which there is no record: what a crash left.
func (s *Service) collectStrays(ctx context.Context, c *Collected) error {
	for info, err := range s.blobs.List(ctx) {
		if err != nil {
			return err
		}
		var known []byte
		err = s.view(ctx, func(tx kv.Reader) (err error) {
			known, err = tx.Get(ctx, blobKey(info.Digest))
			return err
		})
		if err == nil && known == nil {
			err = s.remove(ctx, c, info.Digest, func(rec *bytesRecord) bool { return rec == nil })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// collectUploads ends the uploads that were left long ago.
func (s *Service) collectUploads(ctx context.Context, c *Collected) error {
	for info, err := range s.blobs.Uploads(ctx) {
		if err != nil {
			return err
		}
		if s.now().Sub(info.Modified) < s.abandoned {
			continue
		}
		if err := s.blobs.CancelUpload(ctx, info.ID); errors.Is(err, blob.ErrBusy) {
			continue
		} else if err != nil {
			return err
		}
		c.Uploads++
	}
	return nil
}
