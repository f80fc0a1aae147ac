package server

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/generic"
	"github.com/modelwharf/modelwharf/internal/codeartifact/maven"
	"github.com/modelwharf/modelwharf/internal/codeartifact/npm"
	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// formats are the package formats that there are: one line for each.
var formats = []codeartifact.Format{
	generic.Format{},
	npm.Format{},
	pypi.Format{},
	maven.Format{},
}

// packages is the store of packages with what package tools ask.
type packages struct {
	*codeartifact.Service
	handler *codeartifact.Handler
	jobs    *jobs.Runner
}

// openPackages opens the store of packages.
func (s *Server) openPackages(ctx context.Context) (*packages, error) {
	blobs, err := s.config.Blobs.open(ctx, s.folder, archive.Packages)
	if err != nil {
		return nil, err
	}
	// Both of which check has parsed before.
	allow, _ := egress.ParseAllow(s.config.AllowEgress...)
	upstreams, _ := codeartifact.ParseUpstreams(s.config.Upstreams...)
	quotas, err := quota.Parse(s.config.Quotas, quotas())
	if err != nil {
		return nil, err
	}
	service := codeartifact.New(codeartifact.Config{
		Quotas: quotas, Metrics: s.metrics.registry,
		Store: s.store, Blobs: blobs, Identity: s.identity, Seal: s.pages, Now: s.config.Now, Log: s.log,
		BaseURL: s.baseURLOf, Formats: slices.Concat(formats, s.config.PackageFormats),
		Egress: egress.NewClient(allow), Upstreams: upstreams,
	})
	p := &packages{Service: service, jobs: jobs.New(jobs.Config{Store: s.store, Now: s.config.Now, Logger: s.log, Owner: "server"})}
	p.jobs.Register(service.Jobs()...)
	p.handler = service.Handler(native.Door{
		Begin: s.begin, BaseURL: s.baseURL,
		Done: func(ctx context.Context, o native.Outcome) { s.noteNative(ctx, "packages", o) },
	})
	return p, nil
}
