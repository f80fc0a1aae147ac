// Package kv is the ordered, transactional storage under every service.
package kv

import (
	"context"
	"errors"
	"iter"
)

// Stamp numbers the commits of a store, one a commit, in commit order.
type Stamp uint64

// KV is a key and its value.
type KV struct{ Key, Val []byte }

// Range is what a scan reads: the keys k with From <= k < To, at most Limit of
// them and about MaxBytes of keys and values; zero means no bound. A nil To means
// the end of the store.
type Range struct {
	From, To []byte
	Reverse  bool
	Limit    int
	MaxBytes int
}

// Reader reads one snapshot, all of which is durable.
type Reader interface {
	// Get returns the value of key, or nil if there is none. The caller owns it.
	Get(ctx context.Context, key []byte) ([]byte, error)
	// GetMany returns the values of keys in their order, nil for an absent one.
	GetMany(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Scan yields the keys of r in order. The bytes of a KV are good until the
	// next one is asked for. An error ends the scan.
	Scan(ctx context.Context, r Range) iter.Seq2[KV, error]
}

// Txn is a reader that also collects writes. It does not see its own writes.
// What Get and GetMany returned is validated at commit; what Scan returned is
// not: guard a range with a key.
type Txn interface {
	Reader
	Put(key, val []byte)
	Delete(key []byte)
	// PutStamped writes the key prefix | stamp (8 bytes, big-endian) | suffix.
	PutStamped(prefix, suffix, val []byte)
}

// Store is a store of keys with serializable transactions.
type Store interface {
	// View runs fn on one durable snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits what it wrote, atomically and durably. On a
	// conflict with another commit fn runs again, on a newer snapshot: it must
	// have no effect but on its Txn. An error of fn is returned as it is and
	// nothing is written.
	Update(ctx context.Context, fn func(Txn) error) (Stamp, error)
	// DeleteRange deletes the keys of [from, to). It is for bulk: not atomic,
	// and never of a range that is still in use.
	DeleteRange(ctx context.Context, from, to []byte) error
	Close() error
}

// ErrCommitUnknown says that a commit may or may not have happened.
var ErrCommitUnknown = errors.New("kv: it is unknown whether the commit happened")
