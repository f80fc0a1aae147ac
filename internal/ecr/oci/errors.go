package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Error is an error as the protocol has it.
type Error struct {
	Status  int
	Code    string
	Message string
	Header  map[string]string // of the answer
	Cause   error             // for the log
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Code + ": " + e.Message + ": " + e.Cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func unauthorized(message string) *Error {
	return errorf(http.StatusUnauthorized, "UNAUTHORIZED", "%s", message)
}

func unsupported(method string) *Error {
	return errorf(http.StatusMethodNotAllowed, "UNSUPPORTED", "there is nothing here to %s", method)
}

func notFound() *Error {
	return errorf(http.StatusNotFound, "UNSUPPORTED", "there is nothing of that name in a registry")
}

func nameInvalid(name string) *Error {
	return errorf(http.StatusNotFound, "NAME_INVALID",
		"%q is no name of a repository: private ones are <12-digit account>/<region>/<name>, public ones <alias>/<name>", name)
}

func digestInvalid(format string, args ...any) *Error {
	return errorf(http.StatusBadRequest, "DIGEST_INVALID", format, args...)
}

// codes are the protocol's words for the errors of the images.
var codes = map[string]struct {
	status int
	code   string
}{
	"RepositoryNotFoundException":       {http.StatusNotFound, "NAME_UNKNOWN"},
	"ImageNotFoundException":            {http.StatusNotFound, "MANIFEST_UNKNOWN"},
	"LayersNotFoundException":           {http.StatusNotFound, "BLOB_UNKNOWN"},
	"ReferencedImagesNotFoundException": {http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN"},
	"ImageTagAlreadyExistsException":    {http.StatusBadRequest, "TAG_INVALID"},
	"UploadNotFoundException":           {http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN"},
	"InvalidParameterException":         {http.StatusBadRequest, "MANIFEST_INVALID"},
	"LayerInUse":                        {http.StatusForbidden, "DENIED"},
	"AccessDeniedException":             {http.StatusForbidden, "DENIED"},
	"ImageReferencedByManifestList":     {http.StatusForbidden, "DENIED"}, // one that is held
	"UnableToGetUpstreamImageException": {http.StatusBadGateway, "UNKNOWN"},
	"UnableToGetUpstreamLayerException": {http.StatusBadGateway, "UNKNOWN"},
	"LimitExceededException":            {http.StatusForbidden, "DENIED"}, // 429 would have clients try again
}

// asError puts any error into the protocol's words.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	told := func(status int, code, message string) *Error {
		return &Error{Status: status, Code: code, Message: message, Cause: err}
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		if c, ok := codes[e.Code]; ok {
			status := c.status
			switch e.Status {
			case http.StatusRequestEntityTooLarge:
				status = e.Status
			case http.StatusForbidden: // also of another registry
				status, c.code = e.Status, "DENIED"
			}
			return &Error{Status: status, Code: c.code, Message: e.Message, Cause: e.Cause}
		}
		return &Error{Status: e.HTTPStatus(), Code: "UNKNOWN", Message: e.Message, Cause: err}
	}
	switch {
	case errors.Is(err, blob.ErrDigest):
		return told(http.StatusBadRequest, "DIGEST_INVALID", "the digest is not that of the content")
	case errors.Is(err, blob.ErrUnsupported):
		return told(http.StatusBadRequest, "DIGEST_INVALID", "the digest is malformed or of an algorithm other than sha256 and sha512")
	case errors.Is(err, blob.ErrBusy):
		return told(http.StatusConflict, "BLOB_UPLOAD_INVALID", "another request writes the upload")
	case errors.Is(err, blob.ErrNotFound):
		return told(http.StatusNotFound, "BLOB_UNKNOWN", "the blob is not there")
	case errors.Is(err, blob.ErrFull), errors.Is(err, kv.ErrFull):
		return told(http.StatusInsufficientStorage, "TOOMANYREQUESTS", "the disk of the server is full")
	case errors.Is(err, kv.ErrStopped), errors.Is(err, kv.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return told(http.StatusServiceUnavailable, "UNAVAILABLE", "the server is stopping or the request was given up")
	}
	return told(http.StatusInternalServerError, "UNKNOWN", "the request could not be completed because of an internal error")
}

// writeError writes an error, unless an answer has begun.
func (x *exchange) writeError(err error) {
	if x.w.status != 0 {
		return
	}
	e := asError(err)
	head := x.w.Header()
	for _, name := range []string{"Content-Length", "Content-Range", "Etag"} {
		head.Del(name)
	}
	for name, value := range e.Header {
		head.Set(name, value)
	}
	if e.Status == http.StatusUnauthorized {
		head.Set("WWW-Authenticate", x.challenge())
	}
	head.Set("Content-Type", "application/json")
	b, jerr := json.Marshal(map[string]any{"errors": []map[string]any{{"code": e.Code, "message": e.Message}}})
	if jerr != nil {
		b = []byte(`{"errors":[{"code":"UNKNOWN"}]}`)
	}
	x.w.WriteHeader(e.Status)
	_, _ = x.w.Write(b)
}
