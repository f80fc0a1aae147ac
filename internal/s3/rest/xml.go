package rest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/s3"
)

// namespace is that of all answers but errors.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

type errorBody struct {
	Code      string
	Message   string
	Resource  string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

// write answers with a document whose root element, of S3's namespace, is called name.
func (x *exchange) write(name string, content any) error {
	x.writeElement(http.StatusOK, content, xml.StartElement{Name: xml.Name{Space: namespace, Local: name}})
	return nil
}

func (x *exchange) writeElement(status int, v any, root xml.StartElement) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).EncodeElement(v, root); err != nil {
		panic(err) // the shapes of this package have a form
	}
	h := x.Writer.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	x.WriteHeader(status)
	_, _ = x.Writer.Write(b.Bytes())
}

// maxDocument is how long the document of a request may be, in bytes: that of
// CompleteMultipartUpload with 10,000 parts.
const maxDocument = 4 << 20

// read reads the document of a request, whose root element is called name.
func (x *exchange) read(name string, into any) error {
	b, err := x.document()
	if err != nil {
		return err
	}
	return parse(b, name, into)
}

// document reads the body of a request that is not an object, and compares it with what the
// request says of it.
func (x *exchange) document() ([]byte, error) {
	b, err := x.body()
	if err != nil {
		return nil, err
	}
	return b, x.checkDocument(b)
}

func (x *exchange) body() ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(x.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxDocument {
		return nil, s3.Refuse("MaxMessageLengthExceeded", http.StatusBadRequest, "Your request was too big.")
	}
	return b, nil
}

func malformed() *api.Error {
	return s3.Refuse("MalformedXML", http.StatusBadRequest, "The XML you provided was not well-formed or did not validate against our published schema")
}

// parse reads a document. The decoder expands no entities and is strict.
func parse(b []byte, name string, into any) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		t, err := d.Token()
		if err != nil {
			return malformed()
		}
		switch t := t.(type) {
		case xml.Directive:
			return malformed() // a document type
		case xml.StartElement:
			if t.Name.Local != name {
				return malformed()
			}
			if err := d.DecodeElement(into, &t); err != nil {
				return malformed()
			}
			if _, err := d.Token(); !errors.Is(err, io.EOF) {
				return trailing(d, err)
			}
			return nil
		}
	}
}

// trailing accepts white space and comments behind the root element.
func trailing(d *xml.Decoder, err error) error {
	for err == nil {
		var t xml.Token
		if t, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		if _, ok := t.(xml.StartElement); ok {
			return malformed()
		}
	}
	return malformed()
}

// stamp is a time in a document.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// encoder encodes keys if the client asks for it, so that any fits into XML.
func (x *exchange) encoder() (func(string) string, error) {
	switch x.form("encoding-type") {
	case "":
		return func(s string) string { return s }, nil
	case "url":
		return func(s string) string {
			return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(s))
		}, nil
	}
	return nil, s3.InvalidArgument("Invalid Encoding Method specified in Request")
}

// number reads a number of the query that is 0 or more.
func (x *exchange) number(name string, otherwise int) (int, error) {
	text := x.form(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, s3.InvalidArgument("Provided %s not an integer or within integer range", name)
	}
	if n < 0 {
		return 0, s3.InvalidArgument("Argument %s must be an integer between 0 and 2147483647", name)
	}
	return n, nil
}
