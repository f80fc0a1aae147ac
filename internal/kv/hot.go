package kv

import (
	"bytes"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// hot keeps the values of keys that nearly every request reads and few write, so
// that reading one costs no search of the engine: tens of nanoseconds instead of
// microseconds. Reading takes no lock.
//
// A copy is good for the snapshots from the one that it was read in up to the last
// one before a commit of its key. So the committer drops the copies of what a group
// wrote before it publishes the group, and a copy is only taken while nothing is
// being dropped: in the snapshot of the newest group whose keys were dropped.
type hot struct {
	seed    maphash.Seed
	dropped atomic.Uint64 // the stamp of the newest group whose keys are being or were dropped
	locks   [64]sync.Mutex
	copies  [hotKeys]atomic.Pointer[hotCopy]
}

const (
	hotKeys  = 4096     // places; keys that share one take turns
	hotValue = 16 << 10 // the longest value that is kept, in bytes
)

type hotCopy struct {
	key   []byte
	value []byte // nil if the key is absent
	from  Stamp
}

func newHot() *hot { return &hot{seed: maphash.MakeSeed()} }

func (h *hot) place(key []byte) (*atomic.Pointer[hotCopy], *sync.Mutex) {
	i := maphash.Bytes(h.seed, key) % hotKeys
	return &h.copies[i], &h.locks[i%uint64(len(h.locks))]
}

// get returns the value of key in snap.
func (h *hot) get(ctx context.Context, key []byte, snap *published) ([]byte, error) {
	place, lock := h.place(key)
	if c := place.Load(); c != nil && c.from <= snap.stamp && bytes.Equal(c.key, key) {
		return c.value, nil
	}
	lock.Lock()
	defer lock.Unlock()
	// While the lock is held, no copy in this place is dropped: if none is due up to
	// now, the one that is taken here will be when its time comes.
	newest := Stamp(h.dropped.Load()) == snap.stamp
	value, err := snap.Snapshot.Get(ctx, key)
	if err == nil && newest && len(value) <= hotValue {
		place.Store(&hotCopy{bytes.Clone(key), value, snap.stamp})
	}
	return value, err
}

// drop forgets what ops write, which are about to be published as the group that
// ends with stamp.
func (h *hot) drop(ops []Op, stamp Stamp) {
	h.dropped.Store(uint64(stamp))
	for _, op := range ops {
		if op.Kind == OpDeleteRange {
			h.dropAll()
			return
		}
		place, lock := h.place(op.Key)
		lock.Lock()
		if c := place.Load(); c != nil && bytes.Equal(c.key, op.Key) {
			place.Store(nil)
		}
		lock.Unlock()
	}
}

func (h *hot) dropAll() {
	for i := range h.locks {
		h.locks[i].Lock()
		for j := i; j < hotKeys; j += len(h.locks) {
			h.copies[j].Store(nil)
		}
		h.locks[i].Unlock()
	}
}
