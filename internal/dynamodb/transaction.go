package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// transaction is writes that all happen, or none: those of a TransactWriteItems or
// a BatchWriteItem, or the one of a PutItem, UpdateItem or DeleteItem. It goes
// through its steps in order (locate, load, decide, apply), in one transaction of
// the store.
//
// That transaction is validated against every other at its commit and runs again
// if one was in the way; after a few such runs it waits for its turn, in which
// nothing comes between. So it is serializable with all other operations, and none
// is ever refused because of another: there is no TransactionConflict.
type transaction struct {
	writes []write
	done   []written // one for each write
	runs   int       // how often it began
	// limit is how many bytes the items may have together that are read; 0 for any.
	limit int
	// alone is of a single write, and of those of a batch: what is wrong with one is
	// told as it is and not as a reason, and none costs more than by itself.
	alone bool
	// partial is of a batch, of which some writes may be left out.
	partial bool
	// also writes more in the same transaction; nil for nothing.
	also func(tx kv.Txn) error
	// admitted is whether its writes have been found to have capacity.
	admitted bool
}

// written is what a write did, so far.
type written struct {
	table      *table
	at         []byte              // where the item lies
	attributes dynamodb.Attributes // of its key, and maybe more
	old, new   item.Stored
	changed    bool
	indexes    []indexEffect
	fault      error // why the write cannot be done
}

// cost is what the write costs by itself.
func (w written) cost() cost {
	c := cost{table: writeUnits(sizeOrZero(w.old), sizeOrZero(w.new))}
	for _, x := range w.indexes {
		c.arms = append(c.arms, arm{x.index, x.units})
	}
	return c
}

// run takes all steps, and reports whether anything changed.
func (x *transaction) run(ctx context.Context, s *Service, tx kv.Txn) (changed bool, err error) {
	if err := x.locate(ctx, s, tx); err != nil {
		return false, err
	}
	if !x.partial {
		if err := x.admitTables(writesOf); err != nil {
			return false, err
		}
	}
	if err := x.load(ctx, tx); err != nil {
		return false, err
	}
	if err := x.decide(); err != nil {
		return false, err
	}
	if changed, err = x.apply(ctx, tx); err != nil {
		return false, err
	}
	if err = x.admit(); err != nil {
		return false, err
	}
	return changed, nil
}

// locate reads the tables and finds the places of the items. All keys are looked at
// before anything else is: an empty or too long one, or an expression that does not
// suit a key, fails the request, and the first that does not match its table
// cancels the transaction.
func (x *transaction) locate(ctx context.Context, s *Service, r kv.Reader) error {
	x.runs++
	x.done = make([]written, len(x.writes))
	mismatch := false
	for i := range x.writes {
		w, out := &x.writes[i], &x.done[i]
		if i > 0 && w.table == x.writes[i-1].table {
			out.table = x.done[i-1].table
		} else if err := x.readTable(ctx, s, r, i); err != nil {
			return err
		}
		t := out.table
		if err := w.condition.CheckKey(t.schema); err != nil {
			return err
		}
		key, attributes, err := w.key(t)
		switch {
		case err == nil:
			out.at, out.attributes = t.itemKey(key), attributes
		case x.alone || !errors.Is(err, item.ErrMismatch):
			return err
		case !mismatch:
			mismatch, out.fault = true, err
		}
	}
	if mismatch {
		return x.verdict()
	}
	return x.distinct()
}

// readTable reads the table of a write.
func (x *transaction) readTable(ctx context.Context, s *Service, r kv.Reader, i int) (err error) {
	x.done[i].table, err = s.read(ctx, r, x.writes[i].table)
	if err == nil && x.done[i].table == nil {
		err = noSuchTable()
	}
	return err
}

// places are where the items lie.
func (x *transaction) places() [][]byte {
	places := make([][]byte, len(x.done))
	for i := range x.done {
		places[i] = x.done[i].at
	}
	return places
}

// distinct returns the ValidationException of a place that is there twice.
func (x *transaction) distinct() error {
	if len(x.done) == 1 {
		return nil
	}
	seen := make(map[string]struct{}, len(x.done))
	for i := range x.done {
		at := x.done[i].at
		if _, ok := seen[string(at)]; !ok {
			seen[string(at)] = struct{}{}
			continue
		}
		if x.alone {
			return errDuplicateKeys()
		}
		return api.ValidationException("Transaction request cannot include multiple operations on one item")
	}
	return nil
}

// load reads the items. One is read even if the write does not depend on it: its
// size is, so that the table's size stays exact.
func (x *transaction) load(ctx context.Context, r kv.Reader) (err error) {
	if len(x.done) == 1 {
		x.done[0].old, err = stored(r.Get(ctx, x.done[0].at))
		return err
	}
	i, size := 0, 0
	for places := range slices.Chunk(x.places(), readAtOnce) {
		values, err := r.GetMany(ctx, places)
		if err != nil {
			return err
		}
		for _, v := range values {
			if x.done[i].old, err = stored(v, nil); err != nil {
				return err
			}
			size += sizeOrZero(x.done[i].old)
			i++
		}
		if x.limit > 0 && size > x.limit {
			return errTransactionTooLarge()
		}
	}
	return nil
}

