// Package oci speaks the registry protocol: the OCI Distribution Specification 1.1 with
// what its drafts add and what docker's own clients expect.
//
// https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
package oci

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// Config is what a Handler is made of. Images is required.
type Config struct {
	Images *ecr.Service
	// Begin makes the request that the services see: its id, time and source.
	Begin func(r *http.Request) *api.Request
	// BaseURL is the base of the URLs in answers, "https://models.example.com".
	BaseURL func(r *http.Request) string
	// Domain, if set, is the one below which the virtual hosts of registries are:
	// <account>.dkr.ecr.<region>.<domain> and public.ecr.<domain>.
	Domain string
	// Done is told of each answered request; nil for nobody.
	Done func(ctx context.Context, o Outcome)
}

// Outcome is what became of a request.
type Outcome struct {
	Request  *api.Request
	Status   int
	BytesIn  int64
	BytesOut int64
	Took     time.Duration
	Err      error // that was answered, with its cause; nil if none
}

// Handler answers what is below /v2/ and /token/.
type Handler struct {
	images  *ecr.Service
	begin   func(r *http.Request) *api.Request
	baseURL func(r *http.Request) string
	domain  string
	done    func(ctx context.Context, o Outcome)
}

// New returns a handler.
func New(c Config) *Handler {
	h := &Handler{images: c.Images, begin: c.Begin, baseURL: c.BaseURL, domain: c.Domain, done: c.Done}
	if h.begin == nil {
		h.begin = func(*http.Request) *api.Request { return &api.Request{Time: time.Now()} }
	}
	if h.baseURL == nil {
		h.baseURL = func(r *http.Request) string { return "http://" + r.Host }
	}
	if h.done == nil {
		h.done = func(context.Context, Outcome) {}
	}
	return h
}

// Serves tells whether a path is the handler's.
func Serves(path string) bool {
	return strings.HasPrefix(path, "/v2/") || path == "/v2" || path == "/token" || path == "/token/"
}

// exchange is one request and its answer.
type exchange struct {
	h   *Handler
	w   *patientWriter
	r   *http.Request
	ctx context.Context
	q   *api.Request
	route
	repository *ecr.Repository
	pulled     *ecr.Manifest // that is on its way from another registry
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	r = r.WithContext(r.Context()) // the server must find its own body in its request to answer a refused one at once
	q := h.begin(r)
	q.Service = "ecr"
	x := &exchange{h: h, w: &patientWriter{ResponseWriter: w}, r: r, q: q, ctx: api.WithRequest(r.Context(), q)}
	body := &patientBody{body: r.Body, control: http.NewResponseController(w)}
	r.Body = body
	err := x.serve()
	if err != nil {
		x.writeError(err)
	}
	h.done(x.ctx, Outcome{Request: q, Status: x.w.status, BytesIn: body.n, BytesOut: x.w.n, Took: time.Since(began), Err: err})
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
	head := x.w.Header()
	head.Set("Docker-Distribution-Api-Version", "registry/2.0")
	head.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(x.r.URL.Path, "/token") {
		x.q.Operation = "GetAuthorizationToken"
		return x.token()
	}
	if x.route, err = parseRoute(x.r.URL.Path); err != nil {
		return err
	}
	x.q.Operation = x.operation(x.r.Method)
	if err := x.authenticate(); err != nil {
		return err
	}
	if x.kind == ping {
		return x.ping()
	}
	do := x.method()
	if do == nil {
		return unsupported(x.r.Method)
	}
	if err := x.open(); err != nil {
		return err
	}
	return do()
}

// method returns what answers the request, nil if there is nothing of the method.
func (x *exchange) method() func() error {
	switch x.kind {
	case blobOf:
		return map[string]func() error{http.MethodGet: x.getBlob, http.MethodHead: x.headBlob, http.MethodDelete: x.deleteBlob}[x.r.Method]
	case uploadsOf:
		return map[string]func() error{http.MethodPost: x.postUpload}[x.r.Method]
	case uploadOf:
		return map[string]func() error{
			http.MethodGet: x.getUpload, http.MethodPatch: x.patchUpload, http.MethodPut: x.putUpload, http.MethodDelete: x.deleteUpload,
		}[x.r.Method]
	case manifestOf:
		return map[string]func() error{
			http.MethodGet: x.getManifest, http.MethodHead: x.getManifest, http.MethodPut: x.putManifest, http.MethodDelete: x.deleteManifest,
		}[x.r.Method]
	case tagsOf:
		return map[string]func() error{http.MethodGet: x.getTags}[x.r.Method]
	case referrersOf:
		return map[string]func() error{http.MethodGet: x.getReferrers}[x.r.Method]
	}
	return nil
}

// ping says that this is a registry, to whoever brought credentials.
func (x *exchange) ping() error {
	if x.r.Method != http.MethodGet && x.r.Method != http.MethodHead {
		return unsupported(x.r.Method)
	}
	if x.r.Header.Get("Authorization") == "" {
		return unauthorized("authentication required")
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write([]byte("{}"))
	return nil
}
