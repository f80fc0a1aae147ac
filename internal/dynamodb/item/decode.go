package item

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// decoder reads the JSON that Encode writes, which has no blanks and one way to
// write each thing. Strings are parts of text, so that decoding an item copies
// its bytes once.
type decoder struct {
	text   string
	at     int
	failed bool
}

// typeOf is the reverse of Type.String.
func typeOf(name string) dynamodb.Type {
	switch name {
	case "S":
		return dynamodb.TypeS
	case "N":
		return dynamodb.TypeN
	case "B":
		return dynamodb.TypeB
	case "BOOL":
		return dynamodb.TypeBOOL
	case "NULL":
		return dynamodb.TypeNULL
	case "SS":
		return dynamodb.TypeSS
	case "NS":
		return dynamodb.TypeNS
	case "BS":
		return dynamodb.TypeBS
	case "L":
		return dynamodb.TypeL
	case "M":
		return dynamodb.TypeM
	}
	return dynamodb.TypeNone
}

// item reads an item, of which it returns the attributes called names, which are
// sorted as those are; nil means all.
func (d *decoder) item(names []string) dynamodb.Attributes {
	if names == nil {
		// Room for one attribute in about 64 bytes, as most items have them.
		return d.members(min(2+len(d.text)/64, 32))
	}
	a := make(dynamodb.Attributes, 0, len(names))
	d.expect('{')
	for more := !d.take('}'); more && !d.failed; more = d.next('}') {
		name := d.string()
		d.expect(':')
		for len(names) > 0 && names[0] < name {
			names = names[1:]
		}
		if len(names) > 0 && names[0] == name {
			a = append(a, dynamodb.Attribute{Name: name, Value: d.value()})
		} else {
			d.skip()
		}
	}
	return a
}

func (d *decoder) members(room int) dynamodb.Attributes {
	a := make(dynamodb.Attributes, 0, room)
	d.expect('{')
	for more := !d.take('}'); more && !d.failed; more = d.next('}') {
		name := d.string()
		d.expect(':')
		a = append(a, dynamodb.Attribute{Name: name, Value: d.value()})
	}
	return a
}

func (d *decoder) value() (v dynamodb.AttributeValue) {
	d.expect('{')
	v.Type = typeOf(d.string())
	d.expect(':')
	switch v.Type {
	case dynamodb.TypeNone:
		d.failed = true
	case dynamodb.TypeS, dynamodb.TypeN:
		v.S = d.string()
	case dynamodb.TypeB:
		v.S = d.binary()
	case dynamodb.TypeBOOL, dynamodb.TypeNULL:
		v.Bool = d.bool()
	case dynamodb.TypeM:
		v.M = d.members(4)
	case dynamodb.TypeL:
		v.L = d.list(func() dynamodb.AttributeValue { return d.value() })
	case dynamodb.TypeSS:
		v.L = d.list(func() dynamodb.AttributeValue {
			return dynamodb.AttributeValue{Type: dynamodb.TypeS, S: d.string()}
		})
	case dynamodb.TypeNS:
		v.L = d.list(func() dynamodb.AttributeValue {
			return dynamodb.AttributeValue{Type: dynamodb.TypeN, S: d.string()}
		})
	case dynamodb.TypeBS:
		v.L = d.list(func() dynamodb.AttributeValue {
			return dynamodb.AttributeValue{Type: dynamodb.TypeB, S: d.binary()}
		})
	}
	d.expect('}')
	return v
}

func (d *decoder) list(element func() dynamodb.AttributeValue) []dynamodb.AttributeValue {
	list := []dynamodb.AttributeValue{}
	d.expect('[')
	for more := !d.take(']'); more && !d.failed; more = d.next(']') {
		list = append(list, element())
	}
	return list
}

// skip passes over a value without looking into it.
func (d *decoder) skip() {
	depth := 0
	for d.at < len(d.text) && !d.failed {
		switch d.text[d.at] {
		case '"':
			d.raw()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		d.at++
		if depth == 0 {
			return
		}
	}
	d.failed = true
}

func (d *decoder) string() string {
	s, escaped := d.raw()
	if escaped {
		return d.unescape(s)
	}
	return s
}

// raw reads a string and returns what is between its quotes.
func (d *decoder) raw() (s string, escaped bool) {
	d.expect('"')
	if d.failed {
		return "", false
	}
	rest := d.text[d.at:]
	end := strings.IndexByte(rest, '"')
	if end >= 0 && strings.IndexByte(rest[:end], '\\') >= 0 {
		escaped = true
		for end = 0; end < len(rest) && rest[end] != '"'; end++ {
			if rest[end] == '\\' {
				end++
			}
		}
	}
	if end < 0 || end >= len(rest) {
		d.failed = true
		return "", false
	}
	d.at += end + 1
	return rest[:end], escaped
}

func (d *decoder) unescape(s string) string {
	b := make([]byte, 0, len(s))
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return string(append(b, s...))
		}
		b = append(b, s[:i]...)
		s = s[i:]
		if len(s) < 2 {
			d.failed = true
			return ""
		}
		length := 2
		switch c := s[1]; c {
		case '"', '\\':
			b = append(b, c)
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			length = 6
			if len(s) < length {
				d.failed = true
				return ""
			}
			u, err := strconv.ParseUint(s[2:length], 16, 8)
			d.failed = d.failed || err != nil
			b = append(b, byte(u))
		default:
			d.failed = true
		}
		s = s[length:]
	}
}

func (d *decoder) binary() string {
	s, _ := d.raw()
	b, err := base64.StdEncoding.DecodeString(s)
	d.failed = d.failed || err != nil
	return string(b)
}

func (d *decoder) bool() bool {
	switch rest := d.text[min(d.at, len(d.text)):]; {
	case strings.HasPrefix(rest, "true"):
		d.at += len("true")
		return true
	case strings.HasPrefix(rest, "false"):
		d.at += len("false")
	default:
		d.failed = true
	}
	return false
}

func (d *decoder) take(c byte) bool {
	if d.at < len(d.text) && d.text[d.at] == c {
		d.at++
		return true
	}
	return false
}

func (d *decoder) expect(c byte) {
	if !d.take(c) {
		d.failed = true
	}
}

// next reports whether another element follows, or reads the end of them all.
func (d *decoder) next(end byte) bool {
	if d.take(',') {
		return true
	}
	d.expect(end)
	return false
}
