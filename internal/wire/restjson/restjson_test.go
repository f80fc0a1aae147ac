package restjson_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/restjson"
)

// findBooks has a member in each place that is not the body.
type findBooks struct {
	Shelf   *string           `rest:"uri,Shelf"`
	Path    *string           `rest:"uri,Path"`
	Tags    []string          `rest:"query,tag"`
	Pages   *int64            `rest:"query,pages"`
	Lent    *bool             `rest:"query,lent"`
	Weight  *float64          `rest:"query,weight"`
	Since   *time.Time        `rest:"query,since"`
	Epoch   *time.Time        `rest:"query,epoch,unixTimestamp"`
	More    map[string]string `rest:"query,"`
	Age     *time.Time        `rest:"header,If-Modified-Since"`
	Words   []string          `rest:"header,X-Words"`
	Numbers []int64           `rest:"header,X-Numbers"`
	Dates   []time.Time       `rest:"header,X-Dates"`
	Meta    map[string]string `rest:"headers,x-book-"`
}

func (*findBooks) Validate(*api.Violations) {}

// putBook has a body beside a label, and a nested structure.
type putBook struct {
	Title *string `rest:"uri,Title"`
	Pages *int64
}

func (x *putBook) Validate(v *api.Violations) {
	if x.Pages == nil {
		v.Null("pages")
	}
}

func (x *putBook) DecodeJSON(d *jx.Decoder) error {
	return codec.Members(d, "putBook", func(d *jx.Decoder, name []byte) error {
		if string(name) == "number-of-pages" {
			return codec.Optional(codec.Integer)(d, &x.Pages)
		}
		return d.Skip()
	})
}

func (x *putBook) EncodeJSON(e *jx.Encoder) {
	e.ObjStart()
	if x.Pages != nil {
		e.FieldStart("number-of-pages")
		e.Int64(*x.Pages)
	}
	e.ObjEnd()
}

// Inputs and outputs that are a whole body.
type (
	bytesBody struct {
		Name *string `rest:"uri,Name"`
		Body []byte  `rest:"payload"`
	}
	textBody struct {
		Body *string `rest:"payload"`
	}
	streamBody struct {
		Body io.Reader `rest:"payload"`
	}
	shapeBody struct {
		Body *putBook `rest:"payload"`
	}
	full struct {
		Status *int64            `rest:"status,Status"`
		At     *time.Time        `rest:"header,Last-Modified"`
		Words  []string          `rest:"header,X-Words"`
		Meta   map[string]string `rest:"headers,x-book-"`
		Body   []byte            `rest:"payload"`
	}
	nothing    struct{}
	fullDetail struct {
		Type *string
		Wait *string `rest:"header,Retry-After"`
	}
)

func (*bytesBody) Validate(*api.Violations)  {}
func (*textBody) Validate(*api.Violations)   {}
func (*streamBody) Validate(*api.Violations) {}
func (*shapeBody) Validate(*api.Violations)  {}
func (*nothing) Validate(*api.Violations)    {}

func (*fullDetail) DecodeJSON(d *jx.Decoder) error { return d.Skip() }
func (x *fullDetail) EncodeJSON(e *jx.Encoder) {
	e.ObjStart()
	e.FieldStart("Type")
	e.Str(*x.Type)
	e.ObjEnd()
}

// echo answers with what it was asked.
func echo[T any](_ context.Context, in *T) (*T, error) { return in, nil }

// library is a service with an operation of each sort.
func library() *api.Service {
	return &api.Service{
		Name: "library", SigningName: "library", Protocol: api.RESTJSON,
		Operations: []api.Operation{
			api.Op("FindBooks", echo[findBooks]).At("GET", "/shelves/{Shelf}/books/{Path+}", 200),
			api.Op("FindCovers", echo[findBooks]).At("GET", "/shelves/{Shelf}/books/{Path+}?kind=cover", 200),
			api.Op("FindFirst", echo[findBooks]).At("GET", "/shelves/{Shelf}/books/first", 200),
			api.Op("FindPages", echo[findBooks]).At("GET", "/shelves/{Shelf}/books/{Path+}/pages", 200),
			api.Op("PutBook", echo[putBook]).At("PUT", "/books/{Title}/", 201),
			api.Op("PutBytes", echo[bytesBody]).At("POST", "/bytes/{Name}", 200),
			api.Op("PutText", echo[textBody]).At("POST", "/text", 200),
			api.Op("PutStream", echo[streamBody]).At("POST", "/stream", 200),
			api.Op("PutShape", echo[shapeBody]).At("POST", "/shape", 200),
			api.Op("Burn", echo[nothing]).At("DELETE", "/books", 204),
		},
		NotYet:   []string{"Lend"},
		NotYetAt: map[string]api.HTTP{"Lend": {Method: "POST", URI: "/loans/{Title}"}},
	}
}

