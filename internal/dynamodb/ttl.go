package dynamodb

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// timeToLive is whether and how the items of a table expire, as it is stored.
type timeToLive struct {
	// Status is a TimeToLiveStatus; empty of a table on which it was never enabled.
	Status    string `json:"status,omitempty"`
	Attribute string `json:"attribute,omitempty"` // empty once it is DISABLED
	// Generation counts how often it was enabled.
	Generation uint64    `json:"generation,omitempty"`
	Changed    time.Time `json:"changed,omitzero"` // when it was last asked for
}

const (
	ttlEnabling  = "ENABLING"
	ttlEnabled   = "ENABLED"
	ttlDisabling = "DISABLING"
	ttlDisabled  = "DISABLED"
)

// ttlInterval is how long AWS takes to process a change, in which it refuses
// another. Here one is done as soon as the table's items have been looked through.
const ttlInterval = time.Hour

// active reports whether it is enabled, or is being.
func (l timeToLive) active() bool { return l.Status == ttlEnabling || l.Status == ttlEnabled }

// of returns the order of a table's items, or nil if they do not expire.
func (l timeToLive) of(id uint64) *expiring {
	if !l.active() {
		return nil
	}
	return &expiring{attribute: []string{l.Attribute}, keys: generation(id, l.Generation)}
}

// change enables or disables it. What is asked for is compared with what is before
// the interval is looked at, as on AWS.
func (l *timeToLive) change(enable bool, attribute string, now time.Time) error {
	switch {
	case l.active() && attribute != l.Attribute:
		return api.ValidationException("TimeToLive is active on a different AttributeName: current AttributeName is %s", l.Attribute)
	case l.active() && enable:
		return api.ValidationException("TimeToLive is already enabled")
	case !l.active() && !enable:
		return api.ValidationException("TimeToLive is already disabled")
	case now.Before(l.Changed.Add(ttlInterval)):
		return api.ValidationException("Time to live has been modified multiple times within a fixed interval")
	case enable:
		*l = timeToLive{Status: ttlEnabling, Attribute: attribute, Generation: l.Generation + 1, Changed: now}
	default:
		l.Status, l.Changed = ttlDisabling, now
	}
	return nil
}

// UpdateTimeToLive lets the items of a table expire, or stops that. It is in force
// for whatever is written after the answer; a job looks through what is there.
func (s *Service) UpdateTimeToLive(ctx context.Context, in *dynamodb.UpdateTimeToLiveInput) (*dynamodb.UpdateTimeToLiveOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "UpdateTimeToLive", n, nil); err != nil {
		return nil, err
	}
	enable := *in.TimeToLiveSpecification.Enabled
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.findWhole(ctx, tx, n)
		if err != nil {
			return err
		}
		st := t.tableState
		if err := st.TimeToLive.change(enable, *in.TimeToLiveSpecification.AttributeName, s.now().UTC()); err != nil {
			return err
		}
		s.recordTable(ctx, tx, n, in)
		x := expiringTable{t.ID, st.TimeToLive.Generation, n.account, n.region, n.name}
		if enable {
			tx.Put(ofTable(expiringPrefix, t.ID), x.encode())
			err = jobs.Enqueue(ctx, tx, enableExpiry, x.job(), x.encode())
		} else {
			tx.Delete(ofTable(expiringPrefix, t.ID))
			err = jobs.Enqueue(ctx, tx, disableExpiry, x.job(), x.encode())
		}
		if err != nil {
			return err
		}
		return st.put(tx, n)
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	s.jobs.Wake()
	return &dynamodb.UpdateTimeToLiveOutput{TimeToLiveSpecification: in.TimeToLiveSpecification}, nil
}

// DescribeTimeToLive tells whether a table's items expire, and by which attribute.
func (s *Service) DescribeTimeToLive(ctx context.Context, in *dynamodb.DescribeTimeToLiveInput) (*dynamodb.DescribeTimeToLiveOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "DescribeTimeToLive", n, nil); err != nil {
		return nil, err
	}
	var d dynamodb.TimeToLiveDescription
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.find(ctx, r, n)
		if err != nil {
			return err
		}
		switch l := t.TimeToLive; l.Status {
		case "", ttlDisabled:
			d.TimeToLiveStatus = new(ttlDisabled)
		default:
			d.TimeToLiveStatus, d.AttributeName = new(l.Status), new(l.Attribute)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: &d}, nil
}
