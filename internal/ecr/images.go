package ecr

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// image is what is known of a manifest.
type image struct {
	MediaType    string        `json:"m"`
	ArtifactType string        `json:"a,omitempty"`
	Size         int64         `json:"s"` // of the manifest, bytes
	Bytes        int64         `json:"b"` // of the blobs that it names
	Pushed       time.Time     `json:"p"`
	Blobs        []blob.Digest `json:"l,omitempty"`
	Children     []blob.Digest `json:"c,omitempty"`
	Subject      blob.Digest   `json:"r,omitempty"`
}

// tag is where a tag points.
type tag struct {
	Digest blob.Digest `json:"d"`
	Set    time.Time   `json:"t"`
}

// Push is a manifest that shall come into a repository.
type Push struct {
	Digest    blob.Digest // of Bytes, which whoever makes a Push has verified
	MediaType string      // as it was sent; "" if it was not said
	Bytes     []byte
	Tags      []string
	// Once refuses an image that is there already under all its tags, as PutImage does;
	// otherwise that succeeds and changes nothing.
	Once bool

	// from is the repository of which this is a copy, whose blobs it may bring along; nil
	// for what a client pushed. A copy is not copied on.
	from *Repository
}

// Pushed is what came of a Push.
type Pushed struct {
	Digest    blob.Digest
	MediaType string
	Subject   blob.Digest // that it refers to, or ""
	Tags      []string    // which point to it now
}

// PutManifest puts a manifest into a repository, with its tags: all of it or nothing. It
// is the one way by which tags move.
//
// The errors are RepositoryNotFoundException, InvalidParameterException for what is no
// manifest, LayersNotFoundException, ReferencedImagesNotFoundException,
// ImageTagAlreadyExistsException for a tag that must not move, and
// ImageAlreadyExistsException.
func (s *Service) PutManifest(ctx context.Context, r *Repository, p Push) (Pushed, error) {
	m, err := parseManifest(p.Bytes, p.MediaType)
	if err != nil {
		return Pushed{}, err
	}
	for _, t := range p.Tags {
		if !ValidTag(t) {
			return Pushed{}, failed("InvalidParameterException", "Invalid parameter at 'imageTag' failed to satisfy constraint: 'must satisfy regular expression '[a-zA-Z0-9-_.]+''")
		}
	}
	p.Tags = slices.Clone(p.Tags)
	out := Pushed{Digest: p.Digest, MediaType: m.MediaType, Tags: p.Tags}
	if m.Subject != nil {
		out.Subject = m.Subject.Digest
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		return s.putManifest(ctx, tx, r, m, p)
	})
	s.metrics.pushed(err)
	return out, err
}

// putManifest is PutManifest's part in a transaction.
func (s *Service) putManifest(ctx context.Context, tx kv.Txn, r *Repository, m *manifest, p Push) error {
	tags := slices.Compact(slices.Sorted(slices.Values(p.Tags)))
	w := writing{s, tx, r, p.Digest, s.now().UTC(), p.from}
	known, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(p.Digest)))
	if err != nil {
		return err
	}
	if err := w.checkReferences(ctx, m); err != nil {
		return err
	}
	moved, err := w.moveTags(ctx, tags)
	if err != nil {
		return err
	}
	if known != nil && !moved {
		if p.Once {
			return failed("ImageAlreadyExistsException", "Image with digest '%s' and tag '%v' already exists in the repository with name '%s' in registry with id '%s'",
				p.Digest, tagOrNone(tags), r.Name.Name, r.Name.Account)
		}
		if p.from != nil {
			return nil
		}
		return s.replicateFailed(ctx, tx, r, p.Digest, tags)
	}
	if known == nil {
		if err := s.makeRoom(ctx, tx, key(imagesPrefix, r.ID), imagesQuota, r.Name); err != nil {
			return err
		}
		w.putImage(m, p.Bytes)
	} else {
		tx.Put(key(imagesPrefix, r.ID, string(p.Digest)), known) // who deletes it must see the tag
	}
	if p.Digest.Algorithm() == "sha512" && !r.SHA512 {
		learned := *r
		learned.SHA512 = true
		tx.Put(repositoryKey(r.Name), encode(learned))
	}
	s.record(ctx, tx, r, map[string]any{"imageDigest": p.Digest, "imageTags": tags})
	if p.from != nil {
		return nil
	}
	return s.replicate(ctx, tx, r, p.Digest, tags)
}

