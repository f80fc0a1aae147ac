package item

import (
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

const (
	maxHashLength  = 2048
	maxRangeLength = 1024
)

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
func (s Schema) Names() []string {
	if s.Range.Name == "" {
		return []string{s.Hash.Name}
	}
	return []string{s.Hash.Name, s.Range.Name}
}

// Has reports whether name is an attribute of the key.
func (s Schema) Has(name string) bool {
	return name != "" && (name == s.Hash.Name || name == s.Range.Name)
}

// ErrMismatch is what the errors are that say that a key is not of the attributes and
// types of the schema. DynamoDB finds that later than an empty or too long key.
var ErrMismatch = errors.New("item: the key does not match the schema")

type mismatched struct{ error }

func (m mismatched) Unwrap() error { return m.error }

func (mismatched) Is(target error) bool { return target == ErrMismatch }

// Mismatch makes an error one that Is ErrMismatch.
func Mismatch(err error) error { return mismatched{err} }

func mismatch(format string, args ...any) error {
	return mismatched{api.ValidationException(format, args...)}
}

// KeyOfItem returns the key of a whole item, as it is put, or the
// ValidationException of one that is missing, mistyped, empty or too long.
func (s Schema) KeyOfItem(a dynamodb.Attributes) (Key, error) {
	return s.key(func(k KeyAttribute) (dynamodb.AttributeValue, error) {
		v, ok := a.Get(k.Name)
		if !ok {
			return v, mismatch(invalidOpen+"Missing the key %s in the item", k.Name)
		}
		if v.Type != k.Type {
			return v, mismatch(invalidOpen+"Type mismatch for key %s expected: %s actual: %s", k.Name, k.Type, v.Type)
		}
		return v, nil
	})
}

// KeyOf returns the key that a Key parameter holds: exactly the attributes of
// the schema, or a ValidationException.
func (s Schema) KeyOf(key dynamodb.Attributes) (Key, error) {
	const message = "The provided key element does not match the schema"
	want := 1
	if s.Range.Name != "" {
		want = 2
	}
	if len(key) != want {
		return Key{}, mismatch(message)
	}
	return s.key(func(k KeyAttribute) (dynamodb.AttributeValue, error) {
		v, ok := key.Get(k.Name)
		if !ok || v.Type != k.Type {
			return v, mismatch(message)
		}
		return v, nil
	})
}

// key makes a key of the values that get returns, in the order in which DynamoDB
// looks at them.
func (s Schema) key(get func(KeyAttribute) (dynamodb.AttributeValue, error)) (Key, error) {
	var key Key
	v, err := get(s.Hash)
	if err != nil {
		return Key{}, err
	}
	if err := CheckKeyNotEmpty(s.Hash.Name, v); err != nil {
		return Key{}, err
	}
	if err := s.CheckKeyLength(v, dynamodb.AttributeValue{}); err != nil {
		return Key{}, err
	}
	key.Hash = KeyBytes(v)
	if s.Range.Name == "" {
		return key, nil
	}
	v, err = get(s.Range)
	if err != nil {
		return Key{}, err
	}
	if err := CheckKeyNotEmpty(s.Range.Name, v); err != nil {
		return Key{}, err
	}
	if err := s.CheckKeyLength(dynamodb.AttributeValue{}, v); err != nil {
		return Key{}, err
	}
	key.Range = KeyBytes(v)
	return key, nil
}

// CheckKeyLength returns the ValidationException of a hash or range key that is
// too long.
func (s Schema) CheckKeyLength(hash, rangeKey dynamodb.AttributeValue) error {
	switch {
	case hash.Type != dynamodb.TypeN && len(hash.S) > maxHashLength:
		// The missing blank is AWS's.
		return invalid("Size of hashkey has exceeded the maximum size limit of%d bytes", maxHashLength)
	case rangeKey.Type != dynamodb.TypeN && len(rangeKey.S) > maxRangeLength:
		return invalid("Aggregated size of all range keys has exceeded the size limit of %d bytes", maxRangeLength)
	}
	return nil
}

// CheckKeyNotEmpty returns the ValidationException of an empty value of a key's
// attribute.
func CheckKeyNotEmpty(name string, v dynamodb.AttributeValue) error {
	if v.S != "" {
		return nil
	}
	kind := "string"
	if v.Type == dynamodb.TypeB {
		kind = "binary"
	}
	return api.ValidationException("One or more parameter values are not valid. The AttributeValue for a key attribute "+
		"cannot contain an empty %s value. Key: %s", kind, name)
}

// Attributes returns the key's part of an item, as LastEvaluatedKey holds it.
func (s Schema) Attributes(a dynamodb.Attributes) dynamodb.Attributes {
	key := make(dynamodb.Attributes, 0, 2)
	for i := range a {
		if s.Has(a[i].Name) {
			key = append(key, a[i])
		}
	}
	return key
}

// AttributesOf returns the attributes that a key was made of.
func (s Schema) AttributesOf(k Key) (dynamodb.Attributes, error) {
	hash, err := keyValue(s.Hash.Type, k.Hash)
	if err != nil {
		return nil, err
	}
	key := make(dynamodb.Attributes, 0, 2).Set(s.Hash.Name, hash)
	if s.Range.Name == "" {
		return key, nil
	}
	value, err := keyValue(s.Range.Type, k.Range)
	if err != nil {
		return nil, err
	}
	return key.Set(s.Range.Name, value), nil
}

// KeyBytes returns the order-preserving bytes of an S, N or B value.
func KeyBytes(v dynamodb.AttributeValue) []byte {
	if v.Type == dynamodb.TypeN {
		return number.AppendKey(make([]byte, 0, 24), v.S)
	}
	return []byte(v.S)
}

func keyValue(t dynamodb.Type, b []byte) (dynamodb.AttributeValue, error) {
	if t != dynamodb.TypeN {
		return dynamodb.AttributeValue{Type: t, S: string(b)}, nil
	}
	n, err := number.FromKey(b)
	return dynamodb.AttributeValue{Type: t, S: n}, err
}

// PartitionHash spreads the bytes of hash keys evenly over all numbers. It never
// changes: items are stored by it.
//
// It is FNV-1a, whose low bits alone are well mixed, with the finaliser of
// MurmurHash3 for the high ones, by which ranges of it are made.
func PartitionHash(hash []byte) uint64 {
	const (
		offset = 14695981039346656037
		prime  = 1099511628211
	)
	h := uint64(offset)
	for _, b := range hash {
		h = (h ^ uint64(b)) * prime
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// NotDocument is the ValidationException of a path that goes into a key's
// attribute.
func NotDocument(name string) error {
	return api.ValidationException("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s", name)
}
