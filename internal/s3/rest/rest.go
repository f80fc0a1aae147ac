// Package rest speaks the protocol of S3 for the object store: REST with XML.
//
// It is written by hand on the standard library. The servers that there are in Go bring an
// HTTP stack, identities and policies of their own (versitygw is built on fasthttp), and the
// other protocols of AWS here have little in common with S3's: the operation is chosen by
// the query, bodies are streams in frames, and answers differ in form for each operation.
package rest

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/s3"
	"github.com/modelwharf/modelwharf/internal/wire/native"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// Config is what a Handler is made of.
type Config struct {
	Objects  *s3.Service
	Identity *identity.Service
	Now      func() time.Time // time.Now if nil
	native.Door
}

// Handler answers requests to the object store.
type Handler struct {
	objects  *s3.Service
	identity *identity.Service
	verifier sigv4.Verifier[*identity.Identity]
	now      func() time.Time
	door     native.Door
}

// New returns a handler.
func New(c Config) *Handler {
	c.Door.Defaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Handler{
		objects: c.Objects, identity: c.Identity, now: c.Now, door: c.Door,
		verifier: sigv4.Verifier[*identity.Identity]{Lookup: c.Identity.Lookup, Now: c.Now},
	}
}

// Signed tells whether a request is signed for S3.
func (h *Handler) Signed(r *http.Request) bool {
	scope, ok := sigv4.ScopeOf(r)
	return ok && scope.Service == "s3" || isOld(r) || isOldURL(r)
}

// Public tells whether a request goes, unsigned, to a bucket that there is: what a policy
// allows everybody. Other services answer unsigned requests, too, so they are to be asked
// first.
func (h *Handler) Public(r *http.Request) bool {
	if r.Method == http.MethodPost || r.Header.Get("Authorization") != "" || strings.Contains(r.URL.RawQuery, "Action=") || strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		return false
	}
	bucket, _ := h.objects.HostBucket(r.Host)
	if bucket == "" {
		bucket, _, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	}
	return s3.ValidBucket(bucket) && h.objects.Exists(r.Context(), bucket)
}

// isOld tells whether a request is signed as only S3's older clients do.
func isOld(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS ")
}

// exchange is a request with its answer.
type exchange struct {
	*native.Writer
	*http.Request
	h       *Handler
	ctx     context.Context
	s       *s3.Service
	at      s3.Name
	query   map[string][]string
	trailer func() http.Header
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q := h.door.Begin(r)
	q.Service = "s3"
	// The server knows a client that waits to be told to send a body by the body that it made:
	// another one goes into a copy, so that a refusal is sent at once.
	r = r.WithContext(api.WithRequest(r.Context(), q))
	body := native.NewBody(w, r)
	r.Body = body
	x := &exchange{Writer: &native.Writer{ResponseWriter: w}, Request: r, h: h, ctx: r.Context(), s: h.objects, trailer: func() http.Header { return nil }}
	err := x.serve()
	if err != nil {
		err = x.writeError(err)
	}
	h.door.Done(x.ctx, native.Outcome{Request: q, Status: x.Status, BytesIn: body.N, BytesOut: x.N, Took: time.Since(began), Err: err})
}

func (x *exchange) serve() (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = api.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	q := api.RequestOf(x.ctx)
	x.Writer.Header().Set("X-Amz-Request-Id", q.ID)
	x.Writer.Header().Set("X-Amz-Id-2", q.ID)
	x.locate()
	x.query = x.URL.Query()
	op, found := x.operation()
	q.Operation = op.name
	if err := x.authenticate(q); err != nil {
		return err
	}
	if owner := x.Request.Header.Get("X-Amz-Expected-Bucket-Owner"); owner != "" && x.at.Bucket != "" && op.name != "CreateBucket" {
		if err := x.s.ExpectOwner(x.ctx, x.at.Bucket, owner); err != nil {
			return err
		}
	}
	if !found {
		return s3.Refuse("MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource.")
	}
	return op.run(x)
}

