package dynamodb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// The jobs of expiry. Each of the first two is of one generation of a table's
// expiry; there is one of the third, while there is anything to delete.
const (
	enableExpiry  = "dynamodb.EnableTimeToLive"
	disableExpiry = "dynamodb.DisableTimeToLive"
	expireItems   = "dynamodb.ExpireItems"
)

// expiringTable is one generation of a table's expiry, as it is stored for those
// who work on it in the background.
type expiringTable struct {
	ID         uint64 `json:"id"`
	Generation uint64 `json:"generation"`
	Account    string `json:"account"`
	Region     string `json:"region"`
	Name       string `json:"name"`
}

func (x expiringTable) table() tableName { return tableName{x.Account, x.Region, x.Name} }

// job is the id of the jobs that enable and disable it.
func (x expiringTable) job() string { return fmt.Sprint(x.ID, ".", x.Generation) }

func (x expiringTable) encode() []byte {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err) // numbers and strings always have a form
	}
	return b
}

func decodeExpiringTable(b []byte) (x expiringTable, err error) {
	if err := json.Unmarshal(b, &x); err != nil {
		return x, fmt.Errorf("a table whose items expire: %w", err)
	}
	return x, nil
}

// tableOf returns the table of x if its expiry is still of that generation, and in
// the given status; else nil, and then there is nothing left to do.
func (s *Service) tableOf(ctx context.Context, r kv.Reader, x expiringTable, status string) (*table, error) {
	t, err := s.read(ctx, r, x.table())
	if err != nil || t == nil || t.ID != x.ID || t.TimeToLive.Generation != x.Generation || t.TimeToLive.Status != status {
		return nil, err
	}
	return t, nil
}

// setStatus is the end of a change of a table's expiry.
func (t *table) setStatus(tx kv.Txn, l timeToLive) error {
	st := t.tableState
	st.TimeToLive = l
	return st.put(tx, t.tableName)
}

// What one transaction looks through at most when expiry is enabled.
const (
	orderedAtOnce = 500
	orderedBytes  = 1 << 20
)

// longestRest bounds the pause after a transaction of a job.
const longestRest = 100 * time.Millisecond

// rest leaves others as much time as a job took itself, so that much work in the
// background holds up nobody.
func rest(ctx context.Context, took time.Duration) error {
	if took <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(took, longestRest)):
		return nil
	}
}

// enableTimeToLive puts what a table holds in the order of expiry, a part at a
// time, and saves how far it is. Meanwhile whoever changes an item does the same
// for it, wherever the job is.
func (s *Service) enableTimeToLive(ctx context.Context, job *jobs.Job) error {
	x, err := decodeExpiringTable(job.Input)
	if err != nil {
		return err
	}
	for at, done := job.Progress, false; !done; {
		start := time.Now()
		var next []byte
		_, err := job.Update(ctx, func(tx kv.Txn) error {
			t, err := s.tableOf(ctx, tx, x, ttlEnabling)
			if err != nil || t == nil {
				done = true
				return err
			}
			if next, err = t.order(ctx, tx, at); err != nil {
				return err
			}
			if done = next == nil; done {
				l := t.TimeToLive
				l.Status = ttlEnabled
				return t.setStatus(tx, l)
			}
			job.Save(tx, next)
			return nil
		})
		if err != nil {
			return err
		}
		at = next
		if err := rest(ctx, time.Since(start)); err != nil {
			return err
		}
	}
	s.cache.drop(x.table())
	return nil
}

// order puts items from the place at on in the order of expiry, and returns the
// place from which to go on, nil if that was all. The items that get a key are read
// once more, since only that is validated: so it conflicts with whoever changes
// one of them, and takes nobody's change back. Of an item that has no expiry in the
// transaction's snapshot, and gets one meanwhile, the key is written with it.
func (t *table) order(ctx context.Context, tx kv.Txn, at []byte) (next []byte, err error) {
	var places, keys [][]byte
	n, from := 0, append(bytes.Clone(t.items), at...)
	for entry, err := range tx.Scan(ctx, kv.Range{From: from, To: above(t.items), Limit: orderedAtOnce, MaxBytes: orderedBytes}) {
		if err != nil {
			return nil, err
		}
		it, err := item.Open(entry.Val)
		if err != nil {
			return nil, err
		}
		second, ok, err := t.expiring.of(it)
		if err != nil {
			return nil, err
		}
		place := entry.Key[len(t.items):]
		if ok {
			places = append(places, bytes.Clone(entry.Key))
			keys = append(keys, t.expiring.key(second, place))
		}
		n, next = n+1, after(bytes.Clone(place))
	}
	if n == 0 {
		return nil, nil
	}
	if _, err := tx.GetMany(ctx, places); err != nil {
		return nil, err
	}
	for _, key := range keys {
		tx.Put(key, nil)
	}
	return next, nil
}

// disableTimeToLive takes away the order of expiry. From the commit on that made
// the job nobody reads or writes it.
func (s *Service) disableTimeToLive(ctx context.Context, job *jobs.Job) error {
	x, err := decodeExpiringTable(job.Input)
	if err != nil {
		return err
	}
	from := generation(x.ID, x.Generation)
	if err := s.store.DeleteRange(ctx, from, above(from)); err != nil {
		return err
	}
	_, err = job.Update(ctx, func(tx kv.Txn) error {
		t, err := s.tableOf(ctx, tx, x, ttlDisabling)
		if err != nil || t == nil {
			return err
		}
		return t.setStatus(tx, timeToLive{Status: ttlDisabled, Generation: x.Generation, Changed: t.TimeToLive.Changed})
	})
	s.cache.drop(x.table())
	return err
}