func tagOrNone(tags []string) string {
	if len(tags) == 0 {
		return "null"
	}
	return tags[0]
}

// writing is the transaction in which a manifest comes in.
type writing struct {
	s      *Service
	tx     kv.Txn
	r      *Repository
	digest blob.Digest
	now    time.Time
	from   *Repository // see Push
}

// checkReferences fails unless all is there that the manifest needs, and sees to it that
// the collector leaves it: a blob whose lease is running out gets a new one, by a write
// that the collector conflicts with.
func (w *writing) checkReferences(ctx context.Context, m *manifest) error {
	for _, d := range m.blobs {
		l, err := w.s.holdLayer(ctx, w.tx, w.r.ID, d.Digest)
		if err != nil {
			return err
		}
		if l == nil && w.from != nil {
			if l, err = w.bring(ctx, d.Digest); err != nil {
				return err
			}
		}
		if l == nil && !d.foreign() {
			return layersNotFound(w.r, d.Digest)
		}
	}
	for _, d := range m.children {
		k := key(imagesPrefix, w.r.ID, string(d.Digest))
		b, err := w.tx.Get(ctx, k)
		if err != nil {
			return err
		}
		if b != nil {
			w.tx.Put(k, b) // who deletes it must see the index
		} else {
			return failed("ReferencedImagesNotFoundException",
				"The image with digest '%s' referenced in the manifest list does not exist within the repository with name '%s' in the registry with id '%s'",
				d.Digest, w.r.Name.Name, w.r.Name.Account)
		}
	}
	return nil
}

// moveTags makes tags point to the image, and tells whether any did not before.
func (w *writing) moveTags(ctx context.Context, tags []string) (moved bool, err error) {
	limit := w.s.quota(tagsQuota, w.r.Name)
	has, err := countBelow(ctx, w.tx, key(taggedPrefix, w.r.ID, string(w.digest)), limit)
	if err != nil {
		return false, err
	}
	for _, name := range tags {
		k := key(tagsPrefix, w.r.ID, name)
		b, err := w.tx.Get(ctx, k)
		if err != nil {
			return false, err
		}
		old, err := decode[tag](b)
		if err != nil {
			return false, err
		}
		switch {
		case old != nil && old.Digest == w.digest:
			continue
		case old != nil && !w.r.Mutability.Moves(name):
			return false, tagImmutable(w.r, name)
		case old != nil:
			w.tx.Delete(key(taggedPrefix, w.r.ID, string(old.Digest), name))
		}
		if has++; has > limit {
			return false, w.s.exceeded(tagsQuota, w.r.Name)
		}
		moved = true
		w.tx.Put(k, encode(tag{w.digest, w.now}))
		w.tx.Put(key(taggedPrefix, w.r.ID, string(w.digest), name), []byte{})
	}
	return moved, nil
}

// putImage writes a manifest with all that follows from it.
func (w *writing) putImage(m *manifest, b []byte) {
	id, d := w.r.ID, string(w.digest)
	im := image{MediaType: m.MediaType, ArtifactType: m.artifactType(), Size: int64(len(b)), Pushed: w.now}
	for _, l := range m.blobs {
		if slices.Contains(im.Blobs, l.Digest) {
			continue
		}
		im.Blobs, im.Bytes = append(im.Blobs, l.Digest), im.Bytes+l.Size
		w.tx.Put(key(usesPrefix, id, string(l.Digest), d), []byte{})
	}
	for _, c := range m.children {
		if !slices.Contains(im.Children, c.Digest) {
			im.Children = append(im.Children, c.Digest)
			w.tx.Put(key(childrenPrefix, id, string(c.Digest), d), []byte{})
		}
	}
	if m.Subject != nil {
		im.Subject = m.Subject.Digest
		w.tx.Put(key(referrersPrefix, id, string(im.Subject), d), encode(descriptor{
			MediaType: m.MediaType, Digest: w.digest, Size: int64(len(b)),
			ArtifactType: m.artifactType(), Annotations: maps.Clone(m.Annotations),
		}))
	}
	w.tx.Put(key(imagesPrefix, id, d), encode(im))
	w.tx.Put(key(pushedPrefix, id), []byte{}) // who deletes the repository if it is empty must see the image
	w.tx.Put(key(manifestsPrefix, id, d), b)
}