// decide evaluates the conditions and makes the new items. Every write is looked
// at, also after one that cannot be done.
func (x *transaction) decide() error {
	for i := range x.writes {
		w, out := &x.writes[i], &x.done[i]
		if out.fault = check(w.condition, out.old, w.onFailure); out.fault == nil {
			out.new, out.fault = w.next(out.table, out.old)
		}
		if _, known := errors.AsType[*api.Error](out.fault); out.fault != nil && !known {
			return out.fault
		}
	}
	return x.verdict()
}

// apply puts the new items in the place of the old ones, and reports whether that
// changes anything.
func (x *transaction) apply(ctx context.Context, tx kv.Txn) (changed bool, err error) {
	var sizes sizes
	for i := range x.done {
		out := &x.done[i]
		if err := out.table.guarded(ctx, tx, out.old, out.new); err != nil {
			return false, err
		}
		var d effect
		if d, out.changed, err = out.table.apply(ctx, tx, change{at: out.at, old: out.old, new: out.new}); err != nil {
			return false, err
		}
		out.indexes = d.indexes
		if out.changed {
			changed = true
			sizes.add(out.table, d)
		}
	}
	sizes.note(tx)
	return changed, nil
}

// sizes are how the sizes of tables change, each noted once in a transaction.
type sizes []struct {
	table *table
	effect
}

func (s *sizes) add(t *table, d effect) {
	for i := range *s {
		if (*s)[i].table.ID == t.ID {
			(*s)[i].effect.add(d)
			return
		}
	}
	*s = append(*s, struct {
		table *table
		effect
	}{t, effect{d.size, slices.Clone(d.indexes)}})
}

func (s sizes) note(tx kv.Txn) {
	for _, x := range s {
		x.table.note(tx, x.effect)
	}
}

// count takes note of a transaction that is over, before anybody is told of it, and meters it.
// A write whose condition did not hold costs what a deletion would, and so do, in a transaction,
// those beside it.
func (s *Service) count(x *transaction, err error) {
	if err == nil || errors.Is(err, kv.ErrCommitUnknown) {
		s.absences.note(x.done)
	}
	if err != nil && !slices.ContainsFunc(x.done, func(w written) bool { return conditionFailed(w.fault) }) {
		return
	}
	for i := range x.done {
		w := &x.done[i]
		m := w.table.meter
		w.table.written(x.cost(w))
		if again := x.runs - 1; again > 0 && (i == 0 || x.done[i-1].table != w.table) {
			m.conflicts.Add(float64(again))
		}
		switch {
		case err == nil:
			m.writes.Inc()
			if w.changed {
				s.upkeep.changed(w.table.tableName, 1)
				s.hints.changed(w.table)
			}
		case conditionFailed(w.fault):
			m.checksFailed.Inc()
		}
	}
}

func conditionFailed(fault error) bool {
	return fault != nil && errors.Is(fault, &api.Error{Code: "ConditionalCheckFailedException"})
}

// cost is what a write costs: in a transaction of several, the table's part is twice
// as much as alone.
func (x *transaction) cost(w *written) cost {
	c := w.cost()
	if !x.alone {
		c.table *= transactional
	}
	return c
}

// bill is what the writes cost.
func (x *transaction) bill() (b bill) {
	for i := range x.done {
		b.add(x.done[i].table, x.writes[i].param, x.cost(&x.done[i]))
	}
	return b
}

// verdict returns nil if every write can be done. Otherwise it is the error of the
// one that cannot, or a TransactionCanceledException with the reasons, one for each
// write in their order.
func (x *transaction) verdict() error {
	failed := slices.IndexFunc(x.done, func(w written) bool { return w.fault != nil })
	switch {
	case failed < 0:
		return nil
	case x.alone:
		return x.done[failed].fault
	}
	faults := make([]error, len(x.done))
	for i := range x.done {
		faults[i] = x.done[i].fault
	}
	return cancelled(faults)
}

// cancelled returns the TransactionCanceledException of a transaction, whose faults are
// nil for the actions that could be done.
func cancelled(faults []error) error {
	reasons := make([]*dynamodb.CancellationReason, len(faults))
	codes := make([]string, len(faults))
	for i, fault := range faults {
		reasons[i] = reasonOf(fault)
		codes[i] = *reasons[i].Code
	}
	err := dynamodb.TransactionCanceledException("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", "))
	err.Detail = &dynamodb.TransactionCanceledExceptionDetail{CancellationReasons: reasons}
	return err
}

// reasonOf is the part of an action in the cancellation of its transaction.
func reasonOf(fault error) *dynamodb.CancellationReason {
	if fault == nil {
		return &dynamodb.CancellationReason{Code: new("None")}
	}
	err := api.AsError(fault)
	r := &dynamodb.CancellationReason{Code: new(codeOf(err)), Message: &err.Message}
	if d, ok := err.Detail.(*dynamodb.ConditionalCheckFailedExceptionDetail); ok {
		r.Item = d.Item
	}
	return r
}