// ask opens and decodes a request.
func ask(p wire.Protocol, method, target, body string, headers ...string) (wire.Call, api.Input, error) {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	call, unknown := p.Open(r, []byte(body))
	if unknown != nil {
		return call, nil, unknown
	}
	in, err := call.Input()
	return call, in, err
}

// shown is what was decoded, as JSON.
func shown(in api.Input) string {
	b, err := json.Marshal(in)
	if err != nil {
		return err.Error()
	}
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil {
		return err.Error()
	}
	for k, v := range members {
		if v == nil {
			delete(members, k)
		}
	}
	b, _ = json.Marshal(members)
	return string(b)
}

// TestRequests binds requests to inputs.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := restjson.New(library())
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		operation, want            string
	}{
		{"labels", "GET", "/shelves/a%2Fb/books/c/d%20e", "", nil, "FindBooks", `{"Path":"c/d e","Shelf":"a/b"}`},
		{"trailing slash of a greedy label", "GET", "/shelves/a/books/c/", "", nil, "FindBooks", `{"Path":"c/","Shelf":"a"}`},
		{"a word before a greedy label", "GET", "/shelves/a/books/first", "", nil, "FindFirst", `{"Shelf":"a"}`},
		{"a word behind a greedy label", "GET", "/shelves/a/books/b/c/pages", "", nil, "FindPages", `{"Path":"b/c","Shelf":"a"}`},
		{"a query in the template", "GET", "/shelves/a/books/b?kind=cover&x=1", "", nil, "FindCovers", `{"More":{"x":"1"},"Path":"b","Shelf":"a"}`},
		{"a trailing slash is no matter", "PUT", "/books/emma", `{"number-of-pages": 3}`, nil, "PutBook", `{"Pages":3,"Title":"emma"}`},
		{"nor is one that is there", "PUT", "/books/emma/", ` {"number-of-pages":3, "other":[1]} `, nil, "PutBook", `{"Pages":3,"Title":"emma"}`},
		{"the query", "GET", "/shelves/a/books/b?tag=x&tag=y%26&pages=-3&lent=true&weight=1.5&since=2020-01-02T03:04:05Z&epoch=1.5", "", nil, "FindBooks",
			`{"Epoch":"1970-01-01T00:00:01.5Z","Lent":true,"Pages":-3,"Path":"b","Shelf":"a","Since":"2020-01-02T03:04:05Z","Tags":["x","y\u0026"],"Weight":1.5}`},
		{"headers", "GET", "/shelves/a/books/b", "", []string{
			"If-Modified-Since", "Thu, 02 Jan 2020 03:04:05 GMT", "X-Words", `a, "b, \"c\"" ,d`, "X-Words", "e", "X-Numbers", "1,2",
			"X-Dates", "Thu, 02 Jan 2020 03:04:05 GMT, Fri, 03 Jan 2020 03:04:05 GMT", "X-Book-Colour", "red", "X-Book-", "none"}, "FindBooks",
			`{"Age":"2020-01-02T03:04:05Z","Dates":["2020-01-02T03:04:05Z","2020-01-03T03:04:05Z"],"Meta":{"colour":"red"},"Numbers":[1,2],"Path":"b","Shelf":"a","Words":["a","b, \"c\"","d","e"]}`},
		{"a body of bytes", "POST", "/bytes/n", "\x00\xff", nil, "PutBytes", `{"Body":"AP8=","Name":"n"}`},
		{"a body of text", "POST", "/text", "é", nil, "PutText", `{"Body":"é"}`},
		{"a body that is a structure", "POST", "/shape", `{"number-of-pages":3}`, nil, "PutShape", `{"Body":{"Pages":3,"Title":null}}`},
		{"no body where a structure could be", "POST", "/shape", "", nil, "PutShape", `{}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			call, in, err := ask(p, test.method, test.target, test.body, test.headers...)
			if err != nil || call.Name != test.operation {
				t.Fatalf("%s %v", call.Name, err)
			}
			if got := shown(in); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	_, in, err := ask(p, "POST", "/stream", "abc")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(in.(*streamBody).Body); err != nil || string(text) != "abc" {
		t.Errorf("%q %v", text, err)
	}
}

// TestRefusals refuses what is malformed, in AWS's words.
func TestRefusals(t *testing.T) {
	t.Parallel()
	p := restjson.New(library())
	for _, test := range []struct {
		method, target, body, code, message string
		status                              int
		headers                             []string
	}{
		{"GET", "/elsewhere", "", "UnknownOperationException", "The service library has no operation at GET /elsewhere.", 404, nil},
		{"GET", "/shelves//books/x", "", "UnknownOperationException", "The service library has no operation at GET /shelves//books/x.", 404, nil},
		{"GET", "/shelves/a/books/", "", "UnknownOperationException", "The service library has no operation at GET /shelves/a/books/.", 404, nil},
		{"POST", "/loans/emma", "", "UnknownOperationException", "The operation Lend is not available in this version of Modelwharf", 404, nil},
		{"PATCH", "/books/emma", "", "MethodNotAllowedException", "The method PATCH is not allowed here.", 405, nil},
		{"GET", "/shelves/%ff/books/x", "", "SerializationException", "The path is not valid UTF-8", 400, nil},
		{"GET", "/shelves/a/books/x?tag=%ff", "", "SerializationException", "The query string is not valid UTF-8", 400, nil},
		{"GET", "/shelves/a/books/x?pages=three", "", "SerializationException", "The value 'three' can not be converted to Integer", 400, nil},
		{"GET", "/shelves/a/books/x?lent=1", "", "SerializationException", "The value '1' can not be converted to Boolean", 400, nil},
		{"GET", "/shelves/a/books/x?since=now", "", "SerializationException", "The value 'now' can not be converted to Timestamp", 400, nil},
		{"GET", "/shelves/a/books/x?epoch=NaN", "", "SerializationException", "The value 'NaN' can not be converted to Timestamp", 400, nil},
		{"GET", "/shelves/a/books/x", "", "SerializationException", "A quoted string in a header has no end", 400, []string{"X-Words", `"a`}},
		{"PUT", "/books/x", "", "ValidationException", "1 validation error detected: Value null at 'pages' failed to satisfy constraint: Member must not be null", 400, nil},
		{"PUT", "/books/x", "[]", "SerializationException", "Could not parse request body into json: an object is expected", 400, nil},
		{"PUT", "/books/x", "{", "SerializationException", "Could not parse request body into json", 400, nil},
		{"PUT", "/books/x", `{"number-of-pages":3} x`, "SerializationException", "Could not parse request body into json", 400, nil},
		{"PUT", "/books/x", `{"number-of-pages":"3"}`, "SerializationException", "STRING_VALUE cannot be converted to Integer", 400, nil},
	} {
		_, _, err := ask(p, test.method, test.target, test.body, test.headers...)
		e := api.AsError(err)
		if e.Code != test.code || e.Message != test.message || e.HTTPStatus() != test.status {
			t.Errorf("%s %s: got %s %q %d", test.method, test.target, e.Code, e.Message, e.HTTPStatus())
		}
	}
}

