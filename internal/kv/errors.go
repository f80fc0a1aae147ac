package kv

import "errors"

var (
	// ErrCommitUnknown says that a commit may or may not have happened.
	ErrCommitUnknown = errors.New("kv: it is unknown whether the commit happened")
	// ErrStopped says that the store takes no more writes, since one failed in a
	// way that leaves its outcome unknown. It still reads; a restart recovers.
	ErrStopped = errors.New("kv: the store takes no more writes until it is restarted")
	// ErrFull says that the engine has no room for a write. Nothing was written,
	// and writes work again once there is room.
	ErrFull = errors.New("kv: no space left for the write")
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("kv: the store is closed")
	// ErrInvalidKey says that a key is empty or belongs to the store itself.
	ErrInvalidKey = errors.New("kv: invalid key")
	// ErrTooLarge says that a key, a value or a transaction exceeds its limit.
	ErrTooLarge = errors.New("kv: too large")
	// ErrNoHistory says that the store no longer knows the commits of a time.
	ErrNoHistory = errors.New("kv: the commits of that time are no longer known")
	// ErrFormat says that the engine holds something that this program cannot
	// open: a newer format, an unfinished restore, or what is not a store.
	ErrFormat = errors.New("kv: unknown store format")

	// errConflict sends a transaction back to run again.
	errConflict = errors.New("kv: conflict")
	errDone     = errors.New("kv: the transaction is over")
)
