package modeltest

import (
	"encoding/base64"
	"maps"
	"math/big"
	"slices"
	"strings"
	"unicode/utf16"
)

// value is the value of an attribute.
type value struct {
	kind string // S, N, B, BOOL, NULL, SS, NS, BS, L, M
	// text is of an S its text, of a B its bytes, of an N its canonical digits, of a
	// BOOL "true" or "false".
	text   string
	list   []value // of an L its elements, of a set its members
	fields doc     // of an M
	// spelling is how the generator writes a number, if not canonically.
	spelling string
}

// doc is an item, a key or an M. Those of the reference are never changed in place.
type doc map[string]value

func str(s string) value { return value{kind: "S", text: s} }
func bin(s string) value { return value{kind: "B", text: s} }

func num(spelling string) value {
	return value{kind: "N", text: digits(rat(spelling)), spelling: spelling}
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no number: " + s)
	}
	return r
}

// digits writes a number that has a finite decimal form, without an exponent.
func digits(r *big.Rat) string {
	s := r.FloatString(260)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

// storable returns why a number cannot be stored, or "".
func storable(r *big.Rat) string {
	if r.Sign() == 0 {
		return ""
	}
	abs := new(big.Rat).Abs(r)
	switch {
	case abs.Cmp(rat("1e126")) >= 0:
		return "Number overflow. Attempting to store a number with magnitude larger than supported range"
	case abs.Cmp(rat("1e-130")) < 0:
		return "Number underflow. Attempting to store a number with magnitude smaller than supported range"
	case len(strings.Trim(strings.Replace(digits(abs), ".", "", 1), "0")) > 38:
		return "Attempting to store more than 38 significant digits in a Number"
	}
	return ""
}

// json is the value as requests and answers have it.
func (v value) json() map[string]any {
	switch v.kind {
	case "S":
		return map[string]any{"S": v.text}
	case "N":
		if v.spelling != "" {
			return map[string]any{"N": v.spelling}
		}
		return map[string]any{"N": v.text}
	case "B":
		return map[string]any{"B": base64.StdEncoding.EncodeToString([]byte(v.text))}
	case "BOOL":
		return map[string]any{"BOOL": v.text == "true"}
	case "NULL":
		return map[string]any{"NULL": true}
	case "M":
		return map[string]any{"M": v.fields.json()}
	case "L":
		list := []any{}
		for _, e := range v.list {
			list = append(list, e.json())
		}
		return map[string]any{"L": list}
	}
	members := []any{}
	for _, e := range v.list {
		members = append(members, e.json()[v.kind[:1]])
	}
	return map[string]any{v.kind: members}
}

func (d doc) json() map[string]any {
	m := map[string]any{}
	for name, v := range d {
		m[name] = v.json()
	}
	return m
}

// canonical is d without the generator's spellings.
func (d doc) canonical() doc {
	if d == nil {
		return nil
	}
	c := doc{}
	for name, v := range d {
		c[name] = v.canonical()
	}
	return c
}

func (v value) canonical() value {
	v.spelling = ""
	if v.list != nil {
		list := []value{}
		for _, e := range v.list {
			list = append(list, e.canonical())
		}
		v.list = list
	}
	v.fields = v.fields.canonical()
	return v
}

// with and without are d with one attribute changed.
func (d doc) with(name string, v value) doc {
	c := maps.Clone(d)
	if c == nil {
		c = doc{}
	}
	c[name] = v
	return c
}

func (d doc) without(name string) doc {
	c := maps.Clone(d)
	delete(c, name)
	return c
}

// only is what d has of the attributes called names.
func (d doc) only(names []string) doc {
	c := doc{}
	for _, name := range names {
		if v, ok := d[name]; ok {
			c[name] = v
		}
	}
	return c
}

func isSet(kind string) bool { return kind == "SS" || kind == "NS" || kind == "BS" }

func equal(a, b value) bool {
	if a.kind != b.kind || a.text != b.text || len(a.list) != len(b.list) {
		return false
	}
	if isSet(a.kind) {
		return !slices.ContainsFunc(a.list, func(e value) bool { return !has(b.list, e) })
	}
	return slices.EqualFunc(a.list, b.list, equal) && maps.EqualFunc(a.fields, b.fields, equal)
}

func has(list []value, v value) bool {
	return slices.ContainsFunc(list, func(e value) bool { return equal(e, v) })
}

// order compares two S, N or B.
func order(a, b value) int {
	if a.kind == "N" {
		return rat(a.text).Cmp(rat(b.text))
	}
	return strings.Compare(a.text, b.text)
}

func isOrdered(kind string) bool { return kind == "S" || kind == "N" || kind == "B" }

// length is what size() tells, if anything.
func (v value) length() (int, bool) {
	switch v.kind {
	case "S":
		return len(utf16.Encode([]rune(v.text))), true
	case "B":
		return len(v.text), true
	case "M":
		return len(v.fields), true
	case "L", "SS", "NS", "BS":
		return len(v.list), true
	}
	return 0, false
}

// bytes is how much a value adds to the size of its item. See "DynamoDB item sizes and
// formats" in the developer guide.
func (v value) bytes() (n int) {
	switch v.kind {
	case "S", "B":
		return len(v.text)
	case "BOOL", "NULL":
		return 1
	case "N":
		return numberBytes(v.text)
	case "M":
		return 3 + len(v.fields) + v.fields.bytes()
	case "L":
		n = 3 + len(v.list)
	}
	for _, e := range v.list {
		n += e.bytes()
	}
	return n
}

func (d doc) bytes() (n int) {
	for name, v := range d {
		n += len(name) + v.bytes()
	}
	return n
}

// numberBytes counts a byte for each two decimal places that are not leading or
// trailing zeros, the point between two pairs, and one; and one for a minus.
func numberBytes(n string) int {
	if n == "0" {
		return 1
	}
	size := 1
	if strings.HasPrefix(n, "-") {
		size, n = 2, n[1:]
	}
	whole, fraction, _ := strings.Cut(n, ".")
	if len(whole)%2 == 1 {
		whole = "0" + whole
	}
	if len(fraction)%2 == 1 {
		fraction += "0"
	}
	places := whole + fraction
	for strings.HasPrefix(places, "00") {
		places = places[2:]
	}
	for strings.HasSuffix(places, "00") {
		places = places[:len(places)-2]
	}
	return size + len(places)/2
}

// nesting is how many lists and maps lie inside of each other.
func (v value) nesting() int {
	if v.kind != "L" && v.kind != "M" {
		return 0
	}
	deepest := 0
	for _, e := range v.list {
		deepest = max(deepest, e.nesting())
	}
	for _, e := range v.fields {
		deepest = max(deepest, e.nesting())
	}
	return deepest + 1
}
