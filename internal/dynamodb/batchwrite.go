package dynamodb

import (
	"context"
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
	param string
	table tableName
	// writes are items to put, with their encoded form, and keys to delete.
	writes []batchedWrite
}

type batchedWrite struct {
	attributes dynamodb.Attributes // of the item or the key
	next       item.Stored         // nil to delete
}

// BatchWriteItem puts and deletes items of several tables. AWS promises that each
// write is atomic; here all of them are together, in one commit.
func (s *Service) BatchWriteItem(ctx context.Context, in *dynamodb.BatchWriteItemInput) (*dynamodb.BatchWriteItemOutput, error) {
	batch, err := batchOf(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, b := range batch {
		var all []dynamodb.Attributes
		for _, w := range b.writes {
			all = append(all, w.attributes)
		}
		_, err := s.authorizeItems(ctx, b.table, use{
			action:     "dynamodb:BatchWriteItem",
			leading:    leadingKeys(all),
			attributes: func(*table) []string { return namesOf(all) },
			consumed:   in.ReturnConsumedCapacity,
		})
		if err != nil {
			return nil, err
		}
	}
	out := &dynamodb.BatchWriteItemOutput{}
	var done []writtenBatch
	err = s.update(ctx, func(tx kv.Txn) error {
		done = done[:0]
		seen := map[string]bool{}
		for _, b := range batch {
			w, err := s.writeBatch(ctx, tx, b, seen)
			if err != nil {
				return err
			}
			done = append(done, w)
		}
		if slices.ContainsFunc(done, func(w writtenBatch) bool { return w.changed }) {
			s.recordBatch(ctx, tx, batch, done)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.UnprocessedItems = map[string][]*dynamodb.WriteRequest{}
	for i, w := range done {
		w.table.meter.writes.Add(float64(len(batch[i].writes)))
		w.table.meter.writeUnits.Add(w.units)
		if w.changed {
			s.upkeep.changed(w.table.tableName, 1)
		}
		if c := consumed(in.ReturnConsumedCapacity, &batch[i].param, w.units); c != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, c)
		}
	}
	return out, nil
}

// writtenBatch is what a batch did to one table.
type writtenBatch struct {
	table   *table
	units   float64
	changed bool
}

// writeBatch does the writes of one table. seen are the places that the batch has
// written to.
func (s *Service) writeBatch(ctx context.Context, tx kv.Txn, b batchedTable, seen map[string]bool) (done writtenBatch, err error) {
	t, err := s.read(ctx, tx, b.table)
	if err != nil {
		return done, err
	}
	if t == nil {
		return done, noSuchTable()
	}
	places := make([][]byte, len(b.writes))
	for i, w := range b.writes {
		attributes := w.attributes
		if w.next != nil {
			// Of an item in a batch, DynamoDB reports a wrong key as it does of a Key.
			attributes = t.schema.Attributes(attributes)
		}
		key, err := t.schema.KeyOf(attributes)
		if err != nil {
			return done, err
		}
		places[i] = t.itemKey(key)
		if seen[string(places[i])] {
			return done, errDuplicateKeys()
		}
		seen[string(places[i])] = true
	}
	values, err := tx.GetMany(ctx, places)
	if err != nil {
		return done, err
	}
	done.table = t
	var d size
	for i, w := range b.writes {
		old, err := stored(values[i], nil)
		if err != nil {
			return done, err
		}
		done.units += writeUnits(sizeOrZero(old), sizeOrZero(w.next))
		one, changed, err := t.apply(tx, change{at: places[i], old: old, new: w.next})
		if err != nil {
			return done, err
		}
		d.add(one)
		done.changed = done.changed || changed
	}
	t.note(tx, d)
	return done, nil
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
		b := batchedTable{param: param, table: table}
		for _, request := range in.RequestItems[param] {
			w, err := batchedWriteOf(request)
			if err != nil {
				return nil, err
			}
			b.writes = append(b.writes, w)
		}
		if n += len(b.writes); n > maxBatchWrite {
			return nil, api.ValidationException("Too many items requested for the BatchWriteItem call")
		}
		batch = append(batch, b)
	}
	return batch, nil
}

func batchedWriteOf(request *dynamodb.WriteRequest) (batchedWrite, error) {
	put, del := request.PutRequest, request.DeleteRequest
	switch {
	case (put == nil) == (del == nil):
		return batchedWrite{}, api.ValidationException("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case put != nil:
		if err := item.Normalise(put.Item); err != nil {
			return batchedWrite{}, err
		}
		next, err := encode(put.Item, item.CheckSize)
		return batchedWrite{put.Item, next}, err
	default:
		return batchedWrite{attributes: del.Key}, item.Normalise(del.Key)
	}
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
