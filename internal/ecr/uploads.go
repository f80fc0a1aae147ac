package ecr

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// An upload is one of a repository: the repository's number is its label.
func label(r *Repository) string { return strconv.FormatUint(r.ID, 10) }

// ErrUploadBusy says that another request writes the upload.
var ErrUploadBusy = blob.ErrBusy

// Upload is an upload that is taken by a request, which must Close it.
type Upload struct {
	blob.Upload
	service *Service
	r       *Repository
}

// BeginUpload begins an upload to a repository, and takes it. The algorithm is the one
// that its digest will have, "" if that is not said.
func (s *Service) BeginUpload(ctx context.Context, r *Repository, algorithm digest.Algorithm) (*Upload, error) {
	algorithms := []digest.Algorithm{digest.SHA256}
	switch {
	case algorithm != "":
		algorithms[0] = algorithm
	case r.SHA512:
		algorithms = append(algorithms, digest.SHA512)
	}
	u, err := s.blobs.Create(ctx, label(r), algorithms...)
	if err != nil {
		return nil, err
	}
	return &Upload{u, s, r}, nil
}

// initiateUpload begins an upload as InitiateLayerUpload does, and returns its id.
func (s *Service) initiateUpload(ctx context.Context, r *Repository) (string, error) {
	u, err := s.BeginUpload(ctx, r, "")
	if err != nil {
		return "", err
	}
	return u.ID(), u.Close()
}

// TakeUpload takes an upload that was begun. The error is UploadNotFoundException, or
// ErrUploadBusy.
func (s *Service) TakeUpload(ctx context.Context, r *Repository, id string) (*Upload, error) {
	u, err := s.blobs.Resume(ctx, id)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, uploadNotFound(r, id)
	}
	if err != nil {
		return nil, err
	}
	if u.Label() != label(r) {
		return nil, errors.Join(uploadNotFound(r, id), u.Close())
	}
	return &Upload{u, s, r}, nil
}

// UploadSize returns how many bytes of an upload are safe, also while it is written. The
// error is UploadNotFoundException.
func (s *Service) UploadSize(ctx context.Context, r *Repository, id string) (int64, error) {
	info, err := s.blobs.StatUpload(ctx, id)
	if errors.Is(err, blob.ErrNotFound) || err == nil && info.Label != label(r) {
		return 0, uploadNotFound(r, id)
	}
	return info.Size, err
}

// Append appends what body has, and makes it durable. What came before an error of the
// body stays, so that its client can go on from there. An upload for which there is no room
// (blob.ErrFull) ends, and what it took is free for others.
func (u *Upload) Append(ctx context.Context, body io.Reader) (int64, error) {
	ctx = context.WithoutCancel(ctx) // a client that is gone does not keep what it sent from being kept
	n, err := u.ReadFrom(&bounded{body, u.service.quota(layerQuota, u.r.Name) - u.Size(), u.service.exceeded(layerQuota, u.r.Name)})
	u.service.metrics.received.Add(float64(n))
	if errors.Is(err, blob.ErrFull) {
		return n, errors.Join(err, u.Cancel(ctx))
	}
	serr := u.Sync(ctx)
	if errors.Is(serr, blob.ErrFull) {
		return n, errors.Join(serr, u.Cancel(ctx))
	}
	return n, cmp.Or(serr, err)
}

// Finish makes the upload a blob of its repository, and leases it. The errors are
// blob.ErrDigest, blob.ErrUnsupported and RepositoryNotFoundException.
func (u *Upload) Finish(ctx context.Context, d blob.Digest) error {
	s, size := u.service, u.Size()
	if err := s.ledger.Publish(ctx, u.Upload, d); err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		r, err := u.r.still(ctx, tx)
		if err != nil {
			return err
		}
		// What took longer than a lease may have been collected: it has to come again.
		if held, err := s.ledger.Held(ctx, tx, d); err != nil {
			return err
		} else if !held {
			return uploadNotFound(r, u.ID())
		}
		s.putLayer(tx, r.ID, d, size)
		s.record(ctx, tx, r, map[string]any{"layerDigest": d, "layerSize": size})
		if d.Algorithm() == digest.SHA512 && !r.SHA512 {
			learned := *r
			learned.SHA512 = true
			tx.Put(repositoryKey(r.Name), encode(learned))
		}
		return nil
	})
}
