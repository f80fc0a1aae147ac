package number

import (
	"strconv"
	"strings"
)

// Add returns a + b, or the ValidationException of a sum that cannot be stored.
func Add(a, b string) (string, error) {
	if sum, ok := addSmall(a, b); ok {
		return sum, nil
	}
	return add(a, b)
}

// Subtract returns a - b, or the ValidationException of a difference that cannot
// be stored.
func Subtract(a, b string) (string, error) {
	switch {
	case strings.HasPrefix(b, "-"):
		b = b[1:]
	case b != "0":
		b = "-" + b
	}
	return Add(a, b)
}

// addSmall adds the integers that counters are made of.
func addSmall(a, b string) (string, bool) {
	const fits = 17 // digits and sign of an int64, with room for the sum
	if len(a) > fits || len(b) > fits {
		return "", false
	}
	x, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		return "", false
	}
	y, err := strconv.ParseInt(b, 10, 64)
	if err != nil {
		return "", false
	}
	return strconv.FormatInt(x+y, 10), true
}

const (
	wholePlaces    = maxExponent + 1
	fractionPlaces = -minExponent + maxDigits - 1
	places         = 1 + wholePlaces + fractionPlaces // and one for a carry
)

// column holds one decimal digit for each place that a sum of two numbers can
// have, most significant first.
type column [places]int8

func add(a, b string) (string, error) {
	aNegative, aWhole, aFraction := split(a)
	bNegative, bWhole, bFraction := split(b)

	var sum column
	sum.accumulate(aWhole, aFraction, 1)
	negative := aNegative
	if aNegative == bNegative {
		sum.accumulate(bWhole, bFraction, 1)
	} else {
		sum.accumulate(bWhole, bFraction, -1)
	}
	// Only these places can be other than zero, the first by a carry.
	first := max(0, wholePlaces-max(len(aWhole), len(bWhole)))
	last := min(places, 1+wholePlaces+max(len(aFraction), len(bFraction)))
	used := sum[first:last]
	if normalise(used) {
		negative = !negative
	}

	var digits [places]byte
	for i, d := range used {
		digits[i] = byte('0' + d)
	}
	text := string(digits[:len(used)])
	significant := strings.TrimLeft(text, "0")
	d := decimal{
		negative: negative,
		point:    1 + wholePlaces - first - (len(text) - len(significant)),
		digits:   strings.TrimRight(significant, "0"),
	}
	if err := d.check(); err != nil {
		return "", err
	}
	return d.text(""), nil
}

// accumulate adds sign times a number's digits to c, place by place.
func (c *column) accumulate(whole, fraction string, sign int8) {
	// Text that is not canonical could be longer than a number can be.
	whole = whole[max(0, len(whole)-wholePlaces):]
	fraction = fraction[:min(len(fraction), fractionPlaces)]
	start := 1 + wholePlaces - len(whole)
	for i := range len(whole) {
		c[start+i] += sign * digit(whole[i])
	}
	for i := range len(fraction) {
		c[1+wholePlaces+i] += sign * digit(fraction[i])
	}
}

func digit(c byte) int8 {
	if !isDigit(c) {
		return 0
	}
	return int8(c - '0')
}

// normalise brings every place of c, each in -9 to 18, into 0 to 9. It reports
// whether c was negative, in which case it holds the magnitude now.
func normalise(c []int8) (negative bool) {
	for _, d := range c {
		if d != 0 {
			negative = d < 0
			break
		}
	}
	// The sign of the leading place is that of the whole only if no place after
	// it outweighs it, which none can: 1 followed by -9s is still positive.
	carry := int8(0)
	for i := len(c) - 1; i >= 0; i-- {
		d := c[i]
		if negative {
			d = -d
		}
		d += carry
		carry = 0
		switch {
		case d < 0:
			d += 10
			carry = -1
		case d > 9:
			d -= 10
			carry = 1
		}
		c[i] = d
	}
	return negative
}
