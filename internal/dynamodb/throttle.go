package dynamodb

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// limiter keeps the reads or the writes of a table or an index within its throughput:
// a request that finds units in the bucket goes through, and is charged when it is
// known what it cost. A nil limiter limits nothing.
type limiter struct {
	bucket *bucket
	rate   float64
	now    func() time.Time

	events prometheus.Counter // of refusals

	resource string // the ARN
	index    bool
	write    bool
	onDemand bool // the limit is a maximum that was set of a table on demand
}

// limits are those of a table or an index. A local index has its table's.
type limits struct {
	reads, writes *limiter
}

// account gives a table and its indexes their meters and limits.
func (s *Service) account(t *table) {
	var global []string
	for _, x := range t.Indexes {
		if !x.Local {
			global = append(global, x.Name)
		}
	}
	t.meter = s.meters.of(t.tableName, t.ID, global)
	t.own.meter = &t.meter.sourceMeter
	t.own.limits = s.limitsOf(t, t.own.meter, t.Throughput, t.Maximum, bucketOwner{table: t.ID}, t.arn)
	for _, x := range t.indexes {
		x.meter, x.limits = t.own.meter, t.own.limits
		if !x.Local {
			x.meter = t.meter.index(x.Name)
			x.limits = s.limitsOf(t, x.meter, x.Throughput, x.Maximum, bucketOwner{table: t.ID, index: x.ID}, indexARN(t.arn, x.Name))
		}
	}
}

func (s *Service) limitsOf(t *table, m *sourceMeter, provisioned throughput, most maximum, of bucketOwner, arn string) limits {
	read, write := provisioned.Read, provisioned.Write
	if t.Billing.OnDemand {
		read, write = most.Read, most.Write
	}
	side := func(units int64, write bool, events prometheus.Counter) *limiter {
		if units == 0 {
			return nil
		}
		of.write = write
		l := &limiter{
			bucket: s.buckets.of(of), rate: float64(units), now: s.now, events: events,
			resource: arn, index: of.index != 0, write: write, onDemand: t.Billing.OnDemand,
		}
		l.left() // from now on, it flows in at this rate
		return l
	}
	return limits{reads: side(read, false, m.readThrottles), writes: side(write, true, m.writeThrottles)}
}

// adopt lets the limits of a table that was changed be in force from now on, and not
// only from its next request.
func (s *Service) adopt(ctx context.Context, n tableName) {
	if _, err := s.peek(ctx, n); err != nil {
		s.log.WarnContext(ctx, "the new limits of a table are not in force yet", "table", n.arn(), "error", err)
	}
}

// left is how many units there are, or the debt.
func (l *limiter) left() float64 { return l.bucket.left(l.now(), l.rate) }

// exhausted reports whether the next request is refused.
func (l *limiter) exhausted() bool { return l != nil && l.left() <= 0 }

// charge takes what a request cost.
func (l *limiter) charge(units float64) {
	if l != nil && units > 0 {
		l.bucket.take(l.now(), l.rate, units)
	}
}

// admitRead returns the refusal of a read that finds no capacity.
func (s *source) admitRead() error {
	if l := s.limits.reads; l.exhausted() {
		return throttled(l)
	}
	return nil
}

func readsOf(l limits) *limiter  { return l.reads }
func writesOf(l limits) *limiter { return l.writes }

// read counts items that were read, and charges for them.
func (t *table) read(items int64, c cost) {
	t.meter.reads.Add(float64(items))
	t.own.chargeRead(c.table)
	for _, a := range c.arms {
		a.index.chargeRead(a.units)
	}
}

// written charges for a write.
func (t *table) written(c cost) {
	t.own.chargeWrite(c.table)
	for _, a := range c.arms {
		a.index.chargeWrite(a.units)
	}
}

func (s *source) chargeRead(units float64) {
	s.meter.readUnits.Add(units)
	s.limits.reads.charge(units)
}

func (s *source) chargeWrite(units float64) {
	s.meter.writeUnits.Add(units)
	s.limits.writes.charge(units)
}

// admitTables refuses the reads or the writes of tables without capacity, before
// anything is read.
func (x *transaction) admitTables(side func(limits) *limiter) error {
	refused := false
	for i := range x.done {
		if l := side(x.done[i].table.own.limits); l.exhausted() {
			x.done[i].fault, refused = throttled(l), true
		}
	}
	if !refused {
		return nil
	}
	return x.verdict()
}

