package dynamodb

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// recoveryState is what of a table's past is kept, as it is stored with the table.
type recoveryState struct {
	// On is whether the table can be restored to a point in time.
	On bool `json:"on,omitempty"`
	// Days is the length of the window, if that is on.
	Days int64 `json:"days,omitempty"`
	// Since is where the window cannot begin before: it was turned on then, or made
	// shorter so that it began there.
	Since time.Time `json:"since,omitzero"`
	// Holders is how many restores and backups are reading the table and its log. While
	// there are any, the log is kept and the table cannot be dropped.
	Holders int `json:"holders,omitempty"`
}

// longestRecovery is the longest window, in days, and the one that is meant if none
// is named.
const longestRecovery = 35

const day = 24 * time.Hour

// images reports whether it needs the old images of items in the log.
func (r recoveryState) images() bool { return r.On || r.Holders > 0 }

// recoveryMargin is by how much more of the log is kept than the window reaches back.
const recoveryMargin = time.Minute

// first is the first second of the window, as far as its length says.
func (r recoveryState) first(now time.Time) time.Time {
	first := r.Since.Truncate(time.Second)
	if moving := now.Add(-time.Duration(r.Days) * day); moving.After(first) {
		first = moving.Truncate(time.Second).Add(time.Second)
	}
	return first
}

// turn turns recovery on, or changes the window of one that is on. The window of one
// that is turned on again begins anew.
func (r *recoveryState) turn(days *int64, now time.Time) (began bool) {
	if !r.On {
		r.On, r.Since, r.Days, began = true, now, longestRecovery, true
	}
	if days != nil && *days != r.Days {
		// What a shorter window has left behind does not come back with a longer one.
		if first := now.Add(-time.Duration(min(*days, r.Days)) * day); !began && first.After(r.Since) {
			r.Since = first
		}
		r.Days = *days
	}
	return began
}

// window is the seconds to which a table can be restored: the first, and the last one
// that is over. Until the first one is, that is before it.
type window struct{ first, last time.Time }

// recoveryWindow returns the window of a table whose recovery is on. The state that a
// second restores to is the one at its end. So the second in which recovery was
// turned on is the first: whatever is committed after its end is in the log.
func (s *Service) recoveryWindow(ctx context.Context, r kv.Reader, st *tableState) (w window, err error) {
	now := s.now().UTC()
	w.first = st.Recovery.first(now)
	begun, err := recoveryBegan(ctx, r, st.ID)
	if err != nil {
		return window{}, err
	}
	// The commit that turned it on may have been later than it was asked for.
	for ; w.first.Before(now); w.first = w.first.Add(time.Second) {
		last, err := s.store.StampAt(ctx, w.first.Add(time.Second))
		if err != nil {
			return window{}, err
		}
		if last >= begun {
			break
		}
	}
	w.last = now.Truncate(time.Second).Add(-time.Second)
	return w, nil
}

// recoveryBegan is the commit that turned the recovery of a table on, the last time.
func recoveryBegan(ctx context.Context, r kv.Reader, table uint64) (began kv.Stamp, err error) {
	prefix := ofTable(begunPrefix, table)
	for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: above(prefix), Reverse: true, Limit: 1}) {
		if err != nil {
			return 0, err
		}
		began = kv.Stamp(binary.BigEndian.Uint64(p.Key[len(prefix):]))
	}
	return began, nil
}

// beginRecovery marks the commit of tx as the one that turned recovery on.
func (st *tableState) beginRecovery(ctx context.Context, tx kv.Txn, n tableName) error {
	if err := endRecovery(ctx, tx, st.ID); err != nil {
		return err
	}
	tx.PutStamped(ofTable(begunPrefix, st.ID), nil, nil)
	return st.keepLog(tx, n)
}

// endRecovery takes that mark away. Of two who do that at once, one conflicts at the
// table's description.
func endRecovery(ctx context.Context, tx kv.Txn, table uint64) error {
	prefix := ofTable(begunPrefix, table)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: above(prefix)}) {
		if err != nil {
			return err
		}
		tx.Delete(p.Key)
	}
	return nil
}

// UpdateContinuousBackups turns the point-in-time recovery of a table on or off, or
// changes its window.
func (s *Service) UpdateContinuousBackups(ctx context.Context, in *dynamodb.UpdateContinuousBackupsInput) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "UpdateContinuousBackups", n, nil); err != nil {
		return nil, err
	}
	spec := in.PointInTimeRecoverySpecification
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.findBackedUp(ctx, tx, n)
		if err != nil {
			return err
		}
		st := t.tableState
		switch {
		case *spec.PointInTimeRecoveryEnabled:
			if st.Recovery.turn(spec.RecoveryPeriodInDays, s.now().UTC()) {
				err = st.beginRecovery(ctx, tx, n)
			}
		case st.Recovery.On:
			st.Recovery = recoveryState{Holders: st.Recovery.Holders}
			err = endRecovery(ctx, tx, st.ID)
		}
		if err != nil {
			return err
		}
		s.recordTable(ctx, tx, n, in)
		return st.put(tx, n)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	d, err := s.continuousBackups(ctx, n)
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

// findBackedUp is find for what concerns the past of a table, which has errors of its
// own.
func (s *Service) findBackedUp(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t, err := s.readAny(ctx, r, n)
	switch {
	case err != nil:
		return nil, err
	case t == nil:
		return nil, dynamodb.TableNotFoundException("Table not found: %s", n.name)
	case t.beingFilled():
		return nil, dynamodb.ContinuousBackupsUnavailableException("Backups are being enabled for the table: %s. Please retry later", n.name)
	}
	return t, nil
}

// DescribeContinuousBackups tells whether and to which seconds a table can be restored.
// The status of continuous backups is ENABLED also without that, as it is of every
// table on AWS.
func (s *Service) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "DescribeContinuousBackups", n, nil); err != nil {
		return nil, err
	}
	d, err := s.continuousBackups(ctx, n)
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

func (s *Service) continuousBackups(ctx context.Context, n tableName) (*dynamodb.ContinuousBackupsDescription, error) {
	d := &dynamodb.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: new("DISABLED")}
	err := s.view(ctx, func(r kv.Reader) error {
		t, err := s.readAny(ctx, r, n)
		switch {
		case err != nil:
			return err
		case t == nil:
			return dynamodb.TableNotFoundException("Table not found: %s", n.name)
		case !t.Recovery.On:
			return nil
		}
		w, err := s.recoveryWindow(ctx, r, &t.tableState)
		if err != nil {
			return err
		}
		*d = dynamodb.PointInTimeRecoveryDescription{
			PointInTimeRecoveryStatus:  new("ENABLED"),
			RecoveryPeriodInDays:       new(t.Recovery.Days),
			EarliestRestorableDateTime: &w.first,
			LatestRestorableDateTime:   &w.last,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.ContinuousBackupsDescription{ContinuousBackupsStatus: new("ENABLED"), PointInTimeRecoveryDescription: d}, nil
}
