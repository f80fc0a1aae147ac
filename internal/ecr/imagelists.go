package ecr

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// listed is an image of a repository with its tags in their order.
type listed struct {
	digest blob.Digest
	*image
	tags []string
}

// images yields the images of a repository in the order of their digests, of those that
// are not before from. The images and their tags are two lists in the same order, which
// are read side by side.
func (s *Service) images(ctx context.Context, tx kv.Reader, r *Repository, from blob.Digest) iter.Seq2[listed, error] {
	scan := func(prefix []byte) iter.Seq2[kv.KV, error] {
		return tx.Scan(ctx, kv.Range{From: tuple.AppendString(prefix[:len(prefix):len(prefix)], string(from)), To: tuple.Below(prefix)})
	}
	return func(yield func(listed, error) bool) {
		tagged := key(taggedPrefix, r.ID)
		next, stop := iter.Pull2(scan(tagged))
		defer stop()
		// pending is the tag that was read last and not yet given to its image.
		var of, pending string
		more := true
		advance := func() error {
			p, err, ok := next()
			if more = ok && err == nil; !more {
				return err
			}
			var rest []byte
			if of, rest, err = tuple.String(p.Key[len(tagged):]); err == nil {
				pending, _, err = tuple.String(rest)
			}
			return err
		}
		if err := advance(); err != nil {
			yield(listed{}, err)
			return
		}
		images := key(imagesPrefix, r.ID)
		for p, err := range scan(images) {
			var l listed
			var d string
			if err == nil {
				d, err = lastText(p.Key, images)
			}
			if err == nil {
				l.digest = blob.Digest(d)
				l.image, err = decode[image](p.Val)
			}
			for err == nil && more && of <= d {
				if of == d {
					l.tags = append(l.tags, pending)
				}
				err = advance()
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// The values of a filter by tags.
const (
	taggedOnly   = "TAGGED"
	untaggedOnly = "UNTAGGED"
)

// imageListing is what ListImages and DescribeImages are asked for.
type imageListing struct {
	operation           string
	tagStatus, imStatus *string // nil for any
	token               *string
	limit               *int64
}

func (q *imageListing) page(r *Repository) pagetoken.Listing {
	return pagetoken.Listing{
		Account: r.Name.Account, Region: r.Name.Region, Operation: r.Name.action(q.operation),
		Parameters: []byte(strings.Join([]string{string(encodeID(r.ID)), text(q.tagStatus), text(q.imStatus)}, "\x00")),
	}
}

// wants tells whether the filters let an image through. All images here are active.
func (q *imageListing) wants(l listed) bool {
	switch text(q.imStatus) {
	case "", "ANY", "ACTIVE":
	default:
		return false
	}
	switch text(q.tagStatus) {
	case taggedOnly:
		return len(l.tags) > 0
	case untaggedOnly:
		return len(l.tags) == 0
	}
	return true
}

// listImages returns a page of the ids of images: one for each tag, and one for an image
// without any.
func (s *Service) listImages(ctx context.Context, r *Repository, q imageListing) (ids []imageID, next *string, err error) {
	page := q.page(r)
	after, limit, err := s.position(page, q.token, q.limit)
	if err != nil {
		return nil, nil, err
	}
	digest, tag, _ := strings.Cut(after, " ")
	last := imageID{digest, tag}
	err = s.view(ctx, func(tx kv.Reader) error {
		for l, err := range s.images(ctx, tx, r, blob.Digest(last.digest)) {
			if err != nil {
				return err
			}
			if !q.wants(l) {
				continue
			}
			if len(l.tags) == 0 {
				l.tags = []string{""}
			}
			for _, t := range l.tags {
				id := imageID{string(l.digest), t}
				if q.token != nil && id.digest == last.digest && id.tag <= last.tag {
					continue
				}
				if len(ids) == limit {
					end := ids[limit-1]
					next = new(s.seal.Seal(page, []byte(end.digest+" "+end.tag)))
					return nil
				}
				ids = append(ids, id)
			}
		}
		return nil
	})
	return ids, next, err
}

// imageDetail is an image as it is described.
type imageDetail struct {
	listed
	bytes  int64     // of its blobs; of an index, of the largest image in it
	pulled time.Time // zero if it is not recorded
}

// detail reads what else is said of an image.
func detail(ctx context.Context, tx kv.Reader, r *Repository, l listed) (imageDetail, error) {
	d := imageDetail{listed: l, bytes: cmp.Or(l.Bytes, l.Size)}
	keys := [][]byte{key(pulledPrefix, r.ID, string(l.digest))}
	for _, c := range l.Children {
		keys = append(keys, key(imagesPrefix, r.ID, string(c)))
	}
	got, err := tx.GetMany(ctx, keys)
	if err != nil {
		return d, err
	}
	if p, err := decode[lastPull](got[0]); err != nil {
		return d, err
	} else if p != nil {
		d.pulled = p.At
	}
	if len(l.Children) > 0 {
		d.bytes = 0
	}
	for _, b := range got[1:] {
		child, err := decode[image](b)
		if err != nil {
			return d, err
		}
		if child != nil {
			d.bytes = max(d.bytes, child.Bytes)
		}
	}
	return d, nil
}

// describeImages returns a page of images in the order of their digests.
func (s *Service) describeImages(ctx context.Context, r *Repository, q imageListing) (list []imageDetail, next *string, err error) {
	page := q.page(r)
	after, limit, err := s.position(page, q.token, q.limit)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		for l, err := range s.images(ctx, tx, r, blob.Digest(after)) {
			if err != nil {
				return err
			}
			if !q.wants(l) || string(l.digest) == after {
				continue
			}
			if len(list) == limit {
				next = new(s.seal.Seal(page, []byte(list[limit-1].digest)))
				return nil
			}
			d, err := detail(ctx, tx, r, l)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return nil
	})
	return list, next, err
}

// imageDetails returns the images that are named, or a page of all.
func (s *Service) imageDetails(ctx context.Context, r *Repository, ids []imageID, q imageListing) (list []imageDetail, next *string, err error) {
	if len(ids) > 0 {
		list, err = s.describeNamed(ctx, r, ids, q)
		return list, nil, err
	}
	return s.describeImages(ctx, r, q)
}

// describeNamed returns the images of ids, each once, as far as the filters let them
// through. The error is ImageNotFoundException for the first that there is not, and
// InvalidParameterException for what is no id.
func (s *Service) describeNamed(ctx context.Context, r *Repository, ids []imageID, q imageListing) (list []imageDetail, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		for _, id := range ids {
			d, im, failure, err := findImage(ctx, tx, r, id)
			switch {
			case err != nil:
				return err
			case failure != nil && failure.code == imageMissing:
				return imageNotFound(r, id.String())
			case failure != nil:
				return failed("InvalidParameterException", "%s", failure.reason)
			case slices.ContainsFunc(list, func(have imageDetail) bool { return have.digest == d }):
				continue
			}
			l := listed{digest: d, image: im}
			for name, err := range scanTexts(ctx, tx, key(taggedPrefix, r.ID, string(d)), "", 0) {
				if err != nil {
					return err
				}
				l.tags = append(l.tags, name)
			}
			if !q.wants(l) {
				continue
			}
			described, err := detail(ctx, tx, r, l)
			if err != nil {
				return err
			}
			list = append(list, described)
		}
		return nil
	})
	return list, err
}

// tagDetail is a tag with the image that it points to.
type tagDetail struct {
	name string
	set  time.Time
	imageDetail
}

// describeTags returns a page of the tags of a repository in their order.
func (s *Service) describeTags(ctx context.Context, r *Repository, q imageListing) (list []tagDetail, next *string, err error) {
	page := q.page(r)
	after, limit, err := s.position(page, q.token, q.limit)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		for name, err := range scanTexts(ctx, tx, key(tagsPrefix, r.ID), after, limit+1) {
			if err != nil {
				return err
			}
			if len(list) == limit {
				next = new(s.seal.Seal(page, []byte(list[limit-1].name)))
				return nil
			}
			b, err := tx.Get(ctx, key(tagsPrefix, r.ID, name))
			if err != nil {
				return err
			}
			t, err := decode[tag](b)
			if err != nil {
				return err
			}
			d, im, _, err := findImage(ctx, tx, r, imageID{digest: string(t.Digest)})
			if err != nil {
				return err
			}
			if im == nil {
				continue
			}
			described, err := detail(ctx, tx, r, listed{digest: d, image: im})
			if err != nil {
				return err
			}
			list = append(list, tagDetail{name, t.Set, described})
		}
		return nil
	})
	return list, next, err
}
