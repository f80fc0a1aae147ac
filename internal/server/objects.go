package server

import (
	"context"
	"net"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/s3"
	"github.com/modelwharf/modelwharf/internal/s3/rest"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// objects is the object store with its protocol.
type objects struct {
	*s3.Service
	handler *rest.Handler
	jobs    *jobs.Runner
}

// openObjects opens the object store.
func (s *Server) openObjects(ctx context.Context) (*objects, error) {
	blobs, err := s.config.Blobs.open(ctx, s.folder, archive.Objects)
	if err != nil {
		return nil, err
	}
	service := s3.New(s3.Config{
		Store: s.store, Blobs: blobs, Identity: s.identity, Seal: s.pages, Now: s.config.Now, Log: s.log, Metrics: s.metrics.registry,
		BaseURL: s.baseURLOf, Hosts: s.bucketHosts(),
	})
	o := &objects{Service: service, jobs: jobs.New(jobs.Config{Store: s.store, Now: s.config.Now, Logger: s.log, Owner: "server"})}
	o.jobs.Register(service.Jobs()...)
	o.handler = rest.New(rest.Config{Objects: service, Identity: s.identity, Now: s.config.Now, Door: native.Door{
		Begin: s.begin, BaseURL: s.baseURL,
		Done: func(ctx context.Context, outcome native.Outcome) { s.noteNative(ctx, "s3", outcome) },
	}})
	return o, nil
}

// bucketHosts are those below which buckets have hosts of their own: the domain, the host of
// the external URL and localhost, below which every name is this machine.
func (s *Server) bucketHosts() []string {
	hosts := []string{"localhost"}
	external := s.config.externalHost()
	if name, _, err := net.SplitHostPort(external); err == nil {
		external = name
	}
	for _, host := range []string{external, s.config.Domain} {
		if host != "" && net.ParseIP(host) == nil {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
