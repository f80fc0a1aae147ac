// Package item is what DynamoDB knows of an item's values: which are legal and
// what their canonical form is, how large they are, how they compare, what their
// key is, and how an item is stored.
//
// Everything but Normalise takes normalised attributes.
package item

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

const (
	// maxNesting is how many maps and lists may lie in one another inside of one
	// attribute. DynamoDB speaks of 32 levels: it counts the item too.
	maxNesting = 31
	// maxNameLength is the length of an attribute's name, in bytes.
	maxNameLength = 65535
)

// Normalise brings the values of an item, a key or a set of expression values
// into their canonical form, in place: numbers in canonical text, sets sorted. It
// returns the ValidationException of the first value that is not legal.
func Normalise(a dynamodb.Attributes) error { return normaliseMembers(a, 0) }

// NormaliseValue is Normalise for one value, of a legacy parameter.
func NormaliseValue(v *dynamodb.AttributeValue) error { return normalise(v, 0) }

func normaliseMembers(a dynamodb.Attributes, depth int) error {
	for i := range a {
		switch n := len(a[i].Name); {
		case n == 0:
			return invalid("Attribute name must not be empty")
		case n > maxNameLength:
			return invalid("Attribute name is too large, must be less than 65536 bytes")
		}
		if err := normalise(&a[i].Value, depth); err != nil {
			return err
		}
	}
	return nil
}

// normalise does the work of Normalise for a value that lies inside depth maps
// and lists.
func normalise(v *dynamodb.AttributeValue, depth int) (err error) {
	switch v.Type {
	case dynamodb.TypeNone:
		return api.ValidationException("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case dynamodb.TypeMany:
		return api.ValidationException("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case dynamodb.TypeN:
		v.S, err = number.Canonical(v.S)
		return err
	case dynamodb.TypeNULL:
		if !v.Bool {
			return invalid("Null attribute value types must have the value of true")
		}
	case dynamodb.TypeSS, dynamodb.TypeNS, dynamodb.TypeBS:
		return normaliseSet(v)
	case dynamodb.TypeL:
		if depth++; depth > maxNesting {
			return errNesting()
		}
		for i := range v.L {
			if err := normalise(&v.L[i], depth); err != nil {
				return err
			}
		}
	case dynamodb.TypeM:
		if depth++; depth > maxNesting {
			return errNesting()
		}
		return normaliseMembers(v.M, depth)
	}
	return nil
}

func normaliseSet(v *dynamodb.AttributeValue) (err error) {
	if len(v.L) == 0 {
		switch v.Type {
		case dynamodb.TypeSS:
			return invalid("An string set  may not be empty")
		case dynamodb.TypeNS:
			return invalid("An number set  may not be empty")
		default:
			return invalid("Binary sets should not be empty")
		}
	}
	if v.Type == dynamodb.TypeNS {
		for i := range v.L {
			if v.L[i].S, err = number.Canonical(v.L[i].S); err != nil {
				return err
			}
		}
	}
	if increasing(v.L) {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(v.L), CompareMembers)
	if !increasing(sorted) {
		return errDuplicates(*v)
	}
	v.L = sorted
	return nil
}

// CompareMembers orders two members of one set as normalised sets are sorted.
func CompareMembers(a, b dynamodb.AttributeValue) int {
	if a.Type == dynamodb.TypeN {
		return number.Compare(a.S, b.S)
	}
	return strings.Compare(a.S, b.S)
}

// increasing reports whether the members of a set are sorted and differ.
func increasing(members []dynamodb.AttributeValue) bool {
	for i := 1; i < len(members); i++ {
		if CompareMembers(members[i-1], members[i]) >= 0 {
			return false
		}
	}
	return true
}

// errDuplicates reports the members in the order in which they were sent; a
// number set is, on AWS too, not shown.
func errDuplicates(v dynamodb.AttributeValue) error {
	if v.Type == dynamodb.TypeNS {
		return api.ValidationException("Input collection contains duplicates")
	}
	members := make([]string, len(v.L))
	for i, m := range v.L {
		members[i] = m.S
		if v.Type == dynamodb.TypeBS {
			members[i] = base64.StdEncoding.EncodeToString([]byte(m.S))
		}
	}
	list := strings.Join(members, ", ")
	if v.Type == dynamodb.TypeBS {
		return invalid("Input collection [%s]of type BS contains duplicates.", list)
	}
	return invalid("Input collection [%s] contains duplicates.", list)
}

func errNesting() error {
	return api.ValidationException("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
}

// invalidOpen is how DynamoDB begins many of its errors, and invalid makes one.
const invalidOpen = "One or more parameter values were invalid: "

func invalid(format string, args ...any) error {
	return api.ValidationException(invalidOpen+format, args...)
}

// CheckNesting returns the ValidationException of an item with a value that is
// nested too deeply, as an update can make of two that are not.
func CheckNesting(a dynamodb.Attributes) error {
	for i := range a {
		if nesting(a[i].Value) > maxNesting {
			return errNesting()
		}
	}
	return nil
}

func nesting(v dynamodb.AttributeValue) int {
	deepest := 0
	switch v.Type {
	case dynamodb.TypeL:
		for i := range v.L {
			deepest = max(deepest, nesting(v.L[i]))
		}
	case dynamodb.TypeM:
		for i := range v.M {
			deepest = max(deepest, nesting(v.M[i].Value))
		}
	default:
		return 0
	}
	return deepest + 1
}
