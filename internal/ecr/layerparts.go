package ecr

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The APIs and the registry protocol have the same uploads: what one began the other may
// go on with. The APIs' parts come in order, and have at least minPart bytes but for the
// last; what the registry protocol appends may have any length.
const (
	minPart   = 5 << 20
	partBytes = 10 << 20 // that clients are advised to send, as on AWS
)

// shortPart says of an upload that a part of it was shorter than minPart. It is written
// with such a part only, so that most uploads have none.
type shortPart struct {
	End int64 `json:"e"` // of the short part, bytes from the beginning
	// Followed says that another part came after it, so that it was not the last.
	Followed bool `json:"f,omitempty"`
}

// layerPart is a part of a layer as UploadLayerPart brings it.
type layerPart struct {
	upload      string
	first, last int64 // bytes from the beginning of the layer
	content     []byte
}

// badPart is InvalidLayerPartException: from size on the upload goes on.
func badPart(size int64, detail func(last int64) any, format string, args ...any) *api.Error {
	e := failed("InvalidLayerPartException", format, args...)
	e.Detail = detail(max(0, size-1))
	return e
}

// uploadPart appends a part to an upload. The errors are UploadNotFoundException, and
// InvalidLayerPartException, with the detail that an API has for it, for a part that is not
// the next one or has another length than it says, or while another request writes the
// upload.
func (s *Service) uploadPart(ctx context.Context, r *Repository, p layerPart, detail func(last int64) any) error {
	u, err := s.TakeUpload(ctx, r, p.upload)
	if errors.Is(err, ErrUploadBusy) {
		size, err := s.UploadSize(ctx, r, p.upload)
		if err != nil {
			return err
		}
		return badPart(size, detail, "Another request writes the upload with id '%s'", p.upload)
	}
	if err != nil {
		return err
	}
	defer u.Close()
	switch length := int64(len(p.content)); {
	case p.first != u.Size():
		return badPart(u.Size(), detail,
			"The layer part begins at byte %d, but the next byte of the upload with id '%s' is %d", p.first, p.upload, u.Size())
	case p.last < p.first || p.last-p.first+1 != length:
		return badPart(u.Size(), detail,
			"The layer part has %d bytes, which are not those from byte %d to byte %d", length, p.first, p.last)
	}
	if err := s.noteShort(ctx, p); err != nil {
		return err
	}
	_, err = u.Append(ctx, bytes.NewReader(p.content))
	return err
}

// noteShort keeps in mind that a part is short, and that one follows a short one.
func (s *Service) noteShort(ctx context.Context, p layerPart) error {
	k := textKey(shortPartsPrefix, p.upload)
	return s.update(ctx, func(tx kv.Txn) error {
		b, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		short, err := decode[shortPart](b)
		switch {
		case err != nil:
			return err
		case short != nil && short.Followed:
		case short != nil && short.End == p.first:
			tx.Put(k, encode(shortPart{short.End, true}))
		case len(p.content) < minPart:
			tx.Put(k, encode(shortPart{p.last + 1, false}))
		}
		return nil
	})
}

// completeUpload makes an upload a layer by one of the digests that a client gives for it,
// and returns that. The errors are UploadNotFoundException, EmptyUploadException,
// LayerPartTooSmallException, LayerAlreadyExistsException, InvalidLayerException and
// InvalidParameterException.
func (s *Service) completeUpload(ctx context.Context, r *Repository, id string, digests []string) (blob.Digest, error) {
	d, err := layerDigest(digests)
	if err != nil {
		return "", err
	}
	u, err := s.TakeUpload(ctx, r, id)
	if errors.Is(err, ErrUploadBusy) {
		return "", failed("InvalidLayerException", "Another request writes the upload with id '%s'", id)
	}
	if err != nil {
		return "", err
	}
	defer u.Close()
	if u.Size() == 0 {
		return "", failed("EmptyUploadException",
			"The upload with id '%s' in the repository with name '%s' in registry with id '%s' cannot be completed because it does not have any parts",
			id, r.Name.Name, r.Name.Account)
	}
	var short *shortPart
	err = s.view(ctx, func(tx kv.Reader) error {
		b, err := tx.Get(ctx, textKey(shortPartsPrefix, id))
		if err == nil {
			short, err = decode[shortPart](b)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if short != nil && short.Followed {
		return "", failed("LayerPartTooSmallException", "All layer parts except the last part should be at least 5MB")
	}
	switch _, err := s.Layer(ctx, r, d); {
	case err == nil: // who is told so may count on the layer: it is leased
		_ = u.Cancel(ctx) // what remains is collected
		return "", failed("LayerAlreadyExistsException", "The layer with digest '%s' already exists in the repository with name '%s' in the registry with id '%s'",
			d, r.Name.Name, r.Name.Account)
	case !errors.Is(err, &api.Error{Code: "LayersNotFoundException"}):
		return "", err
	}
	err = u.Finish(ctx, d)
	if errors.Is(err, blob.ErrDigest) {
		return "", failed("InvalidLayerException", "The digest '%s' is not that of the layer in the upload with id '%s'", d, id).Because(err)
	}
	if err == nil && short != nil {
		err = s.update(ctx, func(tx kv.Txn) error { tx.Delete(textKey(shortPartsPrefix, id)); return nil })
	}
	return d, err
}

// layerDigest chooses of the digests of a layer the one to keep it by.
func layerDigest(digests []string) (blob.Digest, error) {
	for _, algorithm := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		var of []blob.Digest
		for _, text := range digests {
			if d := blob.Digest(text); blob.Check(d) == nil && d.Algorithm() == algorithm {
				of = append(of, d)
			}
		}
		switch of = slices.Compact(of); len(of) {
		case 0:
		case 1:
			return of[0], nil
		default:
			return "", failed("InvalidLayerException", "The digests '%s' and '%s' cannot be those of one layer", of[0], of[1])
		}
	}
	return "", invalid("layerDigests", "there must be a digest of sha256 or sha512")
}

// collectShortParts forgets what is known of parts of uploads that are gone.
func (s *Service) collectShortParts(ctx context.Context, _ *Collected) error {
	return s.keysBelow(ctx, shortPartsPrefix, func(k, _ []byte) error {
		id, err := lastText(k, shortPartsPrefix)
		if err != nil {
			return err
		}
		if _, err := s.blobs.StatUpload(ctx, id); !errors.Is(err, blob.ErrNotFound) {
			return err
		}
		return s.update(ctx, func(tx kv.Txn) error { tx.Delete(k); return nil })
	})
}

// layerStatus is whether a repository has a layer.
type layerStatus struct {
	digest    string
	available bool
	size      int64 // bytes, if it is available
}

// layerFailure is why a digest was not looked for.
type layerFailure struct{ digest, code, reason string }

// checkLayers tells which layers a repository has. Those that it has are leased.
func (s *Service) checkLayers(ctx context.Context, r *Repository, digests []string) (layers []layerStatus, failures []layerFailure, err error) {
	for _, text := range digests {
		switch {
		case text == "":
			failures = append(failures, layerFailure{text, "MissingLayerDigest", "Invalid request parameters: layer digest cannot be empty"})
			continue
		case blob.Check(blob.Digest(text)) != nil:
			failures = append(failures, layerFailure{text, "InvalidLayerDigest", "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"})
			continue
		}
		size, err := s.Layer(ctx, r, blob.Digest(text))
		if err != nil && !errors.Is(err, &api.Error{Code: "LayersNotFoundException"}) {
			return nil, nil, err
		}
		layers = append(layers, layerStatus{text, err == nil, size})
	}
	return layers, failures, nil
}
