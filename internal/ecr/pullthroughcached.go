package ecr

import (
	"context"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// checked is what a tag was upstream, and when it was asked for.
type checked struct {
	Digest blob.Digest `json:"d"`
	At     time.Time   `json:"t"`
}

// freshFor is how long a tag is served without asking upstream whether it moved.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
const freshFor = 24 * time.Hour

// cacheState is what there is of a reference to a cached image.
type cacheState struct {
	manifest *Manifest   // that is being imported, nil if there is none
	digest   blob.Digest // where the reference points, "" if nowhere
	fixed    bool        // it needs no look upstream
}

// cachedNow looks at what there is of a reference now; the repository is nil if there is
// none.
func (s *Service) cachedNow(ctx context.Context, n Name, reference string) (r *Repository, state cacheState, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		r, err = find(ctx, tx, n)
		if errors.Is(err, &api.Error{Code: "RepositoryNotFoundException"}) {
			return nil
		}
		if err == nil {
			state, err = s.cacheState(ctx, tx, r, reference)
		}
		return err
	})
	return r, state, err
}

// cacheState looks at what is there of a reference.
func (s *Service) cacheState(ctx context.Context, tx kv.Reader, r *Repository, reference string) (c cacheState, err error) {
	if blob.Check(blob.Digest(reference)) == nil {
		d := blob.Digest(reference)
		b, err := tx.Get(ctx, key(imagesPrefix, r.ID, reference))
		if err != nil {
			return c, err
		}
		if b == nil {
			if c.manifest, err = readImport(ctx, tx, r, d); err != nil || c.manifest == nil {
				return c, err
			}
		}
		return cacheState{c.manifest, d, true}, nil
	}
	got, err := tx.GetMany(ctx, [][]byte{key(checkedPrefix, r.ID, reference), key(tagsPrefix, r.ID, reference)})
	if err != nil {
		return c, err
	}
	seen, err := decode[checked](got[0])
	if err != nil {
		return c, err
	}
	local, err := decode[tag](got[1])
	if err != nil {
		return c, err
	}
	if local != nil {
		c.digest = local.Digest
		if !r.Mutability.Moves(reference) {
			c.fixed = true
			return c, nil
		}
	}
	if seen == nil {
		return c, nil
	}
	m, err := readImport(ctx, tx, r, seen.Digest)
	if err != nil {
		return c, err
	}
	if m != nil {
		c.manifest, c.digest = m, m.Digest
	}
	c.fixed = c.digest != "" && s.now().Sub(seen.At) < freshFor
	return c, nil
}

// readImport returns a manifest that is being imported, nil if it is not.
func readImport(ctx context.Context, tx kv.Reader, r *Repository, d blob.Digest) (*Manifest, error) {
	got, err := tx.GetMany(ctx, [][]byte{key(importsPrefix, r.ID, string(d)), key(importBytesPrefix, r.ID, string(d))})
	if err != nil {
		return nil, err
	}
	im, err := decode[importing](got[0])
	if err != nil || im == nil {
		return nil, err
	}
	return &Manifest{d, im.MediaType, got[1]}, nil
}