// locate reads which bucket and key the host and the path name.
func (x *exchange) locate() {
	path := strings.TrimPrefix(x.URL.Path, "/")
	if x.at.Bucket, _ = x.s.HostBucket(x.Host); x.at.Bucket != "" {
		x.at.Key = path
		return
	}
	x.at.Bucket, x.at.Key, _ = strings.Cut(path, "/")
}

// authenticate verifies the signature, if there is one; who signs nothing is anonymous.
func (x *exchange) authenticate(q *api.Request) error {
	if isOld(x.Request) {
		return s3.InvalidRequest("The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	}
	if isOldURL(x.Request) {
		return x.authenticateURL(q)
	}
	if _, signed := sigv4.ScopeOf(x.Request); !signed {
		q.Caller = api.Caller{Type: api.AnonymousCaller}
		if strings.HasPrefix(x.Request.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
			return s3.InvalidRequest("The payload form %s asks for a signature.", x.Request.Header.Get("X-Amz-Content-Sha256"))
		}
		return nil
	}
	signature, body, err := x.h.verifier.VerifyStream(x.Request, sigv4.Expect{Service: "s3"})
	if err != nil {
		return err
	}
	q.Region = signature.Region
	x.ctx = x.h.identity.Admit(x.ctx, signature.Owner)
	x.Body = struct {
		io.Reader
		io.Closer
	}{body, x.Body}
	x.trailer = body.Trailer
	return nil
}

// form reads the value of a query parameter.
func (x *exchange) form(name string) string {
	if v := x.query[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (x *exchange) has(name string) bool { _, ok := x.query[name]; return ok }

// told is what a client is told of an error.
func (x *exchange) told(err error) *api.Error {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		e := e.For("rest-xml")
		if _, presigned := x.query["X-Amz-Signature"]; presigned && errors.Is(err, sigv4.Expired) {
			e.Code, e.Message = "AccessDenied", "Request has expired"
		}
		return e
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		if e.Code == "InternalServerError" {
			e = s3.Refuse("InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again.").Because(err)
		}
		return e
	}
	switch {
	case errors.Is(err, blob.ErrFull), errors.Is(err, kv.ErrFull):
		return s3.Refuse("ServiceUnavailable", http.StatusServiceUnavailable, "The disk of the server is full. Nothing was written.").Because(err)
	case errors.Is(err, kv.ErrStopped), errors.Is(err, kv.ErrClosed):
		return s3.Refuse("ServiceUnavailable", http.StatusServiceUnavailable, "The server takes no writes until it is restarted. Nothing was written.").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		return s3.Refuse("IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header").Because(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return s3.Refuse("RequestTimeout", http.StatusBadRequest, "Your socket connection to the server was not read from or written to within the timeout period.").Because(err)
	}
	return s3.Refuse("InternalError", http.StatusInternalServerError, "We encountered an internal error. Please try again.").Because(err)
}

// writeError answers with an error, unless the answer has begun; it returns what was told.
func (x *exchange) writeError(err error) error {
	if x.Status != 0 {
		return err
	}
	e := x.told(err)
	h := x.Writer.Header()
	for _, name := range []string{"Content-Length", "Etag", "Last-Modified", "Accept-Ranges", "Content-Encoding", "Content-Range", "Cache-Control"} {
		h.Del(name)
	}
	switch {
	case e.Status == http.StatusNotModified || x.Method == http.MethodHead:
		h.Del("Content-Type")
		x.WriteHeader(e.HTTPStatus())
	default:
		q := api.RequestOf(x.ctx)
		x.writeElement(e.HTTPStatus(), errorBody{Code: e.Code, Message: e.Message, Resource: x.URL.Path, RequestID: q.ID, HostID: q.ID},
			xml.StartElement{Name: xml.Name{Local: "Error"}})
	}
	return e
}
