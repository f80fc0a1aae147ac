package dynamodb

import (
	"context"
	"errors"
	"io"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/intake"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// batch is some of an object's records, in their order.
type batch struct {
	items   []importedItem
	records int64
	read    int64 // of the object so far, in bytes
	errors  int64
	first   error
	// end is whether the object is done.
	end bool
}

// importedItem is an item and where it is to lie.
type importedItem struct {
	at []byte
	it item.Stored
}

// readBatches reads the records of an object after the first skip, and sends them.
func (t *table) readBatches(ctx context.Context, body io.Reader, o intake.Options, skip int64, to chan<- batch) error {
	r, err := intake.Open(body, o)
	if err == nil {
		defer r.Close()
		err = r.Skip(skip)
	}
	for err == nil {
		b := batch{}
		if err = t.readBatch(r, &b); err == io.EOF || errors.Is(err, intake.ErrUnreadable) {
			b.end = true
		} else if err != nil {
			return err
		}
		select {
		case to <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.end {
			return nil
		}
	}
	if err == io.EOF || errors.Is(err, intake.ErrUnreadable) { // before the first record
		b := batch{end: true}
		if err != io.EOF {
			b.errors, b.first = 1, err
		}
		select {
		case to <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// readBatch reads records until there are enough for a transaction, or no more.
func (t *table) readBatch(r *intake.Reader, b *batch) (err error) {
	wrong := func(err error) {
		if b.errors++; b.first == nil {
			b.first = err
		}
	}
	for size := 0; size < filledBytes && b.records < filledAtOnce; {
		a, err := r.Next()
		if errors.Is(err, intake.ErrUnreadable) {
			wrong(err)
		}
		told, ofRecord := errors.AsType[*api.Error](err)
		if b.read = r.Size(); err != nil && !(ofRecord && !errors.Is(err, intake.ErrUnreadable)) {
			return err
		}
		b.records++
		if ofRecord {
			wrong(told)
			continue
		}
		at, it, err := t.itemOf(a)
		if err != nil {
			wrong(err)
			continue
		}
		b.items = append(b.items, importedItem{at, it})
		size += len(it)
	}
	return nil
}

// itemOf is a written item as it is stored, and where, or why PutItem would refuse it.
func (t *table) itemOf(a dynamodb.Attributes) (at []byte, it item.Stored, err error) {
	if err := item.Normalise(a); err != nil {
		return nil, nil, err
	}
	if it, err = encode(a, item.CheckSize); err != nil {
		return nil, nil, err
	}
	key, err := t.keyOfItem(a)
	if err != nil {
		return nil, nil, err
	}
	return t.itemKey(key), it, nil
}

// putAll puts items in the order in which they are given.
func (t *table) putAll(ctx context.Context, tx kv.Txn, items []importedItem) (d effect, err error) {
	places := make([][]byte, 0, len(items))
	last := make(map[string]item.Stored, len(items))
	for _, i := range items {
		if _, known := last[string(i.at)]; !known {
			places = append(places, i.at)
		}
		last[string(i.at)] = i.it
	}
	there, err := tx.GetMany(ctx, places)
	if err != nil {
		return d, err
	}
	for i, at := range places {
		old, err := stored(there[i], nil)
		if err != nil {
			return d, err
		}
		one, _, err := t.apply(ctx, tx, change{at: at, old: old, new: last[string(at)]})
		if err != nil {
			return d, err
		}
		d.add(one)
	}
	return d, nil
}
