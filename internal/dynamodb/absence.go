package dynamodb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/keyfilter"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

const (
	// minFilterKeys is for how many keys a filter is made at least.
	minFilterKeys = 1 << 16
	// maxFilterBytes is how much memory all filters may take together: enough for 30 million
	// keys.
	maxFilterBytes = 64 << 20
	// filteredAtOnce is how many items are read in one snapshot to make a filter.
	filteredAtOnce = 4096
)

// absences knows of some tables the hash keys that they certainly do not have. For each there
// is a filter of those that it has, made by a scan when it is first asked for. From before the
// scan on, every write of this process adds its keys to it between commit and answer. What is
// deleted stays in it until it is full and made anew.
type absences struct {
	followed atomic.Int64 // filters, so that a write of a table that has none costs nothing
	wanted   chan *table  // tables whose filter is to be made

	mu      sync.RWMutex
	filters map[uint64]*filter // by the number of the table
	bytes   int64              // that they take
}

// filter is what is known of a table.
type filter struct {
	*keyfilter.Filter             // nil if the table is too large for one
	whole             atomic.Bool // the scan is over
}

// used is how much memory all filters take.
func (a *absences) used() float64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return float64(a.bytes)
}

func newAbsences() absences {
	return absences{wanted: make(chan *table, 16), filters: map[uint64]*filter{}}
}

// Lacks tells whether a table, of a name or an ARN, certainly has no item of a hash key. It is
// exact for what this process has answered, and for the only process that writes to the table:
// what others write it does not see. It reads no storage, and says false of what it does not
// know; the first time that it is asked about a table, it sees to it that it will.
func (s *Service) Lacks(account, region, name string, hash dynamodb.AttributeValue) bool {
	n := tableName{account, region, name}
	if strings.HasPrefix(name, "arn:") {
		n = tableOfARN(name)
	}
	t := s.cache.get(n)
	if t == nil || t.beingFilled() {
		return false
	}
	f := s.absences.of(t.ID)
	if f == nil || f.Filter != nil && f.Full() {
		s.absences.want(t)
		return false
	}
	return f.Filter != nil && f.whole.Load() && !f.Has(item.PartitionHash(item.KeyBytes(hash)))
}

func (a *absences) of(id uint64) *filter {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.filters[id]
}

// want asks for a filter, unless so many are being made that it will have to be asked for again.
func (a *absences) want(t *table) {
	select {
	case a.wanted <- t:
	default:
	}
}

// note is to be called after a commit, also after one of which that is not known, and before
// anybody is told of it.
func (a *absences) note(done []written) {
	if a.followed.Load() == 0 {
		return
	}
	for i := range done {
		w := &done[i]
		if !w.changed || w.new == nil {
			continue
		}
		if f := a.of(w.table.ID); f != nil && f.Filter != nil {
			f.Add(w.table.partitionOf(w.at))
		}
	}
}

// partitionOf is the hash of the partition key in an item's key.
func (t *table) partitionOf(at []byte) uint64 {
	hash, _, err := tuple.Uint(at[len(t.items):])
	if err != nil {
		panic(fmt.Sprintf("dynamodb: the key %x of an item of %s: %v", at, t.arn, err))
	}
	return hash
}

// begin puts an empty filter for a number of keys in the place of what there was, or none if the
// memory does not suffice.
func (a *absences) begin(id uint64, keys int64) *filter {
	a.drop(id)
	a.mu.Lock()
	defer a.mu.Unlock()
	f := &filter{}
	if size := keyfilter.Bytes(keys); a.bytes+size <= maxFilterBytes {
		f.Filter = keyfilter.New(keys)
		a.bytes += size
	}
	a.filters[id] = f
	a.followed.Store(int64(len(a.filters)))
	return f
}

// drop forgets a table.
func (a *absences) drop(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.filters[id]; f != nil && f.Filter != nil {
		a.bytes -= f.Bytes()
	}
	delete(a.filters, id)
	a.followed.Store(int64(len(a.filters)))
}

// watchAbsences makes the filters that are wanted, one after the other, until ctx ends.
func (s *Service) watchAbsences(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-s.absences.wanted:
			if err := s.follow(ctx, t); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "making the filter of a table's keys; it is made when it is wanted again", "table", t.arn, "error", err)
			}
		}
	}
}

// follow makes the filter of a table, unless it has been made meanwhile, or the table is gone.
func (s *Service) follow(ctx context.Context, t *table) error {
	if f := s.absences.of(t.ID); f != nil && (f.Filter == nil || !f.Full()) {
		return nil
	}
	var holds holding
	there := false
	err := s.view(ctx, func(r kv.Reader) error {
		now, err := s.read(ctx, r, t.tableName)
		if err != nil || now == nil || now.ID != t.ID {
			return err
		}
		there = true
		holds, err = s.sizeOf(ctx, r, t)
		return err
	})
	if err != nil || !there {
		return err
	}
	f := s.absences.begin(t.ID, max(minFilterKeys, 2*holds.items))
	if f.Filter == nil {
		return nil
	}
	for next := t.items; next != nil; {
		if next, err = s.fillFilter(ctx, t, f, next); err != nil {
			s.absences.drop(t.ID)
			return err
		}
	}
	f.whole.Store(true)
	return nil
}

// fillFilter adds the keys of some items, and returns where to go on: nil at the end.
func (s *Service) fillFilter(ctx context.Context, t *table, f *filter, from []byte) (next []byte, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		n := 0
		next = nil
		for p, err := range r.Scan(ctx, kv.Range{From: from, To: above(t.items), Limit: filteredAtOnce}) {
			if err != nil {
				return err
			}
			f.Add(t.partitionOf(p.Key))
			if n++; n == filteredAtOnce {
				next = after(p.Key)
			}
		}
		return nil
	})
	return next, err
}
