package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/server/control"
)

// controlHandler answers the program's own commands.
func (s *Server) controlHandler() http.Handler {
	return control.Handler(control.Backend{
		Store: s.store, Identity: s.identity, Ready: s.readiness, TakeBackup: s.backup, AsRoot: s.asRoot, Log: s.log,
	})
}

// readiness returns nil if the server answers requests.
func (s *Server) readiness() error {
	if !s.ready.Load() {
		return errors.New("the server is starting or stopping")
	}
	if s.store.Stats().Stopped {
		return errors.New("the store takes no more writes: see the log for the cause, then restart the server")
	}
	return nil
}

// asRoot returns a context in which the administrator does an operation that came
// over no API.
func (s *Server) asRoot(ctx context.Context, operation string) context.Context {
	arn := "arn:aws:iam::" + s.config.Account + ":root"
	return api.WithRequest(ctx, &api.Request{
		ID: newRequestID(), Service: "modelwharf", Operation: operation, Region: s.config.Region,
		Caller: api.Caller{
			Account: s.config.Account, ARN: arn, Principal: arn, UserID: s.config.Account, Type: api.RootCaller,
		},
		UserAgent: "modelwharf", Time: s.config.Now(),
	})
}
