// Package servicecatalog offers products, which are versioned templates, in portfolios to
// those who may launch them, with the API of AWS Service Catalog.
//
// Administrators make products and portfolios, say who may launch what (principals, shares)
// and how (constraints). What is launched is a stack of package cloudformation, which a
// record follows to its end in a durable job, see operate.go.
package servicecatalog

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// principal is who Service Catalog is in policies.
const principal = "servicecatalog.amazonaws.com"

// Config is what a Service is made of. Store, Identity, Seal and Stacks are required.
type Config struct {
	Store    kv.Store
	Identity *identity.Service
	Seal     *pagetoken.Sealer
	Stacks   *cloudformation.Service
	// Fetch reads a template from a URL, as the caller in the context; at most
	// template.MaxBody bytes of it. nil refuses all.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	Now   func() time.Time // time.Now if nil
	Wake  func()           // is called when there is a new job; nil if nobody wants to know
	// Metrics is where the service registers its numbers; nil for nowhere.
	Metrics prometheus.Registerer
	// Quotas are those of Quotas() that differ from AWS's.
	Quotas quota.Values
	Log    *slog.Logger // slog.Default() if nil
}

// Service is the catalog. It is safe for concurrent use.
type Service struct {
	store    kv.Store
	identity *identity.Service
	seal     *pagetoken.Sealer
	stacks   *cloudformation.Service
	fetch    func(ctx context.Context, url string) ([]byte, error)
	now      func() time.Time
	wake     func()
	metrics  *metrics
	quotas   quota.Values
	log      *slog.Logger
}

var _ shapes.Backend = (*Service)(nil)

// New returns a service. Its Jobs must run: they are what launches.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, identity: c.Identity, seal: c.Seal, stacks: c.Stacks, fetch: c.Fetch, now: c.Now, wake: c.Wake,
		metrics: newMetrics(c.Metrics, c.Store), quotas: c.Quotas, log: cmp.Or(c.Log, slog.Default()),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wake == nil {
		s.wake = func() {}
	}
	return s
}

// API is the API of Service Catalog.
func (s *Service) API() *api.Service { return shapes.New(s) }

func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.store.View(ctx, fn)
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	return err
}

// instant is the present, as records keep it.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// newID makes the ID of a thing: a prefix and 13 characters, of which there are 2^67.
func newID(prefix string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, 13)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return prefix + "-" + string(b)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func isTrue(b *bool) bool { return b != nil && *b }

// optional is nil for an empty text, which an answer leaves out.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func invalid(format string, args ...any) error {
	return shapes.InvalidParametersException(format, args...)
}

func missing(format string, args ...any) error {
	return shapes.ResourceNotFoundException(format, args...)
}

func inUse(format string, args ...any) error { return shapes.ResourceInUseException(format, args...) }
