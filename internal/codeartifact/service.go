// Package codeartifact keeps packages: domains, repositories with upstreams, packages with
// versions and assets. The CodeArtifact API is one way in; the others are the protocols of
// the package tools, one folder below each: pypi, npm, maven, generic …, behind the contract
// Format.
//
// The bytes of assets are in a blob.Store, once for a domain; everything else is in the
// kv.Store. A package of a repository changes by one transaction (Service.Change), whoever
// changes it: it reads and writes the package's record, so of many that change a package at
// once each sees what the others did, and a change counter in it makes ETags.
package codeartifact

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

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
	// Seal makes the tokens of GetAuthorizationToken and of pages.
	Seal *pagetoken.Sealer
	Now  func() time.Time // time.Now if nil
	// BaseURL is the base of the URLs in an answer, "https://models.example.com".
	BaseURL func(context.Context) string
	// Formats are those of the packages that can be kept.
	Formats []Format
	// Egress is by what external connections are asked, Upstreams their URLs: those that
	// have none cannot be used.
	Egress    *egress.Client
	Upstreams map[string]*url.URL
	// Rendered is how many bytes of rendered documents are kept in memory: 64 MiB if zero.
	Rendered int64
	Quotas   quota.Values // AWS's where it has none
	Log      *slog.Logger // slog.Default() if nil
	// Metrics is where the service registers its numbers; nil for nowhere.
	Metrics prometheus.Registerer
}

// Service is the store of packages. It is safe for concurrent use.
type Service struct {
	store    kv.Store
	blobs    blob.Store
	ledger   *ledger.Ledger
	identity *identity.Service
	seal     *pagetoken.Sealer
	now      func() time.Time
	baseURL  func(context.Context) string
	formats  map[string]Format
	rendered *rendered
	renders  singleflight.Group
	outside  *outside
	grouped  groupCache
	quotas   quota.Values
	metrics  *metrics
	log      *slog.Logger
}

// New returns a service. Its Jobs should run: without them the bytes of what was deleted
// stay.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, blobs: c.Blobs, identity: c.Identity, seal: c.Seal, now: c.Now, baseURL: c.BaseURL,
		formats: map[string]Format{}, rendered: newRendered(cmp.Or(c.Rendered, 64<<20)), log: cmp.Or(c.Log, slog.Default()),
		quotas: c.Quotas, metrics: newMetrics(c.Metrics),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.baseURL == nil {
		s.baseURL = func(context.Context) string { return "http://localhost" }
	}
	for _, f := range c.Formats {
		s.formats[f.Name()] = f
	}
	s.outside = &outside{s: s, egress: c.Egress, urls: c.Upstreams}
	s.ledger = ledger.New(ledger.Config{
		Store: c.Store, Blobs: c.Blobs, Room: room, Now: s.now, Lease: 12 * time.Hour, Abandoned: 24 * time.Hour,
	})
	return s
}

// format returns a format that is kept here. The error is ValidationException.
func (s *Service) format(name string) (Format, error) {
	if f := s.formats[name]; f != nil {
		return f, nil
	}
	return nil, Invalid("The package format '%s' is not supported.", name)
}

func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.store.View(ctx, fn)
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	return err
}

// instant is the present, as records keep it.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// newID returns the next number for a domain or a repository.
func newID(ctx context.Context, tx kv.Txn) (uint64, error) {
	last, err := tx.Get(ctx, lastIDKey)
	if err != nil {
		return 0, err
	}
	if last != nil && len(last) != 8 {
		return 0, fmt.Errorf("codeartifact: the number of the newest repository is malformed")
	}
	id := decodeNumber(last) + 1
	tx.Put(lastIDKey, encodeNumber(id))
	return id, nil
}
