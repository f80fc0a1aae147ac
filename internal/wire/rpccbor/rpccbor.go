// Package rpccbor speaks Smithy RPC v2 CBOR: the path names the service and the operation,
// input and output are CBOR maps. A service that has it has AWS JSON, too: a client chooses.
// See https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html.
package rpccbor

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/wire"
)

// header and version mark the protocol, in requests and answers.
const (
	header      = "Smithy-Protocol"
	version     = "rpc-v2-cbor"
	contentType = "application/cbor"
)

// Target returns the service and the operation that a request names. ok is false for a
// request of another protocol.
func Target(r *http.Request) (service, operation string, ok bool) {
	if r.Header.Get(header) != version {
		return "", "", false
	}
	parts := strings.Split(r.URL.Path, "/")
	// What stands before is the path of an endpoint that has one.
	if n := len(parts); n >= 5 && parts[n-4] == "service" && parts[n-2] == "operation" {
		return parts[n-3], parts[n-1], true
	}
	return "", "", false
}

type protocol struct {
	service    *api.Service
	operations wire.Table
}

// New returns the protocol of a service that has CBOR.
func New(s *api.Service) wire.Protocol { return &protocol{s, wire.TableOf(s)} }

func (p *protocol) Service() *api.Service { return p.service }

func (p *protocol) Open(r *http.Request, body []byte) (wire.Call, *api.Error) {
	_, name, _ := Target(r)
	call := wire.Call{Name: name, Operation: p.operations[name], Invalid: p.service.Invalid}
	if op := call.Operation; op != nil {
		call.Decode = func() (api.Input, error) { return decode(op, body) }
		return call, nil
	}
	err := api.Errorf("UnknownOperationException", http.StatusNotFound, "The service %s has no operation %q.", p.service.Name, name[:min(len(name), 128)])
	if slices.Contains(p.service.NotYet, name) {
		err.Message = fmt.Sprintf(wire.NotYet, name)
	}
	return call, err
}

// decode reads the input of an operation: by its JSON form, whose rules are the same.
func decode(op *api.Operation, body []byte) (api.Input, error) {
	in := op.NewInput()
	shape, ok := in.(codec.Shape)
	if !ok {
		return nil, api.Internal(fmt.Errorf("%T has no form in CBOR", in))
	}
	e := new(jx.Encoder)
	if err := transcode(body, e); err != nil {
		return nil, api.SerializationException("The request body is not valid CBOR").Because(err)
	}
	d := jx.DecodeBytes(e.Bytes())
	if err := shape.DecodeJSON(d); err != nil {
		if told, ok := errors.AsType[*api.Error](err); ok {
			return nil, told
		}
		return nil, api.SerializationException("The request body is not what the operation takes").Because(err)
	}
	if err := d.Skip(); !errors.Is(err, io.EOF) {
		return nil, api.Internal(errors.New("rpccbor: an object is followed by something"))
	}
	return in, nil
}

func (p *protocol) WriteAnswer(w http.ResponseWriter, requestID string, _ wire.Call, out any) error {
	body, err := encode(out)
	if err != nil {
		return err
	}
	write(w, requestID, http.StatusOK, body)
	return nil
}

func (p *protocol) WriteError(w http.ResponseWriter, requestID string, err *api.Error) {
	namespace := err.Namespace
	if namespace == "" {
		namespace = p.service.ErrorNamespace
	}
	members := map[string]any{}
	if detail, failed := tree(err.Detail); failed == nil {
		if m, ok := detail.(map[string]any); ok {
			members = m
		}
	}
	members["__type"] = err.Code
	if namespace != "" {
		members["__type"] = namespace + "#" + err.Code
	}
	if err.Message != "" {
		members["message"] = strings.ToValidUTF8(err.Message, "\uFFFD")
	}
	body, failed := writing.Marshal(members)
	if failed != nil { // which texts cannot
		body = []byte{0xa0}
	}
	write(w, requestID, err.HTTPStatus(), body)
}

func write(w http.ResponseWriter, requestID string, status int, body []byte) {
	h := w.Header()
	h.Set(header, version)
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
