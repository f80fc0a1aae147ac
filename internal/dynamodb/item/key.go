package item

import (
	"errors"
	"iter"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
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

// Schema is the key of a table or index. Range has no name if there is none.
type Schema struct {
	Hash, Range KeyAttribute
	// MoreHash and MoreRange are the further attributes of an index's key that has several
	// of a kind.
	MoreHash, MoreRange []KeyAttribute
}

// Key is a key in an order-preserving form: the bytes of a hash or range key compare as
// the values do; of several attributes they are a tuple. Range is nil if the schema has
// none.
type Key struct {
	Hash, Range []byte
}

// Parts yields the attributes of the key in their order, and whether each is one of
// the hash key.
func (s *Schema) Parts() iter.Seq2[KeyAttribute, bool] {
	return func(yield func(KeyAttribute, bool) bool) {
		if !yield(s.Hash, true) {
			return
		}
		for _, k := range s.MoreHash {
			if !yield(k, true) {
				return
			}
		}
		if s.Range.Name == "" || !yield(s.Range, false) {
			return
		}
		for _, k := range s.MoreRange {
			if !yield(k, false) {
				return
			}
		}
	}
}

// Plain reports whether it has no more than one attribute of a kind, as that of a table.
func (s *Schema) Plain() bool { return len(s.MoreHash) == 0 && len(s.MoreRange) == 0 }

// Len is the number of attributes.
func (s *Schema) Len() int {
	n := 1 + len(s.MoreHash)
	if s.Range.Name != "" {
		n += 1 + len(s.MoreRange)
	}
	return n
}

// Names returns the names of the key's attributes in their order.
func (s Schema) Names() []string {
	names := make([]string, 0, s.Len())
	for k := range s.Parts() {
		names = append(names, k.Name)
	}
	return names
}

// Find returns the key's attribute of a name, and whether there is one.
func (s Schema) Find(name string) (KeyAttribute, bool) {
	for k := range s.Parts() {
		if k.Name == name {
			return k, true
		}
	}
	return KeyAttribute{}, false
}

// Has reports whether name is an attribute of the key.
func (s Schema) Has(name string) bool {
	_, ok := s.Find(name)
	return ok
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
	if len(key) != s.Len() {
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
	var length KeyLength
	for k, hash := range s.Parts() {
		v, err := get(k)
		if err != nil {
			return Key{}, err
		}
		if err := CheckKeyNotEmpty(k.Name, v); err != nil {
			return Key{}, err
		}
		if err := length.Add(v, hash); err != nil {
			return Key{}, err
		}
		if hash {
			key.Hash = JoinKey(key.Hash, v, len(s.MoreHash) > 0)
		} else {
			key.Range = JoinKey(key.Range, v, len(s.MoreRange) > 0)
		}
	}
	return key, nil
}

// JoinKey adds the bytes of a value to those of a hash or range key: as they are, or as
// an element of a tuple if the key is of several.
func JoinKey(dst []byte, v dynamodb.AttributeValue, several bool) []byte {
	if !several {
		return KeyBytes(v)
	}
	return tuple.AppendBytes(dst, KeyBytes(v))
}

// KeyLength is how long a key is so far. The lengths of the attributes of a kind count
// together, those of numbers not at all.
type KeyLength struct {
	hash, rest int
}

// Add adds a value of the hash or range key, and returns the ValidationException of one
// with which it is too long.
func (l *KeyLength) Add(v dynamodb.AttributeValue, hash bool) error {
	if v.Type == dynamodb.TypeN {
		return nil
	}
	if hash {
		if l.hash += len(v.S); l.hash > maxHashLength {
			// The missing blank is AWS's.
			return invalid("Size of hashkey has exceeded the maximum size limit of%d bytes", maxHashLength)
		}
		return nil
	}
	if l.rest += len(v.S); l.rest > maxRangeLength {
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
	key := make(dynamodb.Attributes, 0, s.Len())
	for i := range a {
		if s.Has(a[i].Name) {
			key = append(key, a[i])
		}
	}
	return key
}

// AttributesOf returns the attributes that the key of a table was made of.
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