// TestAnswers writes outputs and errors.
func TestAnswers(t *testing.T) {
	t.Parallel()
	p := restjson.New(library())
	at := time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC)
	call := func(method, target string) wire.Call {
		c, _, _ := ask(p, method, target, "")
		return c
	}
	for _, test := range []struct {
		name   string
		call   wire.Call
		out    any
		status int
		kind   string
		body   string
		header map[string]string
	}{
		{"JSON", call("PUT", "/books/x"), &fullDetail{Type: new("x")}, 201, "application/json", `{"Type":"x"}`, nil},
		{"everything", call("POST", "/bytes/n"), &full{Status: new(int64(202)), At: &at, Words: []string{"a", "b,c"}, Meta: map[string]string{"colour": "red\r\nx: y"}, Body: []byte("\xff")},
			202, "application/octet-stream", "\xff", map[string]string{"Last-Modified": "Thu, 02 Jan 2020 03:04:05 GMT", "X-Words": `a, "b,c"`, "X-Book-Colour": "red  x: y", "Content-Length": "1"}},
		{"text", call("POST", "/text"), &textBody{new("é")}, 200, "text/plain", "é", nil},
		{"stream", call("POST", "/stream"), &streamBody{strings.NewReader("abc")}, 200, "application/octet-stream", "abc", nil},
		{"structure", call("POST", "/shape"), &shapeBody{&putBook{}}, 200, "application/json", "{}", nil},
		{"nothing", call("DELETE", "/books"), &nothing{}, 204, "", "", nil},
	} {
		w := httptest.NewRecorder()
		if err := p.WriteAnswer(w, "id-1", test.call, test.out); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if w.Code != test.status || w.Header().Get("Content-Type") != test.kind || w.Body.String() != test.body || w.Header().Get("X-Amzn-Requestid") != "id-1" {
			t.Errorf("%s: %d %v %q", test.name, w.Code, w.Header(), w.Body)
		}
		for name, want := range test.header {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", test.name, name, got, want)
			}
		}
	}
	if err := p.WriteAnswer(httptest.NewRecorder(), "id", call("PUT", "/books/x"), 1); err == nil {
		t.Error("a number was written")
	}

	e := api.Errorf("ShelfFull", 409, "no %s", "room")
	e.MessageMember, e.Detail = "Message", &fullDetail{Type: new("User"), Wait: new("5")}
	w := httptest.NewRecorder()
	p.WriteError(w, "id-2", e)
	if got := fmt.Sprint(w.Code, w.Header()["X-Amzn-Errortype"], w.Header()["Retry-After"], w.Body); got != `409 [ShelfFull] [5] {"Type":"User","Message":"no room"}` {
		t.Error(got)
	}
	w = httptest.NewRecorder()
	p.WriteError(w, "id-3", api.AccessDeniedException("no"))
	if got := fmt.Sprint(w.Code, w.Header()["X-Amzn-Errortype"], w.Body); got != `403 [AccessDeniedException] {"Message":"no"}` {
		t.Error(got)
	}
}

