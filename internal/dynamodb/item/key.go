package item

import "github.com/modelwharf/modelwharf/internal/api/dynamodb"

// KeyAttribute is the name and type (S, N or B) of one attribute of a key.
type KeyAttribute struct {
	Name string
	Type dynamodb.Type
}

// Schema is the primary key of a table. Range has no name if there is none.
type Schema struct {
	Hash, Range KeyAttribute
}

// Key is a primary key in an order-preserving form: the bytes of a hash or range
// key compare as the values do. Range is nil if the schema has none.
type Key struct {
	Hash, Range []byte
}

// Names returns the one or two names of the key's attributes.
func (s Schema) Names() []string { return nil }

// Has reports whether name is an attribute of the key.
func (s Schema) Has(name string) bool { return false }

// KeyOfItem returns the key of a whole item, as it is put, or the
// ValidationException of one that is missing, mistyped, empty or too long.
func (s Schema) KeyOfItem(a dynamodb.Attributes) (Key, error) { return Key{}, nil }

// KeyOf returns the key that a Key parameter holds: exactly the attributes of
// the schema, or a ValidationException.
func (s Schema) KeyOf(key dynamodb.Attributes) (Key, error) { return Key{}, nil }

// Attributes returns the key's part of an item, as LastEvaluatedKey holds it.
func (s Schema) Attributes(a dynamodb.Attributes) dynamodb.Attributes { return nil }

// AttributesOf returns the attributes that a key was made of.
func (s Schema) AttributesOf(k Key) (dynamodb.Attributes, error) { return nil, nil }

// KeyBytes returns the order-preserving bytes of an S, N or B value.
func KeyBytes(v dynamodb.AttributeValue) []byte { return nil }

// PartitionHash spreads the bytes of hash keys evenly over all numbers. It never
// changes: items are stored by it.
func PartitionHash(hash []byte) uint64 { return 0 }
