package server

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudtrail"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/api/iam"
	functionsapi "github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/lambda"
	"github.com/modelwharf/modelwharf/internal/resources"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// openServices makes the services and wires them to the router.
func (s *Server) openServices(ctx context.Context) (_ *services, err error) {
	store := dynamodb.New(dynamodb.Config{
		Store: s.store, Identity: s.identity, Now: s.config.Now, Log: s.log,
		Metrics: s.metrics.registry, Pages: s.pages, AuditData: s.config.AuditItems, Objects: s.objects, Owner: "server",
		Endpoint: func(ctx context.Context) string {
			if host := s.config.externalHost(); host != "" {
				return host
			}
			return api.RequestOf(ctx).Host
		},
	})
	trail := &audit.CloudTrail{Store: s.store, Pages: s.pages, Authorize: func(ctx context.Context, action, resource string) error {
		return s.identity.Authorize(ctx, identity.Check{Action: action, Resource: resource})
	}}
	allow, _ := egress.ParseAllow(s.config.AllowEgress...) // which check has done before
	functions := lambda.New(lambda.Config{
		Store: s.store, Identity: s.identity, Pages: s.pages, Egress: egress.NewClient(allow), Streams: store,
		Now: s.config.Now, Metrics: s.metrics.registry, Log: s.log,
		Owner: "server", // one process has the data folder: it goes on where it was, at once
	})
	s.stacks = s.openStacks(store)
	s.catalog = s.openCatalog(s.stacks)
	s.stacks.Add(resources.Types(resources.Services{ServiceCatalog: s.catalog.API()}))
	if s.models, err = s.openEndpoints(ctx, store); err != nil {
		return nil, err
	}
	s.stacks.Add(resources.Types(resources.Services{SageMaker: s.models.API()}))
	return &services{
		router: newRouter(s.metrics,
			store.API(), streams.New(store), iam.New(s.identity), sts.New(s.identity), cloudtrail.New(trail), functionsapi.New(functions),
			s.images.API(), s.images.PublicAPI(), s.packages.API(), s.stacks.API(), s.catalog.API(), s.models.API(), s.models.RuntimeAPI(), s.openModels(store).API()),
		verifier: sigv4.Verifier[*identity.Identity]{Lookup: s.identity.Lookup, Now: s.config.Now},
		bodies:   bodies{most: maxLarge},
		refusals: audit.Refusals{Store: s.store},
		identity: s.identity, dynamodb: store, lambda: functions, metrics: s.metrics, now: s.config.Now, log: s.log,
	}, nil
}
