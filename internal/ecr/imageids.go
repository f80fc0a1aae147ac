package ecr

import (
	"context"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// imageID is how the APIs name an image: by its digest, by a tag, or by both, which must
// then belong together. "" is not said.
type imageID struct{ digest, tag string }

// imageFailure is why one image of several was not found, or not deleted.
type imageFailure struct {
	imageID
	code, reason string
}

// The codes of failures that this package looks at.
const (
	imageMissing    = "ImageNotFound"
	imageReferenced = "ImageReferencedByManifestList"
)

func (id imageID) fails(code, reason string) *imageFailure { return &imageFailure{id, code, reason} }

// String is the id as messages have it.
func (id imageID) String() string {
	digest, tag := "null", "null"
	if id.digest != "" {
		digest = "'" + id.digest + "'"
	}
	if id.tag != "" {
		tag = "'" + id.tag + "'"
	}
	return "{imageDigest:" + digest + ", imageTag:" + tag + "}"
}

// findImage returns the image that an id names, or why there is none.
func findImage(ctx context.Context, tx kv.Reader, r *Repository, id imageID) (blob.Digest, *image, *imageFailure, error) {
	d := blob.Digest(id.digest)
	switch {
	case id == imageID{}:
		return "", nil, id.fails("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"), nil
	case d != "" && blob.Check(d) != nil:
		return "", nil, id.fails("InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"), nil
	case id.tag != "" && !ValidTag(id.tag):
		return "", nil, id.fails("InvalidImageTag", "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9-_.]+'"), nil
	}
	missing := id.fails(imageMissing, "Requested image not found")
	if id.tag != "" {
		b, err := tx.Get(ctx, key(tagsPrefix, r.ID, id.tag))
		if err != nil {
			return "", nil, nil, err
		}
		t, err := decode[tag](b)
		switch {
		case err != nil:
			return "", nil, nil, err
		case t == nil:
			return "", nil, missing, nil
		case d != "" && d != t.Digest:
			return "", nil, id.fails("ImageTagDoesNotMatchDigest", "Invalid request parameters: the tag does not belong to the image of the digest"), nil
		}
		d = t.Digest
	}
	b, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(d)))
	if err != nil {
		return "", nil, nil, err
	}
	im, err := decode[image](b)
	if err != nil {
		return "", nil, nil, err
	}
	if im == nil {
		return "", nil, missing, nil
	}
	return d, im, nil, nil
}

// gotImage is an image with its manifest, under the id by which it was asked for.
type gotImage struct {
	imageID
	Manifest
}

// maxGot is how many bytes of manifests an answer has at most.
const maxGot = 64 << 20

// getImages returns the images of ids, and why others are not among them. What came says of
// an id goes before what the repository has. Who accepts only some media types gets no
// others. The error is LimitExceededException for more than an answer holds.
func (s *Service) getImages(ctx context.Context, r *Repository, ids []imageID, came map[imageID]upstreamImage, accepted []string) (found []gotImage, failures []*imageFailure, err error) {
	var pulls []blob.Digest
	err = s.view(ctx, func(tx kv.Reader) error {
		found, failures, pulls = nil, nil, nil
		size := 0
		for _, id := range ids {
			m, failure, due, err := s.getImage(ctx, tx, r, id, came[id])
			if err != nil {
				return err
			}
			if failure == nil && len(accepted) > 0 && !slices.Contains(accepted, m.MediaType) {
				failure = id.fails(imageMissing, "Requested image not found: its media type "+m.MediaType+" is not among those accepted")
			}
			if failure != nil {
				failures = append(failures, failure)
				continue
			}
			if size += len(m.Bytes); size > maxGot {
				return failed("LimitExceededException", "The manifests of the images have more than %d bytes together. Ask for fewer at once.", maxGot)
			}
			if due {
				pulls = append(pulls, m.Digest)
			}
			found = append(found, gotImage{imageID{string(m.Digest), id.tag}, m})
		}
		return nil
	})
	if err == nil {
		s.notePulls(ctx, r, pulls...)
		s.metrics.pulls.Add(float64(len(found)))
	}
	return found, failures, err
}

// getImage returns the manifest that an id names, or why there is none, and whether the
// pull is to be recorded.
func (s *Service) getImage(ctx context.Context, tx kv.Reader, r *Repository, id imageID, came upstreamImage) (m Manifest, failure *imageFailure, due bool, err error) {
	if came.failure != nil || came.manifest != nil && (id.digest == "" || id.digest == string(came.manifest.Digest)) {
		if came.failure == nil {
			m = *came.manifest
		}
		return m, came.failure, false, nil
	}
	d, im, failure, err := findImage(ctx, tx, r, id)
	if err != nil || failure != nil {
		return m, failure, false, err
	}
	got, err := tx.GetMany(ctx, [][]byte{key(manifestsPrefix, r.ID, string(d)), key(pulledPrefix, r.ID, string(d))})
	if err != nil {
		return m, nil, false, err
	}
	return Manifest{d, im.MediaType, got[0]}, nil, s.pullDue(r, got[1]), nil
}

