package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// failureOf returns what the client is told of an operation's error. What the
// services report in AWS's words passes; what the store reports gets its words
// here, so that they are written once: an outcome that is not known is an internal
// error, as on AWS, and a write that was refused says so.
func failureOf(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, kv.ErrCommitUnknown):
		return api.Internal(err)
	case errors.Is(err, kv.ErrFull):
		return unavailable("The disk of the server is full. Nothing was written.", err)
	case errors.Is(err, kv.ErrStopped):
		return unavailable("The server takes no writes until it is restarted. Nothing was written.", err)
	case errors.Is(err, kv.ErrClosed):
		return unavailable("The server is stopping. Nothing was written.", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable("The request was given up before it was complete. Nothing was written.", err)
	}
	return api.Internal(err)
}

func unavailable(message string, cause error) *api.Error {
	return &api.Error{Code: "ServiceUnavailable", Message: message, Status: http.StatusServiceUnavailable, Cause: cause, Namespace: "com.amazon.coral.service"}
}
