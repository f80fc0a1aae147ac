package dynamodb

import (
	"sync"
	"time"
)

// burst is for how long a table keeps capacity that it does not use.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html.
const burst = 300 * time.Second

// bucket holds the capacity units that may be used at once. It fills at a rate of so
// many a second, up to what burst brings. What is taken may exceed what is there, since
// the cost of a request is known only once it is done; the debt is then worked off at
// the same rate before anyone else is let through. No debt is larger than a full
// bucket, so that nobody waits for longer than burst, however large a request was.
//
// A bucket starts full. It is kept in memory: a restart forgives debts.
type bucket struct {
	mu    sync.Mutex
	rate  float64 // a second; 0 before the first use
	units float64 // below zero is debt
	at    time.Time
}

// left returns the units that are there at the time now, if that many are to flow in
// each second from now on.
func (b *bucket) left(now time.Time, rate float64) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, rate)
	return b.units
}

// take removes units, whether they are there or not.
func (b *bucket) take(now time.Time, rate, units float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now, rate)
	b.units = max(b.units-units, -rate*burst.Seconds())
}

func (b *bucket) fill(now time.Time, rate float64) {
	full := rate * burst.Seconds()
	switch {
	case b.rate == 0:
		b.units, b.at = full, now
	case now.After(b.at):
		b.units += b.rate * now.Sub(b.at).Seconds()
		b.units = min(b.units, b.rate*burst.Seconds())
		b.at = now
	}
	b.rate, b.units = rate, min(b.units, full)
}

// bucketOwner says whose units are in a bucket.
type bucketOwner struct {
	table, index uint64 // index is 0 of the table itself
	write        bool
}

// buckets are the buckets of all tables and indexes whose throughput is limited.
type buckets struct {
	mu      sync.Mutex
	all     map[bucketOwner]*bucket
	dropped map[uint64]bool // the numbers of tables that this process dropped
}

func newBuckets() buckets {
	return buckets{all: map[bucketOwner]*bucket{}, dropped: map[uint64]bool{}}
}

func (b *buckets) of(id bucketOwner) *bucket {
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.all[id]
	if x == nil {
		x = new(bucket)
		if !b.dropped[id.table] {
			b.all[id] = x
		}
	}
	return x
}

// drop forgets the buckets of a table that is gone.
func (b *buckets) drop(table uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dropped[table] = true
	for id := range b.all {
		if id.table == table {
			delete(b.all, id)
		}
	}
}
