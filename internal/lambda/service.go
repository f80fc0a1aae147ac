// Package lambda keeps functions, invokes them, and lets the streams of tables invoke
// them: it answers the operations of the Lambda API on functions and event source
// mappings.
//
// A function here is an HTTP endpoint: its code is a URL, to which an invocation posts
// the event, by way of package egress. Whatever serves it (a container, a service of a
// team) is not this package's concern; who may invoke it, as which role it reads its
// sources, what is retried and what is never lost, is.
package lambda

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/egress"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// principal is the service that the roles of functions trust.
const principal = "lambda.amazonaws.com"

// Streams is what event source mappings read. The caller in the context is the role of
// the function.
type Streams interface {
	DescribeStream(ctx context.Context, in *streams.DescribeStreamInput) (*streams.DescribeStreamOutput, error)
	GetShardIterator(ctx context.Context, in *streams.GetShardIteratorInput) (*streams.GetShardIteratorOutput, error)
	GetRecords(ctx context.Context, in *streams.GetRecordsInput) (*streams.GetRecordsOutput, error)
	// StreamChanged returns a channel that gets a value when there may be something
	// new in a stream, and a function that ends that.
	StreamChanged(arn string) (changed <-chan struct{}, stop func())
}

// Config is what a Service is made of. Store, Identity, Pages and Egress are required;
// without Streams there are no event source mappings at work.
type Config struct {
	Store    kv.Store
	Identity *identity.Service
	Pages    *pagetoken.Sealer
	Egress   *egress.Client
	Streams  Streams
	Now      func() time.Time      // time.Now if nil
	Metrics  prometheus.Registerer // nil for none
	Log      *slog.Logger          // slog.Default() if nil
	// Owner names this process among those of the store, for jobs.
	Owner string
	// Pause is how long a poller waits after it failed the n-th time in a row, from 1 on:
	// a second, doubled each time, up to a minute, if nil.
	Pause func(n int) time.Duration
	// Look is how often a poller looks for new records that nobody has hinted at, and
	// for changes of its mapping: a second if zero.
	Look time.Duration
}

// Service answers the operations of the Lambda API. Run must be at work for events that
// are invoked asynchronously and for event source mappings.
type Service struct {
	store    kv.Store
	identity *identity.Service
	pages    *pagetoken.Sealer
	egress   *egress.Client
	streams  Streams
	now      func() time.Time
	log      *slog.Logger
	meters   *meters
	pause    func(n int) time.Duration
	look     time.Duration

	events  *jobs.Runner // asynchronous invocations
	pollers *jobs.Runner // event source mappings

	mu      sync.Mutex
	changes map[string]chan struct{} // by the UUID of a mapping that is polled here
}

var _ lambda.Backend = (*Service)(nil)

const (
	// eventWorkers is how many asynchronous invocations are under way at once.
	eventWorkers = 32
	// pollWorkers is how many mappings are polled at once, which is all there are.
	pollWorkers = 1 << 20
)

// New returns a service.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, identity: c.Identity, pages: c.Pages, egress: c.Egress, streams: c.Streams,
		now: c.Now, log: cmp.Or(c.Log, slog.Default()), meters: newMeters(c.Metrics),
		pause: c.Pause, look: cmp.Or(c.Look, time.Second),
		changes: map[string]chan struct{}{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.pause == nil {
		s.pause = func(n int) time.Duration { return min(time.Second<<min(n-1, 6), time.Minute) }
	}
	s.events = jobs.New(jobs.Config{Store: s.store, Now: s.now, Owner: c.Owner, Workers: eventWorkers, Logger: s.log})
	s.events.Register(jobs.Kind{Name: eventJob, Run: s.runEvent})
	s.pollers = jobs.New(jobs.Config{Store: s.store, Now: s.now, Owner: c.Owner, Workers: pollWorkers, Logger: s.log})
	s.pollers.Register(jobs.Kind{Name: pollJob, Run: s.poll})
	return s
}

// Run invokes functions for events and mappings until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { _ = s.events.Run(ctx) })
	if s.streams != nil {
		working.Go(func() { _ = s.pollers.Run(ctx) })
		working.Go(func() { s.sweep(ctx) })
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	return err
}
