// Package sealed keeps the values of some rooms of a store encrypted at rest: of those whose
// records hold secrets of users, such as the parameters of stacks. Keys, and the values of
// all other rooms, are as they are.
package sealed

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Sealer seals and opens values. What it sealed begins with the byte 1, and can be opened
// only with the same where.
type Sealer interface {
	Seal(plain, where []byte) []byte
	Open(sealed, where []byte) ([]byte, error)
}

// mark is the first byte of a sealed value. One that begins otherwise was stored before its
// room was sealed: texts of JSON and YAML never begin so. An empty value is never sealed.
const mark = 1

// Store is a store of which some rooms are sealed.
type Store struct {
	kv.Store
	seal
}

// seal is what is sealed, and how: values are bound to their room, so that what one seals is
// nothing to another.
type seal struct {
	by    Sealer
	rooms [][]byte
}

// New returns store with the rooms sealed whose keys are tuples that begin with a name.
func New(store kv.Store, by Sealer, rooms ...string) *Store {
	s := &Store{store, seal{by: by}}
	for _, room := range rooms {
		s.rooms = append(s.rooms, tuple.Of(room))
	}
	return s
}

// room is the room of a key, nil if that is not sealed.
func (s *seal) room(key []byte) []byte {
	i := slices.IndexFunc(s.rooms, func(room []byte) bool { return bytes.HasPrefix(key, room) })
	if i < 0 {
		return nil
	}
	return s.rooms[i]
}

func (s *seal) close(key, val []byte) []byte {
	if room := s.room(key); room != nil && len(val) > 0 {
		return s.by.Seal(val, room)
	}
	return val
}

func (s *seal) open(key, val []byte) ([]byte, error) {
	room := s.room(key)
	if room == nil || len(val) == 0 || val[0] != mark {
		return val, nil
	}
	plain, err := s.by.Open(val, room)
	if err != nil {
		return nil, fmt.Errorf("sealed: a value of the room %q: %w", room, err)
	}
	return plain, nil
}

// View is View of the store beneath.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	return s.Store.View(ctx, func(tx kv.Reader) error { return fn(reader{tx, &s.seal}) })
}

// Update is Update of the store beneath.
func (s *Store) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	return s.Store.Update(ctx, func(tx kv.Txn) error { return fn(txn{reader{tx, &s.seal}, tx}) })
}

type reader struct {
	kv.Reader
	seal *seal
}

func (r reader) Get(ctx context.Context, key []byte) ([]byte, error) {
	val, err := r.Reader.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return r.seal.open(key, val)
}

func (r reader) GetHot(ctx context.Context, key []byte) ([]byte, error) {
	val, err := r.Reader.GetHot(ctx, key)
	if err != nil {
		return nil, err
	}
	return r.seal.open(key, val)
}

func (r reader) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
	vals, err := r.Reader.GetMany(ctx, keys)
	for i := 0; err == nil && i < len(vals); i++ {
		vals[i], err = r.seal.open(keys[i], vals[i])
	}
	return vals, err
}

func (r reader) Scan(ctx context.Context, of kv.Range) iter.Seq2[kv.KV, error] {
	return func(yield func(kv.KV, error) bool) {
		for p, err := range r.Reader.Scan(ctx, of) {
			if err == nil {
				p.Val, err = r.seal.open(p.Key, p.Val)
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

type txn struct {
	reader
	beneath kv.Txn
}

func (t txn) Put(key, val []byte) { t.beneath.Put(key, t.seal.close(key, val)) }

func (t txn) Delete(key []byte) { t.beneath.Delete(key) }

func (t txn) PutStamped(prefix, suffix, val []byte) {
	t.beneath.PutStamped(prefix, suffix, t.seal.close(prefix, val))
}