// errPartly says that some writes of a batch found no capacity.
var errPartly = errors.New("some writes of the batch are throttled")

// admit refuses, once they were applied and it is known what they change, the writes
// to global indexes without capacity, and those of a batch to tables without: there,
// each write leaves less for those after it.
func (x *transaction) admit() error {
	if x.admitted {
		return nil
	}
	var spent []charge
	refused := false
	for i := range x.done {
		w := &x.done[i]
		if !w.limited() {
			continue
		}
		var blocked []*limiter
		c := x.cost(w)
		blocked = blocks(blocked, w.table.own.limits.writes, spent)
		for _, a := range c.arms {
			blocked = blocks(blocked, a.index.limits.writes, spent)
		}
		switch {
		case len(blocked) > 0:
			w.fault, refused = throttled(blocked...), true
		case x.partial:
			spent = append(spent, charge{w.table.own.limits.writes, c.table})
			for _, a := range c.arms {
				spent = append(spent, charge{a.index.limits.writes, a.units})
			}
		}
	}
	if refused && x.partial {
		return errPartly
	}
	return x.verdict()
}

// limited reports whether a write could be refused at all.
func (w *written) limited() bool {
	if w.table.own.limits.writes != nil {
		return true
	}
	return slices.ContainsFunc(w.indexes, func(e indexEffect) bool { return e.index.limits.writes != nil })
}

// charge is what one has to pay.
type charge struct {
	limiter *limiter
	units   float64
}

// blocks adds a limiter to those that refuse a request, if it has nothing left after
// what was spent already.
func blocks(blocked []*limiter, l *limiter, spent []charge) []*limiter {
	if l == nil || slices.Contains(blocked, l) {
		return blocked
	}
	left := l.left()
	for _, c := range spent {
		if c.limiter == l {
			left -= c.units
		}
	}
	if left > 0 {
		return blocked
	}
	return append(blocked, l)
}

// throttled is the refusal of a request by limiters: ProvisionedThroughputExceededException,
// or ThrottlingException of a table on demand.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/throttling-diagnosing.html
// and, for the words, the reasons of TransactionCanceledException in the API reference.
func throttled(by ...*limiter) error {
	reasons := make([]*dynamodb.ThrottlingReason, len(by))
	for i, l := range by {
		l.events.Inc()
		reasons[i] = &dynamodb.ThrottlingReason{Reason: new(l.reason()), Resource: &l.resource}
	}
	switch l := by[0]; {
	case l.onDemand:
		err := dynamodb.ThrottlingException("Throughput exceeds the maximum OnDemandThroughput configured on table or index")
		err.Namespace = "com.amazon.coral.availability"
		err.Detail = &dynamodb.ThrottlingExceptionDetail{ThrottlingReasons: reasons}
		return err
	case !l.index:
		return exceeded(reasons, "The level of configured provisioned throughput for the table was exceeded. "+
			"Consider increasing your provisioning level with the UpdateTable API.")
	case l.write:
		return exceeded(reasons, "The level of configured provisioned throughput for one or more global secondary indexes of the table was exceeded. "+
			"Consider increasing your provisioning level for the under-provisioned global secondary indexes with the UpdateTable API")
	default:
		return exceeded(reasons, "The level of configured provisioned throughput for the index was exceeded. "+
			"Consider increasing your provisioning level with the UpdateTable API.")
	}
}

func exceeded(reasons []*dynamodb.ThrottlingReason, message string) error {
	err := dynamodb.ProvisionedThroughputExceededException("%s", message)
	err.Detail = &dynamodb.ProvisionedThroughputExceededExceptionDetail{ThrottlingReasons: reasons}
	return err
}

// reason is a ThrottlingReason: a resource's type, an operation's, and a limit's.
func (l *limiter) reason() string {
	resource, operation, limit := "Table", "Read", "ProvisionedThroughputExceeded"
	if l.index {
		resource = "Index"
	}
	if l.write {
		operation = "Write"
	}
	if l.onDemand {
		limit = "MaxOnDemandThroughputExceeded"
	}
	return resource + operation + limit
}
