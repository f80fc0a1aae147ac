// Package keyfilter has a Bloom filter that many may use at once, of keys that are well mixed
// hashes.
//
// It is a blocked one: the bits of a key are all in one word of 64 bits, so a look costs one
// access to memory, and a key is added by one atomic operation. See F. Putze, P. Sanders and
// J. Singler, Cache-, Hash- and Space-Efficient Bloom Filters, 2007.
package keyfilter

import (
	"math/bits"
	"sync/atomic"
)

const (
	// bitsPerKey is how much room a key has: with it, 4 of 1000 absent keys are taken for
	// present in a full filter.
	bitsPerKey = 16
	// bitsSet is how many of a word's bits a key sets.
	bitsSet = 5
)

// Filter knows keys that it certainly does not have.
type Filter struct {
	words []atomic.Uint64
	room  int64
	added atomic.Int64
}

// New returns a filter for a number of keys. With more, it takes ever more absent ones for
// present.
func New(keys int64) *Filter {
	return &Filter{words: make([]atomic.Uint64, Bytes(keys)/8), room: keys}
}

// Bytes is how much memory a filter for a number of keys takes.
func Bytes(keys int64) int64 { return 8 * max(1, (keys*bitsPerKey+63)/64) }

// Add adds a key. Has tells of it from then on.
func (f *Filter) Add(key uint64) {
	word, mask := f.place(key)
	if word.Or(mask)&mask != mask {
		f.added.Add(1)
	}
}

// Has tells whether a key was added: never wrongly that it was not, seldom wrongly that it was.
func (f *Filter) Has(key uint64) bool {
	word, mask := f.place(key)
	return word.Load()&mask == mask
}

// Full tells whether as many keys were added as the filter was made for, as far as it can tell
// them apart.
func (f *Filter) Full() bool { return f.added.Load() >= f.room }

// Bytes is how much memory the filter takes.
func (f *Filter) Bytes() int64 { return int64(len(f.words)) * 8 }

// place is the word of a key, chosen by the high bits of its hash, and its bits there, by the
// low ones.
func (f *Filter) place(key uint64) (word *atomic.Uint64, mask uint64) {
	i, _ := bits.Mul64(key, uint64(len(f.words)))
	for n := range bitsSet {
		mask |= 1 << (key >> (6 * n) & 63)
	}
	return &f.words[i], mask
}
