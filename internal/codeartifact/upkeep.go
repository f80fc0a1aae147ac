package codeartifact

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
	return []jobs.Kind{
		{Name: "codeartifact.Collect", Every: collectEvery, Run: func(ctx context.Context, _ *jobs.Job) error {
			_, err := s.Collect(ctx)
			return err
		}},
	}
}

// Collect deletes what deleted repositories had, and bytes that no version needs. It runs
// beside publications; two must not run at once.
func (s *Service) Collect(ctx context.Context) (ledger.Collected, error) {
	if err := ledger.Below(ctx, s.store, gonePrefix, func(k, val []byte) error { return s.clear(ctx, k, val) }); err != nil {
		return ledger.Collected{}, err
	}
	return s.ledger.Collect(ctx)
}

// clear removes what a deleted repository had.
func (s *Service) clear(ctx context.Context, k, val []byte) error {
	r, err := decode[Repository](val)
	if err != nil {
		return err
	}
	versions := key(versionsPrefix, r.ID)
	err = ledger.Below(ctx, s.store, versions, func(k, _ []byte) error {
		return s.update(ctx, func(tx kv.Txn) error {
			b, err := tx.Get(ctx, k)
			if err != nil || b == nil {
				return err
			}
			v, err := decode[Version](b)
			if err != nil {
				return err
			}
			u := uses{}
			for i := range v.Assets {
				u.add(&v.Assets[i], -1)
			}
			tx.Delete(k)
			return s.apply(ctx, tx, r.DomainID, u)
		})
	})
	if err != nil {
		return err
	}
	for _, prefix := range ofRepository {
		below := key(prefix, r.ID)
		if err := s.store.DeleteRange(ctx, below, tuple.Below(below)); err != nil {
			return err
		}
	}
	return s.update(ctx, func(tx kv.Txn) error { tx.Delete(k); return nil })
}
