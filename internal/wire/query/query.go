// Package query speaks the AWS Query protocol of IAM and STS: the operation and its
// input are a form, in the body or the URL, and the output is XML.
// See https://smithy.io/2.0/aws/protocols/aws-query-protocol.html.
//
// IAM is not hot, so inputs and outputs are read and written by reflection: a member
// is called as its field, or as the field's "wire" tag says.
package query

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire"
)

type protocol struct {
	service    *api.Service
	operations wire.Table
}

// New returns the protocol of a service whose Protocol is api.Query.
func New(s *api.Service) wire.Protocol { return &protocol{s, wire.TableOf(s)} }

func (p *protocol) Service() *api.Service { return p.service }

func (p *protocol) Open(r *http.Request, body []byte) (wire.Call, *api.Error) {
	call := wire.Call{Invalid: validationError}
	form, err := formOf(r, body)
	if err != nil {
		return call, err
	}
	action, version := form.Get("Action"), form.Get("Version")
	call.Name = action
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	switch {
	case action == "":
		return call, api.Errorf("MissingAction", http.StatusBadRequest, "The request must contain the parameter Action")
	case version == p.service.Version && slices.Contains(p.service.NotYet, action):
		return call, api.Errorf("InvalidAction", http.StatusBadRequest, wire.NotYet, action)
	case version != p.service.Version || p.operations[action] == nil:
		return call, api.Errorf("InvalidAction", http.StatusBadRequest, "Could not find operation %s for version %s", action, version)
	}
	op := p.operations[action]
	call.Operation = op
	call.Decode = func() (api.Input, error) {
		in := op.NewInput()
		if err := decode(form, in); err != nil {
			return nil, err
		}
		return in, nil
	}
	return call, nil
}

// formOf reads the form of a request: the body's, and that of the URL.
func formOf(r *http.Request, body []byte) (url.Values, *api.Error) {
	malformed := api.Errorf("MalformedQueryString", http.StatusBadRequest, "The query string contains a syntax error")
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed.Because(err)
	}
	inURL, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, malformed.Because(err)
	}
	for name, values := range inURL {
		form[name] = append(form[name], values...)
	}
	for name, values := range form {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return nil, malformed
		}
	}
	return form, nil
}

// validationError is how the Query services call a ValidationException.
func validationError(v *api.Violations) *api.Error {
	return api.Errorf("ValidationError", http.StatusBadRequest, "%s", v.Message())
}

func (p *protocol) WriteAnswer(w http.ResponseWriter, requestID string, call wire.Call, out any) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, call.Name, p.service.XMLNamespace)
	if err := encodeResult(&b, call.Name+"Result", out); err != nil {
		return err
	}
	b.WriteString("<ResponseMetadata>")
	element(&b, "RequestId", requestID)
	fmt.Fprintf(&b, "</ResponseMetadata></%sResponse>", call.Name)
	write(w, requestID, http.StatusOK, b.Bytes())
	return nil
}

func (p *protocol) WriteError(w http.ResponseWriter, requestID string, err *api.Error) {
	e := struct{ kind, code string }{"Sender", err.Code}
	if err.HTTPStatus() >= http.StatusInternalServerError {
		e.kind = "Receiver"
	}
	// ValidationException and its like have other names in Query.
	switch err.Code {
	case "ValidationException":
		e.code = "ValidationError"
	case "AccessDeniedException":
		e.code = "AccessDenied"
	case "InternalServerError":
		e.code = "InternalFailure"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<ErrorResponse xmlns="%s"><Error>`, p.service.XMLNamespace)
	element(&b, "Type", e.kind)
	element(&b, "Code", e.code)
	element(&b, "Message", err.Message)
	b.WriteString("</Error>")
	element(&b, "RequestId", requestID)
	b.WriteString("</ErrorResponse>")
	write(w, requestID, err.HTTPStatus(), b.Bytes())
}

// element writes an element of text, in which what XML cannot carry is replaced.
func element(b *bytes.Buffer, name, text string) {
	b.WriteString("<" + name + ">")
	xml.EscapeText(b, []byte(text))
	b.WriteString("</" + name + ">")
}

func write(w http.ResponseWriter, requestID string, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amzn-RequestId", requestID)
	w.WriteHeader(status)
	w.Write(body)
}
