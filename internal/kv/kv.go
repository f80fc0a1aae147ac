// Package kv is the ordered, transactional storage under every service.
//
// A Store is a sorted map of byte strings with serializable transactions. One
// optimistic committer (DB) makes it out of any Engine, which need only read at
// a snapshot and apply a batch; kv/pebble and kv/mem are such engines, and
// kv/kvtest is the suite that proves one.
package kv

import (
	"context"
	"iter"
	"time"
)

// Stamp numbers the commits of a store in commit order, from 1. A stamp is never
// given twice, also not after a crash; 0 is the empty store.
type Stamp uint64

// Limits of what a store takes. A transaction is the sum of its keys and values.
const (
	MaxKey   = 16 << 10
	MaxValue = 4 << 20
	MaxTxn   = 128 << 20
)

// KV is a key and its value.
type KV struct{ Key, Val []byte }

// Range is what a scan reads: the keys k with From <= k < To, at most Limit of
// them; it ends after the one that brings keys and values to MaxBytes. Zero means
// no bound. A nil To means the end of the store.
type Range struct {
	From, To []byte
	Reverse  bool
	Limit    int
	MaxBytes int
}

// Reader reads one snapshot, all of which is durable. It is for one goroutine,
// and only until the function that it was given to returns.
type Reader interface {
	// Get returns the value of key, or nil if there is none (an empty value is
	// not nil). The caller owns it.
	Get(ctx context.Context, key []byte) ([]byte, error)
	// GetHot is Get for keys that most requests read and few write, such as what a
	// table is: the store keeps copies of them in memory. The value is shared and
	// not to be changed.
	GetHot(ctx context.Context, key []byte) ([]byte, error)
	// GetMany returns the values of keys in their order, nil for an absent one.
	GetMany(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Scan yields the keys of r in order. The bytes of a KV are not to be changed,
	// and good until the next one is asked for. An error ends the scan.
	Scan(ctx context.Context, r Range) iter.Seq2[KV, error]
	// Stamp is the last commit that the snapshot includes.
	Stamp() Stamp
}

// Txn is a reader that also collects writes. It does not see its own writes; of
// several to one key the last wins. The bytes given to a write are copied, and an
// unfit key or value (empty, reserved or too large) fails the Update.
//
// What Get, GetHot and GetMany returned is validated at commit; what Scan returned is
// not: guard a range with a key.
type Txn interface {
	Reader
	Put(key, val []byte)
	Delete(key []byte)
	// PutStamped writes the key prefix | stamp (8 bytes, big-endian) | suffix,
	// with the stamp of this transaction's own commit.
	PutStamped(prefix, suffix, val []byte)
}

// Store is a store of keys with strictly serializable transactions. Keys are not
// empty, and those that begin with 0x00 are the store's own.
type Store interface {
	// View runs fn on the newest durable snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn and commits what it wrote, atomically and durably; it
	// returns the stamp of the commit, or that of its snapshot if fn wrote
	// nothing. On a conflict with another commit fn runs again, on a newer
	// snapshot: it must have no effect but on its Txn, and must not open a
	// transaction of its own. An error of fn is returned as it is and nothing
	// is written. If ctx ends before the commit began, nothing is written; if it
	// ends during it, the error is ErrCommitUnknown.
	Update(ctx context.Context, fn func(Txn) error) (Stamp, error)
	// DeleteRange deletes the keys of [from, to), to the end if to is nil. It is
	// for bulk: not atomic, and never of a range that is still in use.
	DeleteRange(ctx context.Context, from, to []byte) error
	// StampAt returns the last commit made before t, cut to the second: with
	// t = S+1s, that includes every commit of second S and none after. What it
	// says is final once a commit of a later second was acknowledged. It is 0
	// before the first commit, and an error of ErrNoHistory for a time of which
	// the store no longer knows (see Options.History).
	StampAt(ctx context.Context, t time.Time) (Stamp, error)
	// Close waits for running transactions and closes the store.
	Close() error
}
