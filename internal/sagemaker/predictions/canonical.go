package predictions

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep a text may be nested to be made canonical.
const maxDepth = 256

// Canonical is the canonical form of a JSON text (RFC 8785, the JSON Canonicalization Scheme).
// What could make one question of two is refused, so that the text has to be compared as it is:
// duplicate names, text that is not valid UTF-8 or has lone surrogates, and numbers whose
// canonical form is another number, since a model need not read them as double precision does.
func Canonical(text []byte) ([]byte, error) {
	w := writer{in: text, out: make([]byte, 0, len(text))}
	w.space()
	if err := w.value(0); err != nil {
		return nil, err
	}
	w.space()
	if w.at != len(w.in) {
		return nil, w.wrong("there is more after the value")
	}
	return w.out, nil
}

// writer reads a text and writes its canonical form in one pass. The members of an object are
// written as they come, and put in order at its end.
type writer struct {
	in      []byte
	at      int
	out     []byte
	members []member // of the objects that are open, the innermost last
	scratch []byte
}

// member is one of an object: where it was written, and its name.
type member struct {
	from, to int
	name     []byte
}

func (w *writer) wrong(what string) error {
	return fmt.Errorf("no canonical form: %s at byte %d", what, w.at)
}

func (w *writer) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// peek is the next byte, 0 at the end.
func (w *writer) peek() byte {
	if w.at < len(w.in) {
		return w.in[w.at]
	}
	return 0
}

// take reads c, if it is next.
func (w *writer) take(c byte) bool {
	if w.peek() != c || w.at == len(w.in) {
		return false
	}
	w.at++
	return true
}

func (w *writer) value(depth int) error {
	switch c := w.peek(); {
	case (c == '{' || c == '[') && depth == maxDepth:
		return w.wrong("the text is nested too deep")
	case c == '{':
		return w.object(depth)
	case c == '[':
		return w.array(depth)
	case c == '"':
		_, err := w.string()
		return err
	case c == '-', '0' <= c && c <= '9':
		return w.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(w.in[w.at:], []byte(word)) {
			w.at += len(word)
			w.out = append(w.out, word...)
			return nil
		}
	}
	return w.wrong("there is no value")
}

