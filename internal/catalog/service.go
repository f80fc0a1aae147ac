// Package catalog is the model catalog: the versions of models, what each is made of, and
// which of them an alias such as champion names.
//
// A version is an item of a table of package dynamodb, whose primary key is ModelId and
// ModelVersion, so that every client of tables can read it and follow its changes. What makes
// it more than an item is its registration: that is written in the same transaction as the
// item, together with the holds of the image and of the packages that the version is made of
// (package hold). So there is no version without its holds, and none that is half registered.
// As the guard of such tables, the service is asked about every change of their items,
// whoever makes it: what is registered changes through this API alone.
//
// A registration ends as RETIRED, which lets go of what was held; drafts end when they
// expire. An alias and the history of its moves are items beside the versions (aliases.go),
// written in one transaction with each move.
package catalog

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Config is what a Service is made of. All but Now and Log are required; all services are on
// the one Store.
type Config struct {
	Store    kv.Store
	Tables   *dynamodb.Service
	Images   *ecr.Service
	Packages *codeartifact.Service
	Identity *identity.Service
	Seal     *pagetoken.Sealer // makes the tokens of pages
	Now      func() time.Time  // time.Now if nil
	Log      *slog.Logger      // slog.Default() if nil
}

// Service is the model catalog. It implements the Backend of internal/api/modelwharf, and is
// the guard of the tables that have the primary key of catalogs.
type Service struct {
	store    kv.Store
	tables   *dynamodb.Service
	images   *ecr.Service
	packages *codeartifact.Service
	identity *identity.Service
	seal     *pagetoken.Sealer
	now      func() time.Time
	log      *slog.Logger
}

var (
	_ modelwharf.Backend = (*Service)(nil)
	_ dynamodb.Guard     = (*Service)(nil)
)

// New returns a service, and makes it the guard of the tables.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, tables: c.Tables, images: c.Images, packages: c.Packages, identity: c.Identity,
		seal: c.Seal, now: c.Now, log: cmp.Or(c.Log, slog.Default()),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.tables.SetGuard(s)
	return s
}

// API is the service as the wire knows it.
func (s *Service) API() *api.Service { return modelwharf.New(s) }

// timeForm is how items have times: of one width, so that their texts sort as they do.
const timeForm = "2006-01-02T15:04:05.000000Z"

// instant is the present, to the microsecond.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// authorize asks policy whether the caller may do an operation to a model: "*" for all
// models of the table. Whether there is such a table, nobody is told here.
func (s *Service) authorize(ctx context.Context, table, model string) error {
	r := api.RequestOf(ctx)
	return s.identity.Authorize(ctx, identity.Check{Action: "modelwharf:" + r.Operation, Resource: modelARN(ctx, table, model)})
}

type insideKey struct{}

// inside is the context in which this service asks the tables in the name of the caller: the
// guard lets its changes pass.
func inside(ctx context.Context, operation string) context.Context {
	r := new(*api.RequestOf(ctx))
	r.Service, r.Operation = "dynamodb", operation
	r.CalledVia = append(r.CalledVia[:len(r.CalledVia):len(r.CalledVia)], "modelwharf")
	return context.WithValue(api.WithRequest(ctx, r), insideKey{}, true)
}

func isInside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }
