package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/keyfilter"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

const (
	// minFilterKeys is for how many keys a filter is made at least.
	minFilterKeys = 1 << 16
	// maxFilterBytes is how much memory all filters may take together: enough for 16 million
	// items, and as many that come.
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

// Lacks tells whether a table, of a name or an ARN, certainly has no item of a hash key. It knows
// every write that this process has answered, and what others wrote before the filter was made:
// so it is for the only process that writes to the table. It reads no storage, and says false of
// what it does not know; the first time that it is asked about a table, it sees to it that it will.
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
		if w.old == nil && w.new == nil {
			continue // What was there already may be a write that was not noted yet.
		}
		if f := a.of(w.table.ID); f != nil && f.Filter != nil {
			if hash, err := w.table.partitionOf(w.at); err == nil { // it was made just now
				f.Add(hash)
			}
		}
	}
}

// partitionOf is the hash of the partition key in an item's key.
func (t *table) partitionOf(at []byte) (uint64, error) {
	hash, _, err := tuple.Uint(at[len(t.items):])
	if err != nil {
		return 0, fmt.Errorf("the key %x of an item: %w", at, err)
	}
	return hash, nil
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

// drop forgets a table. Those for which there was no memory may be tried again then.
func (a *absences) drop(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.filters[id]; f != nil && f.Filter != nil {
		a.bytes -= f.Bytes()
		maps.DeleteFunc(a.filters, func(_ uint64, f *filter) bool { return f.Filter == nil })
	}
	delete(a.filters, id)
	a.followed.Store(int64(len(a.filters)))
}

// errDropped says that a table was dropped meanwhile.
var errDropped = errors.New("the table was dropped")

// watchAbsences makes the filters that are wanted, one after the other, until ctx ends. They are
// wanted with every question, so after a failure it waits.
func (s *Service) watchAbsences(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-s.absences.wanted:
			err := s.follow(ctx, t)
			if err == nil || errors.Is(err, errDropped) || ctx.Err() != nil {
				continue
			}
			s.log.WarnContext(ctx, "making the filter of a table's keys; it is made when it is wanted again", "table", t.arn, "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(retryAfter):
			}
		}
	}
}

// follow makes the filter of a table, unless it has been made meanwhile.
func (s *Service) follow(ctx context.Context, t *table) (err error) {
	if f := s.absences.of(t.ID); f != nil && (f.Filter == nil || !f.Full()) {
		return nil
	}
	var holds holding
	err = s.view(ctx, func(r kv.Reader) (err error) {
		holds, err = s.sizeOf(ctx, r, t)
		return err
	})
	if err != nil {
		return err
	}
	f := s.absences.begin(t.ID, max(minFilterKeys, 2*holds.items))
	if f.Filter == nil {
		return nil
	}
	defer func() {
		if err != nil {
			s.absences.drop(t.ID)
		}
	}()
	// Writes whose outcome is not known may have been noted before there was the filter, and be
	// in the store after the scan. Commits come one after the other: after one more, all of
	// those are in the store, or will never be.
	if err := s.update(ctx, func(tx kv.Txn) error { tx.Delete(barrierKey); return nil }); err != nil {
		return err
	}
	for next := t.items; next != nil; {
		if next, err = s.fillFilter(ctx, t, f, next); err != nil {
			return err
		}
	}
	f.whole.Store(true)
	return nil
}

// fillFilter adds the keys of some items, and returns where to go on: nil at the end.
func (s *Service) fillFilter(ctx context.Context, t *table, f *filter, from []byte) (next []byte, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		if now, err := s.read(ctx, r, t.tableName); err != nil || now == nil || now.ID != t.ID {
			return cmp.Or(err, errDropped)
		}
		n := 0
		next = nil
		for p, err := range r.Scan(ctx, kv.Range{From: from, To: above(t.items), Limit: filteredAtOnce}) {
			if err != nil {
				return err
			}
			hash, err := t.partitionOf(p.Key)
			if err != nil {
				return err
			}
			f.Add(hash)
			if n++; n == filteredAtOnce {
				next = after(p.Key)
			}
		}
		return nil
	})
	return next, err
}
