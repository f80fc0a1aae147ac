package item

import (
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

// Equal reports whether two values are equal to DynamoDB's = operator: of one
// type and with the same content, sets in any order. Canonical form makes that a
// comparison part by part.
func Equal(a, b dynamodb.AttributeValue) bool {
	if a.Type != b.Type {
		return false
	}
	switch a.Type {
	case dynamodb.TypeS, dynamodb.TypeN, dynamodb.TypeB:
		return a.S == b.S
	case dynamodb.TypeBOOL:
		return a.Bool == b.Bool
	case dynamodb.TypeM:
		return EqualItems(a.M, b.M)
	}
	if len(a.L) != len(b.L) {
		return false
	}
	for i := range a.L {
		if !Equal(a.L[i], b.L[i]) {
			return false
		}
	}
	return true
}

// EqualItems reports whether two items have the same names and equal values.
func EqualItems(a, b dynamodb.Attributes) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || !Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// Compare orders two values of one of the types S, N and B; ok is false of any
// others, which DynamoDB's <, <=, >, >= and BETWEEN do not hold for. Strings are
// ordered by their UTF-8 bytes.
func Compare(a, b dynamodb.AttributeValue) (order int, ok bool) {
	if a.Type != b.Type {
		return 0, false
	}
	switch a.Type {
	case dynamodb.TypeS, dynamodb.TypeB:
		return strings.Compare(a.S, b.S), true
	case dynamodb.TypeN:
		return number.Compare(a.S, b.S), true
	}
	return 0, false
}