// pullsEvery is how far apart two records of an image's last pull are at least: AWS
// promises one in 24 hours.
const pullsEvery = time.Hour

// lastPull is when an image was last pulled, as far as that is recorded.
type lastPull struct {
	At time.Time `json:"t"`
}

// pullDue tells whether a pull is to be recorded, of what is recorded so far. ECR Public
// does not know when images were pulled.
func (s *Service) pullDue(r *Repository, recorded []byte) bool {
	if r.Name.Public {
		return false
	}
	last, err := decode[lastPull](recorded)
	return err == nil && (last == nil || s.now().Sub(last.At) >= pullsEvery)
}

// notePulls records that images were pulled. A pull does not fail for it.
func (s *Service) notePulls(ctx context.Context, r *Repository, digests ...blob.Digest) {
	if len(digests) == 0 {
		return
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		for _, d := range digests {
			im, err := tx.Get(ctx, key(imagesPrefix, r.ID, string(d))) // who deletes it takes the record with it
			if err != nil {
				return err
			}
			if im != nil {
				tx.Put(key(pulledPrefix, r.ID, string(d)), encode(lastPull{s.now().UTC()}))
			}
		}
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "the time of a pull is not recorded", "repository", r.Name.ARN(), "error", err)
	}
}

// deleteImages deletes images by ids. A tag is taken away from its image, which goes with
// its last one; a digest takes the image with all its tags. It returns what is gone, and
// why the rest is not. An image that an index needs goes only with the index, which may be
// among ids in any place.
func (s *Service) deleteImages(ctx context.Context, r *Repository, ids []imageID) (gone []imageID, failures []*imageFailure, err error) {
	var pending []imageID
	for _, id := range ids {
		if !slices.Contains(pending, id) {
			pending = append(pending, id)
		}
	}
	for {
		var referenced []*imageFailure
		for _, id := range pending {
			went, failure, err := s.deleteImage(ctx, r, id)
			switch {
			case err != nil:
				return nil, nil, err
			case failure == nil:
				gone = append(gone, went...)
			case failure.code == imageReferenced:
				referenced = append(referenced, failure)
			default:
				failures = append(failures, failure)
			}
		}
		if len(referenced) == 0 || len(referenced) == len(pending) {
			return gone, append(failures, referenced...), nil
		}
		pending = pending[:0]
		for _, failure := range referenced {
			pending = append(pending, failure.imageID)
		}
	}
}

// deleteImage deletes one image, or one of its tags, in a transaction of its own.
func (s *Service) deleteImage(ctx context.Context, r *Repository, id imageID) (gone []imageID, failure *imageFailure, err error) {
	err = s.update(ctx, func(tx kv.Txn) error {
		gone, failure = nil, nil
		r, err := r.still(ctx, tx)
		if err != nil {
			return err
		}
		d, im, why, err := findImage(ctx, tx, r, id)
		if err != nil || why != nil {
			failure = why
			return err
		}
		if id.tag != "" {
			others := 0
			for _, err := range scanTexts(ctx, tx, key(taggedPrefix, r.ID, string(d)), "", 2) {
				if err != nil {
					return err
				}
				others++
			}
			if others > 1 {
				tx.Delete(key(tagsPrefix, r.ID, id.tag))
				tx.Delete(key(taggedPrefix, r.ID, string(d), id.tag))
				tx.Put(key(imagesPrefix, r.ID, string(d)), encode(im)) // of two that take the last two tags, one must see the other
				s.record(ctx, tx, r, map[string]any{"imageDigest": d, "imageTags": []string{id.tag}})
				gone = []imageID{{string(d), id.tag}}
				return nil
			}
		}
		tags, err := s.removeManifest(ctx, tx, r, d, true)
		if e, ok := err.(*api.Error); ok && e.Code == imageReferenced {
			failure = id.fails(imageReferenced, e.Message)
			return nil
		}
		if err != nil {
			return err
		}
		s.record(ctx, tx, r, map[string]any{"imageDigest": d, "imageTags": tags})
		for _, name := range tags {
			gone = append(gone, imageID{string(d), name})
		}
		if len(gone) == 0 {
			gone = []imageID{{digest: string(d)}}
		}
		return nil
	})
	return gone, failure, err
}
