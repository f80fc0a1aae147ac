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
	"github.com/modelwharf/modelwharf/internal/wire/restjson"
	"github.com/modelwharf/modelwharf/internal/wire/rpccbor"
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

// router finds the service that a request is for: by X-Amz-Target or the path of RPC v2
// CBOR, then by the credential scope of its signature, then by the API's version that it asks for. Which
// operation of a REST service is meant, its protocol finds by the method and the path.
type router struct {
	targets  map[string]*endpoint // by X-Amz-Target before its last dot
	scopes   map[string]*endpoint // Query and REST services by signing name
	versions map[string]*endpoint // Query services by version
	cbor     map[string]*endpoint // by the service that the path of RPC v2 CBOR names
	foreign  map[*foreign]*endpoint
}

func newRouter(m *metrics, services ...*api.Service) *router {
	rt := &router{
		targets: map[string]*endpoint{}, scopes: map[string]*endpoint{}, versions: map[string]*endpoint{}, cbor: map[string]*endpoint{},
		foreign: map[*foreign]*endpoint{},
	}
	unknown := sync.OnceValue(func() *operationMetrics { return m.of("unknown", "unknown") })
	for _, f := range []*foreign{foreignJSON, foreignREST, foreignQuery, foreignEC2} {
		rt.foreign[f] = &endpoint{f, map[string]func() *operationMetrics{"": unknown}}
	}
	for _, s := range services {
		e := newEndpoint(m, s)
		if s.CBOR {
			rt.cbor[s.TargetPrefix] = &endpoint{rpccbor.New(s), e.metrics}
		}
		switch s.Protocol {
		case api.Query:
			rt.scopes[s.SigningName], rt.versions[s.Version] = e, e
		case api.RESTJSON:
			rt.scopes[s.SigningName] = e
		default:
			rt.targets[s.TargetPrefix] = e
			// Of a prefix with a name space, the newer SDKs send the last part only.
			rt.targets[s.TargetPrefix[strings.LastIndexByte(s.TargetPrefix, '.')+1:]] = e
		}
	}
	return rt
}

func newEndpoint(m *metrics, s *api.Service) *endpoint {
	of := func(operation string) func() *operationMetrics {
		return sync.OnceValue(func() *operationMetrics { return m.of(s.Name, operation) })
	}
	e := &endpoint{metrics: map[string]func() *operationMetrics{"": of("unknown")}}
	switch s.Protocol {
	case api.Query:
		e.Protocol = query.New(s)
	case api.RESTJSON:
		e.Protocol = restjson.New(s)
	default:
		e.Protocol = awsjson.New(s)
	}
	for _, op := range s.Operations {
		e.metrics[op.Name] = of(op.Name)
	}
	return e
}

// find returns the endpoint of the service that a request is for.
func (rt *router) find(r *http.Request, body []byte) *endpoint {
	e := rt.known(r, body)
	if e == nil {
		e = rt.foreign[foreignOf(r)]
	}
	return e
}

// streams tells whether a request asks for an operation whose input is a stream.
func (rt *router) streams(r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "" {
		return false
	}
	scope, ok := sigv4.ScopeOf(r)
	if !ok || rt.scopes[scope.Service] == nil {
		return false
	}
	p, ok := rt.scopes[scope.Service].Protocol.(wire.Streamer)
	return ok && p.Streams(r)
}

func (rt *router) known(r *http.Request, body []byte) *endpoint {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return rt.targets[target[:max(0, strings.LastIndexByte(target, '.'))]]
	}
	if service, _, ok := rpccbor.Target(r); ok {
		return rt.cbor[service]
	}
	if scope, ok := sigv4.ScopeOf(r); ok {
		return rt.scopes[scope.Service]
	}
	if form, err := url.ParseQuery(r.URL.RawQuery); err == nil && form.Has("Version") {
		return rt.versions[form.Get("Version")]
	}
	if isForm(r) {
		if form, err := url.ParseQuery(string(body)); err == nil {
			return rt.versions[form.Get("Version")]
		}
	}
	return nil
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}
