package s3

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// collectEvery is how often what nobody needs is deleted.
const collectEvery = 10 * time.Minute

// Jobs are what the service does by itself.
func (s *Service) Jobs() []jobs.Kind {
	return []jobs.Kind{{Name: "s3.Collect", Every: collectEvery, Run: func(ctx context.Context, _ *jobs.Job) error {
		_, err := s.Collect(ctx)
		return err
	}}}
}

// Collect ends multipart uploads that nobody goes on with, and those of deleted buckets, and
// deletes bytes that no object needs. Two must not run at once.
func (s *Service) Collect(ctx context.Context) (ledger.Collected, error) {
	if err := s.endUploads(ctx); err != nil {
		return ledger.Collected{}, err
	}
	return s.ledger.Collect(ctx)
}

func (s *Service) endUploads(ctx context.Context) error {
	gone := map[uint64][]byte{}
	err := ledger.Below(ctx, s.store, gonePrefix, func(k, _ []byte) error {
		bucket, _, err := tuple.Uint(k[len(gonePrefix):])
		gone[bucket] = k
		return err
	})
	if err != nil {
		return err
	}
	err = ledger.Below(ctx, s.store, uploadsPrefix, func(k, val []byte) error {
		bucket, rest, err := tuple.Uint(k[len(uploadsPrefix):])
		if err != nil {
			return err
		}
		u, err := decode[Upload](val)
		if err != nil {
			return err
		}
		if u.Key, rest, err = tuple.String(rest); err != nil {
			return err
		}
		if u.ID, _, err = tuple.String(rest); err != nil {
			return err
		}
		return s.endUpload(ctx, bucket, u, gone[bucket] != nil)
	})
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := s.update(ctx, func(tx kv.Txn) error { tx.Delete(k); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// endUpload ends an upload if it must end, or if nobody has gone on with it for too long.
func (s *Service) endUpload(ctx context.Context, bucket uint64, u *Upload, must bool) error {
	ended := false
	err := s.update(ctx, func(tx kv.Txn) error {
		ended = false
		if v, err := tx.Get(ctx, key(uploadsPrefix, bucket, u.Key, u.ID)); v == nil || err != nil {
			return err
		}
		all, err := parts(ctx, tx, u, 0, 0)
		if err != nil {
			return err
		}
		last := u.Initiated
		for _, p := range all {
			if p.Modified.After(last) {
				last = p.Modified
			}
		}
		if !must && s.now().Sub(last) < s.uploadExpiry {
			return nil
		}
		ended = true
		return s.end(ctx, tx, bucket, u, nil)
	})
	if err == nil && ended {
		s.metrics.abandonedUploads.Inc()
	}
	return err
}
