package kv

import (
	"context"
	"iter"
)

// Engine is ordered durable storage that knows nothing of transactions. It does
// two things: it reads at a snapshot, and it applies a batch.
//
// What an engine promises:
//
//   - Keys are ordered by bytes.Compare and are up to MaxKey long, values up to
//     MaxValue. A batch is up to MaxTxn and something for the store's own keys.
//   - Apply is atomic and durable: when it returns nil, all of the batch survives
//     a crash of the process and a loss of power; after a crash, all or nothing of
//     a batch is there, and nothing of one that was applied after it without it.
//   - A batch takes effect in the order of its operations: the last write of a key
//     wins. A range deletion may be split, as nothing reads what it deletes.
//   - A snapshot shows exactly the batches whose Apply had returned when it was
//     taken, and it never changes. It may be read by many goroutines, also while
//     batches are applied, and lives until it is closed.
//   - Apply is called by one goroutine at a time and never while it takes a
//     snapshot; an engine needs no lock between the two.
//
// An error of Apply that wraps ErrFull promises that nothing was written, and that
// a later Apply may succeed. After any other error the store no longer knows what
// is durable: it stops writing, and reads only snapshots taken before.
//
// An engine has one store at a time, and keeps a second process away itself.
//
// A shared engine (PostgreSQL, TiKV), on which several servers open one store, has
// to promise more, since each server validates with what it remembers of its own
// commits. It will offer one more operation, a turn at the counter:
//
//   - A turn locks the one row or key that holds the last stamp and commit time,
//     and reads it. Turns of all servers are thereby in one order, and the row is
//     the only one that is ever locked; a server that dies loses its turn.
//   - Beside what it writes, each turn writes one row with its stamps and the
//     hashes of the keys it wrote (with a seed that the store keeps, not the
//     process). A server that finds the counter further than it left it reads the
//     rows in between into its conflict table before it validates its own group.
//     Rows are dropped after a time; who was away longer than that starts with an
//     empty table whose floor is the counter, so older transactions run again.
//   - A server's whole group is merged into one transaction of the engine, under
//     the turn: validation, stamps, writes, the hash row and the counter commit
//     together or not at all, and the lock is held for one round trip of writes.
//   - A snapshot taken after a turn shows all turns before it, and a new one is
//     taken for each read that must see what another server acknowledged: the
//     published snapshot is refreshed by reading the counter.
//   - When the answer to a commit is lost, the counter row tells whether it
//     happened: it carries the server and number of the last turn.
type Engine interface {
	// Apply applies ops as one batch. It does not keep ops or their bytes.
	Apply(ops []Op) error
	// Snapshot returns a view of all that is applied.
	Snapshot() (Snapshot, error)
	// Close releases the engine. All snapshots are closed before it is called.
	Close() error
}

// Op is one write of a batch. Its bytes are not changed by either side.
type Op struct {
	Kind OpKind
	Key  []byte
	Val  []byte // the value of a Put; the end of a DeleteRange, nil for the end of the store
}

// OpKind says what an Op does.
type OpKind uint8

const (
	OpPut OpKind = iota + 1
	OpDelete
	OpDeleteRange
)

// Snapshot reads the state of an engine at one moment. What it returns is as in
// Reader.
type Snapshot interface {
	Get(ctx context.Context, key []byte) ([]byte, error)
	GetMany(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Scan yields the keys of [r.From, r.To) in the order asked for. Limit and
	// MaxBytes are hints of how much will be wanted, for an engine that fetches
	// ahead: the caller stops by itself.
	Scan(ctx context.Context, r Range) iter.Seq2[KV, error]
	Close()
}
