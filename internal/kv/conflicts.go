package kv

import "hash/maphash"

// conflicts remembers the last commit of keys, by their hash, in bounded memory.
// What it forgets it remembers as a floor: a snapshot older than that may have
// missed a commit, so its transaction runs again. It errs only to that side, and
// so does a collision of hashes.
type conflicts struct {
	seed    maphash.Seed
	buckets []bucket
}

// bucket is one cache line.
type bucket struct {
	floor  Stamp // the newest commit that was forgotten here
	stamps [4]Stamp
	tags   [4]uint32
	_      [8]byte
}

// conflictBuckets makes a table of 4 MiB that knows the last 100,000 keys or so.
const conflictBuckets = 1 << 16

// newConflicts returns an empty table. It need not know the commits before its own:
// every snapshot includes them.
func newConflicts() *conflicts {
	return &conflicts{seed: maphash.MakeSeed(), buckets: make([]bucket, conflictBuckets)}
}

func (c *conflicts) hash(key []byte) uint64 { return maphash.Bytes(c.seed, key) }

// last returns a stamp that is not older than the last commit of the key.
func (c *conflicts) last(hash uint64) Stamp {
	b, tag := &c.buckets[hash%conflictBuckets], uint32(hash>>32)
	for i, t := range b.tags {
		if t == tag && b.stamps[i] != 0 {
			return b.stamps[i]
		}
	}
	return b.floor
}

// record notes a commit of the key. Stamps never go backwards.
func (c *conflicts) record(hash uint64, stamp Stamp) {
	b, tag := &c.buckets[hash%conflictBuckets], uint32(hash>>32)
	oldest := 0
	for i, t := range b.tags {
		if t == tag && b.stamps[i] != 0 {
			b.stamps[i] = stamp
			return
		}
		if b.stamps[i] < b.stamps[oldest] {
			oldest = i
		}
	}
	b.floor = max(b.floor, b.stamps[oldest])
	b.stamps[oldest], b.tags[oldest] = stamp, tag
}
