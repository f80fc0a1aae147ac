package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxBatchWrite is how many items a BatchWriteItem writes.
const maxBatchWrite = 25

// batchedTable is what a BatchWriteItem does to one table.
type batchedTable struct {
	param    string
	table    tableName
	requests []*dynamodb.WriteRequest
	writes   []write
	all      []dynamodb.Attributes // the items and keys
}

// BatchWriteItem puts and deletes items of several tables. AWS promises that each
// write is atomic; here all of them are together, in one commit, but for those that
// find no capacity, or no room in it beside the entries of many indexes: they are left to
// another request.
func (s *Service) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error) {
	batch, err := batchOf(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, b := range batch {
		_, err := s.authorizeItems(ctx, b.table, use{
			action:     "dynamodb:BatchWriteItem",
			leading:    leadingKeys(b.all),
			attributes: func(*table) []string { return namesOf(b.all) },
			consumed:   in.ReturnConsumedCapacity,
		})
		if err != nil {
			return nil, err
		}
	}
	x := transaction{alone: true, partial: true}
	unprocessed := map[string][]*dynamodb.WriteRequest{}
	if err = s.writeBatch(ctx, &x, batch); errors.Is(err, errPartly) {
		if batch, err = leaveOut(batch, x.done, unprocessed); err == nil {
			x.admitted, x.runs = true, 0
			err = s.writeBatch(ctx, &x, batch)
		}
	}
	for errors.Is(err, kv.ErrTooLarge) && len(x.writes) > 1 {
		// Many indexes can make more of a batch than can be written at once.
		batch = firstHalf(batch, len(x.writes)/2, unprocessed)
		x.admitted, x.runs = true, 0
		err = s.writeBatch(ctx, &x, batch)
	}
	if err != nil {
		return nil, err
	}
	return &dynamodb.BatchWriteItemOutput{
		UnprocessedItems:      unprocessed,
		ConsumedCapacity:      x.bill().totals(in.ReturnConsumedCapacity),
		ItemCollectionMetrics: s.collections(ctx, in.ReturnItemCollectionMetrics, &x),
	}, nil
}

// writeBatch does all writes of a batch. If some find no capacity it does none, and
// returns errPartly.
func (s *Service) writeBatch(ctx context.Context, x *transaction, batch []batchedTable) error {
	x.writes = x.writes[:0]
	for _, b := range batch {
		x.writes = append(x.writes, b.writes...)
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		changed, err := x.run(ctx, s, tx)
		if changed {
			s.recordBatch(ctx, tx, batch, x.done)
		}
		return err
	})
	s.count(x, err)
	return err
}

// leaveOut moves the writes that were refused from a batch to unprocessed. If nothing
// is left, it returns the first refusal.
func leaveOut(batch []batchedTable, done []written, unprocessed map[string][]*dynamodb.WriteRequest) (left []batchedTable, err error) {
	for _, b := range batch {
		kept := batchedTable{param: b.param, table: b.table}
		for i, w := range done[:len(b.writes)] {
			if w.fault == nil {
				kept.requests, kept.writes, kept.all = append(kept.requests, b.requests[i]), append(kept.writes, b.writes[i]), append(kept.all, b.all[i])
				continue
			}
			unprocessed[b.param] = append(unprocessed[b.param], b.requests[i])
			err = cmp.Or(err, w.fault)
		}
		done = done[len(b.writes):]
		if len(kept.writes) > 0 {
			left = append(left, kept)
		}
	}
	if len(left) > 0 {
		return left, nil
	}
	return nil, err
}

// firstHalf moves the writes of a batch after the first n to unprocessed.
func firstHalf(batch []batchedTable, n int, unprocessed map[string][]*dynamodb.WriteRequest) (left []batchedTable) {
	for _, b := range batch {
		keep := min(n, len(b.writes))
		if keep < len(b.writes) {
			unprocessed[b.param] = append(unprocessed[b.param], b.requests[keep:]...)
		}
		if keep > 0 {
			left = append(left, batchedTable{param: b.param, table: b.table, requests: b.requests[:keep], writes: b.writes[:keep], all: b.all[:keep]})
		}
		n -= keep
	}
	return left
}

// batchOf checks the parameters of a BatchWriteItem, table by table.
func batchOf(ctx context.Context, in *dynamodb.BatchWriteItemInput) ([]batchedTable, error) {
	var batch []batchedTable
	n := 0
	for _, param := range slices.Sorted(maps.Keys(in.RequestItems)) {
		table, err := nameOf(ctx, &param)
		if err != nil {
			return nil, err
		}
		b := batchedTable{param: param, table: table, requests: in.RequestItems[param]}
		for _, request := range in.RequestItems[param] {
			w, attributes, err := batchedWriteOf(request)
			if err != nil {
				return nil, err
			}
			w.table, w.param = table, &param
			b.writes, b.all = append(b.writes, w), append(b.all, attributes)
		}
		if n += len(b.writes); n > maxBatchWrite {
			return nil, api.ValidationException("Too many items requested for the BatchWriteItem call")
		}
		batch = append(batch, b)
	}
	return batch, nil
}

func batchedWriteOf(request *dynamodb.WriteRequest) (write, dynamodb.Attributes, error) {
	put, del := request.PutRequest, request.DeleteRequest
	switch {
	case (put == nil) == (del == nil):
		return write{}, nil, api.ValidationException("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case del != nil:
		return write{
			key:  keyParameter(del.Key),
			next: func(*table, item.Stored) (item.Stored, error) { return nil, nil },
		}, del.Key, item.Normalise(del.Key)
	}
	if err := item.Normalise(put.Item); err != nil {
		return write{}, nil, err
	}
	next, err := encode(put.Item, item.CheckSize)
	return write{
		// Of an item in a batch, DynamoDB reports a wrong key as it does of a Key.
		key: func(t *table) (item.Key, dynamodb.Attributes, error) {
			k, key, err := keyParameter(t.schema.Attributes(put.Item))(t)
			if err == nil {
				err = t.checkIndexKeys(put.Item)
			}
			return k, key, err
		},
		next: func(*table, item.Stored) (item.Stored, error) { return next, nil },
	}, put.Item, err
}

// namesOf are the names of all attributes, for policies.
func namesOf(all []dynamodb.Attributes) []string {
	names := map[string]bool{}
	for _, a := range all {
		for _, x := range a {
			names[x.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
