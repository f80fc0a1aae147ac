package ecr

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// copier copies images from one repository to another. Their blobs are there already:
// only records are written.
type copier struct {
	s      *Service
	update func(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error)
	from   *Repository
	to     *Repository
}

// errSourceGone says that what was to be copied is deleted.
var errSourceGone = errors.New("ecr: the image to be copied is deleted")

// maxNesting is how deep indexes may name indexes. Nothing real goes beyond two.
const maxNesting = 8

// copy copies an image, first those that it names. In the transaction that writes it,
// tags says which tags it gets, and done may write more. A tag that must not move at the
// destination stays where it is, and the image comes without it, as on AWS:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html
func (c *copier) copy(ctx context.Context, d blob.Digest, tags func(context.Context, kv.Reader) ([]string, error), done func(kv.Txn), depth int) error {
	if depth > maxNesting {
		return failed("InvalidParameterException", "The image %s is nested too deeply in indexes", d)
	}
	source, err := c.s.storedManifest(ctx, c.from, d)
	if err != nil {
		return err
	}
	if source == nil {
		return errSourceGone
	}
	m, err := parseManifest(source.Bytes, source.MediaType)
	if err != nil {
		return err
	}
	for _, child := range m.children {
		there, err := c.s.storedManifest(ctx, c.to, child.Digest)
		if err == nil && there == nil {
			err = c.copy(ctx, child.Digest, nil, nil, depth+1)
		}
		if err != nil {
			return err
		}
	}
	_, err = c.update(ctx, func(tx kv.Txn) error {
		from, err := c.from.still(ctx, tx)
		if err != nil {
			return errSourceGone
		}
		image, err := tx.Get(ctx, key(imagesPrefix, from.ID, string(d)))
		if err != nil {
			return err
		}
		if image == nil {
			return errSourceGone
		}
		to, err := c.to.still(ctx, tx)
		if err != nil {
			return err
		}
		p := Push{Digest: d, MediaType: source.MediaType, Bytes: source.Bytes, from: from}
		if tags != nil {
			if p.Tags, err = tags(ctx, tx); err != nil {
				return err
			}
		}
		if p.Tags, err = movable(ctx, tx, to, d, p.Tags); err != nil {
			return err
		}
		if done != nil {
			done(tx)
		}
		return c.s.putManifest(ctx, tx, to, m, p)
	})
	return err
}

// storedManifest returns a manifest, nil if it is not there. It is not a pull.
func (s *Service) storedManifest(ctx context.Context, r *Repository, d blob.Digest) (m *Manifest, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		got, err := tx.GetMany(ctx, [][]byte{key(imagesPrefix, r.ID, string(d)), key(manifestsPrefix, r.ID, string(d))})
		if err != nil {
			return err
		}
		im, err := decode[image](got[0])
		if err == nil && im != nil {
			m = &Manifest{d, im.MediaType, got[1]}
		}
		return err
	})
	return m, err
}

// movable returns those tags that may point to an image.
func movable(ctx context.Context, tx kv.Reader, r *Repository, d blob.Digest, tags []string) (may []string, err error) {
	for _, name := range tags {
		b, err := tx.Get(ctx, key(tagsPrefix, r.ID, name))
		if err != nil {
			return nil, err
		}
		t, err := decode[tag](b)
		if err != nil {
			return nil, err
		}
		if t == nil || t.Digest == d || r.Mutability.Moves(name) {
			may = append(may, name)
		}
	}
	return may, nil
}

// bring gives the repository a blob that the one has of which the image is a copy.
func (w *writing) bring(ctx context.Context, d blob.Digest) (*layer, error) {
	l, err := readLayer(ctx, w.tx, w.from.ID, d)
	if err != nil || l == nil {
		return nil, err
	}
	if err := w.s.ledger.Reserve(ctx, w.tx, d); err != nil {
		return nil, err
	}
	w.s.putLayer(w.tx, w.r.ID, d, l.Size)
	return l, nil
}
