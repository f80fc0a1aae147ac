package server

import (
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv/sealed"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/servicecatalog"
)

// launchesAtOnce is how many launches are followed at once. It is many, since they wait for
// their stacks, which may have launches in them.
const launchesAtOnce = 1024

// catalog is the model catalog with what carries out its launches.
type catalog struct {
	*servicecatalog.Service
	jobs *jobs.Runner
}

// openCatalog opens the model catalog, whose launches are stacks.
func (s *Server) openCatalog(of *stacks) *catalog {
	store := sealed.New(s.store, s.seal, "servicecatalog") // values of parameters may be secret
	quotas, _ := quota.Parse(s.config.Quotas, quotas())    // which check has done before
	runner := jobs.New(jobs.Config{Store: store, Now: s.config.Now, Logger: s.log, Owner: "server", Workers: launchesAtOnce})
	service := servicecatalog.New(servicecatalog.Config{
		Store: store, Identity: s.identity, Seal: s.pages, Stacks: of.Service, Fetch: s.templates().fetch,
		Now: s.config.Now, Wake: runner.Wake, Metrics: s.metrics.registry, Quotas: quotas, Log: s.log,
	})
	runner.Register(service.Jobs()...)
	return &catalog{service, runner}
}
