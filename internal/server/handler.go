package server

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// Handler answers everything that comes in on the public listener: what is signed
// or posted, or has a query at the root, asks an API; the rest goes by its path.
func (s *Server) Handler() http.Handler {
	metrics := s.metrics.handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.objects.handler.Signed(r) {
			s.objects.handler.ServeHTTP(w, r)
			return
		}
		if s.packages.handler.Serves(r) {
			s.packages.handler.ServeHTTP(w, r)
			return
		}
		if oci.Serves(r.URL.Path) {
			s.images.registry.ServeHTTP(w, r)
			return
		}
		if ecr.ServesLogo(r.URL.Path) {
			s.images.ServeLogo(w, r)
			return
		}
		if s.objects.handler.Public(r) {
			s.objects.handler.ServeHTTP(w, r)
			return
		}
		if asksAPI(r) {
			s.services.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			text(w, http.StatusMethodNotAllowed, "There is nothing here to "+strconv.Quote(r.Method)+".")
			return
		}
		switch r.URL.Path {
		case "/healthz":
			text(w, http.StatusOK, "ok")
		case "/readyz":
			if err := s.readiness(); err != nil {
				text(w, http.StatusServiceUnavailable, err.Error())
				return
			}
			text(w, http.StatusOK, "ready")
		case "/metrics":
			metrics.ServeHTTP(w, r)
		case "/":
			text(w, http.StatusOK, "This is Modelwharf. Point an AWS client at it: AWS_ENDPOINT_URL="+s.baseURL(r))
		default:
			text(w, http.StatusNotFound, "There is nothing at "+strconv.Quote(r.URL.Path)+".")
		}
	})
}

// asksAPI tells whether a request is for an API.
func asksAPI(r *http.Request) bool {
	if r.Method == http.MethodPost || r.URL.RawQuery != "" && r.URL.Path == "/" {
		return true
	}
	_, signed := sigv4.ScopeOf(r)
	return signed
}

// baseURL is the base of the URLs that answers contain. Whoever came by a registry's own
// host stays there, since a path means something else on another.
func (s *Server) baseURL(r *http.Request) string {
	switch external := s.config.ExternalURL; {
	case external != "" && oci.IsVirtualHost(r, s.config.Domain):
		scheme, _, _ := strings.Cut(external, "://")
		return scheme + "://" + r.Host
	case external != "":
		return external
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func text(w http.ResponseWriter, status int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(line + "\n"))
}
