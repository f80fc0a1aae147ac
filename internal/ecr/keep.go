package ecr

import (
	"context"
	"iter"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// KeepBytes keeps the bytes of all blobs, whatever is deleted, until the function that it
// returns is called. Records are collected meanwhile, bytes are not.
func (s *Service) KeepBytes() (release func()) { return s.ledger.KeepBytes() }

// HeldBytes yields the blobs that are there or on their way in; who wants to read them all
// keeps them by KeepBytes.
func (s *Service) HeldBytes(ctx context.Context) iter.Seq2[blob.Digest, error] {
	return s.ledger.Digests(ctx)
}

// Needed tells whether a repository has a blob.
func (s *Service) Needed(ctx context.Context, d blob.Digest) bool { return s.ledger.Needed(ctx, d) }
