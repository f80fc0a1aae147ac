package rpccbor_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/wire/rpccbor"
)

// backend answers a few operations from nothing.
type backend struct{ servicecatalog.Backend }

var created = time.UnixMilli(1763700000250).UTC()

func (backend) ProvisionProduct(_ context.Context, in *servicecatalog.ProvisionProductInput) (*servicecatalog.ProvisionProductOutput, error) {
	d := &servicecatalog.RecordDetail{RecordId: new("rec-1"), ProvisionedProductName: in.ProvisionedProductName, CreatedTime: &created, RecordTags: []*servicecatalog.RecordTag{}}
	for _, p := range in.ProvisioningParameters {
		d.RecordErrors = append(d.RecordErrors, &servicecatalog.RecordError{Code: p.Key, Description: p.Value})
	}
	return &servicecatalog.ProvisionProductOutput{RecordDetail: d}, nil
}

func (backend) SearchProducts(_ context.Context, in *servicecatalog.SearchProductsInput) (*servicecatalog.SearchProductsOutput, error) {
	n := int64(-1)
	if in.PageSize != nil {
		n = *in.PageSize
	}
	return &servicecatalog.SearchProductsOutput{ProductViewAggregations: map[string][]*servicecatalog.ProductViewAggregationValue{
		"Owner": {{Value: new(strings.Join(in.Filters["Owner"], ",")), ApproximateCount: &n}},
	}}, nil
}

func (backend) DeleteProduct(context.Context, *servicecatalog.DeleteProductInput) (*servicecatalog.DeleteProductOutput, error) {
	return nil, servicecatalog.ResourceInUseException("Product is in use\xff")
}

func (backend) ListPortfolios(context.Context, *servicecatalog.ListPortfoliosInput) (*servicecatalog.ListPortfoliosOutput, error) {
	return &servicecatalog.ListPortfoliosOutput{}, nil
}

const serialization = "com.amazon.coral.service#SerializationException"

const prefix = "/service/AWS242ServiceCatalogService/operation/"

// answer sends a body to an operation, as a server does without authentication.
func answer(t testing.TB, operation string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	p := rpccbor.New(servicecatalog.New(backend{}))
	r := httptest.NewRequest(http.MethodPost, prefix+operation, bytes.NewReader(body))
	r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	w := httptest.NewRecorder()
	err := func() error {
		call, unknown := p.Open(r, body)
		if unknown != nil {
			return unknown
		}
		in, err := call.Input()
		if err != nil {
			return err
		}
		out, err := call.Operation.Call(r.Context(), in)
		if err != nil {
			return err
		}
		return p.WriteAnswer(w, "id", call, out)
	}()
	if err != nil {
		p.WriteError(w, "id", api.AsError(err))
	}
	return w
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoded(t testing.TB, w *httptest.ResponseRecorder) (v map[string]any) {
	t.Helper()
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Header(); got.Get("Smithy-Protocol") != "rpc-v2-cbor" || got.Get("Content-Type") != "application/cbor" || got.Get("X-Amzn-Requestid") != "id" {
		t.Errorf("header %v", got)
	}
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	if err := mode.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v: %x", err, body)
	}
	return v
}

