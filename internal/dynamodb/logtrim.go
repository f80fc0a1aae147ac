package dynamodb

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// loggedTable is a table that has a log, as it is stored under the table's number for
// those who trim it. It is there from the commit on that begins the log until all of
// the log is gone, which may be long after the table is.
type loggedTable struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Name    string `json:"name"`
	// Gone is the table as it was when it was dropped.
	Gone *tableState `json:"gone,omitempty"`
}

func (l loggedTable) table() tableName { return tableName{l.Account, l.Region, l.Name} }

// keepLog is to be called in each transaction that lets a table begin to keep a log.
func (st *tableState) keepLog(tx kv.Txn, n tableName) error {
	return putLogged(tx, st.ID, loggedTable{n.account, n.region, n.name, nil})
}

// leaveLog is to be called in the transaction that drops a table: its log is kept for
// as long as what the table was at its end asks for.
func (st *tableState) leaveLog(ctx context.Context, tx kv.Txn, n tableName) error {
	b, err := tx.Get(ctx, ofTable(loggedPrefix, st.ID))
	if err != nil || b == nil {
		return err
	}
	return putLogged(tx, st.ID, loggedTable{n.account, n.region, n.name, st})
}

func putLogged(tx kv.Txn, id uint64, l loggedTable) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	tx.Put(ofTable(loggedPrefix, id), b)
	return nil
}

// nobody needs a log from this stamp on.
const nobody = ^kv.Stamp(0)

// logNeeded returns the first commit whose entry in the table's log somebody may
// still ask for, or nobody. It is the one place that decides what of a log stays;
// held is the first commit that a restore or backup under way needs, or nobody; before
// returns the last commit before a time, as kv.Store's StampAt does.
func (st *tableState) logNeeded(now time.Time, held kv.Stamp, before func(time.Time) (kv.Stamp, error)) (from kv.Stamp, err error) {
	from = held
	since := func(t time.Time) error {
		last, err := before(t)
		from = min(from, last+1)
		return err
	}
	// The newest stream was the last one to be disabled.
	if s := st.Stream; s.On || s.Label != "" && now.Before(s.Closed.Add(streamLife)) {
		if err := since(now.Add(-streamLife)); err != nil {
			return 0, err
		}
	}
	if st.Recovery.On {
		if err := since(st.Recovery.first(now).Add(-recoveryMargin)); err != nil {
			return 0, err
		}
	}
	return from, nil
}

// untrimmed is the part of a table's log that nobody needs any more.
type untrimmed struct {
	id   uint64
	log  loggedTable
	need kv.Stamp // what is before it goes
	// over is whether all of it goes, and the table keeps none.
	over bool
}

// untrimmedLogs returns the logs that have such a part.
func (s *Service) untrimmedLogs(ctx context.Context, r kv.Reader, now time.Time) (all []untrimmed, err error) {
	for p, err := range r.Scan(ctx, kv.Range{From: loggedPrefix, To: above(loggedPrefix)}) {
		if err != nil {
			return nil, err
		}
		var u untrimmed
		if u.id, _, err = tuple.Uint(p.Key[len(loggedPrefix):]); err != nil {
			return nil, fmt.Errorf("key of a table with a log: %w", err)
		}
		if err := json.Unmarshal(p.Val, &u.log); err != nil {
			return nil, fmt.Errorf("a table with a log: %w", err)
		}
		if err := s.need(ctx, r, &u, now); err != nil {
			return nil, err
		}
		due := u.over
		prefix := ofTable(logPrefix, u.id)
		for _, err := range r.Scan(ctx, kv.Range{From: prefix, To: atStamp(prefix, u.need), Limit: 1}) {
			if err != nil {
				return nil, err
			}
			due = true
		}
		if due {
			all = append(all, u)
		}
	}
	return all, nil
}

// need finds what of a log is needed, as r sees it.
func (s *Service) need(ctx context.Context, r kv.Reader, u *untrimmed, now time.Time) error {
	st := u.log.Gone
	if st == nil {
		t, err := s.readAny(ctx, r, u.log.table())
		if err != nil {
			return err
		}
		if t != nil && t.ID == u.id {
			st = &t.tableState
		}
	}
	u.need = nobody
	if st != nil {
		held, err := held(ctx, r, st)
		if err != nil {
			return err
		}
		u.need, err = st.logNeeded(now, held, func(t time.Time) (kv.Stamp, error) { return s.store.StampAt(ctx, t) })
		if err != nil {
			return err
		}
	}
	if u.over = u.need == nobody; u.over {
		// Whoever begins to need it does so in a later commit than r sees.
		u.need = r.Stamp() + 1
	}
	return nil
}

// trimLog removes that part. Of a log that is over, the table is forgotten here,
// unless it has begun to keep one again.
func (s *Service) trimLog(ctx context.Context, update updates, u untrimmed, now time.Time) error {
	prefix := ofTable(logPrefix, u.id)
	if err := s.store.DeleteRange(ctx, prefix, atStamp(prefix, u.need)); err != nil || !u.over {
		return err
	}
	_, err := update(ctx, func(tx kv.Txn) error {
		again := u
		if err := s.need(ctx, tx, &again, now); err != nil {
			return err
		}
		if again.over {
			tx.Delete(ofTable(loggedPrefix, u.id))
		}
		return nil
	})
	return err
}

// atStamp is where the entries of a commit begin, in a table's log or among its marks.
func atStamp(prefix []byte, stamp kv.Stamp) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), uint64(stamp))
}
