package restjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
)

// request is a request whose operation is known.
type request struct {
	labels  map[string]string
	query   url.Values
	literal []pair // of the query, which the template has
	header  http.Header
	body    []byte
	source  *http.Request // whose body a stream is, if that was not read
}

// decode reads the input of an operation.
func (q *request) decode(op *api.Operation) (api.Input, error) {
	in := op.NewInput()
	v := reflect.ValueOf(in).Elem()
	shape := planOf(v.Type())
	if !validText(q.query) {
		return nil, api.SerializationException("The query string is not valid UTF-8")
	}
	for i := range shape.bound {
		if err := q.bind(&shape.bound[i], v, shape); err != nil {
			return nil, err
		}
	}
	switch {
	case shape.payload != nil:
		if err := q.bindPayload(v.Field(shape.payload.index)); err != nil {
			return nil, err
		}
	case !shape.bodyless:
		if err := decodeJSON(q.body, in); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// bind sets a member that travels outside of the body.
func (q *request) bind(b *bound, v reflect.Value, shape *plan) error {
	field := v.Field(b.index)
	switch b.place {
	case inURI:
		if text, ok := q.labels[b.name]; ok {
			return parse(fill(field), text, b.format, dateTime)
		}
	case inQuery:
		if field.Kind() == reflect.Map {
			q.bindRest(field, shape)
			return nil
		}
		values := q.query[b.name]
		if len(values) == 0 || b.format == absentIfEmpty && values[0] == "" {
			return nil
		}
		if field.Kind() == reflect.Slice && field.Type() != bytesType {
			return bindList(field, values, b.format, dateTime)
		}
		return parse(fill(field), values[0], b.format, dateTime)
	case inHeader:
		return q.bindHeader(b, field)
	case inHeaders:
		q.bindHeaders(b, field)
	}
	return nil
}

// bindHeader sets a member from a header. An empty header is as good as none.
func (q *request) bindHeader(b *bound, field reflect.Value) error {
	values := q.header[b.name]
	text := strings.Join(values, ",")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if !utf8.ValidString(text) {
		return api.SerializationException("The header %s is not valid UTF-8", b.name)
	}
	if field.Kind() == reflect.Slice && field.Type() != bytesType {
		dates := field.Type().Elem() == timeType && (b.format == "" || b.format == httpDate)
		list, err := elements(text, dates)
		if err != nil {
			return err
		}
		return bindList(field, list, b.format, httpDate)
	}
	return parse(fill(field), strings.TrimSpace(values[0]), b.format, httpDate)
}

// bindHeaders sets a map from the headers of a prefix, whose names have lost their
// case on the way.
func (q *request) bindHeaders(b *bound, field reflect.Value) {
	for name, values := range q.header {
		rest, ok := strings.CutPrefix(name, b.name)
		if !ok || rest == "" || !utf8.ValidString(values[0]) {
			continue
		}
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		field.SetMapIndex(reflect.ValueOf(strings.ToLower(rest)), reflect.ValueOf(values[0]))
	}
}

// bindRest sets a map from the parameters of the query that have no other place.
func (q *request) bindRest(field reflect.Value, shape *plan) {
	for name, values := range q.query {
		taken := slices.ContainsFunc(shape.bound, func(b bound) bool { return b.place == inQuery && b.name == name }) ||
			slices.ContainsFunc(q.literal, func(p pair) bool { return p.name == name })
		if taken {
			continue
		}
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		value := reflect.ValueOf(values[0])
		if field.Type().Elem().Kind() == reflect.Slice {
			value = reflect.ValueOf(values)
		}
		field.SetMapIndex(reflect.ValueOf(name), value)
	}
}

func bindList(field reflect.Value, list []string, form, own string) error {
	field.Set(reflect.MakeSlice(field.Type(), len(list), len(list)))
	for i, text := range list {
		if err := parse(field.Index(i), text, form, own); err != nil {
			return err
		}
	}
	return nil
}

// fill makes of a member that is absent one that is there.
func fill(field reflect.Value) reflect.Value {
	if field.Kind() != reflect.Pointer {
		return field
	}
	field.Set(reflect.New(field.Type().Elem()))
	return field.Elem()
}

// bindPayload sets the member that is the whole body. Of a stream it sets a reader of the
// body, which is good until the request is answered.
func (q *request) bindPayload(field reflect.Value) error {
	switch field.Type() {
	case readerType:
		if q.body == nil && q.source.Body != nil {
			field.Set(reflect.ValueOf(q.source.Body))
			return nil
		}
		field.Set(reflect.ValueOf(bytes.NewReader(q.body)))
		return nil
	case bytesType:
		if len(q.body) > 0 {
			field.SetBytes(bytes.Clone(q.body))
		}
		return nil
	}
	if len(q.body) == 0 {
		return nil
	}
	v := fill(field)
	if v.Kind() == reflect.String {
		if !utf8.Valid(q.body) {
			return api.SerializationException("The request body is not valid UTF-8")
		}
		v.SetString(string(q.body))
		return nil
	}
	return decodeJSON(q.body, field.Interface())
}

// decodeJSON reads a structure. No body is one without members.
func decodeJSON(body []byte, into any) error {
	shape, ok := into.(codec.Shape)
	if !ok {
		return api.Internal(fmt.Errorf("%T has no JSON form", into))
	}
	if len(body) == 0 {
		return nil
	}
	if !utf8.Valid(body) {
		return api.SerializationException("The request body is not valid UTF-8")
	}
	d := jx.GetDecoder()
	defer jx.PutDecoder(d)
	d.ResetBytes(body)
	if t := d.Next(); t != jx.Object {
		return api.SerializationException("Could not parse request body into json: an object is expected")
	}
	err := shape.DecodeJSON(d)
	if err == nil {
		// Nothing may follow but blanks.
		if end := d.Skip(); errors.Is(end, io.EOF) {
			return nil
		}
		err = errors.New("text follows the object")
	}
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	return api.SerializationException("Could not parse request body into json").Because(err)
}
