package ecr

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Tags returns up to n tags of a repository in their order, of those that follow last, and
// whether there are more.
func (s *Service) Tags(ctx context.Context, r *Repository, last string, n int) (tags []string, more bool, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		for name, err := range scanTexts(ctx, tx, key(tagsPrefix, r.ID), last, n+1) {
			if err != nil {
				return err
			}
			if len(tags) == n {
				more = true
				return nil
			}
			tags = append(tags, name)
		}
		return nil
	})
	return tags, more, err
}

// maxReferrers is how many bytes of descriptors a page of referrers has.
const maxReferrers = 2 << 20

// Referrers returns the descriptors of what refers to a manifest, which need not be there,
// in the order of their digests: of those that follow last, and of artifact types if
// any are given. If there are more, next is the last one that was looked at.
func (s *Service) Referrers(ctx context.Context, r *Repository, subject blob.Digest, artifactTypes []string, last blob.Digest, n int) (found []json.RawMessage, next blob.Digest, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		prefix := key(referrersPrefix, r.ID, string(subject))
		from := prefix
		if last != "" {
			from = append(tuple.AppendString(prefix[:len(prefix):len(prefix)], string(last)), 0)
		}
		size, looked := 0, blob.Digest("")
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			if len(found) == n || size > maxReferrers {
				next = looked
				return nil
			}
			d, err := decode[descriptor](p.Val)
			if err != nil {
				return err
			}
			looked = d.Digest
			if len(artifactTypes) == 0 || slices.Contains(artifactTypes, d.ArtifactType) {
				found = append(found, append(json.RawMessage(nil), p.Val...))
				size += len(p.Val)
			}
		}
		return nil
	})
	return found, next, err
}
