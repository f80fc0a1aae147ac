// Package restjson speaks AWS's restJson1: the operation is named by the method and the
// path, and its members travel in the path, the query, headers and a JSON body, as the
// service's model says.
// See https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html.
//
// Which member travels where is in the tags "rest" of the generated shapes:
//
//	uri,NAME      a label of the path
//	query,NAME    parameters of the query; with a map for its type, all that no other has
//	header,NAME   a header
//	headers,PREFIX  a map of the headers whose names begin so
//	status,       the status of the answer
//	payload       the whole body: a structure, bytes, a string, or a stream
//
// and all others are members of the JSON object that is the body. A timestamp's tag may
// end with its format, that of a parameter of the query with "empty": then it is absent if
// it is empty. The tags are read once, when a shape is first met.
package restjson

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/wire"
)

type protocol struct {
	service *api.Service
	routes  []*route // the closest first
	streams bool     // one of them does
}

// New returns the protocol of a service whose Protocol is api.RESTJSON.
func New(s *api.Service) wire.Protocol {
	p := &protocol{service: s}
	for i := range s.Operations {
		op := &s.Operations[i]
		p.routes = append(p.routes, newRoute(op.Name, op, op.HTTP))
	}
	for name, at := range s.NotYetAt {
		p.routes = append(p.routes, newRoute(name, nil, at))
	}
	p.streams = slices.ContainsFunc(p.routes, func(r *route) bool { return r.streams })
	slices.SortStableFunc(p.routes, closer)
	return p
}

func (p *protocol) Service() *api.Service { return p.service }

func (p *protocol) Open(r *http.Request, body []byte) (wire.Call, *api.Error) {
	call := wire.Call{Invalid: p.service.Invalid}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return call, api.SerializationException("The query string contains a syntax error").Because(err)
	}
	at, ok := pathOf(r.URL.EscapedPath())
	if !ok {
		return call, api.SerializationException("The path is not valid UTF-8")
	}
	otherwise := false
	for _, route := range p.routes {
		labels, ok := route.match(at, query)
		switch {
		case !ok:
		case route.method != r.Method:
			otherwise = true
		case route.operation == nil:
			call.Name = route.name
			return call, api.Errorf("UnknownOperationException", http.StatusNotFound, wire.NotYet, route.name)
		default:
			q := &request{labels: labels, query: query, literal: route.query, header: r.Header, body: body, source: r}
			call.Name, call.Operation = route.name, route.operation
			call.Decode = func() (api.Input, error) { return q.decode(route.operation) }
			return call, nil
		}
	}
	call.Name = clip(r.Method + " " + r.URL.EscapedPath())
	if otherwise {
		return call, api.Errorf("MethodNotAllowedException", http.StatusMethodNotAllowed, "The method %s is not allowed here.", clip(r.Method))
	}
	return call, api.Errorf("UnknownOperationException", http.StatusNotFound, "The service %s has no operation at %s %s.", p.service.Name, clip(r.Method), clip(r.URL.EscapedPath()))
}

// Streams tells whether a request asks for an operation whose input is a stream. Its body is
// not to be read: the operation does.
func (p *protocol) Streams(r *http.Request) bool {
	if !p.streams {
		return false
	}
	at, ok := pathOf(r.URL.EscapedPath())
	if !ok {
		return false
	}
	for _, route := range p.routes {
		if route.method != r.Method || route.operation == nil {
			continue
		}
		if _, ok := route.match(at, r.URL.Query()); ok {
			return route.streams
		}
	}
	return false
}

// clip bounds what an answer repeats of a request.
func clip(text string) string { return text[:min(len(text), 128)] }

func (p *protocol) WriteAnswer(w http.ResponseWriter, requestID string, call wire.Call, out any) error {
	v := reflect.Indirect(reflect.ValueOf(out))
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("%T is not a structure", out)
	}
	shape := planOf(v.Type())
	h := http.Header{}
	if err := shape.writeHeader(h, v); err != nil {
		return err
	}
	status := call.Operation.HTTP.Status
	if shape.status != nil {
		if code := shape.status.value(v); code.IsValid() && code.Int() >= 200 && code.Int() <= 599 {
			status = int(code.Int())
		}
	}
	body, stream, kind, err := shape.answer(v, out)
	if err != nil {
		return err
	}
	if h.Get("Content-Type") == "" && kind != "" {
		h.Set("Content-Type", kind)
	}
	send(w, requestID, status, h, body, stream)
	return nil
}