// FuzzRequest binds any path, query, header and body. Nothing may panic, and what is
// found must be what was asked for: labels are never empty.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][4]string{
		{"GET", "/shelves/a/books/b/c?tag=x&pages=1&since=2020-01-02T03:04:05Z", `a,"b"`, ""},
		{"GET", "/shelves/%2F/books/first?kind=cover&lent=true", `"a\"`, ""},
		{"PUT", "/books/x/", "", `{"number-of-pages":1}`},
		{"POST", "/bytes/%00", "Thu, 02 Jan 2020 03:04:05 GMT,", "\xff"},
		{"POST", "/shape?;=%", ",,", "{}{}"},
		{"GET", "/shelves/a/books/b/pages/pages?epoch=1e999&weight=Inf", "1,,2", "null"},
		{"DELETE", "//", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	p := restjson.New(library())
	f.Fuzz(func(t *testing.T, method, target, header, body string) {
		r, err := http.NewRequest(method, "http://127.0.0.1/", nil)
		if err != nil {
			return
		}
		u, err := r.URL.Parse(target)
		if err != nil {
			return
		}
		r.URL = u
		for _, name := range []string{"X-Words", "X-Numbers", "X-Dates", "If-Modified-Since", "X-Book-Colour"} {
			r.Header.Set(name, header)
		}
		call, unknown := p.Open(r, []byte(body))
		if (unknown == nil) != (call.Operation != nil) {
			t.Fatalf("%v and %v", call.Operation, unknown)
		}
		if unknown != nil {
			p.WriteError(httptest.NewRecorder(), "id", unknown)
			return
		}
		in, err := call.Input()
		if err != nil {
			p.WriteError(httptest.NewRecorder(), "id", api.AsError(err))
			return
		}
		if x, ok := in.(*findBooks); ok && (x.Shelf == nil || *x.Shelf == "") {
			t.Errorf("%q has no label", target)
		}
		if err := p.WriteAnswer(httptest.NewRecorder(), "id", call, in); err != nil && strings.Contains(err.Error(), "has no JSON form") {
			t.Error(err)
		}
	})
}