// Manifest is a manifest as it came in.
type Manifest struct {
	Digest    blob.Digest
	MediaType string
	Bytes     []byte
}

// putImage puts an image into a repository as PutImage does. Beside the errors of
// PutManifest, it is ImageDigestDoesNotMatchException for a digest that is not the
// manifest's.
func (s *Service) putImage(ctx context.Context, r *Repository, manifest string, mediaType, tag, want *string) (Pushed, error) {
	p := Push{MediaType: text(mediaType), Bytes: []byte(manifest), Once: true}
	if tag != nil {
		p.Tags = []string{*tag}
	}
	algorithm := digest.SHA256
	if want != nil {
		if blob.Check(blob.Digest(*want)) != nil {
			return Pushed{}, invalid("imageDigest", "must be a digest of sha256 or sha512")
		}
		algorithm = blob.Digest(*want).Algorithm()
	}
	p.Digest = algorithm.FromBytes(p.Bytes)
	if want != nil && *want != string(p.Digest) {
		return Pushed{}, failed("ImageDigestDoesNotMatchException", "The digest '%s' does not match the digest of the image manifest, '%s'", *want, p.Digest)
	}
	return s.PutManifest(ctx, r, p)
}

// Manifest returns the manifest that a digest or a tag names, or ImageNotFoundException.
func (s *Service) Manifest(ctx context.Context, r *Repository, reference string) (Manifest, error) {
	m, _, err := s.manifest(ctx, r, reference)
	return m, err
}

// Pull is Manifest for who pulls, which is recorded from time to time.
func (s *Service) Pull(ctx context.Context, r *Repository, reference string) (Manifest, error) {
	m, due, err := s.manifest(ctx, r, reference)
	if due && err == nil {
		s.notePulls(ctx, r, m.Digest)
	}
	return m, err
}

// manifest returns a manifest, and whether a pull of it is to be recorded.
func (s *Service) manifest(ctx context.Context, r *Repository, reference string) (m Manifest, due bool, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		d, err := resolve(ctx, tx, r, reference)
		if err != nil {
			return err
		}
		got, err := tx.GetMany(ctx, [][]byte{key(imagesPrefix, r.ID, string(d)), key(manifestsPrefix, r.ID, string(d)), key(pulledPrefix, r.ID, string(d))})
		if err != nil {
			return err
		}
		im, err := decode[image](got[0])
		if err != nil {
			return err
		}
		if im == nil {
			return imageNotFound(r, "{imageDigest:'"+string(d)+"'}")
		}
		m, due = Manifest{d, im.MediaType, got[1]}, s.pullDue(r, got[2])
		return nil
	})
	return m, due, err
}

// resolve returns the digest that a tag or a digest names.
func resolve(ctx context.Context, tx kv.Reader, r *Repository, reference string) (blob.Digest, error) {
	if blob.Check(blob.Digest(reference)) == nil {
		return blob.Digest(reference), nil
	}
	b, err := tx.Get(ctx, key(tagsPrefix, r.ID, reference))
	if err != nil {
		return "", err
	}
	t, err := decode[tag](b)
	if err == nil && t == nil {
		err = imageNotFound(r, "{imageTag:'"+reference+"'}")
	}
	if err != nil {
		return "", err
	}
	return t.Digest, nil
}