func (w *writer) array(depth int) error {
	w.at++
	w.out = append(w.out, '[')
	w.space()
	if !w.take(']') {
		for {
			w.space()
			if err := w.value(depth + 1); err != nil {
				return err
			}
			w.space()
			if w.take(']') {
				break
			}
			if !w.take(',') {
				return w.wrong("an array is not ended")
			}
			w.out = append(w.out, ',')
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *writer) object(depth int) error {
	w.at++
	w.out = append(w.out, '{')
	begin, outer := len(w.out), len(w.members)
	w.space()
	if !w.take('}') {
		for {
			w.space()
			if w.peek() != '"' {
				return w.wrong("a member has no name")
			}
			from := len(w.out)
			name, err := w.string()
			if err != nil {
				return err
			}
			w.space()
			if !w.take(':') {
				return w.wrong("a member has no value")
			}
			w.out = append(w.out, ':')
			w.space()
			if err := w.value(depth + 1); err != nil {
				return err
			}
			w.members = append(w.members, member{from, len(w.out), name})
			w.space()
			if w.take('}') {
				break
			}
			if !w.take(',') {
				return w.wrong("an object is not ended")
			}
			w.out = append(w.out, ',')
		}
		if err := w.arrange(begin, w.members[outer:]); err != nil {
			return err
		}
		w.members = w.members[:outer]
	}
	w.out = append(w.out, '}')
	return nil
}

// arrange puts the members of an object, which were written from begin on, in the order of
// their names.
func (w *writer) arrange(begin int, members []member) error {
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = compareNames(members[i-1].name, members[i].name) < 0
	}
	if sorted {
		return nil
	}
	slices.SortFunc(members, func(a, b member) int { return compareNames(a.name, b.name) })
	w.scratch = w.scratch[:0]
	for i, m := range members {
		if i > 0 {
			if bytes.Equal(members[i-1].name, m.name) {
				return w.wrong("an object has a name twice")
			}
			w.scratch = append(w.scratch, ',')
		}
		w.scratch = append(w.scratch, w.out[m.from:m.to]...)
	}
	w.out = append(w.out[:begin], w.scratch...)
	return nil
}

// compareNames orders names by their UTF-16 code units (RFC 8785, section 3.2.3). That differs
// from the order of their bytes where a surrogate meets what is above the surrogates.
func compareNames(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	if n == len(a) || n == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	x, _ := utf8.DecodeRune(a[n:])
	y, _ := utf8.DecodeRune(b[n:])
	if x >= 0x10000 != (y >= 0x10000) {
		return cmp.Compare(firstUnit(x), firstUnit(y))
	}
	return cmp.Compare(x, y)
}

func firstUnit(r rune) rune {
	if r < 0x10000 {
		return r
	}
	first, _ := utf16.EncodeRune(r)
	return first
}

var errSurrogate = errors.New("a surrogate stands alone")

// string writes a string, and returns what it says.
func (w *writer) string() (text []byte, err error) {
	w.at++
	from := w.at
	for w.at < len(w.in) {
		switch c := w.in[w.at]; {
		case c == '"':
			text = w.in[from:w.at]
			if !utf8.Valid(text) {
				return nil, w.wrong("a string is not valid UTF-8")
			}
			w.out = append(w.out, w.in[from-1:w.at+1]...)
			w.at++
			return text, nil
		case c == '\\':
			return w.escaped(w.in[from:w.at])
		case c < ' ':
			return nil, w.wrong("a string has a control character")
		}
		w.at++
	}
	return nil, w.wrong("a string is not ended")
}

// escaped goes on with a string at its first escape.
func (w *writer) escaped(before []byte) ([]byte, error) {
	text := slices.Clone(before)
	for w.at < len(w.in) {
		c := w.in[w.at]
		switch {
		case c == '"':
			w.at++
			if !utf8.Valid(text) {
				return nil, w.wrong("a string is not valid UTF-8")
			}
			w.quote(text)
			return text, nil
		case c < ' ':
			return nil, w.wrong("a string has a control character")
		case c != '\\':
			text = append(text, c)
			w.at++
			continue
		}
		w.at++
		c = w.peek()
		w.at++
		switch c {
		case '"', '\\', '/':
			text = append(text, c)
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r, err := w.unit()
			if err == nil && utf16.IsSurrogate(r) {
				r, err = w.pair(r)
			}
			if err != nil {
				return nil, w.wrong(err.Error())
			}
			text = utf8.AppendRune(text, r)
		default:
			return nil, w.wrong("there is no such escape")
		}
	}
	return nil, w.wrong("a string is not ended")
}

// unit reads the four digits of an escape.
func (w *writer) unit() (r rune, err error) {
	for range 4 {
		c := w.peek()
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errors.New("an escape lacks digits")
		}
		w.at++
		r = r<<4 | rune(c)
	}
	return r, nil
}

// pair reads the second half of a pair of surrogates.
func (w *writer) pair(high rune) (rune, error) {
	if !w.take('\\') || !w.take('u') {
		return 0, errSurrogate
	}
	low, err := w.unit()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(high, low)
	if r == utf8.RuneError {
		return 0, errSurrogate
	}
	return r, nil
}

// quote writes a string as ECMAScript does (RFC 8785, section 3.2.2.2).
func (w *writer) quote(text []byte) {
	const digits = "0123456789abcdef"
	w.out = append(w.out, '"')
	for _, c := range text {
		switch c {
		case '"', '\\':
			w.out = append(w.out, '\\', c)
		case '\b':
			w.out = append(w.out, `\b`...)
		case '\f':
			w.out = append(w.out, `\f`...)
		case '\n':
			w.out = append(w.out, `\n`...)
		case '\r':
			w.out = append(w.out, `\r`...)
		case '\t':
			w.out = append(w.out, `\t`...)
		default:
			if c < ' ' {
				w.out = append(w.out, `\u00`...)
				w.out = append(w.out, digits[c>>4], digits[c&15])
			} else {
				w.out = append(w.out, c)
			}
		}
	}
	w.out = append(w.out, '"')
}
