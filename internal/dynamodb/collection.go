package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// collections tells, if wanted asks for it, of the item collections that writes were
// to, by what the requests call the tables: there are some only of tables with local
// indexes. A collection's size is not kept; what is told is that it has between
// nothing and what the table has with its indexes. The writes are done, so what
// fails here fails nobody.
func (s *Service) collections(ctx context.Context, wanted *string, x *transaction) map[string][]*dynamodb.ItemCollectionMetrics {
	if !is(wanted, "SIZE") {
		return nil
	}
	var told map[string][]*dynamodb.ItemCollectionMetrics
	for i := range x.done {
		w := &x.done[i]
		if !w.table.hasLocalIndex() {
			continue
		}
		hash, _ := w.attributes.Get(w.table.Hash.Name)
		if told == nil {
			told = map[string][]*dynamodb.ItemCollectionMetrics{}
		}
		param := *x.writes[i].param
		told[param] = append(told[param], &dynamodb.ItemCollectionMetrics{
			ItemCollectionKey:   dynamodb.Attributes{{Name: w.table.Hash.Name, Value: hash}},
			SizeEstimateRangeGB: []float64{0, s.gigabytes(ctx, w.table)},
		})
	}
	return told
}

// collection is collections of a single write.
func (s *Service) collection(ctx context.Context, wanted *string, param *string, w written) *dynamodb.ItemCollectionMetrics {
	x := transaction{writes: []write{{param: param}}, done: []written{w}}
	if told := s.collections(ctx, wanted, &x)[*param]; told != nil {
		return told[0]
	}
	return nil
}

func (t *table) hasLocalIndex() bool {
	for _, x := range t.indexes {
		if x.Local {
			return true
		}
	}
	return false
}

// gigabytes is the size of a table and its local indexes, rounded up, but at least 1.
func (s *Service) gigabytes(ctx context.Context, t *table) float64 {
	var bytes int64
	err := s.view(ctx, func(r kv.Reader) error {
		holds, err := s.sizeOf(ctx, r, t)
		bytes = holds.bytes
		for _, x := range t.indexes {
			if x.Local {
				bytes += holds.indexes[x.ID].bytes
			}
		}
		return err
	})
	if err != nil {
		s.log.WarnContext(ctx, "telling the size of item collections", "error", err)
	}
	return float64(max(1, (bytes+1<<30-1)>>30))
}