// DeleteManifest deletes a manifest and all its tags. The errors are
// ImageNotFoundException, and ImageReferencedByManifestList if it is held, or if an index
// names it and keepReferenced is true.
func (s *Service) DeleteManifest(ctx context.Context, r *Repository, d blob.Digest, keepReferenced bool) error {
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		return s.deleteManifest(ctx, tx, r, d, keepReferenced)
	})
}

func (s *Service) deleteManifest(ctx context.Context, tx kv.Txn, r *Repository, d blob.Digest, keepReferenced bool) error {
	tags, err := s.removeManifest(ctx, tx, r, d, keepReferenced)
	if err == nil {
		s.record(ctx, tx, r, map[string]any{"imageDigest": d, "imageTags": tags})
	}
	return err
}

// removeManifest does what deleteManifest does, but for the audit trail, and returns the
// tags that went. After an error it has changed nothing.
func (s *Service) removeManifest(ctx context.Context, tx kv.Txn, r *Repository, d blob.Digest, keepReferenced bool) (tags []string, err error) {
	b, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(d)))
	if err != nil {
		return nil, err
	}
	im, err := decode[image](b)
	if err != nil {
		return nil, err
	}
	if im == nil {
		return nil, imageNotFound(r, "{imageDigest:'"+string(d)+"'}")
	}
	if err := checkHeld(ctx, tx, r, d); err != nil {
		return nil, err
	}
	if keepReferenced {
		for _, err := range scanTexts(ctx, tx, key(childrenPrefix, r.ID, string(d)), "", 1) {
			if err != nil {
				return nil, err
			}
			return nil, failed("ImageReferencedByManifestList", "Requested image referenced by manifest list: [%s]", d)
		}
	}
	// What comes to name the image meanwhile writes the image's record: then this runs
	// again.
	for name, err := range scanTexts(ctx, tx, key(taggedPrefix, r.ID, string(d)), "", 0) {
		if err != nil {
			return nil, err
		}
		tags = append(tags, name)
		// Who moves the tag meanwhile writes it: then this runs again, and leaves it.
		if _, err := tx.Get(ctx, key(tagsPrefix, r.ID, name)); err != nil {
			return nil, err
		}
		tx.Delete(key(tagsPrefix, r.ID, name))
		tx.Delete(key(taggedPrefix, r.ID, string(d), name))
	}
	for _, l := range im.Blobs {
		tx.Delete(key(usesPrefix, r.ID, string(l), string(d)))
	}
	for _, c := range im.Children {
		tx.Delete(key(childrenPrefix, r.ID, string(c), string(d)))
	}
	if im.Subject != "" {
		tx.Delete(key(referrersPrefix, r.ID, string(im.Subject), string(d)))
	}
	tx.Delete(key(imagesPrefix, r.ID, string(d)))
	tx.Delete(key(pulledPrefix, r.ID, string(d)))
	tx.Delete(key(manifestsPrefix, r.ID, string(d)))
	if err := forgetCopies(ctx, tx, r.ID, d); err != nil {
		return nil, err
	}
	return tags, nil
}

// DeleteTag takes a tag away; the image stays. A tag that must not move may be taken
// away by who may delete images, and is then free, as on AWS. The error is
// ImageNotFoundException.
func (s *Service) DeleteTag(ctx context.Context, r *Repository, name string) error {
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		d, err := resolve(ctx, tx, r, name)
		if err != nil {
			return err
		}
		tx.Delete(key(tagsPrefix, r.ID, name))
		tx.Delete(key(taggedPrefix, r.ID, string(d), name))
		s.record(ctx, tx, r, map[string]any{"imageDigest": d, "imageTags": []string{name}})
		return nil
	})
}

// scanTexts yields the last elements of the keys below prefix that follow after, at most
// limit of them if that is not zero.
func scanTexts(ctx context.Context, tx kv.Reader, prefix []byte, after string, limit int) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		from := prefix
		if after != "" {
			from = append(tuple.AppendString(prefix[:len(prefix):len(prefix)], after), 0)
		}
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix), Limit: limit}) {
			var text string
			if err == nil {
				text, err = lastText(p.Key, prefix)
			}
			if !yield(text, err) || err != nil {
				return
			}
		}
	}
}
