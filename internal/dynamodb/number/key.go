package number

import "errors"

// The form of a key. A number is taken as pairs of decimal places, those of its
// hundreds: 0.PPPP… × 100^exponent, with an exponent from -64 (1E-130 lies in the
// 65th pair after the point) to 63.
//
//	positive: 0x80+64+exponent, then each pair + 1
//	zero:     0x80
//	negative: all bytes of the positive complemented, then 0xFF
//
// A zero byte occurs in the first place only, and the 0xFF after a negative
// number sorts a shorter one, which is larger, behind those that it begins.
const (
	zeroKey      = 0x80
	bias         = 64
	negativeTail = 0xFF
)

// ErrMalformed says that bytes are not the key of a number.
var ErrMalformed = errors.New("number: malformed key")

// AppendKey appends bytes to dst that compare as canonical numbers do by value,
// at most 22.
func AppendKey(dst []byte, n string) []byte {
	negative, whole, fraction := split(n)
	if whole == "" && fraction == "" {
		return append(dst, zeroKey)
	}
	first, last := pairs(whole, fraction)
	mask := byte(0)
	if negative {
		mask = 0xFF
	}
	dst = append(dst, byte(zeroKey+bias-first)^mask)
	for i := first; i < last; i++ {
		pair := 10*place(whole, fraction, 2*i) + place(whole, fraction, 2*i+1)
		dst = append(dst, (pair+1)^mask)
	}
	if negative {
		dst = append(dst, negativeTail)
	}
	return dst
}

// place returns the digit at a decimal place: 0 is the tenths, -1 the ones.
func place(whole, fraction string, i int) byte {
	text := fraction
	if i < 0 {
		text = whole
		i += len(whole)
	}
	if i < 0 || i >= len(text) {
		return 0
	}
	return text[i] - '0'
}

// FromKey returns the number that AppendKey encoded as the whole of key.
func FromKey(key []byte) (string, error) {
	if len(key) == 0 {
		return "", ErrMalformed
	}
	if len(key) == 1 {
		if key[0] != zeroKey {
			return "", ErrMalformed
		}
		return "0", nil
	}
	negative := key[0] < zeroKey
	mask := byte(0)
	body := key[1:]
	if negative {
		mask = 0xFF
		if body[len(body)-1] != negativeTail {
			return "", ErrMalformed
		}
		body = body[:len(body)-1]
	}
	if len(body) == 0 || len(body) > maxDigits/2+1 {
		return "", ErrMalformed
	}
	exponent := int(key[0]^mask) - zeroKey - bias
	digits := make([]byte, 0, maxDigits+2)
	for _, b := range body {
		pair := (b ^ mask) - 1
		if pair > 99 {
			return "", ErrMalformed
		}
		digits = append(digits, '0'+pair/10, '0'+pair%10)
	}
	d := decimal{negative: negative, point: 2 * exponent}
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
		d.point--
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	d.digits = string(digits)
	if d.digits == "" || d.check() != nil {
		return "", ErrMalformed
	}
	return d.text(""), nil
}
