// Package item is what DynamoDB knows of an item's values: which are legal and
// what their canonical form is, how large they are, how they compare, what their
// key is, and how an item is stored.
//
// Everything but Normalise takes normalised attributes.
package item

import "github.com/modelwharf/modelwharf/internal/api/dynamodb"

// MaxSize is the largest size of an item, in bytes as Size counts them.
const MaxSize = 409600

// Normalise brings the values of an item, a key or a set of expression values
// into their canonical form, in place: numbers in canonical text, sets sorted. It
// returns the ValidationException of the first value that is not legal.
func Normalise(a dynamodb.Attributes) error { return nil }

// NormaliseValue is Normalise for one value, of a legacy parameter.
func NormaliseValue(v *dynamodb.AttributeValue) error { return nil }

// Size returns the size of an item in bytes, as DynamoDB counts it.
func Size(a dynamodb.Attributes) int { return 0 }

// ValueSize returns the bytes that a value adds to the size of an item.
func ValueSize(v dynamodb.AttributeValue) int { return 0 }

// CheckSize returns the ValidationException of an item of size bytes that is too
// large to put.
func CheckSize(size int) error { return nil }

// CheckUpdatedSize is CheckSize for an item that an update made.
func CheckUpdatedSize(size int) error { return nil }

// Equal reports whether two values are equal to DynamoDB's = operator.
func Equal(a, b dynamodb.AttributeValue) bool { return false }

// Compare orders two values of one of the types S, N and B; ok is false of any
// others, which DynamoDB's <, <=, >, >= and BETWEEN do not hold for.
func Compare(a, b dynamodb.AttributeValue) (order int, ok bool) { return 0, false }
