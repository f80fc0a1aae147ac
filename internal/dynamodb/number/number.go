// Package number is DynamoDB's number type: up to 38 significant digits, of a
// magnitude from 1E-130 to 9.99…E+125, and zero.
//
// A number is its canonical text: plain decimal digits without an exponent, a
// plus sign, leading or trailing zeros, or a minus before zero. Canonical makes
// it of what a client sent; everything else here takes canonical text only.
// Nothing goes through a float.
package number

// Canonical returns the canonical text of s, or the ValidationException that
// DynamoDB answers with if s is not a number that can be stored.
func Canonical(s string) (string, error) { return s, nil }

// Compare orders two canonical numbers by value.
func Compare(a, b string) int { return 0 }

// Add returns a + b, or the ValidationException of a sum that cannot be stored.
func Add(a, b string) (string, error) { return a, nil }

// Subtract returns a - b, or the ValidationException of a difference that cannot
// be stored.
func Subtract(a, b string) (string, error) { return a, nil }

// AppendKey appends bytes to dst that compare as canonical numbers do by value.
func AppendKey(dst []byte, n string) []byte { return append(dst, n...) }

// FromKey returns the number that AppendKey encoded as the whole of key.
func FromKey(key []byte) (string, error) { return string(key), nil }

// Size returns the bytes that a canonical number adds to an item's size.
func Size(n string) int { return len(n) }
