package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

const (
	// expiryInterval is how often Run looks for items whose time has come.
	expiryInterval = 2 * time.Second
	// What one transaction deletes at most.
	expiredAtOnce = 100
	expiredBytes  = 4 << 20
)

// watchExpiry lets a job delete the items of all tables whose time has come, until
// ctx ends. While there are none, nothing is written.
func (s *Service) watchExpiry(ctx context.Context) {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.callExpiry(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "looking for expired items; will try again", "error", err)
		}
	}
}

// callExpiry enqueues the job if there is something for it.
func (s *Service) callExpiry(ctx context.Context) error {
	tables, err := s.tablesWithExpired(ctx)
	if err != nil || len(tables) == 0 {
		return err
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		return jobs.Enqueue(ctx, tx, expireItems, expireItems, nil)
	})
	s.jobs.Wake()
	return err
}

// tablesWithExpired returns the tables that hold items whose time has come.
func (s *Service) tablesWithExpired(ctx context.Context) (tables []expiringTable, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		for entry, err := range r.Scan(ctx, kv.Range{From: expiringPrefix, To: above(expiringPrefix)}) {
			if err != nil {
				return err
			}
			x, err := decodeExpiringTable(entry.Val)
			if err != nil {
				return err
			}
			t, err := s.tableOf(ctx, r, x, ttlEnabled)
			if err != nil {
				return err
			}
			if t == nil {
				continue
			}
			from, to := t.expiring.due(s.now())
			for _, err := range r.Scan(ctx, kv.Range{From: from, To: to, Limit: 1}) {
				if err != nil {
					return err
				}
				tables = append(tables, x)
			}
		}
		return nil
	})
	return tables, err
}

// expireTables is the job. What failed is tried again when Run looks next.
func (s *Service) expireTables(ctx context.Context, job *jobs.Job) error {
	_, err := s.expire(ctx, job.Update, rest)
	if err == nil || ctx.Err() != nil || errors.Is(err, jobs.ErrDeposed) {
		return err
	}
	s.log.WarnContext(ctx, "deleting expired items; will try again", "error", err)
	return nil
}

// Expire deletes the items whose time has come and returns how many there were. Run
// sees to that by itself.
func (s *Service) Expire(ctx context.Context) (items int, err error) {
	return s.expire(ctx, s.store.Update, func(context.Context, time.Duration) error { return nil })
}

// updates runs transactions: a store's Update, or a job's.
type updates func(context.Context, func(kv.Txn) error) (kv.Stamp, error)

// expire deletes expired items, a transaction of each table in turn, and pauses
// after each. A table that fails does not hold up the others.
func (s *Service) expire(ctx context.Context, update updates, pause func(context.Context, time.Duration) error) (items int, err error) {
	tables, err := s.tablesWithExpired(ctx)
	if err != nil {
		return 0, err
	}
	// Each table goes on behind what was deleted last, since to step over that again
	// and again is slow.
	next := make(map[uint64][]byte, len(tables))
	failed := map[uint64]error{}
	for looked := time.Now(); len(tables) > 0; {
		left := tables[:0]
		for _, x := range tables {
			start := time.Now()
			n, at, err := s.expireSome(ctx, update, x, next[x.ID])
			items += n
			switch {
			case errors.Is(err, jobs.ErrDeposed) || ctx.Err() != nil:
				return items, err
			case err != nil:
				failed[x.ID] = fmt.Errorf("table %s: %w", x.table().arn(), err)
			default:
				if next[x.ID] = at; at != nil {
					left = append(left, x)
				}
			}
			if err := pause(ctx, time.Since(start)); err != nil {
				return items, err
			}
		}
		tables = left
		// A table with much to delete does not keep others waiting.
		if len(tables) > 0 && time.Since(looked) >= expiryInterval {
			if tables, err = s.tablesWithExpired(ctx); err != nil {
				return items, err
			}
			tables = slices.DeleteFunc(tables, func(x expiringTable) bool { return failed[x.ID] != nil })
			looked = time.Now()
		}
	}
	return items, errors.Join(slices.Collect(maps.Values(failed))...)
}

// expireSome deletes expired items of a table, of those that expire at the key from
// or later. It returns how many, and where to go on, nil if that was all.
func (s *Service) expireSome(ctx context.Context, update updates, x expiringTable, from []byte) (items int, next []byte, err error) {
	var t *table
	_, err = update(ctx, func(tx kv.Txn) error {
		items, next = 0, nil
		if t, err = s.tableOf(ctx, tx, x, ttlEnabled); err != nil || t == nil {
			return err
		}
		var d effect
		if d, next, err = t.expire(ctx, tx, from, s.now()); err != nil {
			return err
		}
		t.note(tx, d)
		items = int(-d.items)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	if items > 0 {
		t.meter.expired.Add(float64(items))
		s.upkeep.changed(t.tableName, 1)
		s.hints.changed(t)
	}
	return items, next, nil
}

// expire deletes expired items in tx. Each is read again there, which makes it
// conflict with a change of the item: what gets another expiry in time stays.
func (t *table) expire(ctx context.Context, tx kv.Txn, from []byte, now time.Time) (d effect, next []byte, err error) {
	first, end := t.expiring.due(now)
	if bytes.Compare(from, first) > 0 {
		first = from
	}
	n, read := 0, 0
	for entry, err := range tx.Scan(ctx, kv.Range{From: first, To: end, Limit: expiredAtOnce}) {
		if err != nil {
			return effect{}, nil, err
		}
		second, place, err := t.expiring.cut(entry.Key)
		if err != nil {
			return effect{}, nil, err
		}
		at := append(bytes.Clone(t.items), place...)
		it, err := stored(tx.Get(ctx, at))
		if err != nil {
			return effect{}, nil, err
		}
		is, ok, err := t.expiring.of(it)
		switch {
		case err != nil:
			return effect{}, nil, err
		case !ok || is != second:
			tx.Delete(entry.Key) // it is of no item; such a key should not be
		default:
			keep, err := t.keepsExpired(ctx, tx, it)
			if err != nil {
				return effect{}, nil, err
			}
			if keep {
				break // until its expiry changes: it is looked at again each time
			}
			one, _, err := t.apply(ctx, tx, change{at: at, old: it, by: byExpiry})
			if err != nil {
				return effect{}, nil, err
			}
			d.add(one)
		}
		n, read = n+1, read+len(it)
		if n == expiredAtOnce || read >= expiredBytes {
			return d, after(bytes.Clone(entry.Key)), nil
		}
	}
	return d, nil, nil
}
