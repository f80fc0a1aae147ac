package ecr

import (
	"context"
	"errors"
	"iter"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// KeepBytes keeps the bytes of all blobs, whatever is deleted, until the function that it
// returns is called. Records are collected meanwhile, bytes are not.
func (s *Service) KeepBytes() (release func()) {
	s.keep.RLock()
	return s.keep.RUnlock
}

// HeldBytes yields the blobs that are there or on their way in; who wants to read them all
// keeps them by KeepBytes.
func (s *Service) HeldBytes(ctx context.Context) iter.Seq2[blob.Digest, error] {
	return func(yield func(blob.Digest, error) bool) {
		err := s.keysBelow(ctx, blobsPrefix, func(k, val []byte) error {
			rec, err := decode[bytesRecord](val)
			if err != nil || rec.Leaving {
				return err
			}
			text, err := lastText(k, blobsPrefix)
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

// Needed tells whether a repository has a blob.
func (s *Service) Needed(ctx context.Context, d blob.Digest) (needed bool) {
	_ = s.view(ctx, func(tx kv.Reader) (err error) {
		needed, err = exists(ctx, tx, holdersOf(d))
		return err
	})
	return needed
}

// errEnough ends a walk whose caller has seen enough.
var errEnough = errors.New("ecr: enough")
