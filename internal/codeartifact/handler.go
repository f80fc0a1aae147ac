package codeartifact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// pathPrefix is that of endpoints in path style:
// /codeartifact/<domain>-<owner>/<format>/<repository>/.
const pathPrefix = "/codeartifact/"

// Handler answers what package tools ask below the endpoints of repositories.
type Handler struct {
	s    *Service
	door native.Door
}

// Handler returns what answers below endpoints.
func (s *Service) Handler(d native.Door) *Handler {
	d.Defaults()
	return &Handler{s, d}
}

// Serves tells whether a request is for an endpoint of a repository.
func (h *Handler) Serves(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, pathPrefix) {
		return true
	}
	_, ok := parseHost(r.Host)
	return ok
}

// endpoint is what the host or the path of a request names.
type endpoint struct {
	repository RepositoryName // without a region in path style
	format     string
	base       string // the URL of the endpoint, with its final '/'
	path       string // below it, escaped
	slash      bool   // the path names the endpoint without its final '/'
}

// locate reads where a request goes.
func (h *Handler) locate(r *http.Request) (at endpoint, ok bool) {
	path := r.URL.EscapedPath()
	base := h.door.BaseURL(r)
	domain, hosted := parseHost(r.Host)
	if hosted {
		scheme, _, _ := strings.Cut(base, "://")
		base = scheme + "://" + r.Host + "/"
		path = strings.TrimPrefix(path, "/")
	} else {
		label, rest, _ := strings.Cut(strings.TrimPrefix(path, pathPrefix), "/")
		if domain.Name, domain.Owner, ok = parseLabel(label); !ok {
			return at, false
		}
		base, path = strings.TrimSuffix(base, "/")+pathPrefix+label+"/", rest
	}
	format, rest, ok := strings.Cut(path, "/")
	if !ok {
		return at, false
	}
	repository, rest, slash := strings.Cut(rest, "/")
	name, err := url.PathUnescape(repository)
	if err != nil || name == "" {
		return at, false
	}
	at = endpoint{repository: RepositoryName{domain, name}, format: format, base: base + format + "/" + repository + "/", path: rest, slash: !slash}
	return at, true
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	q := h.door.Begin(r)
	q.Service = "codeartifact"
	// The server knows a client that waits to be told to send a body by the body that it made:
	// another one goes into a copy, so that a refusal is sent at once.
	r = r.WithContext(r.Context())
	body := native.NewBody(w, r)
	most := h.s.maxBody()
	r.Body = &endless{ReadCloser: body, left: most, err: tooLong(most)}
	x := &Exchange{Writer: &native.Writer{ResponseWriter: w}, Request: r, s: h.s, ctx: api.WithRequest(r.Context(), q)}
	err := h.serve(x)
	late := x.Status != 0
	if err != nil {
		x.writeError(err)
	}
	h.door.Done(x.ctx, native.Outcome{Request: q, Status: x.Status, BytesIn: body.N, BytesOut: x.N, Took: time.Since(began), Err: err})
	if err != nil && late {
		panic(http.ErrAbortHandler) // so that nobody takes what was sent for the whole
	}
}

func (h *Handler) serve(x *Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = api.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	x.Header().Set("X-Content-Type-Options", "nosniff")
	q := api.RequestOf(x.ctx)
	// Who brings no token is asked for one, whatever there is at the path.
	at, ok := h.locate(x.Request)
	domain, err := x.authenticate()
	if err != nil {
		return err
	}
	if !ok {
		return notFound(aRepository, x.Request.URL.Path, "There is no repository at this path: an endpoint is %s<domain>-<owner>/<format>/<repository>/.", pathPrefix)
	}
	if at.repository.Domain.Region == "" {
		at.repository.Domain.Region = domain.Region
	}
	if at.repository.Domain != domain {
		return unauthorized("The token is for another domain: get one for domain '%s' of account '%s'.", at.repository.Domain.Name, at.repository.Domain.Owner)
	}
	q.Region = domain.Region
	x.format, x.base, x.Path = h.s.formats[at.format], at.base, at.path
	if x.format == nil {
		return notFound(aRepository, at.format, "The package format '%s' is not supported.", at.format)
	}
	if most := h.s.maxBody(); x.Request.ContentLength > most {
		return tooLong(most)
	}
	reads := x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
	if reads {
		q.Operation = "ReadFromRepository"
		x.Repository, err = h.s.onRepository(x.ctx, q.Operation, at.repository, nil)
	} else {
		x.Repository, err = h.s.Repository(x.ctx, at.repository)
	}
	if err != nil {
		return err
	}
	if at.slash {
		if !reads {
			return x.format.Serve(x)
		}
		http.Redirect(x, x.Request, at.base, http.StatusMovedPermanently)
		return nil
	}
	return x.format.Serve(x)
}

