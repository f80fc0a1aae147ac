package predictions

import (
	"bytes"
	"math"
	"strconv"
)

// exactDigits is how many digits a number without an exponent may have, its point counted, to
// be the same in double precision, whose shortest form is these digits then.
const exactDigits = 15

// number writes a number as ECMAScript does (RFC 8785, section 3.2.2.3).
func (w *writer) number() error {
	from := w.at
	w.take('-')
	whole := w.at
	if !w.take('0') && !w.digits() {
		return w.wrong("a number has no digits")
	}
	point := w.at
	if w.take('.') && !w.digits() {
		return w.wrong("a number has no digits after its point")
	}
	plain := w.at-whole <= exactDigits
	if w.take('e') || w.take('E') {
		plain = false
		if !w.take('+') {
			w.take('-')
		}
		if !w.digits() {
			return w.wrong("a number has no digits in its exponent")
		}
	}
	text := w.in[from:w.at]
	if unsigned := w.in[whole:w.at]; plain {
		significant := bytes.TrimLeft(unsigned, "0.")
		switch {
		case len(significant) == 0:
			w.out = append(w.out, '0')
			return nil
		case len(unsigned)-len(significant) < len("0.000000"): // less than a millionth is written otherwise
			if point < w.at {
				text = bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
			}
			w.out = append(w.out, text...)
			return nil
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsInf(f, 0) {
		return w.wrong("a number is out of range")
	}
	begin := len(w.out)
	w.out = appendNumber(w.out, f)
	if !sameNumber(text, w.out[begin:]) {
		return w.wrong("a number has more digits than double precision keeps")
	}
	return nil
}

// digits reads digits, and tells whether there were any.
func (w *writer) digits() bool {
	from := w.at
	for c := w.peek(); '0' <= c && c <= '9'; c = w.peek() {
		w.at++
	}
	return w.at > from
}

// appendNumber appends what ECMAScript's Number::toString makes of a finite number.
func appendNumber(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0') // also for negative zero
	}
	if size := math.Abs(f); 1e-6 <= size && size < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); b[n-2] == '0' && b[n-4] == 'e' { // strconv writes at least two digits
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// sameNumber tells whether two texts of numbers have exactly the same value, but for the sign
// of zero.
func sameNumber(a, b []byte) bool {
	x, okX := decimalOf(a)
	y, okY := decimalOf(b)
	return okX && okY && x.exponent == y.exponent && bytes.Equal(x.digits, y.digits) && (len(x.digits) == 0 || x.negative == y.negative)
}

// decimal is 0.digits · 10^exponent, without zeros at either end of the digits.
type decimal struct {
	negative bool
	digits   []byte
	exponent int
}

// decimalOf reads a number of JSON's grammar; false, if its exponent is beyond all doubles.
func decimalOf(text []byte) (d decimal, ok bool) {
	text, d.negative = bytes.CutPrefix(text, []byte("-"))
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(text[i+1:]))
		text = text[:i]
		if (err != nil || n > 1<<30 || n < -1<<30) && len(bytes.Trim(text, "0.")) > 0 {
			return d, false
		}
		d.exponent = n
	}
	whole, fraction, _ := bytes.Cut(text, []byte("."))
	d.exponent += len(whole)
	d.digits = append(append(make([]byte, 0, len(text)), whole...), fraction...)
	significant := bytes.TrimLeft(d.digits, "0")
	d.exponent -= len(d.digits) - len(significant)
	d.digits = bytes.TrimRight(significant, "0")
	if len(d.digits) == 0 {
		d.exponent = 0
	}
	return d, true
}
