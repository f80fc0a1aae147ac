package dynamodb

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// A hold keeps a table and, of its log, every change after a commit, for a restore or
// a backup that reads them:
//
//	hold | table | stamp of the commit | job
//
// It is taken and given up in a transaction that also counts the table's holders in
// its description. So whoever reads the description in a transaction, and then the
// holds, cannot miss one.

// holdKey is the key of a hold of what changed after a commit.
func holdKey(table uint64, after kv.Stamp, job string) []byte {
	return append(atStamp(ofTable(holdsPrefix, table), after), job...)
}

// holdFrom takes a hold of what changed after a commit of the past.
func (st *tableState) holdFrom(tx kv.Txn, n tableName, after kv.Stamp, job string) error {
	tx.Put(holdKey(st.ID, after, job), nil)
	return st.hold(tx, n, 1)
}

// holdFromHere takes a hold of what changes after the commit of tx.
func (st *tableState) holdFromHere(tx kv.Txn, n tableName, job string) error {
	tx.PutStamped(ofTable(holdsPrefix, st.ID), []byte(job), nil)
	if err := st.keepLog(tx, n); err != nil {
		return err
	}
	return st.hold(tx, n, 1)
}

func (st *tableState) hold(tx kv.Txn, n tableName, more int) error {
	st.Recovery.Holders += more
	return st.put(tx, n)
}

// holdOf returns the commit after which a job holds the changes of a table.
func holdOf(ctx context.Context, r kv.Reader, table uint64, job string) (kv.Stamp, error) {
	prefix := ofTable(holdsPrefix, table)
	for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix)}) {
		if err != nil {
			return 0, err
		}
		if rest := p.Key[len(prefix):]; len(rest) > 8 && string(rest[8:]) == job {
			return kv.Stamp(binary.BigEndian.Uint64(rest)), nil
		}
	}
	return 0, fmt.Errorf("job %s has no hold on table %d", job, table)
}

// held is the first commit whose changes of a table are held, or nobody.
func held(ctx context.Context, r kv.Reader, st *tableState) (kv.Stamp, error) {
	if st.Recovery.Holders == 0 {
		return nobody, nil
	}
	prefix := ofTable(holdsPrefix, st.ID)
	for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix), Limit: 1}) {
		if err != nil {
			return 0, err
		}
		return kv.Stamp(binary.BigEndian.Uint64(p.Key[len(prefix):])) + 1, nil
	}
	return 0, fmt.Errorf("table %d has holders, but no holds", st.ID)
}

// release gives up the hold of a job.
func (s *Service) release(ctx context.Context, tx kv.Txn, n tableName, table uint64, job string) error {
	t, err := s.readAny(ctx, tx, n)
	if err != nil {
		return err
	}
	if t == nil || t.ID != table || t.Recovery.Holders == 0 {
		return fmt.Errorf("table %s is gone, though job %s holds it", n.arn(), job)
	}
	after, err := holdOf(ctx, tx, table, job)
	if err != nil {
		return err
	}
	tx.Delete(holdKey(table, after, job))
	st := t.tableState
	return st.hold(tx, n, -1)
}
