package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/quota"
	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
	"github.com/modelwharf/modelwharf/internal/runtime/process"
	"github.com/modelwharf/modelwharf/internal/sagemaker"
	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// Runtime says what runs the models.
type Runtime string

// The kinds of runtimes.
const (
	RuntimeAuto    Runtime = "auto"    // a container engine, if one is there
	RuntimeEngine  Runtime = "engine"  // a container engine
	RuntimeProcess Runtime = "process" // processes of this machine, for development
	RuntimeNone    Runtime = "none"
)

// openRuntime opens what runs the models. absent says why there is none, which is an error only
// for one that was asked for.
func (s *Server) openRuntime(ctx context.Context) (r runtime.Runtime, absent, err error) {
	switch s.config.Runtime {
	case RuntimeProcess:
		r, err = process.New(process.Config{Folder: s.folder.Models("processes"), Log: s.log})
		return r, nil, err
	case RuntimeNone:
		return nil, errors.New("--runtime none"), nil
	}
	e, err := engine.New(ctx, engine.Config{Socket: s.config.RuntimeSocket, Folder: s.folder.Models("engine"), Dialer: s.config.RuntimeDialer, Log: s.log})
	switch {
	case err == nil:
		return e, nil, nil
	case s.config.Runtime != RuntimeEngine && s.config.RuntimeSocket == "" && errors.Is(err, engine.ErrNone):
		return nil, err, nil
	}
	return nil, nil, fmt.Errorf("--runtime engine: %w", err)
}

// openEndpoints opens the models and endpoints.
func (s *Server) openEndpoints(ctx context.Context, tables *dynamodb.Service) (*sagemaker.Service, error) {
	running, absent := s.config.Containers, error(nil)
	if running == nil {
		var err error
		if running, absent, err = s.openRuntime(ctx); err != nil {
			return nil, err
		}
	}
	s.runtime = running
	limits, err := quota.Parse(s.config.Quotas, quotas())
	if err != nil {
		return nil, err
	}
	return sagemaker.New(sagemaker.Config{
		Quotas: limits, Store: s.store, Identity: s.identity, Seal: s.pages, Images: s.images.Service, Objects: s.objects.Service,
		Runtime: running, NoRuntime: absent, Outside: s.config.ModelEgress,
		Table: predictions.NewTables(tables, s.identity, s.config.Now), Memory: s.config.PredictionMemory,
		Folder: filepath.Clean(s.folder.Models("data")), Now: s.config.Now, Log: s.log, Metrics: s.metrics.registry,
	}), nil
}
