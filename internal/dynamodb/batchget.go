package dynamodb

import (
	"context"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/kv"
)

const (
	maxBatchGet = 100      // items in a BatchGetItem
	maxBatch    = 16 << 20 // bytes of items in a batch
	// readAtOnce is how many items of a batch are read in one go: together they
	// exceed the limit by no more than that many of the largest.
	readAtOnce = 10
)

// wantedItems is what a BatchGetItem wants of one table.
type wantedItems struct {
	param    string
	table    tableName
	keys     []dynamodb.Attributes
	compiled expr.Compiled
	in       *dynamodb.KeysAndAttributes
}

// BatchGetItem reads items of several tables, all at one moment. What does not fit
// into 16 MB of items, or finds no capacity, is left to another request.
func (s *Service) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput) (*dynamodb.BatchGetItemOutput, error) {
	wanted, err := wantedOf(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, w := range wanted {
		_, err := s.authorizeItems(ctx, w.table, use{
			action:     "dynamodb:BatchGetItem",
			leading:    leadingKeys(w.keys),
			attributes: projected(w.compiled.Projection, nil),
			consumed:   in.ReturnConsumedCapacity,
		})
		if err != nil {
			return nil, err
		}
	}
	out := &dynamodb.BatchGetItemOutput{
		Responses:       make(map[string][]dynamodb.RawAttributes, len(wanted)),
		UnprocessedKeys: map[string]*dynamodb.KeysAndAttributes{},
	}
	err = s.view(ctx, func(r kv.Reader) error {
		// All tables and keys are checked before any item is read.
		tables := make([]*table, len(wanted))
		places := make([][][]byte, len(wanted))
		seen := map[string]bool{}
		for i, w := range wanted {
			t, err := s.read(ctx, r, w.table)
			if err != nil {
				return err
			}
			if t == nil {
				return noSuchTable()
			}
			if err := w.compiled.Projection.CheckKey(t.schema); err != nil {
				return err
			}
			tables[i] = t
			for _, k := range w.keys {
				key, err := t.schema.KeyOf(k)
				if err != nil {
					return err
				}
				at := t.itemKey(key)
				if seen[string(at)] {
					return errDuplicateKeys()
				}
				seen[string(at)] = true
				places[i] = append(places[i], at)
			}
		}
		total, done := 0, 0
		var refusal error
		for i, w := range wanted {
			read, spent, err := w.read(ctx, r, tables[i], places[i], &total, out)
			if err != nil {
				return err
			}
			if read < len(w.keys) && refusal == nil {
				refusal = tables[i].own.admitRead()
			}
			done += read
			if c := consumed(in.ReturnConsumedCapacity, &w.param, spent); c != nil {
				out.ConsumedCapacity = append(out.ConsumedCapacity, c)
			}
		}
		if done == 0 {
			return refusal
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// read reads the items at places into out, until total exceeds the batch's limit or
// there is no capacity left; the rest is returned as unprocessed. It returns how many
// it read, and what that cost.
func (w wantedItems) read(ctx context.Context, r kv.Reader, t *table, places [][]byte, total *int, out *dynamodb.BatchGetItemOutput) (done int, spent cost, err error) {
	found := []dynamodb.RawAttributes{}
chunks:
	for chunk := range slices.Chunk(places, readAtOnce) {
		if *total >= maxBatch || t.own.limits.reads.exhausted() {
			break
		}
		values, err := r.GetMany(ctx, chunk)
		if err != nil {
			return 0, spent, err
		}
		for _, v := range values {
			if t.own.limits.reads.exhausted() {
				break chunks
			}
			it, err := stored(v, nil)
			if err != nil {
				return 0, spent, err
			}
			if *total += sizeOrZero(it); *total > maxBatch {
				*total = maxBatch
				break
			}
			one := cost{table: readUnits(sizeOrZero(it), w.in.ConsistentRead)}
			t.read(1, one)
			spent.add(one)
			done++
			if it == nil {
				continue
			}
			raw, err := project(w.compiled.Projection, it)
			if err != nil {
				return 0, spent, err
			}
			found = append(found, raw)
		}
	}
	out.Responses[w.param] = found
	if done < len(places) {
		rest := *w.in
		rest.Keys = w.keys[done:]
		out.UnprocessedKeys[w.param] = &rest
	}
	return done, spent, nil
}

// wantedOf checks the parameters of a BatchGetItem, table by table.
func wantedOf(ctx context.Context, in *dynamodb.BatchGetItemInput) ([]wantedItems, error) {
	if err := checkProjections(in); err != nil {
		return nil, err
	}
	var wanted []wantedItems
	n := 0
	for _, param := range slices.Sorted(maps.Keys(in.RequestItems)) {
		ka := in.RequestItems[param]
		table, err := nameOf(ctx, &param)
		if err != nil {
			return nil, err
		}
		w := wantedItems{param: param, table: table, keys: ka.Keys, in: ka}
		params := expr.Parameters{Operation: "BatchGetItem", Projection: ka.ProjectionExpression, Names: ka.ExpressionAttributeNames}
		if ka.AttributesToGet != nil {
			params.Legacy = &expr.Legacy{AttributesToGet: ka.AttributesToGet}
		}
		if w.compiled, err = compile(&params, valuesOf(ka.Keys...)); err != nil {
			return nil, err
		}
		if n += len(ka.Keys); n > maxBatchGet {
			return nil, api.ValidationException("Too many items requested for the BatchGetItem call")
		}
		wanted = append(wanted, w)
	}
	return wanted, nil
}

// checkProjections refuses a batch that asks for attributes in the old way of one
// table and in the new way of another.
func checkProjections(in *dynamodb.BatchGetItemInput) error {
	var all expr.Parameters
	for _, ka := range in.RequestItems {
		if ka.ProjectionExpression != nil {
			all.Projection = ka.ProjectionExpression
		}
		if ka.AttributesToGet != nil {
			all.Legacy = &expr.Legacy{AttributesToGet: ka.AttributesToGet}
		}
	}
	return all.Check()
}

// leadingKeys are the hash keys of several keys or items, for policies.
func leadingKeys(all []dynamodb.Attributes) func(*table) []dynamodb.AttributeValue {
	return func(t *table) (keys []dynamodb.AttributeValue) {
		for _, a := range all {
			if v, ok := a.Get(t.schema.Hash.Name); ok {
				keys = append(keys, v)
			}
		}
		return keys
	}
}

func errDuplicateKeys() error {
	return api.ValidationException("Provided list of item keys contains duplicates")
}
