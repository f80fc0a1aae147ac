package item

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

// MaxSize is the largest size of an item, in bytes as Size counts them.
const MaxSize = 409600

// Size returns the size of an item in bytes, as DynamoDB counts it: its names in
// UTF-8 and its values. See "DynamoDB item sizes and formats" in its developer
// guide, and number.Size for where it counts otherwise.
func Size(a dynamodb.Attributes) int {
	n := 0
	for i := range a {
		n += len(a[i].Name) + ValueSize(a[i].Value)
	}
	return n
}

// container is what an L or M costs by itself, and each of its elements one more.
const container = 3

// ValueSize returns the bytes that a value adds to the size of an item.
func ValueSize(v dynamodb.AttributeValue) int {
	switch v.Type {
	case dynamodb.TypeS, dynamodb.TypeB:
		return len(v.S)
	case dynamodb.TypeN:
		return number.Size(v.S)
	case dynamodb.TypeBOOL, dynamodb.TypeNULL:
		return 1
	case dynamodb.TypeM:
		return container + len(v.M) + Size(v.M)
	case dynamodb.TypeL:
		n := container + len(v.L)
		for i := range v.L {
			n += ValueSize(v.L[i])
		}
		return n
	default: // sets
		n := 0
		for i := range v.L {
			n += ValueSize(v.L[i])
		}
		return n
	}
}

// CheckSize returns the ValidationException of an item of size bytes that is too
// large to put.
func CheckSize(size int) error {
	if size > MaxSize {
		return api.ValidationException("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// CheckUpdatedSize is CheckSize for an item that an update made.
func CheckUpdatedSize(size int) error {
	if size > MaxSize {
		return api.ValidationException("Item size to update has exceeded the maximum allowed size")
	}
	return nil
}
