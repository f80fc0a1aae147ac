package server

import (
	"context"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/audit"
)

// startUpkeep starts what the server does by itself, until ctx ends.
func (s *Server) startUpkeep(ctx context.Context, working *sync.WaitGroup) {
	working.Go(func() { _ = s.services.dynamodb.Run(ctx) })
	working.Go(func() { _ = s.services.lambda.Run(ctx) })
	working.Go(func() { _ = s.objects.jobs.Run(ctx) })
	working.Go(func() { _ = s.images.jobs.Run(ctx) })
	working.Go(func() { _ = s.packages.jobs.Run(ctx) })
	working.Go(func() { _ = s.stacks.jobs.Run(ctx) })
	working.Go(func() { _ = s.catalog.jobs.Run(ctx) })
	working.Go(func() { _ = s.models.Run(ctx) })
	working.Go(func() {
		s.every(ctx, time.Minute, "write when keys were last used", s.identity.FlushLastUsed)
		// What the last requests noted.
		if err := s.identity.FlushLastUsed(context.WithoutCancel(ctx)); err != nil {
			s.log.Warn("upkeep failed", "task", "write when keys were last used", "error", err)
		}
	})
	working.Go(func() {
		s.every(ctx, time.Hour, "trim the audit log", func(ctx context.Context) error {
			return audit.Trim(ctx, s.store, s.config.Now().Add(-audit.Retention))
		})
	})
}

// every runs task at an interval until ctx ends.
func (s *Server) every(ctx context.Context, interval time.Duration, name string, task func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := task(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("upkeep failed", "task", name, "error", err)
			}
		}
	}
}
