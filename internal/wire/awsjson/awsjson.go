// Package awsjson speaks AWS JSON 1.0 and 1.1: the operation is named by the header
// X-Amz-Target, input and output are JSON objects.
// See https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html.
package awsjson

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/wire"
)

type protocol struct {
	service     *api.Service
	operations  wire.Table
	contentType []string
}

// New returns the protocol of a service whose Protocol is api.JSON10 or api.JSON11.
func New(s *api.Service) wire.Protocol {
	contentType := "application/x-amz-json-1.0"
	if s.Protocol == api.JSON11 {
		contentType = "application/x-amz-json-1.1"
	}
	return &protocol{s, wire.TableOf(s), []string{contentType}}
}

func (p *protocol) Service() *api.Service { return p.service }

func (p *protocol) Open(r *http.Request, body []byte) (wire.Call, *api.Error) {
	target := r.Header.Get("X-Amz-Target")
	prefix, name, _ := strings.Cut(target, ".")
	if dot := strings.LastIndexByte(target, '.'); dot >= 0 {
		prefix, name = target[:dot], target[dot+1:]
	}
	call := wire.Call{Name: name, Invalid: p.service.Invalid}
	// Of a prefix with a name space, the newer SDKs send the last part only.
	known := prefix == p.service.TargetPrefix || prefix != "" && strings.HasSuffix(p.service.TargetPrefix, "."+prefix)
	if known {
		call.Operation = p.operations[name]
	}
	if call.Operation != nil {
		op := call.Operation
		call.Decode = func() (api.Input, error) { return decode(op, body) }
		return call, nil
	}
	err := api.Errorf("UnknownOperationException", http.StatusBadRequest, "The service %s has no operation %q.", p.service.Name, clip(name))
	if known && slices.Contains(p.service.NotYet, name) {
		err.Message = fmt.Sprintf(wire.NotYet, name)
	}
	err.Namespace = "com.amazon.coral.service"
	return call, err
}

// clip bounds what an answer repeats of a request.
func clip(name string) string { return name[:min(len(name), 128)] }

// decode reads the input of an operation.
func decode(op *api.Operation, body []byte) (api.Input, error) {
	in := op.NewInput()
	shape, ok := in.(codec.Shape)
	if !ok {
		return nil, api.Internal(fmt.Errorf("%T has no JSON form", in))
	}
	if !utf8.Valid(body) {
		return nil, api.SerializationException("The request body is not valid UTF-8")
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(body)
	if d.Next() == jx.Null {
		return nil, api.SerializationException("Unexpected value type in payload")
	}
	err := shape.DecodeJSON(d)
	if err == nil {
		// Nothing may follow but blanks.
		if end := d.Skip(); errors.Is(end, io.EOF) {
			return in, nil
		}
		err = errors.New("text follows the object")
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return nil, e
	}
	return nil, api.SerializationException("The request body is not valid JSON").Because(err)
}

// encoders keeps encoders whose buffers have not grown beyond maxKept bytes.
var encoders = sync.Pool{New: func() any { return new(jx.Encoder) }}

const maxKept = 1 << 20

func release(e *jx.Encoder) {
	if cap(e.Bytes()) <= maxKept {
		e.Reset()
		encoders.Put(e)
	}
}

func (p *protocol) WriteAnswer(w http.ResponseWriter, requestID string, _ wire.Call, out any) error {
	shape, ok := out.(codec.Shape)
	if !ok {
		return fmt.Errorf("%T has no JSON form", out)
	}
	e := encoders.Get().(*jx.Encoder)
	defer release(e)
	shape.EncodeJSON(e)
	p.write(w, requestID, http.StatusOK, e.Bytes())
	return nil
}

func (p *protocol) WriteError(w http.ResponseWriter, requestID string, err *api.Error) {
	e := encoders.Get().(*jx.Encoder)
	defer release(e)
	namespace := err.Namespace
	if namespace == "" {
		namespace = p.service.ErrorNamespace
	}
	kind := err.Code
	if namespace != "" {
		kind = namespace + "#" + err.Code
	}
	e.ObjStart()
	e.FieldStart("__type")
	e.Str(kind)
	if err.Message != "" {
		member := err.MessageMember
		if member == "" {
			member = "message"
		}
		e.FieldStart(member)
		e.Str(strings.ToValidUTF8(err.Message, "\uFFFD"))
	}
	e.ObjEnd()
	body := e.Bytes()
	if detail, ok := err.Detail.(codec.Shape); ok {
		members := encoders.Get().(*jx.Encoder)
		defer release(members)
		if detail.EncodeJSON(members); len(members.Bytes()) > len("{}") {
			body = append(body[:len(body)-1], ',')
			body = append(body, members.Bytes()[1:]...)
		}
	}
	p.write(w, requestID, err.HTTPStatus(), body)
}

func (p *protocol) write(w http.ResponseWriter, requestID string, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = p.contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Amzn-Requestid"] = []string{requestID}
	if p.service.CRC32 {
		h["X-Amz-Crc32"] = []string{strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10)}
	}
	w.WriteHeader(status)
	w.Write(body)
}
