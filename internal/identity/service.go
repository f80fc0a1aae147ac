package identity

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/api/sts"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Config is what a Service is made of. Store and Seal are required.
type Config struct {
	Store kv.Store
	Seal  *Sealer
	Now   func() time.Time // time.Now if nil
	Log   *slog.Logger     // slog.Default() if nil; at debug level it explains every decision
	// Record writes an event of the audit trail in a transaction; nil writes none.
	Record func(ctx context.Context, tx kv.Txn, e Event)
}

// Event is an act that the audit trail shall keep.
type Event struct {
	Account    string // whose trail it belongs to; "" means the caller's
	Resources  []Resource
	Parameters []byte // JSON without secrets, or nil
	Response   []byte // JSON without secrets, or nil
}

// Resource is something that an act touched.
type Resource struct {
	Type string // "AWS::IAM::User"
	ARN  string
}

// Service answers questions about identities, and the IAM and STS operations.
// It is safe for concurrent use.
//
// What it caches is checked by one read for each request: that of the account's
// generation, a value that every change to the account's identities renews. So a
// change binds the next request, also when another server made it.
type Service struct {
	store  kv.Store
	sealer *Sealer
	now    func() time.Time
	log    *slog.Logger
	record func(ctx context.Context, tx kv.Txn, e Event)

	identities *cache[string, *Identity]      // by access key id
	subjects   *cache[string, *subject]       // by the key of the holder's record
	resources  *cache[string, *policy.Policy] // resource policies, by their documents
	actors     *cache[[2]string, *actor]      // by the ARN of the role and the name of the session

	usesMu sync.Mutex
	uses   map[string]lastUse // by id: what FlushLastUsed shall write
}

var (
	_ iam.Backend = (*Service)(nil)
	_ sts.Backend = (*Service)(nil)
)

// New returns a service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Seal == nil {
		return nil, errors.New("identity: Store and Seal are required")
	}
	s := &Service{
		store: c.Store, sealer: c.Seal, now: c.Now, log: c.Log, record: c.Record,
		identities: newCache[string, *Identity](5_000),
		subjects:   newCache[string, *subject](5_000),
		resources:  newCache[string, *policy.Policy](1_000),
		actors:     newCache[[2]string, *actor](1_000),
		uses:       map[string]lastUse{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.record == nil {
		s.record = func(context.Context, kv.Txn, Event) {}
	}
	return s, nil
}
