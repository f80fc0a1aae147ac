// Package dynamodb is the table store: it answers the operations of the DynamoDB
// API on tables and their items.
//
// An operation reads in one order: its parameters are checked and compiled, policy
// is asked, one transaction reads the table's description and the items, and the
// answer is made of what that transaction saw. So an operation is atomic, its
// outcome is durable before it is answered, and a table that is dropped or made
// again meanwhile is never confused with the one that was asked for.
//
// Every read is strongly consistent; ConsistentRead only decides what it costs.
package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Config is what a Service is made of. Store and Identity are required.
type Config struct {
	Store    kv.Store
	Identity *identity.Service
	Now      func() time.Time // time.Now if nil
	// AuditData says which operations on items leave a record; changes of tables
	// always do. Empty means AuditWrites.
	AuditData AuditData
	// Endpoint returns the host, and the port if it is not the scheme's own, by
	// which the client of a request reaches this server.
	Endpoint func(context.Context) string
	// Objects is where tables are exported to and imported from; without it, none are.
	Objects Objects
	// Owner is this process among those that run the service's jobs, see jobs.Config.
	Owner string
	// Jobs is the runner that the service's Jobs were registered with, to be woken
	// when there is one to do. If it is nil, Run runs them.
	Jobs *jobs.Runner
	// Pages seals the tokens of ExecuteStatement's pages. If it is nil, they are good
	// for this Service alone.
	Pages *pagetoken.Sealer
	// Metrics is where the counters of each table are registered; nil for none.
	Metrics prometheus.Registerer
	// ShardLife is how long a shard of a stream takes records before another one
	// begins: 4 hours if zero, as on AWS.
	ShardLife time.Duration
	Log       *slog.Logger // slog.Default() if nil
}

// AuditData says which operations on items are recorded.
type AuditData string

// The choices of AuditData.
const (
	AuditNone   AuditData = "none"
	AuditWrites AuditData = "writes"
)

// Service is the table store. It implements the Backends of the packages
// internal/api/dynamodb and internal/api/dynamodbstreams.
type Service struct {
	store      kv.Store
	identity   *identity.Service
	now        func() time.Time
	endpoint   func(context.Context) string
	auditItems bool
	log        *slog.Logger
	jobs       *jobs.Runner
	pages      *pagetoken.Sealer
	objects    Objects
	runsJobs   bool // jobs is the service's own
	cache      tableCache
	meters     *meters
	buckets    buckets
	upkeep     upkeep
	shardLife  time.Duration
	hints      hints
	absences   absences
	guard      Guard // nil for none
}

var _ dynamodb.Backend = (*Service)(nil)

// New returns a service. In the background Run should be at work: without it the
// data of dropped tables stays, and to describe a table that was much changed
// becomes slow.
func New(c Config) *Service {
	s := &Service{
		store:      c.Store,
		identity:   c.Identity,
		now:        c.Now,
		endpoint:   c.Endpoint,
		auditItems: cmp.Or(c.AuditData, AuditWrites) == AuditWrites,
		log:        cmp.Or(c.Log, slog.Default()),
		jobs:       c.Jobs,
		pages:      c.Pages,
		objects:    c.Objects,
		cache:      tableCache{tables: map[tableName]*table{}},
		meters:     newMeters(c.Metrics),
		buckets:    newBuckets(),
		upkeep:     newUpkeep(),
		absences:   newAbsences(),
		shardLife:  cmp.Or(c.ShardLife, shardLife),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if c.Metrics != nil {
		c.Metrics.MustRegister(newFillMeter(s), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "modelwharf_dynamodb_key_filter_bytes",
			Help: "Memory of the filters that tell which keys the tables of prediction caches do not have.",
		}, s.absences.used))
	}
	if s.endpoint == nil {
		s.endpoint = func(ctx context.Context) string {
			return "dynamodb." + api.RequestOf(ctx).Region + ".amazonaws.com"
		}
	}
	if s.pages == nil {
		s.pages = ownPages()
	}
	if s.jobs == nil {
		s.jobs = jobs.New(jobs.Config{Store: s.store, Now: s.now, Logger: s.log, Owner: c.Owner, Workers: workers})
		s.jobs.Register(s.Jobs()...)
		s.runsJobs = true
	}
	return s
}

func (s *Service) view(ctx context.Context, fn func(kv.Reader) error) error {
	return s.store.View(ctx, fn)
}

func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	_, err := s.store.Update(ctx, fn)
	if errors.Is(err, kv.ErrTooLarge) {
		// No limit of AWS's own is met: what a client writes there is far less than this,
		// unless most of its bytes are markup, or it is written to many indexes besides.
		return api.ValidationException("The items of the request and their entries in indexes are more than the %d MB that are written at once", kv.MaxTxn>>20).Because(err)
	}
	return err
}
