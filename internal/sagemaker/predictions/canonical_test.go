package predictions_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/sagemaker/predictions"
)

// TestCanonicalForm has the examples of RFC 8785 and those that it leaves open.
func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		// Section 3.2.2 and 3.2.3, without the number that double precision cannot keep.
		{`{
			"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
			"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
			"literals": [null, true, false]
		}`, ""},
		{`{"numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
			"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
			"literals": [null, true, false]}`,
			`{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		{`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",` +
			`"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			`{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis",` +
				`"€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`},
		{` [ ] `, `[]`}, {"{\t}", `{}`}, {`""`, `""`}, {"\r\n7", `7`}, {`{"":{"b":[],"a":{}}}`, `{"":{"a":{},"b":[]}}`},
		{`{"a":1,"ab":2,"aa":3}`, `{"a":1,"aa":3,"ab":2}`},
		{`{"é":1,"è":2}`, `{"è":2,"é":1}`},
		{`"\b\f\n\r\t\u0000\u001F\u007f\/"`, `"\b\f\n\r\t\u0000\u001f` + "\x7f" + `/"`},
		{`-0`, `0`}, {`0`, `0`}, {`-0.0`, `0`}, {`0.000`, `0`}, {`10`, `10`}, {`10.0`, `10`}, {`-10.500`, `-10.5`}, {`0.00000100`, `0.000001`}, {`0.00000099`, `9.9e-7`},
		{`0.0000123`, `0.0000123`}, {`99999999999.999`, `99999999999.999`}, {`9999999999999.99`, `9999999999999.99`}, {`0.1000000000000`, `0.1`}, {`100000000000000000000`, `100000000000000000000`},
		{`-0.0e9`, `0`}, {`0e999999999999999999999`, `0`}, {`1.0`, `1`}, {`10e-1`, `1`}, {`1e21`, `1e+21`}, {`1e20`, `100000000000000000000`},
		{`0.000001`, `0.000001`}, {`0.0000001`, `1e-7`}, {`1e-10`, `1e-10`}, {`-1.50e+2`, `-150`}, {`123456789012345`, `123456789012345`},
		{`9007199254740992`, `9007199254740992`}, {`9007199254740994`, `9007199254740994`}, {`1.7976931348623157e308`, `1.7976931348623157e+308`},
		{`5e-324`, `5e-324`}, {`1` + strings.Repeat("0", 300) + `e-300`, `1`}, {`0.` + strings.Repeat("0", 300) + `1e301`, `1`},
		{strings.Repeat("[", 256) + strings.Repeat("]", 256), strings.Repeat("[", 256) + strings.Repeat("]", 256)},

		// Numbers that would become others.
		{`9007199254740993`, ""}, {`0.1000000000000000055`, ""}, {`1e-400`, ""}, {`1e400`, ""}, {`-1e400`, ""}, {`1e99999999999999999999`, ""},
		{`1e-99999999999999999999`, ""}, {`123456789012345678901234567890`, ""}, {`4.9406564584124654e-324`, ""},
		// What is not JSON, or not safe.
		{``, ""}, {` `, ""}, {`nul`, ""}, {`nulll`, ""}, {`01`, ""}, {`-`, ""}, {`1.`, ""}, {`.5`, ""}, {`1e`, ""}, {`+1`, ""}, {`NaN`, ""}, {`Infinity`, ""},
		{`[1,]`, ""}, {`[,1]`, ""}, {`[1 2]`, ""}, {`[`, ""}, {`{"a"}`, ""}, {`{"a":}`, ""}, {`{"a":1,}`, ""}, {`{a:1}`, ""}, {`{"a":1 "b":2}`, ""}, {`{"a":1`, ""},
		{`"`, ""}, {`"\`, ""}, {`"\x"`, ""}, {`"\u12"`, ""}, {`"\u123g"`, ""}, {"\"\n\"", ""}, {"\"\\n\n\"", ""}, {`'a'`, ""}, {"1\x00", ""}, {"\x00", ""},
		{`"\ud800"`, ""}, {`"\udc00"`, ""}, {`"\ud800\ud800"`, ""}, {`"\ud800x"`, ""}, {"\"\xff\"", ""}, {"\"\\n\xff\"", ""}, {"\"\xed\xa0\x80\"", ""}, {"\ufeff1", ""},
		{`{"a":1,"a":1}`, ""}, {`{"a":1,"b":2,"\u0061":3}`, ""}, {`{"x":{"b":1,"b":1}}`, ""}, {`1 2`, ""}, {`{}x`, ""},
		{strings.Repeat("[", 257) + strings.Repeat("]", 257), ""}, {strings.Repeat(`{"a":`, 1_000_000), ""},
	} {
		got, err := predictions.Canonical([]byte(test.text))
		if test.want == "" {
			if err == nil {
				t.Errorf("%.80s has the form %.80s", test.text, got)
			}
		} else if err != nil || string(got) != test.want {
			t.Errorf("%.80s has the form %.80s, not %.80s: %v", test.text, got, test.want, err)
		}
	}
}

// TestCanonicalNumbers has the examples of RFC 8785, appendix B.
func TestCanonicalNumbers(t *testing.T) {
	t.Parallel()
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0xc340000000000000: "-9007199254740992", 0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef4f: "999999999999999900000", 0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001", 0x41b3de4355555553: "333333333.3333332",
		0x41b3de4355555554: "333333333.33333325", 0x41b3de4355555555: "333333333.3333333", 0x41b3de4355555556: "333333333.3333334",
		0x41b3de4355555557: "333333333.33333343", 0xbecbf647612f3696: "-0.0000033333333333333333",
	} {
		text := strconv.FormatFloat(math.Float64frombits(bits), 'e', -1, 64)
		if got, err := predictions.Canonical([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%s is %s, not %s: %v", text, got, want, err)
		}
	}
}

// FuzzCanonical checks that a canonical form means what the text does, is its own form, and
// has its names in order.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":[1.50,-0,1e21],"a":"\u00e9\ud83d\ude00"}`, `{"\ufb33":1,"\ud83d\ude00":2}`, `[1e-7,"\u0000"]`, `{"a":1,"a":2}`, `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		form, err := predictions.Canonical(text)
		if err != nil {
			return
		}
		if !utf8.Valid(form) {
			t.Fatalf("%q is not valid UTF-8", form)
		}
		again, err := predictions.Canonical(form)
		if err != nil || !bytes.Equal(again, form) {
			t.Fatalf("%q has the form %q: %v", form, again, err)
		}
		var before, after any
		if err := json.Unmarshal(text, &before); err != nil {
			t.Fatalf("%q is not JSON: %v", text, err)
		}
		if err := json.Unmarshal(form, &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%q says something else than %q: %v", form, text, err)
		}
	})
}
