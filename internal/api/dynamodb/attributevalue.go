package dynamodb

import "slices"

// Type is the type of an attribute value, by DynamoDB's names.
type Type uint8

// The types, in no particular order; the zero Type marks an absent value.
const (
	TypeNone Type = iota
	TypeS
	TypeN
	TypeB
	TypeBOOL
	TypeNULL
	TypeSS
	TypeNS
	TypeBS
	TypeL
	TypeM
	// TypeMany marks a value that was given several types at once.
	TypeMany
)

var typeNames = [...]string{"", "S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", ""}

func (t Type) String() string { return typeNames[t] }

// AttributeValue is a value of an item.
type AttributeValue struct {
	Type Type
	// Bool is the value of a BOOL; of a NULL it is true.
	Bool bool
	// S is the text of an S or N, and the raw bytes of a B.
	S string
	// L is the elements of an L, and the members of a set as S, N or B values.
	L []AttributeValue
	// M is the members of an M.
	M Attributes
}

// Attribute is a named value.
type Attribute struct {
	Name  string
	Value AttributeValue
}

// Attributes is an item, a key, or a map inside one: sorted by name in byte
// order, no name twice.
type Attributes []Attribute

// Get returns the value called name.
func (a Attributes) Get(name string) (AttributeValue, bool) {
	if i, ok := a.index(name); ok {
		return a[i].Value, true
	}
	return AttributeValue{}, false
}

// Set returns a with the value called name set. It may change a's array.
func (a Attributes) Set(name string, v AttributeValue) Attributes {
	i, ok := a.index(name)
	if ok {
		a[i].Value = v
		return a
	}
	return slices.Insert(a, i, Attribute{name, v})
}

// Remove returns a without the value called name. It may change a's array.
func (a Attributes) Remove(name string) Attributes {
	if i, ok := a.index(name); ok {
		return slices.Delete(a, i, i+1)
	}
	return a
}

func (a Attributes) index(name string) (int, bool) {
	return slices.BinarySearchFunc(a, name, func(x Attribute, name string) int {
		switch {
		case x.Name < name:
			return -1
		case x.Name > name:
			return 1
		}
		return 0
	})
}

// RawAttributes is Attributes in their JSON form, as they are stored and sent.
// Answers carry items in it, so that reading one costs no decoding.
type RawAttributes []byte
