// Package number is DynamoDB's number type: up to 38 significant digits, of a
// magnitude from 1E-130 to 9.99…E+125, and zero.
//
// A number is its canonical text: plain decimal digits without an exponent, a
// plus sign, leading or trailing zeros, or a minus before zero. Canonical makes
// it of what a client sent; everything else here takes canonical text only, and
// answers something meaningless, but does not fail, for any other.
// Nothing goes through a float.
package number

import (
	"math"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

const (
	maxDigits   = 38
	maxExponent = 125  // of the first significant digit
	minExponent = -130 // of the first significant digit
)

// Canonical returns the canonical text of s, or the ValidationException that
// DynamoDB answers with if s is not a number that can be stored.
//
// The accepted forms are those of Java's BigDecimal, with ASCII digits: a sign,
// digits with at most one point among them, an exponent that fits in 32 bits.
func Canonical(s string) (string, error) {
	if isCanonical(s) {
		return s, nil
	}
	d, err := parse(s)
	if err != nil {
		return "", err
	}
	if err := d.check(); err != nil {
		return "", err
	}
	return d.text(s), nil
}

// isCanonical recognises most numbers that clients send without parsing: those
// of at most 38 digits, the zeros counted.
func isCanonical(s string) bool {
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if whole == "" || len(whole)+len(fraction) > maxDigits || !allDigits(whole) || !allDigits(fraction) {
		return false
	}
	if whole[0] == '0' && (len(whole) > 1 || s == "-0") {
		return false
	}
	return !point || fraction != "" && fraction[len(fraction)-1] != '0'
}

// decimal is 0.DIGITS × 10^point, with neither leading nor trailing zeros in its
// digits; zero has none.
type decimal struct {
	negative bool
	digits   string
	point    int
}

func parse(s string) (decimal, error) {
	if s == "" {
		return decimal{}, api.ValidationException("The parameter cannot be converted to a numeric value")
	}
	notANumber := func() (decimal, error) {
		return decimal{}, api.ValidationException("The parameter cannot be converted to a numeric value: %s", s)
	}

	var d decimal
	rest := s
	if rest[0] == '+' || rest[0] == '-' {
		d.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent := rest, 0
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(rest[i+1:]); !ok {
			return notANumber()
		}
		mantissa = rest[:i]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if len(whole)+len(fraction) == 0 || !allDigits(whole) || !allDigits(fraction) {
		return notANumber()
	}

	digits := whole
	if fraction != "" {
		digits = whole + fraction
	}
	significant := strings.TrimLeft(digits, "0")
	d.point = len(whole) - (len(digits) - len(significant)) + exponent
	d.digits = strings.TrimRight(significant, "0")
	if d.digits == "" {
		return decimal{}, nil
	}
	return d, nil
}

// parseExponent reads what follows the E; ok is false if it is malformed or does
// not fit in 32 bits.
func parseExponent(s string) (exponent int, ok bool) {
	negative := false
	if s != "" && (s[0] == '+' || s[0] == '-') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if s == "" || !allDigits(s) {
		return 0, false
	}
	for i := range len(s) {
		exponent = exponent*10 + int(s[i]-'0')
		if exponent > math.MaxInt32 {
			return 0, false
		}
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// check reports whether d is within the bounds of what can be stored, magnitude
// first, as DynamoDB does.
func (d decimal) check() error {
	switch {
	case d.digits == "":
		return nil
	case d.point-1 > maxExponent:
		return api.ValidationException("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case d.point-1 < minExponent:
		return api.ValidationException("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(d.digits) > maxDigits:
		return api.ValidationException("Attempting to store more than 38 significant digits in a Number")
	}
	return nil
}

// text returns the canonical text of d, which is same if that says it already.
func (d decimal) text(same string) string {
	var buf [maxExponent - minExponent + maxDigits + 4]byte
	b := buf[:0]
	n := len(d.digits)
	switch {
	case n == 0:
		return "0"
	case d.negative:
		b = append(b, '-')
	}
	switch {
	case d.point <= 0:
		b = append(b, "0."...)
		b = appendZeros(b, -d.point)
		b = append(b, d.digits...)
	case d.point >= n:
		b = append(b, d.digits...)
		b = appendZeros(b, d.point-n)
	default:
		b = append(b, d.digits[:d.point]...)
		b = append(b, '.')
		b = append(b, d.digits[d.point:]...)
	}
	if string(b) == same {
		return same
	}
	return string(b)
}

func appendZeros(b []byte, n int) []byte {
	for range n {
		b = append(b, '0')
	}
	return b
}

// split takes canonical text apart: its sign, and the digits before and after
// the point. Zero, and a zero before the point, is no digits.
func split(n string) (negative bool, whole, fraction string) {
	if strings.HasPrefix(n, "-") {
		negative, n = true, n[1:]
	}
	whole, fraction, _ = strings.Cut(n, ".")
	if whole == "0" {
		whole = ""
	}
	return negative, whole, fraction
}

// Compare orders two canonical numbers by value.
func Compare(a, b string) int {
	aNegative, aWhole, aFraction := split(a)
	bNegative, bWhole, bFraction := split(b)
	switch {
	case aNegative && !bNegative:
		return -1
	case bNegative && !aNegative:
		return 1
	}
	order := 0
	switch {
	case len(aWhole) != len(bWhole):
		order = len(aWhole) - len(bWhole)
	case aWhole != bWhole:
		order = strings.Compare(aWhole, bWhole)
	default:
		// A fraction has no trailing zeros, so its text orders as it does.
		order = strings.Compare(aFraction, bFraction)
	}
	if aNegative {
		order = -order
	}
	return min(max(order, -1), 1)
}

// Size returns the bytes that a canonical number adds to an item's size: one, one
// for each two decimal places from the first that is not zero to the last, where
// the point separates pairs, and one for a minus.
//
// AWS documents about half the digits and one. What it counts is as here, by
// items that just fitted or just did not: 1234 is 3, 3.14159 is 5, 100.5 is 4.
func Size(n string) int {
	negative, whole, fraction := split(n)
	if whole == "" && fraction == "" {
		return 1
	}
	first, last := pairs(whole, fraction)
	size := 1 + last - first
	if negative {
		size++
	}
	return size
}

// pairs returns which pairs of decimal places hold the significant digits of a
// number: from first to before last, where pair 0 is the hundredths (the first
// two places after the point) and pair -1 the ones and tens.
func pairs(whole, fraction string) (first, last int) {
	if whole != "" {
		first = -(len(whole) + 1) / 2
	} else {
		first = (len(fraction) - len(strings.TrimLeft(fraction, "0"))) / 2
	}
	if fraction != "" {
		last = (len(fraction) + 1) / 2
	} else {
		last = -(len(whole) - len(strings.TrimRight(whole, "0"))) / 2
	}
	return first, last
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
