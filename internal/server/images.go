package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/sagemaker"
	"github.com/modelwharf/modelwharf/internal/server/archive"
	"github.com/modelwharf/modelwharf/internal/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// images is the store of images with its registry.
type images struct {
	*ecr.Service
	registry http.Handler
	jobs     *jobs.Runner
}

// openImages opens the store of images.
func (s *Server) openImages(ctx context.Context) (*images, error) {
	blobs, err := s.config.Blobs.open(ctx, s.folder, archive.Images)
	if err != nil {
		return nil, err
	}
	allow, _ := egress.ParseAllow(s.config.AllowEgress...) // which check has done before
	var secrets func(string) (*ecr.Secret, error)
	if s.config.UpstreamSecrets != "" {
		secrets = ecr.SecretsFile(s.config.UpstreamSecrets)
	}
	quotas, err := quota.Parse(s.config.Quotas, quotas())
	if err != nil {
		return nil, err
	}
	service := ecr.New(ecr.Config{
		Quotas: quotas,
		Egress: egress.NewClient(allow), Secrets: secrets,
		Store: s.store, Blobs: blobs, Identity: s.identity, Seal: s.pages, Now: s.config.Now, Log: s.log, Metrics: s.metrics.registry,
		Lease: s.config.ImageLease, Abandoned: s.config.ImageUploadExpiry, CollectEvery: s.config.ImageCollectEvery,
		BaseURL: s.baseURLOf, Domain: s.config.Domain,
	})
	im := &images{Service: service, jobs: jobs.New(jobs.Config{Store: s.store, Now: s.config.Now, Logger: s.log, Owner: "server"})}
	im.jobs.Register(service.Jobs()...)
	im.registry = oci.New(oci.Config{
		Images: service, BaseURL: s.baseURL, Domain: s.config.Domain, Done: s.noteRegistry,
		Begin: s.begin,
	})
	return im, nil
}

// quotas are those that can be set.
func quotas() []quota.Quota {
	return slices.Concat(ecr.Quotas(), codeartifact.Quotas(), servicecatalog.Quotas(), sagemaker.Quotas())
}

// baseURLOf is the base of the URLs in the answer to the request of an operation.
func (s *Server) baseURLOf(ctx context.Context) string {
	switch r := api.RequestOf(ctx); {
	case s.config.ExternalURL != "":
		return s.config.ExternalURL
	case r.Host == "": // what the server does by itself
		return s.URL()
	case r.Secure:
		return "https://" + r.Host
	default:
		return "http://" + r.Host
	}
}

// begin makes the request that services see of one that is not to an API of AWS.
func (s *Server) begin(r *http.Request) *api.Request {
	return &api.Request{
		ID: newRequestID(), Time: s.config.Now(), Region: s.config.Region,
		SourceIP: remote(r.RemoteAddr), UserAgent: r.UserAgent(), Secure: r.TLS != nil, Host: r.Host,
	}
}

// noteRegistry leaves a request to the registry in the metrics and the access log.
func (s *Server) noteRegistry(ctx context.Context, o oci.Outcome) {
	s.noteNative(ctx, "registry", native.Outcome(o))
}

// noteNative leaves a request that is not to an API of AWS in the metrics and the access
// log, and in the audit trail if policy refused it.
func (s *Server) noteNative(ctx context.Context, service string, o native.Outcome) {
	q := o.Request
	if refused, ok := errors.AsType[*api.Error](o.Err); ok {
		if err := s.services.refusals.Record(ctx, refused); err != nil {
			s.log.Warn("a refusal is not in the audit log", "request_id", q.ID, "error", err)
		}
	}
	s.metrics.requests.WithLabelValues(service, q.Operation, strconv.Itoa(o.Status)).Inc()
	s.metrics.seconds.WithLabelValues(service, q.Operation).Observe(o.Took.Seconds())
	s.metrics.bytes.WithLabelValues(service, "in").Add(float64(o.BytesIn))
	s.metrics.bytes.WithLabelValues(service, "out").Add(float64(o.BytesOut))
	level := slog.LevelInfo
	if o.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request_id", q.ID), slog.String("service", service), slog.String("operation", q.Operation),
		slog.Int("status", o.Status), slog.Int64("duration_us", o.Took.Microseconds()),
		slog.Int64("bytes_in", o.BytesIn), slog.Int64("bytes_out", o.BytesOut), slog.String("region", q.Region),
		slog.String("caller", q.Caller.ARN), slog.String("source_ip", q.SourceIP.String()),
	}
	if o.Err != nil && (level == slog.LevelError || s.log.Enabled(ctx, slog.LevelDebug)) {
		attrs = append(attrs, slog.String("cause", o.Err.Error()))
	}
	s.log.LogAttrs(ctx, level, "request", attrs...)
}
