package dynamodb_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

func read(text string) (a dynamodb.Attributes, err error) {
	return a, a.DecodeJSON(jx.DecodeStr(text))
}

func written(a dynamodb.Attributes) string {
	var e jx.Encoder
	a.EncodeJSON(&e)
	return e.String()
}

func TestItemJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, out, err string }{
		{in: `{}`, out: `{}`},
		{in: ` { "b" : {"S":"x"} , "a" : {"N":"1"} } `, out: `{"a":{"N":"1"},"b":{"S":"x"}}`},
		{in: `{"a":{"S":"1"},"b":{"S":"2"},"a":{"S":"3"}}`, out: `{"a":{"S":"3"},"b":{"S":"2"}}`},
		{in: `{"a":{"B":"AAEC"},"b":{"BS":["AA==","AQ=="]}}`, out: `{"a":{"B":"AAEC"},"b":{"BS":["AA==","AQ=="]}}`},
		{in: `{"a":{"L":[{"M":{"x":{"NULL":true}}},{"BOOL":false}]}}`, out: `{"a":{"L":[{"M":{"x":{"NULL":true}}},{"BOOL":false}]}}`},
		{in: `{"a":{"SS":["x","y"]},"b":{"NS":[]}}`, out: `{"a":{"SS":["x","y"]},"b":{"NS":[]}}`},
		{in: `{"a":{"S":"\u00e9\ud83d\ude00\n\"\\"}}`, out: `{"a":{"S":"é😀\n\"\\"}}`},
		{in: `{"a":{"S":"x","N":null,"Z":[1,{}]}}`, out: `{"a":{"S":"x"}}`},
		{in: `{"a":{}}`, out: `{"a":{}}`},
		{in: `{"a":{"S":1}}`, err: "NUMBER_VALUE cannot be converted to String"},
		{in: `{"a":{"S":1.5}}`, err: "DECIMAL_VALUE cannot be converted to String"},
		{in: `{"a":{"S":true}}`, err: "TRUE_VALUE cannot be converted to String"},
		{in: `{"a":{"S":["x"]}}`, err: "Unrecognized collection type class java.lang.String"},
		{in: `{"a":{"S":{"S":"x"}}}`, err: "Start of structure or map found where not expected"},
		{in: `{"a":{"BOOL":"true"}}`, err: "Unexpected token received from parser"},
		{in: `{"a":{"L":{}}}`, err: "Start of structure or map found where not expected"},
		{in: `{"a":{"L":"x"}}`, err: "Unexpected field type"},
		{in: `{"a":{"M":[]}}`, err: "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>"},
		{in: `{"a":{"L":[null]}}`, err: "Null found as an element of a list where not expected"},
		{in: `{"a":"x"}`, err: "Unexpected value type in payload"},
		{in: `{"a":{"B":1}}`, err: "only base-64-encoded strings are convertible to bytes"},
		{in: `{"a":{"B":"abc"}}`, err: "Base64 encoded length is expected a multiple of 4 bytes but found: 3"},
		{in: `{"a":{"B":"ab_="}}`, err: "Invalid Base64 character: '_'"},
		{in: `{"a":` + strings.Repeat(`{"L":[`, 300) + strings.Repeat(`]}`, 300) + `}`, err: "Nesting Levels have exceeded supported limits"},
		{in: `{"a":{"S":"x"`, err: "EOF"},
	} {
		a, err := read(c.in)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%.60s: error %v, want %s", c.in, err, c.err)
			}
		case err != nil:
			t.Errorf("%s: %v", c.in, err)
		case written(a) != c.out:
			t.Errorf("%s: got %s, want %s", c.in, written(a), c.out)
		}
	}
}

func TestMarkersOfMalformedValues(t *testing.T) {
	t.Parallel()
	a, err := read(`{"none":{},"null":null,"many":{"S":"x","N":"1"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]dynamodb.Type{"none": dynamodb.TypeNone, "null": dynamodb.TypeNone, "many": dynamodb.TypeMany} {
		if v, ok := a.Get(name); !ok || v.Type != want {
			t.Errorf("%s: got %v, want type %d", name, v, want)
		}
	}
}

func FuzzItemJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":{"S":"x"},"a":{"N":"1"}}`, `{"k":{"M":{"l":{"L":[{"NULL":true},{"BOOL":false}]}}}}`,
		`{"b":{"B":"AAEC"},"bs":{"BS":["AA=="]},"s":{"S":"\u00e9\ud83d\ude00\u0000"}}`, `{"a":{"S":"x","N":"1"}}`, `{"a":{"NS":["1",null]}}`,
		`{"a":{"B":"AA=\n="}}`, `[`, `{"a":null}`, `{"a":{"L":[null]}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		a, err := read(s)
		if err != nil || strings.Contains(fmt.Sprint(a), "TypeMany") {
			return
		}
		var many func(dynamodb.AttributeValue) bool
		many = func(v dynamodb.AttributeValue) bool {
			for _, x := range v.L {
				if many(x) {
					return true
				}
			}
			for _, x := range v.M {
				if many(x.Value) {
					return true
				}
			}
			return v.Type == dynamodb.TypeMany
		}
		if many(dynamodb.AttributeValue{M: a}) {
			return
		}
		text := written(a)
		b, err := read(text)
		if err != nil {
			t.Fatalf("%q became %q: %v", s, text, err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%q became %q", s, text)
		}
	})
}

// putItem is a PutItem whose item is of about 1 KB in 12 attributes.
var putItem = func() string {
	var b strings.Builder
	b.WriteString(`{"TableName":"predictions","Item":{"id":{"S":"model#0001"},"at":{"N":"1763700000"}`)
	for i := range 8 {
		fmt.Fprintf(&b, `,"attribute%d":{"S":"%s"}`, i, strings.Repeat("x", 90))
	}
	b.WriteString(`,"ok":{"BOOL":true},"scores":{"L":[{"N":"0.25"},{"N":"0.5"},{"N":"0.25"}]}},"ConditionExpression":"attribute_not_exists(id)"}`)
	return b.String()
}()

func BenchmarkDecodePutItem(b *testing.B) {
	body := []byte(putItem)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d := jx.GetDecoder()
		d.ResetBytes(body)
		var in dynamodb.PutItemInput
		if err := in.DecodeJSON(d); err != nil {
			b.Fatal(err)
		}
		jx.PutDecoder(d)
	}
}

func BenchmarkValidatePutItem(b *testing.B) {
	var in dynamodb.PutItemInput
	if err := in.DecodeJSON(jx.DecodeStr(putItem)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := check(&in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeItem(b *testing.B) {
	var in dynamodb.PutItemInput
	if err := in.DecodeJSON(jx.DecodeStr(putItem)); err != nil {
		b.Fatal(err)
	}
	var e jx.Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		in.EncodeJSON(&e)
	}
}

func BenchmarkEncodeGetItemRaw(b *testing.B) {
	out := dynamodb.GetItemOutput{Item: dynamodb.RawAttributes(putItem)}
	var e jx.Encoder
	b.ReportAllocs()
	for b.Loop() {
		e.Reset()
		out.EncodeJSON(&e)
	}
}
