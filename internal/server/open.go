package server

import (
	"context"

	ddbapi "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// openServices wires the services to the router.
func (s *Server) openServices() *services {
	tables := dynamodb.New(dynamodb.Config{
		Store: s.store, Identity: s.identity, Now: s.config.Now, Log: s.log,
		Metrics: s.metrics.registry,
		Endpoint: func(ctx context.Context) string {
			if host := s.config.externalHost(); host != "" {
				return host
			}
			return hostOf(ctx)
		},
	})
	return &services{
		router:   newRouter(s.metrics, ddbapi.New(tables), iam.New(s.identity), sts.New(s.identity)),
		verifier: sigv4.Verifier[*identity.Identity]{Lookup: s.identity.Lookup, Now: s.config.Now},
		identity: s.identity, dynamodb: tables, metrics: s.metrics, now: s.config.Now, log: s.log,
	}
}
