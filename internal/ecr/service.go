// Package ecr keeps repositories of container images, and of any other artifact that
// the Open Container Initiative's formats describe. The registry protocol (ecr/oci)
// and the APIs of ECR and ECR Public are two ways into one store.
//
// Bytes of layers are in a blob.Store, once for all repositories; everything else is in
// the kv.Store. What a repository has is decided by its records alone: that the bytes of
// a blob are there for another repository means nothing to it.
//
// A manifest comes in by one transaction, whichever way it came: its blobs and children
// are there, its tags may move, and then manifest, references, referrer and tags are
// written together. So of many that push different images to one new tag that must not
// change, exactly one succeeds.
package ecr

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Config is what a Service is made of. Store, Blobs, Identity and Seal are required.
type Config struct {
	Store    kv.Store
	Blobs    blob.Store
	Identity *identity.Service
	// Seal makes the tokens of GetAuthorizationToken and of the registry.
	Seal *pagetoken.Sealer
	Now  func() time.Time // time.Now if nil
	// BaseURL is the base of the URLs in an answer, "https://models.example.com".
	BaseURL func(context.Context) string
	// Domain, if set, is the one below which each registry has a host of its own:
	// <account>.dkr.ecr.<region>.<domain>, and public.ecr.<domain> for the public ones.
	Domain string
	// Lease is how long a blob stays that a client was told of, though no manifest
	// needs it yet: 12 hours if zero, as long as a token is good.
	Lease time.Duration
	// Abandoned is after what time without new bytes an upload ends: a week if zero.
	Abandoned time.Duration
	// CollectEvery is the time between two collections: 15 minutes if zero.
	CollectEvery time.Duration
	// Egress asks other registries, for pull through caches; there are none without it.
	Egress *egress.Client
	// Secrets returns the secret of an ARN, nil if there is none; see SecretsFile.
	Secrets func(arn string) (*Secret, error)
	// UpstreamPatience is how long another registry may send nothing: a minute if zero.
	UpstreamPatience time.Duration

	// Metrics is where the service registers its numbers; nil for nowhere.
	Metrics prometheus.Registerer
	// Quotas are those of Quotas() that differ from AWS's.
	Quotas quota.Values
	Log    *slog.Logger // slog.Default() if nil
}

// Service is the store of images. It is safe for concurrent use.
type Service struct {
	quotas   quota.Values
	bounds   bounds
	store    kv.Store
	blobs    blob.Store
	identity *identity.Service
	seal     *pagetoken.Sealer
	now      func() time.Time
	baseURL  func(context.Context) string
	domain   string
	ledger   *ledger.Ledger
	every    time.Duration // between two collections
	log      *slog.Logger
	pulls    *pulls
	metrics  *metrics
}

// New returns a service. Collect should run from time to time: without it the bytes of
// deleted images stay.
func New(c Config) *Service {
	s := &Service{
		quotas: c.Quotas,
		store:  c.Store, blobs: c.Blobs, identity: c.Identity, seal: c.Seal, now: c.Now,
		baseURL: c.BaseURL, domain: c.Domain,
		every:   cmp.Or(c.CollectEvery, 15*time.Minute),
		log:     cmp.Or(c.Log, slog.Default()),
		metrics: newMetrics(c.Metrics),
	}
	s.pulls = newPulls(c)
	if s.now == nil {
		s.now = time.Now
	}
	s.ledger = ledger.New(ledger.Config{
		Store: s.store, Blobs: s.blobs, Room: room, Now: s.now,
		Lease: cmp.Or(c.Lease, 12*time.Hour), Abandoned: cmp.Or(c.Abandoned, 7*24*time.Hour),
		Freed: s.metrics.freedBlob,
	})
	if s.baseURL == nil {
		s.baseURL = func(context.Context) string { return "http://localhost" }
	}
	return s
}

func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.store.View(ctx, fn)
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	return err
}
