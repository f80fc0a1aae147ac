package ecr

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
)

// expireEvery is the time between two runs of the lifecycle policies.
const expireEvery = time.Hour

// Jobs are the kinds of background work of the service. Only one process does each at a
// time: who holds the lease of the job.
func (s *Service) Jobs() []jobs.Kind {
	return []jobs.Kind{
		{Name: "ecr.Collect", Every: s.every, Run: func(ctx context.Context, _ *jobs.Job) error {
			return s.collectNoted(ctx)
		}},
		{Name: "ecr.ExpireImages", Every: expireEvery, Run: func(ctx context.Context, _ *jobs.Job) error {
			_, err := s.ExpireImages(ctx)
			return err
		}},
		{Name: previewKind, Run: s.runPreview, AtOnce: 1},
		{Name: replicationJob, Run: s.runReplication, AtOnce: 1},
		{Name: importJob, Run: s.runImport, AtOnce: 2},
	}
}
