// Package cloudformation makes stacks of resources from templates, with the API of AWS
// CloudFormation.
//
// Package template reads templates; here are the stacks. What a resource is, others know:
// a Type comes with a Handler, which makes such resources through the operations of their
// service. An operation on a stack is a durable job, see operate.go.
package cloudformation

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// principal is who CloudFormation is in policies.
const principal = "cloudformation.amazonaws.com"

// Config is what a Service is made of. Store, Identity, Seal and Types are required.
type Config struct {
	Store    kv.Store
	Identity *identity.Service
	Seal     *pagetoken.Sealer
	Types    Types
	// Fetch reads a template from a URL, as the caller in the context; at most
	// template.MaxBody bytes of it. nil refuses all.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	Now   func() time.Time // time.Now if nil
	Wake  func()           // is called when there is a new job; nil if nobody wants to know
	// Metrics is where the service registers its numbers; nil for nowhere.
	Metrics prometheus.Registerer
	Log     *slog.Logger // slog.Default() if nil
}

// Service is the store of stacks. It is safe for concurrent use.
type Service struct {
	store    kv.Store
	identity *identity.Service
	seal     *pagetoken.Sealer
	types    Types
	fetch    func(ctx context.Context, url string) ([]byte, error)
	now      func() time.Time
	wake     func()
	metrics  *metrics
	log      *slog.Logger
}

// New returns a service.
func New(c Config) *Service {
	c.Types = maps.Clone(c.Types)
	s := &Service{store: c.Store, identity: c.Identity, seal: c.Seal, types: c.Types, fetch: c.Fetch, now: c.Now, wake: c.Wake, log: c.Log, metrics: newMetrics(c.Metrics)}
	if s.now == nil {
		s.now = time.Now
	}
	if s.wake == nil {
		s.wake = func() {}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	for _, t := range s.ownTypes() {
		s.types[t.Name] = t
	}
	return s
}

// Add adds types of resources, of services that stand on this one: before it is used.
func (s *Service) Add(types Types) { maps.Copy(s.types, types) }

// failed returns an error of a template or of what it leads to, which the client is told.
func failed(format string, args ...any) error {
	return &template.Error{Message: fmt.Sprintf(format, args...)}
}

func readStack(ctx context.Context, tx kv.Reader, uuid string) (*stack, error) {
	b, err := tx.Get(ctx, stackKey(uuid))
	if err != nil {
		return nil, err
	}
	return decode[stack](b)
}

// resourcesIn yields the resources of a stack, by logical ID. Only its operation changes
// them, so they are not validated at a commit of that.
func resourcesIn(ctx context.Context, tx kv.Reader, uuid string) iter.Seq2[*resource, error] {
	return func(yield func(*resource, error) bool) {
		prefix := resourcesOf(uuid)
		for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			var rec *resource
			if err == nil {
				rec, err = decode[resource](p.Val)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// dropDoomed forgets what could not be deleted.
func dropDoomed(ctx context.Context, tx kv.Txn, s *stack) error {
	for rec, err := range resourcesIn(ctx, tx, s.UUID) {
		if err != nil {
			return err
		}
		switch {
		case rec.Now == nil:
			tx.Delete(resourceKey(s.UUID, rec.ID))
		case rec.Doomed != nil:
			rec.Doomed = nil
			tx.Put(resourceKey(s.UUID, rec.ID), encode(rec))
		}
	}
	return nil
}

func readResource(ctx context.Context, tx kv.Reader, uuid, id string) (*resource, error) {
	b, err := tx.Get(ctx, resourceKey(uuid, id))
	if err != nil {
		return nil, err
	}
	return decode[resource](b)
}

// templateIn reads a stored template in a transaction.
func (s *Service) templateIn(ctx context.Context, tx kv.Reader, uuid string, number int) (*template.Template, error) {
	b, err := tx.Get(ctx, bodyKey(uuid, number))
	if err != nil {
		return nil, err
	}
	return template.Parse(b)
}

// template reads a stored template.
func (s *Service) template(ctx context.Context, uuid string, number int) (*template.Template, error) {
	b, err := s.body(ctx, uuid, number)
	if err != nil {
		return nil, err
	}
	return template.Parse(b)
}

func (s *Service) body(ctx context.Context, uuid string, number int) (b []byte, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		b, err = tx.Get(ctx, bodyKey(uuid, number))
		return err
	})
	return b, err
}
