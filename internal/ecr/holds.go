package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/hold"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// A hold keeps an image, and the images that it names if it is an index, from being deleted
// or expiring. Tags come and go as ever.

// holding is the record of a hold.
type holding struct {
	Title string `json:"title"` // see hold.Holder
}

// AuthorizeHold asks policy whether the caller may have images of a repository held: that
// is the action modelwharf:HoldImage on the repository. The errors are
// AccessDeniedException and RepositoryNotFoundException.
func (s *Service) AuthorizeHold(ctx context.Context, n Name) error {
	r, missing := s.Find(ctx, n)
	if missing != nil && !isMissing(missing) {
		return missing
	}
	c := check(n, r, "DescribeImages")
	c.Action = "modelwharf:HoldImage"
	if err := s.ask(ctx, n, c); err != nil {
		return err
	}
	return missing
}

// HoldImage holds the image that a tag or a digest names, in a transaction of the holder's,
// and returns its digest. It commits after no deletion of the image. The errors are
// RepositoryNotFoundException and ImageNotFoundException.
func (s *Service) HoldImage(ctx context.Context, tx kv.Txn, n Name, reference string, by hold.Holder) (blob.Digest, error) {
	r, err := find(ctx, tx, n)
	if err != nil {
		return "", err
	}
	d, err := resolve(ctx, tx, r, reference)
	if err != nil {
		return "", err
	}
	return d, eachOf(ctx, tx, r, d, func(one blob.Digest, record []byte) error {
		if record == nil {
			return imageNotFound(r, "{imageDigest:'"+string(one)+"'}")
		}
		tx.Put(key(imagesPrefix, r.ID, string(one)), record) // who deletes it must see the hold
		tx.Put(key(heldPrefix, r.ID), nil)                   // and so must who deletes the repository
		tx.Put(key(holdsPrefix, r.ID, string(one), by.ID), encode(holding{by.Title}))
		return nil
	})
}

// ReleaseImage gives up a hold of an image, if there is one.
func (s *Service) ReleaseImage(ctx context.Context, tx kv.Txn, n Name, d blob.Digest, by hold.Holder) error {
	r, err := find(ctx, tx, n)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return eachOf(ctx, tx, r, d, func(one blob.Digest, _ []byte) error {
		tx.Delete(key(holdsPrefix, r.ID, string(one), by.ID))
		return nil
	})
}

// HasImage tells whether an image is there, with all that it names if it is an index.
func (s *Service) HasImage(ctx context.Context, tx kv.Reader, n Name, d blob.Digest) (bool, error) {
	r, err := find(ctx, tx, n)
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	all := true
	err = eachOf(ctx, tx, r, d, func(_ blob.Digest, record []byte) error {
		all = all && record != nil
		return nil
	})
	return all, err
}

// eachOf calls fn for an image and for each that it names, however deep, with the image's
// record: nil if there is none.
func eachOf(ctx context.Context, tx kv.Reader, r *Repository, d blob.Digest, fn func(blob.Digest, []byte) error) error {
	seen := map[blob.Digest]bool{d: true}
	for next := []blob.Digest{d}; len(next) > 0; {
		one := next[0]
		next = next[1:]
		b, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(one)))
		if err != nil {
			return err
		}
		if err := fn(one, b); err != nil {
			return err
		}
		im, err := decode[image](b)
		if err != nil {
			return err
		}
		if im == nil {
			continue
		}
		for _, child := range im.Children {
			if !seen[child] {
				seen[child] = true
				next = append(next, child)
			}
		}
	}
	return nil
}

// holderOf is who holds what is below a prefix of holds: "" if nobody does. It is for a
// transaction that has read a key which every hold writes.
func holderOf(ctx context.Context, tx kv.Reader, prefix []byte) (string, error) {
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: 1}) {
		if err != nil {
			return "", err
		}
		h, err := decode[holding](p.Val)
		if err != nil {
			return "", err
		}
		return h.Title, nil
	}
	return "", nil
}

// checkHeld fails for an image that somebody holds. The caller has read the image's record
// in tx. The APIs have no word for a hold: it is the one for an image that something else
// needs.
func checkHeld(ctx context.Context, tx kv.Reader, r *Repository, d blob.Digest) error {
	title, err := holderOf(ctx, tx, key(holdsPrefix, r.ID, string(d)))
	if err != nil || title == "" {
		return err
	}
	return failed(imageReferenced, "The image '%s' is held by %s, and cannot be deleted until that is retired.", d, title)
}

// heldImages are the digests of the images of a repository that somebody holds.
func heldImages(ctx context.Context, tx kv.Reader, r *Repository) (map[string]bool, error) {
	held := map[string]bool{}
	prefix := key(holdsPrefix, r.ID)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return nil, err
		}
		digest, _, err := tuple.String(p.Key[len(prefix):])
		if err != nil {
			return nil, err
		}
		held[digest] = true
	}
	return held, nil
}

// checkHolds fails for a repository of which somebody holds an image.
func checkHolds(ctx context.Context, tx kv.Reader, r *Repository) error {
	if _, err := tx.Get(ctx, key(heldPrefix, r.ID)); err != nil {
		return err
	}
	title, err := holderOf(ctx, tx, key(holdsPrefix, r.ID))
	if err != nil || title == "" {
		return err
	}
	return failed("RepositoryNotEmptyException",
		"The repository with name '%s' in registry with id '%s' cannot be deleted because it contains an image that is held by %s, which is not retired", r.Name.Name, r.Name.Account, title)
}
