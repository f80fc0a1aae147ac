package ecr

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Collected is what a collection did.
type Collected struct {
	Layers int // blobs taken from repositories
	ledger.Collected
}

// Collect deletes what nobody needs: what deleted repositories had, blobs of repositories
// that no manifest names, bytes that no repository has, uploads that were left.
//
// It runs beside pushes, as package ledger says: a blob that someone was told of is leased,
// and not looked at. Two must not run at once.
func (s *Service) Collect(ctx context.Context) (c Collected, err error) {
	for _, step := range []func(context.Context, *Collected) error{s.clearGone, s.collectLayers, s.collectBytes, s.collectShortParts} {
		if err := step(ctx, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

// keysBelow calls fn with all keys below prefix, in batches, each of a snapshot of its own.
func (s *Service) keysBelow(ctx context.Context, prefix []byte, fn func(k, val []byte) error) error {
	return ledger.Below(ctx, s.store, prefix, fn)
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
			s.tookLayer(c)
			return s.update(ctx, func(tx kv.Txn) error {
				tx.Delete(k)
				s.ledger.Release(tx, blob.Digest(d), id)
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

func (s *Service) tookLayer(c *Collected) {
	c.Layers++
	s.metrics.collected.WithLabelValues("layers").Inc()
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
			s.ledger.Release(tx, blob.Digest(text), id)
			return nil
		})
		if taken && err == nil {
			s.tookLayer(c)
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

// collectBytes deletes the bytes that no repository has, and uploads that were left.
func (s *Service) collectBytes(ctx context.Context, c *Collected) (err error) {
	c.Collected, err = s.ledger.Collect(ctx)
	return err
}
