package item

import "github.com/modelwharf/modelwharf/internal/api/dynamodb"

// Stored is an item as it is stored: a header with the form's version and the
// item's size, then the item's canonical JSON, which is sent as it is.
type Stored []byte

// Encode returns the stored form of an item of the given size, as Size counts it.
func Encode(a dynamodb.Attributes, size int) Stored { return nil }

// Open checks the header of stored bytes, which it does not copy.
func Open(b []byte) (Stored, error) { return b, nil }

// Size returns the item's size, as Size counted it.
func (s Stored) Size() int { return 0 }

// JSON returns the item as it is sent. It shares the bytes of s.
func (s Stored) JSON() dynamodb.RawAttributes { return nil }

// Attributes decodes the item. What it returns shares no bytes with s.
func (s Stored) Attributes() (dynamodb.Attributes, error) { return nil, nil }

// Some decodes the named top-level attributes alone; names are sorted. Nil means
// all.
func (s Stored) Some(names []string) (dynamodb.Attributes, error) { return nil, nil }

// JSON returns attributes in the form that RawAttributes has.
func JSON(a dynamodb.Attributes) dynamodb.RawAttributes { return nil }
