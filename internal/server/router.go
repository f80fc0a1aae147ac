package server

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/query"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// endpoint is a service as the server reaches it.
type endpoint struct {
	wire.Protocol
	// metrics of the operations by name, "" for those that do not exist. They are
	// made at the first use, so that /metrics shows what is in use.
	metrics map[string]func() *operationMetrics
}

func (e *endpoint) metricsOf(c *wire.Call) *operationMetrics {
	if c.Operation == nil {
		return e.metrics[""]()
	}
	return e.metrics[c.Name]()
}

// router finds the service that a request is for: by X-Amz-Target, then by the
// credential scope of its signature, then by the API's version that it asks for.
type router struct {
	targets  map[string]*endpoint // by X-Amz-Target before its last dot
	scopes   map[string]*endpoint // Query services by signing name
	versions map[string]*endpoint // Query services by version
	foreign  *endpoint            // stands for the services that do not exist here
}

func newRouter(m *metrics, services ...*api.Service) *router {
	rt := &router{
		targets: map[string]*endpoint{}, scopes: map[string]*endpoint{}, versions: map[string]*endpoint{},
		foreign: newEndpoint(m, &api.Service{Name: "unknown", Protocol: api.JSON10}),
	}
	for _, s := range services {
		e := newEndpoint(m, s)
		if s.Protocol == api.Query {
			rt.scopes[s.SigningName], rt.versions[s.Version] = e, e
		} else {
			rt.targets[s.TargetPrefix] = e
		}
	}
	return rt
}

func newEndpoint(m *metrics, s *api.Service) *endpoint {
	of := func(operation string) func() *operationMetrics {
		return sync.OnceValue(func() *operationMetrics { return m.of(s.Name, operation) })
	}
	e := &endpoint{metrics: map[string]func() *operationMetrics{"": of("unknown")}}
	if s.Protocol == api.Query {
		e.Protocol = query.New(s)
	} else {
		e.Protocol = awsjson.New(s)
	}
	for _, op := range s.Operations {
		e.metrics[op.Name] = of(op.Name)
	}
	return e
}

// find returns the endpoint of the service that a request is for.
func (rt *router) find(r *http.Request, body []byte) *endpoint {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return rt.or(rt.targets[target[:max(0, strings.LastIndexByte(target, '.'))]])
	}
	if scope, ok := sigv4.ScopeOf(r); ok {
		return rt.or(rt.scopes[scope.Service])
	}
	if form, err := url.ParseQuery(r.URL.RawQuery); err == nil && form.Has("Version") {
		return rt.or(rt.versions[form.Get("Version")])
	}
	if isForm(r) {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return rt.or(rt.versions[form.Get("Version")])
		}
	}
	return rt.foreign
}

func (rt *router) or(e *endpoint) *endpoint {
	if e == nil {
		return rt.foreign
	}
	return e
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}