// answer returns the body of an answer, in memory or as a stream, and its type.
func (s *plan) answer(v reflect.Value, out any) (body []byte, stream io.Reader, kind string, err error) {
	if s.payload == nil {
		if s.bodyless {
			return nil, nil, "application/json", nil
		}
		body, err = encode(out)
		return body, nil, "application/json", err
	}
	f := v.Field(s.payload.index)
	switch x := f.Interface().(type) {
	case io.Reader:
		if s, ok := x.(interface{ MediaType() string }); ok {
			return nil, x, s.MediaType(), nil
		}
		return nil, x, "application/octet-stream", nil
	case []byte:
		return x, nil, "application/octet-stream", nil
	case *string:
		if x != nil {
			body = []byte(*x)
		}
		return body, nil, "text/plain", nil
	}
	if f.Kind() == reflect.Interface || f.IsNil() {
		return nil, nil, "", nil
	}
	body, err = encode(f.Interface())
	return body, nil, "application/json", err
}

// encode writes a structure as JSON.
func encode(out any) ([]byte, error) {
	shape, ok := out.(codec.Shape)
	if !ok {
		return nil, fmt.Errorf("%T has no JSON form", out)
	}
	var e jx.Encoder
	shape.EncodeJSON(&e)
	return e.Bytes(), nil
}

func (p *protocol) WriteError(w http.ResponseWriter, requestID string, err *api.Error) {
	h := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {err.Code}}
	var e jx.Encoder
	if err.Detail != nil {
		if v := reflect.Indirect(reflect.ValueOf(err.Detail)); v.Kind() == reflect.Struct {
			_ = planOf(v.Type()).writeHeader(h, v) // of text, which always has a form
		}
		if shape, ok := err.Detail.(codec.Shape); ok {
			shape.EncodeJSON(&e)
		}
	}
	member := err.MessageMember
	if member == "" {
		member = "message"
	}
	var m jx.Encoder
	m.ObjStart()
	m.FieldStart(member)
	m.Str(strings.ToValidUTF8(err.Message, "\uFFFD"))
	m.ObjEnd()
	body := m.Bytes()
	if detail := e.Bytes(); len(detail) > len("{}") {
		body = slices.Concat(detail[:len(detail)-1], []byte(","), body[1:])
	}
	send(w, requestID, statusOf(err), h, body, nil)
}

// statusOf is the status of an error. What is 400 in the older protocols, since the
// service's model does not name it, is what HTTP says.
func statusOf(err *api.Error) int {
	if err.Code == "AccessDeniedException" {
		return http.StatusForbidden
	}
	return err.HTTPStatus()
}

func send(w http.ResponseWriter, requestID string, status int, more http.Header, body []byte, stream io.Reader) {
	h := w.Header()
	for name, values := range more {
		h[name] = values
	}
	h.Set("X-Amzn-Requestid", requestID)
	empty := status == http.StatusNoContent || status == http.StatusNotModified || status < 200
	switch {
	case empty:
		h.Del("Content-Type")
	case stream == nil:
		h.Set("Content-Length", strconv.Itoa(len(body)))
	default:
		if s, ok := stream.(interface{ Size() int64 }); ok {
			h.Set("Content-Length", strconv.FormatInt(s.Size(), 10))
		}
	}
	w.WriteHeader(status)
	if stream != nil {
		if c, ok := stream.(io.Closer); ok {
			defer c.Close()
		}
		if !empty {
			_, _ = copyStream(w, stream)
		}
		return
	}
	if !empty {
		_, _ = w.Write(body)
	}
}

// copyStream sends a stream. One of unknown length goes out as it comes.
func copyStream(w http.ResponseWriter, stream io.Reader) (int64, error) {
	if _, ok := stream.(interface{ Size() int64 }); ok {
		return io.Copy(w, stream)
	}
	return io.Copy(prompt{w, http.NewResponseController(w)}, stream)
}

// prompt is an answer whose parts do not wait for each other.
type prompt struct {
	w       io.Writer
	control *http.ResponseController
}

func (p prompt) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	_ = p.control.Flush() // not every writer can
	return n, err
}

// validText tells whether all of a request's query is UTF-8.
func validText(query url.Values) bool {
	for name, values := range query {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return false
		}
	}
	return true
}
