// Package sagemaker serves models: with the API of SageMaker, as far as it is about models,
// endpoint configurations, endpoints and the registry of model packages, and with that of
// the SageMaker runtime, which asks an endpoint for predictions.
//
// What an endpoint is to be is in its record; a keeper (keeper.go) brings the containers of
// this machine (fleet.go) to it, after a restart as well. What a prediction needs to know of
// an endpoint is read anew for each one (route.go), so that no prediction is answered by what
// an endpoint was before the last commit.
package sagemaker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	runtimeapi "github.com/modelwharf/modelwharf/internal/api/sagemakerruntime"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/s3"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// principal is who SageMaker is in policies.
const principal = "sagemaker.amazonaws.com"

// Config is what a Service is made of. Store, Identity, Seal, Images and Objects are required.
type Config struct {
	Store    kv.Store
	Identity *identity.Service
	Seal     *pagetoken.Sealer
	Images   *ecr.Service
	Objects  *s3.Service
	// Runtime runs the models; nil if there is none, for the reason NoRuntime.
	Runtime   runtime.Runtime
	NoRuntime error
	// Outside lets models reach other hosts, unless they are isolated themselves.
	Outside bool
	// Table is where prediction caches are, and Memory that of predictions.Config.
	Table  predictions.Table
	Memory int64
	// Folder is its own, for the data of models: what is in it is removed.
	Folder  string
	Quotas  quota.Values
	Now     func() time.Time // time.Now if nil
	Log     *slog.Logger     // slog.Default() if nil
	Metrics prometheus.Registerer
}

// Service is the models and endpoints. It is safe for concurrent use.
type Service struct {
	store    kv.Store
	identity *identity.Service
	seal     *pagetoken.Sealer
	images   *ecr.Service
	objects  *s3.Service
	now      func() time.Time
	log      *slog.Logger
	runtime  runtime.Runtime
	absent   error // why there is no runtime
	outside  bool
	cache    *predictions.Cache
	folder   string
	quotas   quota.Values
	fleet    *fleet
	keepers  keepers
	routes   sync.Map // of *route, by endpointName
	metrics  *metrics
}

var (
	_ shapes.Backend     = (*Service)(nil)
	_ runtimeapi.Backend = (*Service)(nil)
)

// New returns a service, which must Run.
func New(c Config) *Service {
	s := &Service{
		store: c.Store, identity: c.Identity, seal: c.Seal, images: c.Images, objects: c.Objects,
		now: c.Now, log: cmp.Or(c.Log, slog.Default()), runtime: c.Runtime, absent: c.NoRuntime, outside: c.Outside, folder: c.Folder, quotas: c.Quotas,
		metrics: newMetrics(c.Metrics),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.cache = predictions.New(predictions.Config{
		Table: c.Table, Memory: c.Memory, Generation: s.generation, Alone: true, Now: s.now, Metrics: c.Metrics, Log: s.log,
	})
	s.fleet = &fleet{s: s, deployments: map[string]*deployment{}}
	s.keepers.all = map[endpointName]*keeper{}
	return s
}

// API is the API of SageMaker.
func (s *Service) API() *api.Service { return shapes.New(s) }

// RuntimeAPI is the API of the SageMaker runtime.
func (s *Service) RuntimeAPI() *api.Service {
	a := runtimeapi.New(s)
	a.Invalid = func(v *api.Violations) *api.Error { return runtimeapi.ValidationError("%s", v.Message()) }
	return a
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

// newID is a random name of 128 bits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func invalid(format string, args ...any) *api.Error {
	return api.Errorf("ValidationException", http.StatusBadRequest, format, args...)
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
