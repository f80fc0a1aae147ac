// Package ledger knows who needs which blob, so that the bytes that nobody needs can be
// deleted beside those who bring and use bytes.
//
// It stands between them and the collector, by a record of each blob in the store of keys.
// Who brings bytes, or comes to need some that are there, writes a lease into the record
// (Reserve, Held) and, in the same transaction, that it holds the blob (Hold). The collector looks at
// blobs whose lease is over; it reads the record in the transaction that marks the bytes as
// leaving, so of the two one runs again and sees the other. Bytes leave in three steps
// (marked, deleted, forgotten); who brings the same bytes meanwhile waits until they are
// forgotten. A crash in between leaves the mark, and the next collection goes on there.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Config is what a Ledger is made of; all of it but Freed is required.
type Config struct {
	Store kv.Store
	Blobs blob.Store // whose blobs no other ledger knows
	// Room is the first element of the ledger's keys, those of ("blob", digest) and
	// ("holder", digest, …) below it.
	Room string
	Now  func() time.Time
	// Lease is how long a blob stays that someone was told of, though nobody holds it.
	Lease time.Duration
	// Abandoned is after what time without new bytes an upload ends.
	Abandoned time.Duration
	// Freed is called for each blob whose bytes were deleted, as soon as they are.
	Freed func(bytes int64)
}

// Ledger is safe for concurrent use.
type Ledger struct {
	Config
	blobs, holders []byte       // prefixes of keys
	keep           sync.RWMutex // read-locked while all bytes must stay; the collector locks it
}

// New returns the ledger of a store of blobs.
func New(c Config) *Ledger {
	return &Ledger{Config: c, blobs: tuple.Of(c.Room, "blob"), holders: tuple.Of(c.Room, "holder")}
}

// ErrLeaving says that the collector is deleting the bytes of a blob. They can be brought
// again as soon as that is done.
var ErrLeaving = errors.New("ledger: the blob is being deleted")

// record says that the bytes of a blob are in the store of blobs, or on their way in or
// out.
type record struct {
	Leased time.Time `json:"l"`
	// Leaving says that the collector is deleting the bytes: nobody may rely on them
	// until the record is gone.
	Leaving bool `json:"g,omitempty"`
}

func (l *Ledger) blobKey(d blob.Digest) []byte   { return appended(l.blobs, string(d)) }
func (l *Ledger) holdersOf(d blob.Digest) []byte { return appended(l.holders, string(d)) }

func appended(prefix []byte, text string) []byte {
	return tuple.AppendString(append(make([]byte, 0, len(prefix)+len(text)+32), prefix...), text)
}

func (l *Ledger) holderKey(d blob.Digest, holder uint64) []byte {
	return tuple.AppendUint(l.holdersOf(d), holder)
}

func read(ctx context.Context, tx kv.Reader, key []byte) (*record, error) {
	b, err := tx.Get(ctx, key)
	if b == nil || err != nil {
		return nil, err
	}
	return decode(b)
}

func decode(b []byte) (*record, error) {
	r := new(record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("ledger: a stored record is malformed: %w", err)
	}
	return r, nil
}

func encode(r record) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a time of a four-digit year always has a form
	}
	return b
}

// Leased returns until when a blob is to stay that has a lease until given, and whether
// that is later. A lease is renewed when half of it is over, so that a blob in constant use
// is not written constantly. Who finds more than half of a lease left may rely on it without
// a write: the collector, which looks for those that are over, cannot be about to delete
// the blob.
func (l *Ledger) Leased(given time.Time) (until time.Time, renewed bool) {
	now := l.Now()
	if given.Sub(now) > l.Lease/2 {
		return given, false
	}
	return now.Add(l.Lease).UTC(), true
}

// Reserve sees to it that the bytes of a blob stay, if they are there, and that they may
// come, if they are not. The error is ErrLeaving.
func (l *Ledger) Reserve(ctx context.Context, tx kv.Txn, d blob.Digest) error {
	r, err := read(ctx, tx, l.blobKey(d))
	switch {
	case err != nil:
		return err
	case r == nil:
		r = &record{}
	case r.Leaving:
		return ErrLeaving
	}
	if until, due := l.Leased(r.Leased); due {
		r.Leased = until
		tx.Put(l.blobKey(d), encode(*r))
	}
	return nil
}

// Held tells whether the bytes of a blob are reserved since before the transaction, and sees
// to it that they stay. What took longer than a lease may have been collected: then it has to
// come again.
func (l *Ledger) Held(ctx context.Context, tx kv.Txn, d blob.Digest) (bool, error) {
	r, err := read(ctx, tx, l.blobKey(d))
	if err != nil || r == nil || r.Leaving {
		return false, err
	}
	return true, l.Reserve(ctx, tx, d)
}

// Hold notes that a holder needs a blob, which is held or reserved in this transaction,
// until it is released.
func (l *Ledger) Hold(tx kv.Txn, d blob.Digest, holder uint64) {
	tx.Put(l.holderKey(d, holder), []byte{})
}

// Release notes that a holder no longer needs a blob.
func (l *Ledger) Release(tx kv.Txn, d blob.Digest, holder uint64) { tx.Delete(l.holderKey(d, holder)) }

// leavingPoll is how often to look whether the collector has finished with a blob.
const leavingPoll = 5 * time.Millisecond

// Publish makes an upload the blob d, whose bytes stay for a lease at least. The errors are
// those of the upload's Publish.
func (l *Ledger) Publish(ctx context.Context, u blob.Upload, d blob.Digest) error {
	if err := blob.Check(d); err != nil {
		return err
	}
	// First the record: from here on the collector leaves the bytes.
	for {
		_, err := l.Store.Update(ctx, func(tx kv.Txn) error { return l.Reserve(ctx, tx, d) })
		if err == nil {
			return u.Publish(ctx, d)
		}
		if !errors.Is(err, ErrLeaving) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leavingPoll):
		}
	}
}