// TestAnswers: texts, times with tag 1, lists, maps and numbers; what is nil is absent.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		operation string
		in        any
		status    int
		want      map[string]any
	}{
		{"ProvisionProduct", map[string]any{
			"ProvisionedProductName": "m", "ProvisionToken": "t", "ProvisioningParameters": []any{map[string]any{"Key": "k", "Value": "é"}}, "PathId": nil, "Unknown": 7,
		}, 200, map[string]any{"RecordDetail": map[string]any{
			"RecordId": "rec-1", "ProvisionedProductName": "m", "CreatedTime": created, "RecordTags": []any{},
			"RecordErrors": []any{map[string]any{"Code": "k", "Description": "é"}},
		}}},
		{"SearchProducts", map[string]any{"PageSize": 5, "Filters": map[string]any{"Owner": []any{"a", "b"}}}, 200, map[string]any{
			"ProductViewAggregations": map[string]any{"Owner": []any{map[string]any{"Value": "a,b", "ApproximateCount": uint64(5)}}},
		}},
		{"SearchProducts", map[string]any{}, 200, map[string]any{
			"ProductViewAggregations": map[string]any{"Owner": []any{map[string]any{"Value": "", "ApproximateCount": int64(-1)}}},
		}},
		{"ListPortfolios", map[string]any{}, 200, map[string]any{}},
		{"DeleteProduct", map[string]any{"Id": "prod-1"}, 400, map[string]any{"__type": "ResourceInUseException", "message": "Product is in use\uFFFD"}},
		{"DeleteEverything", map[string]any{}, 404, map[string]any{"__type": "UnknownOperationException", "message": `The service servicecatalog has no operation "DeleteEverything".`}},
		{"DeleteProduct", map[string]any{}, 400, map[string]any{
			"__type": "com.amazon.coral.validate#ValidationException", "message": "1 validation error detected: Value null at 'id' failed to satisfy constraint: Member must not be null",
		}},
		{"DeleteProduct", map[string]any{"Id": 5}, 400, map[string]any{"__type": serialization}},
		{"DeleteProduct", []any{}, 400, map[string]any{"__type": serialization}},
		{"DeleteProduct", map[int]any{1: 2}, 400, map[string]any{"__type": serialization}},
		{"DeleteProduct", nil, 400, map[string]any{"__type": serialization}},
		{"DeleteProduct", cbor.RawMessage{0xa1, 0x62, 'I', 'd', 0xd9, 0x30, 0x39, 0x01}, 400, map[string]any{"__type": serialization}}, // an unknown tag
		{"DeleteProduct", cbor.RawMessage{0xa2, 0x62, 'I', 'd', 0x61, 'a', 0x62, 'I', 'd', 0x61, 'b'}, 400, map[string]any{"__type": serialization}},
	} {
		w := answer(t, c.operation, encoded(t, c.in))
		got := decoded(t, w)
		if c.want["__type"] == serialization && len(c.want) == 1 {
			delete(got, "message")
		}
		normalize(got)
		normalize(c.want)
		if w.Code != c.status || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %v:\ngot  %d %v\nwant %d %v", c.operation, c.in, w.Code, got, c.status, c.want)
		}
	}
	// Something after the map.
	if w := answer(t, "ListPortfolios", []byte{0xa0, 0xa0}); w.Code != 400 {
		t.Error(w.Code)
	}
	// A map of unknown length, and no body at all.
	if w := answer(t, "ListPortfolios", []byte{0xbf, 0xff}); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := answer(t, "ListPortfolios", nil); w.Code != 200 {
		t.Error(w.Code)
	}
}

// normalize brings times to one zone.
func normalize(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if t, ok := x.(time.Time); ok {
				v[k] = t.UTC()
			}
			normalize(x)
		}
	case []any:
		for _, x := range v {
			normalize(x)
		}
	}
}

// TestTarget: which requests are of the protocol.
func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ version, path, want string }{
		{"rpc-v2-cbor", prefix + "ListPortfolios", "AWS242ServiceCatalogService ListPortfolios true"},
		{"rpc-v2-cbor", "/behind/a/path" + prefix + "ListPortfolios", "AWS242ServiceCatalogService ListPortfolios true"},
		{"", prefix + "ListPortfolios", "  false"},
		{"rpc-v2-json", prefix + "ListPortfolios", "  false"},
		{"rpc-v2-cbor", "/", "  false"},
		{"rpc-v2-cbor", "/service/operation", "  false"},
	} {
		r := httptest.NewRequest(http.MethodPost, c.path, nil)
		r.Header.Set("Smithy-Protocol", c.version)
		service, operation, ok := rpccbor.Target(r)
		if got := strings.Join([]string{service, operation, map[bool]string{true: "true", false: "false"}[ok]}, " "); got != c.want {
			t.Errorf("%s of %q: %s", c.path, c.version, got)
		}
	}
}

// FuzzInput: no body breaks the server, and each gets an answer that is CBOR.
func FuzzInput(f *testing.F) {
	for _, v := range []any{
		map[string]any{"ProvisionedProductName": "m", "ProvisionToken": "t", "Tags": []any{map[string]any{"Key": "k", "Value": "v"}}},
		map[string]any{"PageSize": 1.5}, map[string]any{"Id": []byte{1}}, created, []any{[]any{[]any{}}}, "text", -1, nil,
	} {
		f.Add(encoded(f, v))
	}
	f.Add([]byte{0xbf, 0xff})
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0x81}, 10_000))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, operation := range []string{"ProvisionProduct", "SearchProducts", "DeleteProduct"} {
			decoded(t, answer(t, operation, body))
		}
	})
}