// authenticate finds out who asks and returns the domain that the token is for. Tools send
// it as the password of the user aws, as a bearer, or bare (cargo, gem).
func (x *Exchange) authenticate() (DomainName, error) {
	header := x.Request.Header.Get("Authorization")
	text := strings.TrimSpace(header)
	scheme, value, two := strings.Cut(text, " ")
	switch {
	case two && strings.EqualFold(scheme, "Bearer"):
		text = strings.TrimSpace(value)
	case two && strings.EqualFold(scheme, "Basic"):
		user, password, ok := x.Request.BasicAuth()
		if !ok || user != "aws" {
			return DomainName{}, unauthorized("The user must be aws, with a token of GetAuthorizationToken as the password.")
		}
		text = password
	case text == "":
		text = x.Request.Header.Get("X-NuGet-ApiKey")
	}
	if text == "" {
		return DomainName{}, unauthorized("Authentication is required: get a token by GetAuthorizationToken.")
	}
	ctx, domain, err := x.s.admit(x.ctx, text)
	if errors.Is(err, errToken) {
		return DomainName{}, unauthorized("The token is not valid or has expired: get another one by GetAuthorizationToken.")
	}
	x.ctx = ctx
	return domain, err
}

func unauthorized(format string, args ...any) *api.Error {
	return api.Errorf("UnauthorizedException", http.StatusUnauthorized, format, args...)
}

// writeError answers with an error: in the format's own form, or in plain text.
func (x *Exchange) writeError(err error) {
	e := api.AsError(err)
	_, told := errors.AsType[*api.Error](err) // otherwise it is the body's, or the server's own
	switch {
	case x.Status != 0:
		return // it is too late: the client sees a short body
	case errors.Is(err, context.Canceled):
		e = api.Errorf("RequestCanceled", http.StatusBadRequest, "The client is gone.").Because(err)
	case !told && errors.Is(err, os.ErrDeadlineExceeded):
		e = api.Errorf("RequestTimeout", http.StatusRequestTimeout, "The client has sent nothing for too long.").Because(err)
	case !told && errors.Is(err, io.ErrUnexpectedEOF):
		e = api.Errorf("IncompleteBody", http.StatusBadRequest, "The body ended too early.").Because(err)
	case e.Code == "AccessDeniedException":
		denied := *codeartifact.AccessDeniedException("%s", e.Message)
		e = &denied
	}
	h := x.Header()
	for _, name := range []string{"Content-Length", "Etag", "Cache-Control", "Last-Modified", "Accept-Ranges"} {
		h.Del(name)
	}
	if e.HTTPStatus() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="`+x.Request.Host+`"`)
	}
	if w, ok := x.format.(ErrorWriter); ok {
		w.WriteError(x, e)
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	x.WriteHeader(e.HTTPStatus())
	if x.Request.Method != http.MethodHead {
		_, _ = x.Write([]byte(e.Message + "\n"))
	}
}

// ErrorWriter is a Format whose clients want errors in a form of their own. The status, and
// what else the form needs, is for WriteError to write; the challenge of a 401 is there.
type ErrorWriter interface {
	WriteError(x *Exchange, e *api.Error)
}
