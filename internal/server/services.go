package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/lambda"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/native"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// services answers the requests to the APIs.
type services struct {
	router   *router
	verifier sigv4.Verifier[*identity.Identity]
	identity *identity.Service
	dynamodb *dynamodb.Service
	lambda   *lambda.Service
	bodies   bodies
	refusals audit.Refusals
	metrics  *metrics
	now      func() time.Time
	log      *slog.Logger
}

// exchange is one request, and the writer of its answer, which notes what went out.
type exchange struct {
	http.ResponseWriter
	request  api.Request
	endpoint *endpoint
	call     wire.Call
	bytesIn  int
	bytesOut int
	status   int // 0 until the answer has begun
	err      *api.Error
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytesOut += n
	return n, err
}

// ServeHTTP answers a request to an API.
func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{ResponseWriter: w, endpoint: s.router.foreign[foreignJSON]}
	q := &x.request
	q.ID, q.Time = newRequestID(), s.now()
	q.SourceIP, q.UserAgent, q.Secure, q.Host = remote(r.RemoteAddr), r.UserAgent(), r.TLS != nil, r.Host
	s.metrics.inFlight.Inc()
	defer s.metrics.inFlight.Dec()

	if err := s.answer(x, r); err != nil {
		x.err = failureOf(err)
		if err := s.refusals.Record(api.WithRequest(r.Context(), q), x.err); err != nil {
			s.log.Warn("a refusal is not in the audit log", "request_id", q.ID, "error", err)
		}
		if x.status == 0 {
			x.endpoint.WriteError(x, q.ID, x.err)
		}
	}
	s.note(r.Context(), x, time.Since(began))
}

// answer runs the operation that a request asks for and writes its answer. If it
// returns an error, that is still to be written, unless the answer had begun.
func (s *services) answer(x *exchange, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			err = api.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	var body body
	var unread error
	streams := s.router.streams(r)
	if streams {
		r = r.WithContext(r.Context()) // the server must find its own body in its request to answer a refused one at once
	} else {
		body, unread = s.bodies.read(r, func() bool { return s.admits(x, r) })
		defer s.bodies.release(&body)
		x.bytesIn = len(body.bytes)
	}
	x.endpoint = s.router.find(r, body.bytes)
	q, service := &x.request, x.endpoint.Service()
	q.Service = service.Name
	var unknown *api.Error
	x.call, unknown = x.endpoint.Open(r, body.bytes)
	if x.call.Operation != nil {
		q.Operation = x.call.Name
	}
	stranger := unread == errStranger
	switch {
	case unread != nil && !stranger:
		return unread
	case unknown != nil && !stranger:
		return unknown
	case !allowed(r.Method, service.Protocol):
		return api.Errorf("MethodNotAllowed", http.StatusMethodNotAllowed, "The specified method is not allowed against this resource.")
	}
	// Any region may be signed for: it is a name, and what is made there lives there.
	signature, err := s.verify(x, r, body.bytes, streams)
	if err != nil {
		return told(err, service)
	}
	if stranger { // whose key has been made just now
		return incomplete(errStranger)
	}
	q.Region = signature.Region
	if q.Operation == "GetPackageVersionAsset" {
		x.ResponseWriter = &native.Writer{ResponseWriter: x.ResponseWriter}
	}
	if d := patience[service.Name+":"+q.Operation]; d > 0 {
		control := http.NewResponseController(x.ResponseWriter)
		_ = errors.Join(control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Now().Add(d)))
	}
	ctx := s.identity.Admit(api.WithRequest(r.Context(), q), signature.Owner)

	in, err := x.call.Input()
	if err != nil {
		return err
	}
	out, err := x.call.Operation.Call(ctx, in)
	if err != nil {
		return told(err, service)
	}
	return x.endpoint.WriteAnswer(x, q.ID, x.call, out)
}

// verify verifies the signature of a request. The body of one that streams is then the
// verified one, which may take as long as something comes.
func (s *services) verify(x *exchange, r *http.Request, body []byte, streams bool) (sigv4.Signature[*identity.Identity], error) {
	expect := sigv4.Expect{Service: x.endpoint.Service().SigningName}
	if !streams {
		return s.verifier.Verify(r, body, expect)
	}
	patient := native.NewBody(x.ResponseWriter, r)
	r.Body = patient
	x.ResponseWriter = &native.Writer{ResponseWriter: x.ResponseWriter}
	signature, verified, err := s.verifier.VerifyStream(r, expect)
	if err == nil {
		r.Body = struct {
			io.Reader
			io.Closer
		}{verified, patient}
	}
	return signature, err
}

// told is what a client is told of an error that may be one of its signature, also of one
// that shows only at the end of a body.
func told(err error, service *api.Service) error {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.For(service.Protocol)
	}
	return err
}

// patience is how long the operations may take that wait for what is not ours, beyond
// what a request may take.
var patience = map[string]time.Duration{"lambda:Invoke": 16 * time.Minute}

// partTimeout is how long a known client may take to send a part of a layer: readTimeout is
// meant for bodies that are shorter by half.
const partTimeout = 5 * time.Minute

// allowed tells whether a request of a method can be one of a protocol.
func allowed(method string, p api.Protocol) bool {
	switch p {
	case api.RESTJSON: // which has looked at it
		return true
	case api.Query:
		return method == http.MethodPost || method == http.MethodGet
	}
	return method == http.MethodPost
}

// admits tells whether a long body of a request is to be read, and gives one of the longest
// the time that it takes.
func (s *services) admits(x *exchange, r *http.Request) bool {
	known := s.knows(r)
	if known && bodyLimit(r) > maxBody {
		control, until := http.NewResponseController(x.ResponseWriter), time.Now().Add(partTimeout)
		_ = errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until.Add(writeTimeout)))
	}
	return known
}

// knows tells whether a request claims to be signed with a key that there is.
func (s *services) knows(r *http.Request) bool {
	scope, ok := sigv4.ScopeOf(r)
	if !ok {
		return false
	}
	_, _, err := s.identity.Lookup(r.Context(), scope.AccessKeyID, r.Header.Get("X-Amz-Security-Token"))
	return err == nil
}
