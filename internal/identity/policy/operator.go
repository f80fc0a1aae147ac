package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// comparison is a condition operator without its negation, set prefix and
// IfExists.
type comparison uint8

const (
	stringEquals comparison = iota
	stringEqualsIgnoreCase
	stringLike
	numericEquals
	numericLess
	numericLessEquals
	numericGreater
	numericGreaterEquals
	dateEquals
	dateLess
	dateLessEquals
	dateGreater
	dateGreaterEquals
	boolEquals
	binaryEquals
	ipAddress
	arnLike
	null
)

// operator is a row of the table of condition operators.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type operator struct {
	comparison
	negated bool
}

var operators = map[string]operator{
	"stringequals":              {stringEquals, false},
	"stringnotequals":           {stringEquals, true},
	"stringequalsignorecase":    {stringEqualsIgnoreCase, false},
	"stringnotequalsignorecase": {stringEqualsIgnoreCase, true},
	"stringlike":                {stringLike, false},
	"stringnotlike":             {stringLike, true},
	"numericequals":             {numericEquals, false},
	"numericnotequals":          {numericEquals, true},
	"numericlessthan":           {numericLess, false},
	"numericlessthanequals":     {numericLessEquals, false},
	"numericgreaterthan":        {numericGreater, false},
	"numericgreaterthanequals":  {numericGreaterEquals, false},
	"dateequals":                {dateEquals, false},
	"datenotequals":             {dateEquals, true},
	"datelessthan":              {dateLess, false},
	"datelessthanequals":        {dateLessEquals, false},
	"dategreaterthan":           {dateGreater, false},
	"dategreaterthanequals":     {dateGreaterEquals, false},
	"bool":                      {boolEquals, false},
	"binaryequals":              {binaryEquals, false},
	"ipaddress":                 {ipAddress, false},
	"notipaddress":              {ipAddress, true},
	"arnequals":                 {arnLike, false}, // the same as ArnLike, says the page
	"arnnotequals":              {arnLike, true},
	"arnlike":                   {arnLike, false},
	"arnnotlike":                {arnLike, true},
	"null":                      {null, false},
}

// operand is a value of a condition, compiled for its comparison.
type operand struct {
	template
	number number
	time   time.Time
	prefix netip.Prefix
	binary []byte
}

// operandOf compiles a value; it reports false if the comparison cannot take it.
func operandOf(c comparison, s string, variables bool) (o operand, ok bool) {
	switch c {
	case stringEquals, stringEqualsIgnoreCase, boolEquals, null:
		o.template, ok = templateOf(s, false, variables)
		if ok && o.variables == nil && (c == boolEquals || c == null) {
			ok = strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
		}
	case stringLike, arnLike:
		o.template, ok = templateOf(s, true, variables)
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		o.number, ok = parseNumber(s)
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		o.time, ok = parseDate(s)
	case ipAddress:
		o.prefix, ok = parsePrefix(s)
	case binaryEquals:
		var err error
		o.binary, err = base64.StdEncoding.DecodeString(s)
		ok = err == nil
	}
	return o, ok
}

// holds compares a value of the request with an operand whose variables have been
// expanded to text. A value that is not of the comparison's type matches nothing.
func (o *operand) holds(c comparison, text, value string) bool {
	switch c {
	case stringEquals:
		return value == text
	case stringEqualsIgnoreCase, boolEquals:
		return strings.EqualFold(value, text)
	case stringLike:
		return match(text, value, false)
	case arnLike:
		return matchARN(text, value)
	case ipAddress:
		addr, err := netip.ParseAddr(value)
		return err == nil && o.prefix.Contains(addr.Unmap())
	case binaryEquals:
		b, err := base64.StdEncoding.DecodeString(value)
		return err == nil && bytes.Equal(b, o.binary)
	case numericEquals, numericLess, numericLessEquals, numericGreater, numericGreaterEquals:
		n, ok := parseNumber(value)
		if !ok {
			return false
		}
		return ordered(c-numericEquals, n.compare(o.number))
	case dateEquals, dateLess, dateLessEquals, dateGreater, dateGreaterEquals:
		t, ok := parseDate(value)
		return ok && ordered(c-dateEquals, t.Compare(o.time))
	}
	return false
}

// ordered says whether an order fits the comparison, counted from the equality of
// its family.
func ordered(c comparison, order int) bool {
	switch c {
	case 0:
		return order == 0
	case numericLess - numericEquals:
		return order < 0
	case numericLessEquals - numericEquals:
		return order <= 0
	case numericGreater - numericEquals:
		return order > 0
	default:
		return order >= 0
	}
}

// number is exact as an integer, if it is one, and a float otherwise.
type number struct {
	float   float64
	integer int64
	isInt   bool
}

func parseNumber(s string) (n number, ok bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return n, false // no hexadecimal, infinity or underscore
	}
	var err error
	if n.integer, err = strconv.ParseInt(s, 10, 64); err == nil {
		n.isInt = true
	}
	n.float, err = strconv.ParseFloat(s, 64)
	return n, err == nil
}

func (n number) compare(m number) int {
	switch {
	case n.isInt && m.isInt && n.integer < m.integer, (!n.isInt || !m.isInt) && n.float < m.float:
		return -1
	case n.isInt && m.isInt && n.integer > m.integer, (!n.isInt || !m.isInt) && n.float > m.float:
		return 1
	}
	return 0
}

// dates are the forms of https://www.w3.org/TR/NOTE-datetime; a fraction of a
// second may follow wherever a second does.
var dates = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006", "2006-01-02T15:04:05", "20060102T150405Z"}

// parseDate reads an ISO 8601 date or seconds since 1970.
func parseDate(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) != 4 {
		return time.Unix(n, 0), true
	}
	for _, layout := range dates {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parsePrefix reads an address or a CIDR range, of IPv4 or IPv6.
func parsePrefix(s string) (netip.Prefix, bool) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// matchARN compares the six parts of an ARN one by one, so that a wildcard does
// not reach over a colon; the last part takes the colons that are left.
func matchARN(pattern, arn string) bool {
	for range 5 {
		p, prest, ok1 := strings.Cut(pattern, ":")
		a, arest, ok2 := strings.Cut(arn, ":")
		if !ok1 || !ok2 {
			// Not an ARN on one side: "*" and "arn:aws:*" stand for any.
			return match(pattern, arn, false)
		}
		if !match(p, a, false) {
			return false
		}
		pattern, arn = prest, arest
	}
	return match(pattern, arn, false)
}
