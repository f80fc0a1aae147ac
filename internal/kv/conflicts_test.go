package kv

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestConflictsErrToOneSide fills the table far beyond its size: it may say that a
// key was written later than it was, never earlier, and is exact for recent ones.
func TestConflictsErrToOneSide(t *testing.T) {
	t.Parallel()
	table := newConflicts()
	last := map[uint64]Stamp{}
	rng := rand.New(rand.NewPCG(1, 1))
	const commits, recent = 1_000_000, 50_000
	exact, seen := 0, 0
	for stamp := Stamp(1); stamp <= commits; stamp++ {
		key := rng.Uint64N(commits)
		hash := table.hash(binary.BigEndian.AppendUint64(nil, key))
		table.record(hash, stamp)
		last[key] = stamp
	}
	for key := range uint64(commits) {
		got := table.last(table.hash(binary.BigEndian.AppendUint64(nil, key)))
		if got < last[key] {
			t.Fatalf("key %d: %d, and it was written at %d", key, got, last[key])
		}
		if last[key] > commits-recent {
			seen++
			if got == last[key] {
				exact++
			}
		}
	}
	if exact < seen*99/100 {
		t.Errorf("%d of %d recent keys are exact", exact, seen)
	}
}
