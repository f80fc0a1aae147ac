package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// write is a change of one item: what PutItem, UpdateItem and DeleteItem come down
// to. Its functions may be called more than once, and have no effects.
type write struct {
	table     tableName
	param     *string // the table as the request names it
	use       use
	condition *expr.Condition
	onFailure *string // ReturnValuesOnConditionCheckFailure
	// key returns the item's key and the attributes that it is made of.
	key func(*table) (item.Key, dynamodb.Attributes, error)
	// next returns the item that takes the place of old, which may be old itself; nil
	// is no item.
	next func(t *table, old item.Stored) (item.Stored, error)
}

// write makes one change, in a transaction of its own. Of writes that race, each
// sees the one before it; those that come second run again, none fails.
func (s *Service) write(ctx context.Context, w write) (written, error) {
	if _, err := s.authorizeItems(ctx, w.table, w.use); err != nil {
		return written{}, err
	}
	x := transaction{writes: []write{w}, alone: true}
	err := s.update(ctx, func(tx kv.Txn) error {
		changed, err := x.run(ctx, s, tx)
		if changed {
			s.recordItem(ctx, tx, x.done[0].table, w.param, x.done[0].attributes)
		}
		return err
	})
	s.count(&x, err)
	if err != nil {
		return written{}, err
	}
	return x.done[0], nil
}

// check returns the ConditionalCheckFailedException of a condition that does not
// hold for the stored item.
func check(c *expr.Condition, old item.Stored, onFailure *string) error {
	if c == nil {
		return nil
	}
	holds, err := matches(c, old)
	if err != nil || holds {
		return err
	}
	failed := dynamodb.ConditionalCheckFailedException("The conditional request failed")
	if old != nil && is(onFailure, "ALL_OLD") {
		failed.Detail = &dynamodb.ConditionalCheckFailedExceptionDetail{Item: old.JSON()}
	}
	return failed
}

// matches reports whether a condition or filter holds for a stored item, of which
// it decodes what the condition reads.
func matches(c *expr.Condition, it item.Stored) (bool, error) {
	if c == nil || it == nil {
		return c.Holds(nil), nil
	}
	a, err := it.Some(c.Names())
	if err != nil {
		return false, err
	}
	return c.Holds(a), nil
}

// stored takes what a Get returned.
func stored(b []byte, err error) (item.Stored, error) {
	if b == nil || err != nil {
		return nil, err
	}
	return item.Open(b)
}

// encode checks the size of an item and brings it into its stored form.
func encode(a dynamodb.Attributes, tooLarge func(int) error) (item.Stored, error) {
	n := item.Size(a)
	if err := tooLarge(n); err != nil {
		return nil, err
	}
	return item.Encode(a, n), nil
}

func sizeOrZero(it item.Stored) int {
	if it == nil {
		return 0
	}
	return it.Size()
}

// is reports whether an optional parameter has a value.
func is(p *string, value string) bool { return p != nil && *p == value }
