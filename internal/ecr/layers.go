package ecr

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// layer says that a repository has a blob.
type layer struct {
	Size   int64     `json:"s"`
	Leased time.Time `json:"l"` // it stays until then, even if no manifest needs it
}

// Layer returns the size of a blob that a repository has, and leases it, so that who is
// told of it may count on it. The error is LayersNotFoundException.
func (s *Service) Layer(ctx context.Context, r *Repository, d blob.Digest) (size int64, err error) {
	var l *layer
	err = s.view(ctx, func(tx kv.Reader) error {
		l, err = readLayer(ctx, tx, r.ID, d)
		return err
	})
	if err != nil {
		return 0, err
	}
	if l == nil {
		return 0, layersNotFound(r, d)
	}
	if _, due := s.ledger.Leased(l.Leased); !due {
		return l.Size, nil
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		if l, err = s.holdLayer(ctx, tx, r.ID, d); err == nil && l == nil {
			err = layersNotFound(r, d)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return l.Size, nil
}

// OpenLayer reads length bytes of a blob from offset on.
func (s *Service) OpenLayer(ctx context.Context, d blob.Digest, offset, length int64) (io.ReadCloser, error) {
	return s.blobs.Open(ctx, d, offset, length)
}

// LayerSize returns the size of a blob that a repository has, without a lease: for reads.
// The error is LayersNotFoundException.
func (s *Service) LayerSize(ctx context.Context, r *Repository, d blob.Digest) (size int64, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		l, err := readLayer(ctx, tx, r.ID, d)
		if err != nil {
			return err
		}
		if l == nil {
			return layersNotFound(r, d)
		}
		size = l.Size
		return nil
	})
	return size, err
}

func readLayer(ctx context.Context, tx kv.Reader, id uint64, d blob.Digest) (*layer, error) {
	b, err := tx.Get(ctx, key(layersPrefix, id, string(d)))
	if err != nil {
		return nil, err
	}
	return decode[layer](b)
}

// holdLayer returns that a repository has a blob, nil if it has not, and renews its
// lease when that is due.
func (s *Service) holdLayer(ctx context.Context, tx kv.Txn, id uint64, d blob.Digest) (*layer, error) {
	l, err := readLayer(ctx, tx, id, d)
	if err != nil || l == nil {
		return nil, err
	}
	if until, due := s.ledger.Leased(l.Leased); due {
		l.Leased = until
		tx.Put(key(layersPrefix, id, string(d)), encode(l))
	}
	return l, nil
}

// putLayer gives a repository a blob whose bytes are held.
func (s *Service) putLayer(tx kv.Txn, id uint64, d blob.Digest, size int64) {
	until, _ := s.ledger.Leased(time.Time{})
	tx.Put(key(layersPrefix, id, string(d)), encode(layer{size, until}))
	s.ledger.Hold(tx, d, id)
}

// Mount gives a repository a blob that another one has, and returns its size. The error
// is LayersNotFoundException if that has not, or if the registry takes none over.
func (s *Service) Mount(ctx context.Context, to, from *Repository, d blob.Digest) (size int64, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		r, err := to.still(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := from.still(ctx, tx); err != nil {
			return layersNotFound(from, d)
		}
		if reg, err := readRegistry(ctx, tx, r.Name); err != nil {
			return err
		} else if !r.Name.Public && reg.setting(blobMounting) == "DISABLED" {
			return layersNotFound(from, d)
		}
		l, err := readLayer(ctx, tx, from.ID, d)
		if err != nil {
			return err
		}
		if l == nil {
			return layersNotFound(from, d)
		}
		if err := s.ledger.Reserve(ctx, tx, d); err != nil {
			return err
		}
		size = l.Size
		s.putLayer(tx, r.ID, d, size)
		return nil
	})
	if errors.Is(err, ledger.ErrLeaving) {
		err = layersNotFound(from, d)
	}
	return size, err
}

// DeleteLayer takes a blob away from a repository. That breaks the images which need it;
// so where a tag may not move, a blob that a manifest needs stays too, and the error is
// LayerInUse. Otherwise it is LayersNotFoundException.
func (s *Service) DeleteLayer(ctx context.Context, r *Repository, d blob.Digest) error {
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		l, err := readLayer(ctx, tx, r.ID, d)
		if err != nil {
			return err
		}
		if l == nil {
			return layersNotFound(r, d)
		}
		if !r.Mutability.all() {
			for by, err := range scanTexts(ctx, tx, key(usesPrefix, r.ID, string(d)), "", 1) {
				if err != nil {
					return err
				}
				return failed("LayerInUse", "The blob '%s' is needed by the image '%s', and tags of the repository are immutable", d, by)
			}
		}
		tx.Delete(key(layersPrefix, r.ID, string(d)))
		s.ledger.Release(tx, d, r.ID)
		s.record(ctx, tx, r, map[string]any{"layerDigest": d})
		return nil
	})
}
