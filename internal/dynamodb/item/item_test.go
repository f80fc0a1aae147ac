package item_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item/itemtest"
)

// nested returns n containers around a string, as the text of one attribute.
func nested(n int, open, end string) string {
	return "{a: " + strings.Repeat(open, n) + `"x"` + strings.Repeat(end, n) + "}"
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	const invalid = "ValidationException: One or more parameter values were invalid: "
	const nesting = "ValidationException: Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
	for _, c := range []struct{ in, want string }{
		{`{n: 00042, m: {k: [1.50, -0, +5]}}`, `{m: {k: [1.5, 0, 5]}, n: 42}`},
		{`{ss: <"b", "a", "">, ns: <10, 9, -1.0>, bs: <b"\xff", b"">}`, `{bs: <b"", b"\xff">, ns: <-1, 9, 10>, ss: <"", "a", "b">}`},
		{`{e: "", b: b"", t: true, f: false, n: null, l: [], m: {}}`, `{b: b"", e: "", f: false, l: [], m: {}, n: null, t: true}`},
		{`{a: 1x}`, "ValidationException: The parameter cannot be converted to a numeric value: 1x"},
		{`{l: [{m: 1E126}]}`, "ValidationException: Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{`{a: <>}`, invalid + "An string set  may not be empty"},
		{`{a: <"x", "y", "x">}`, invalid + "Input collection [x, y, x] contains duplicates."},
		{`{a: <1, 1.0>}`, "ValidationException: Input collection contains duplicates"},
		{`{a: <b"x", b"x">}`, invalid + "Input collection [eA==, eA==]of type BS contains duplicates."},
		{`{a: <1, y>}`, "ValidationException: The parameter cannot be converted to a numeric value: y"},
		{nested(31, "[", "]"), nested(31, "[", "]")},
		{nested(31, "{a: ", "}"), nested(31, "{a: ", "}")},
		{nested(32, "[", "]"), nesting},
		{nested(32, "{a: ", "}"), nesting},
		{nested(10000, "[", "]"), nesting},
		{`{"": 1}`, invalid + "Attribute name must not be empty"},
	} {
		a, err := itemtest.Parse(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := item.Normalise(a); err != nil {
			got = err.Error()
		} else {
			got = itemtest.String(a)
		}
		if got != c.want {
			t.Errorf("%.80s\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestNormaliseWhatTextCannotSay(t *testing.T) {
	t.Parallel()
	const invalid = "ValidationException: One or more parameter values were invalid: "
	number := func(s string) dynamodb.AttributeValue { return dynamodb.AttributeValue{Type: dynamodb.TypeN, S: s} }
	for _, c := range []struct {
		in   dynamodb.AttributeValue
		want string
	}{
		{dynamodb.AttributeValue{}, "ValidationException: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
		{dynamodb.AttributeValue{Type: dynamodb.TypeNULL}, invalid + "Null attribute value types must have the value of true"},
		{dynamodb.AttributeValue{Type: dynamodb.TypeNS}, invalid + "An number set  may not be empty"},
		{dynamodb.AttributeValue{Type: dynamodb.TypeBS}, invalid + "Binary sets should not be empty"},
		{dynamodb.AttributeValue{Type: dynamodb.TypeNS, L: []dynamodb.AttributeValue{number("")}}, "ValidationException: The parameter cannot be converted to a numeric value"},
		{number(""), "ValidationException: The parameter cannot be converted to a numeric value"},
	} {
		if err := item.NormaliseValue(&c.in); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.in, err, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want int
	}{
		{`{}`, 0}, {`{a: "x"}`, 2}, {`{é: "é"}`, 4}, {`{a: b"\x00\x01"}`, 3}, {`{n: 12}`, 3}, {`{n: -3.14159}`, 7},
		{`{t: true, u: null}`, 4}, {`{l: []}`, 4}, {`{l: ["ab", 1]}`, 1 + 3 + 2 + 2 + 2}, {`{m: {}}`, 4},
		{`{m: {key: "value"}}`, 1 + 3 + 1 + 3 + 5}, {`{s: <"a", "bc">}`, 1 + 3}, {`{s: <1, 100>}`, 1 + 4}, {`{s: <b"ab">}`, 3},
	} {
		a := itemtest.Must(c.in)
		if err := item.Normalise(a); err != nil {
			t.Fatal(err)
		}
		if got := item.Size(a); got != c.want {
			t.Errorf("Size(%s) = %d, want %d", c.in, got, c.want)
		}
	}
	if item.CheckSize(409600) != nil || item.CheckUpdatedSize(409600) != nil {
		t.Error("an item of 409,600 bytes is refused")
	}
	for want, err := range map[string]error{
		"ValidationException: Item size has exceeded the maximum allowed size":           item.CheckSize(409601),
		"ValidationException: Item size to update has exceeded the maximum allowed size": item.CheckUpdatedSize(409601),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := item.Schema{Hash: item.KeyAttribute{Name: "pk", Type: dynamodb.TypeS}, Range: item.KeyAttribute{Name: "sk", Type: dynamodb.TypeN}}
	binary := item.Schema{Hash: item.KeyAttribute{Name: "pk", Type: dynamodb.TypeB}, Range: item.KeyAttribute{Name: "sk", Type: dynamodb.TypeS}}
	const (
		invalid  = "ValidationException: One or more parameter values were invalid: "
		mismatch = "ValidationException: The provided key element does not match the schema"
		empty    = "ValidationException: One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
	)
	for _, c := range []struct {
		schema   item.Schema
		in       string
		put, key string // the error of KeyOfItem and KeyOf
	}{
		{s, `{pk: "x", sk: 1}`, "", ""},
		{s, `{pk: "x", sk: 1, other: 2}`, "", mismatch},
		{s, `{sk: 1}`, invalid + "Missing the key pk in the item", mismatch},
		{s, `{pk: "x"}`, invalid + "Missing the key sk in the item", mismatch},
		{s, `{pk: 1, sk: 1}`, invalid + "Type mismatch for key pk expected: S actual: N", mismatch},
		{s, `{pk: "x", sk: null}`, invalid + "Type mismatch for key sk expected: N actual: NULL", mismatch},
		{s, `{pk: "", sk: 1}`, empty + "string value. Key: pk", empty + "string value. Key: pk"},
		{binary, `{pk: b"", sk: "a"}`, empty + "binary value. Key: pk", empty + "binary value. Key: pk"},
		{binary, `{pk: b"a", sk: ""}`, empty + "string value. Key: sk", empty + "string value. Key: sk"},
		{s, `{pk: "` + strings.Repeat("x", 2048) + `", sk: 1}`, "", ""},
		{s, `{pk: "` + strings.Repeat("x", 2049) + `", sk: 1}`, invalid + "Size of hashkey has exceeded the maximum size limit of2048 bytes", invalid + "Size of hashkey has exceeded the maximum size limit of2048 bytes"},
		{binary, `{pk: b"x", sk: "` + strings.Repeat("x", 1024) + `"}`, "", ""},
		{binary, `{pk: b"x", sk: "` + strings.Repeat("x", 1025) + `"}`, invalid + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes", invalid + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"},
	} {
		a := itemtest.Must(c.in)
		putKey, err := c.schema.KeyOfItem(a)
		if text(err) != c.put {
			t.Errorf("KeyOfItem(%.40s): %q, want %q", c.in, text(err), c.put)
		}
		key, err := c.schema.KeyOf(a)
		if text(err) != c.key {
			t.Errorf("KeyOf(%.40s): %q, want %q", c.in, text(err), c.key)
		}
		if c.key != "" {
			continue
		}
		if !reflect.DeepEqual(key, putKey) {
			t.Errorf("KeyOf(%.40s) = %x, KeyOfItem %x", c.in, key, putKey)
		}
		back, err := c.schema.AttributesOf(key)
		if err != nil || !item.EqualItems(back, c.schema.Attributes(a)) {
			t.Errorf("AttributesOf(KeyOf(%.40s)) = %s, %v", c.in, itemtest.String(back), err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Items are stored by these numbers: a test that fails here means lost data.
func TestPartitionHashNeverChanges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]uint64{"": 0xefd01f60ba992926, "a": 0x82a2a958a9bece5b, "modelwharf": 0x80d7dcf17770d994} {
		if got := item.PartitionHash([]byte(in)); got != want {
			t.Errorf("PartitionHash(%q) = %#x, want %#x", in, got, want)
		}
	}
}

func TestPartitionHashSpreads(t *testing.T) {
	t.Parallel()
	var counts [16]int
	key := []byte("user#000000")
	const n = 16000
	for i := range n {
		for j, v := len(key)-1, i; j > 4; j, v = j-1, v/10 {
			key[j] = byte('0' + v%10)
		}
		counts[item.PartitionHash(key)>>60]++
	}
	for i, c := range counts {
		if c < n/16*8/10 || c > n/16*12/10 {
			t.Errorf("segment %d of 16 holds %d of %d keys", i, c, n)
		}
	}
}

const everything = `{b: b"\x00\xff", e: "", f: false, l: ["\"\\\n\r\t\x01é😀", [], {}], m: {"a b": {k: 1}}, n: -1.5, ns: <1, 2>, ss: <"x">, bs: <b"", b"q">, t: true, u: null, "quote\"d": 1}`

func TestStored(t *testing.T) {
	t.Parallel()
	a := itemtest.Must(everything)
	if err := item.Normalise(a); err != nil {
		t.Fatal(err)
	}
	size := item.Size(a)
	stored := item.Encode(a, size)
	if stored.Size() != size {
		t.Errorf("Size() = %d, want %d", stored.Size(), size)
	}
	if !json.Valid(stored.JSON()) || !bytes.Equal(stored.JSON(), item.JSON(a)) {
		t.Errorf("JSON() = %s", stored.JSON())
	}
	opened, err := item.Open(stored)
	if err != nil {
		t.Fatal(err)
	}
	back, err := opened.Attributes()
	if err != nil || !item.EqualItems(a, back) {
		t.Errorf("Attributes() = %s, %v", itemtest.String(back), err)
	}
	some, err := opened.Some([]string{"absent", "b", "l", "ns", "zzz"})
	if err != nil || itemtest.String(some) != `{b: b"\x00\xff", l: `+itemtest.Value(must(a.Get("l")))+`, ns: <1, 2>}` {
		t.Errorf("Some() = %s, %v", itemtest.String(some), err)
	}
	if none, err := opened.Some([]string{}); err != nil || len(none) != 0 {
		t.Errorf("Some of nothing = %v, %v", none, err)
	}
	for n := range len(stored) {
		if cut, err := item.Open(stored[:n]); err == nil {
			if _, err := cut.Attributes(); err == nil {
				t.Fatalf("the first %d bytes of %d decode", n, len(stored))
			}
		}
	}
}

func must(v dynamodb.AttributeValue, ok bool) dynamodb.AttributeValue {
	if !ok {
		panic("absent")
	}
	return v
}

func TestCompare(t *testing.T) {
	t.Parallel()
	list := itemtest.Must(`{l: ["", "a", "b", 1, 2.5, b"", b"a", true, null, <"x">, <1>, [1], {k: 1}]}`)[0].Value.L
	for i, a := range list {
		for j, b := range list {
			if item.Equal(a, b) != (i == j) {
				t.Errorf("%s = %s is %v", itemtest.Value(a), itemtest.Value(b), i != j)
			}
			order, ok := item.Compare(a, b)
			scalar := a.Type == b.Type && strings.Contains("S N B", a.Type.String())
			if ok != scalar || ok && order < 0 != (i < j) {
				t.Errorf("Compare(%s, %s) = %d, %v", itemtest.Value(a), itemtest.Value(b), order, ok)
			}
		}
	}
}

func FuzzStored(f *testing.F) {
	a := itemtest.Must(everything)
	f.Add([]byte(item.Encode(a, 1)))
	f.Add([]byte("\x01\x00\x00\x00\x00{}"))
	f.Add([]byte(`12345{"a":{"S":"\u0001\\"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := item.Open(b)
		if err != nil {
			return
		}
		a, err := s.Attributes()
		if _, err2 := s.Some([]string{"a"}); err == nil && err2 != nil {
			t.Fatal("an item decodes as a whole but not in part")
		}
		if err == nil {
			again, err := item.Encode(a, s.Size()).Attributes()
			if err != nil || !item.EqualItems(a, again) {
				t.Fatalf("%s decodes, but not once more: %v", b, err)
			}
		}
	})
}

func FuzzNormalise(f *testing.F) {
	f.Add(everything)
	f.Add(`{a: <1, 1.0>, b: [1e5, {c: .5}]}`)
	f.Add(nested(32, "[", "]"))
	f.Fuzz(func(t *testing.T, in string) {
		a, err := itemtest.Parse(in)
		if err != nil || item.Normalise(a) != nil {
			return
		}
		once := itemtest.String(a)
		if err := item.Normalise(a); err != nil || itemtest.String(a) != once {
			t.Fatalf("%s normalises to %s, that to %s, %v", in, once, itemtest.String(a), err)
		}
		size := item.Size(a)
		back, err := item.Encode(a, size).Attributes()
		if err != nil || !item.EqualItems(a, back) || item.Size(back) != size {
			t.Fatalf("%s is not what is stored of it", once)
		}
	})
}

// kilobyte is an item of about 1 KB with eleven attributes, as applications have them.
func kilobyte() dynamodb.Attributes {
	a := itemtest.Must(`{pk: "prediction#1234567890", sk: 1763690000, model: "iris", version: "2.0", ok: true, score: 0.9731,
		features: [5.1, 3.5, 1.4, 0.2], labels: <"setosa", "versicolor", "virginica">, meta: {host: "a1", region: "eu-west-1"}, expires: 1763693600}`)
	return a.Set("body", dynamodb.AttributeValue{Type: dynamodb.TypeS, S: strings.Repeat("0123456789abcde\n", 50)})
}

func BenchmarkItem(b *testing.B) {
	a := kilobyte()
	_ = item.Normalise(a)
	size := item.Size(a)
	stored := item.Encode(a, size)
	b.Logf("an item of %d bytes is %d bytes stored", size, len(stored))
	for name, do := range map[string]func(){
		"normalise": func() { _ = item.Normalise(a) },
		"size":      func() { item.Size(a) },
		"encode":    func() { item.Encode(a, size) },
		"decode":    func() { _, _ = stored.Attributes() },
		"some":      func() { _, _ = stored.Some([]string{"expires", "score"}) },
		"send":      func() { _ = bytes.Clone(stored.JSON()) },
		"hash":      func() { item.PartitionHash([]byte("prediction#1234567890")) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
