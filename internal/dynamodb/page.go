package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxPage is how many bytes of items a Query or Scan reads; the item that brings
// it there is the page's last.
const maxPage = 1 << 20

// selection is what a Query or Scan wants of the items that it examines.
type selection struct {
	filter     *expr.Condition
	projection *item.Projection
	countOnly  bool
	limit      int // of items examined; 0 for none
	before     int // bytes of items that the page has already, of another range
	// fetch is whether the items that an index's entries are of are to be read.
	fetch bool
}

// page is what a Query or Scan found.
type page struct {
	items           []dynamodb.RawAttributes
	count, examined int64
	size            int   // of the items examined, as they count towards capacity
	fetched         []int // the sizes of the items that were fetched for entries of an index
	last            dynamodb.Attributes
}

// read reads the items of a range until it ends, or the page is full.
func (p selection) read(ctx context.Context, r kv.Reader, from *source, keys kv.Range) (page, error) {
	keys.Limit = p.limit
	var out page
	if !p.countOnly {
		out.items = []dynamodb.RawAttributes{}
	}
	var kept arena
	for entry, err := range r.Scan(ctx, keys) {
		if err != nil {
			return page{}, err
		}
		it, err := item.Open(entry.Val)
		if err != nil {
			return page{}, err
		}
		out.examined++
		out.size += it.Size()
		ok, err := matches(p.filter, it)
		if err != nil {
			return page{}, err
		}
		if ok {
			out.count++
			if !p.countOnly {
				whole := it
				if p.fetch {
					if whole, err = from.fetch(ctx, r, it); err != nil {
						return page{}, err
					}
					out.fetched = append(out.fetched, whole.Size())
				}
				raw, err := project(p.projection, whole)
				if err != nil {
					return page{}, err
				}
				if p.projection == nil {
					raw = kept.keep(raw)
				}
				out.items = append(out.items, raw)
			}
		}
		// The key of the last item is told even if no other follows.
		if out.examined == int64(p.limit) || p.before+out.size >= maxPage {
			if out.last, err = it.Some(from.keyNames); err != nil {
				return page{}, err
			}
			break
		}
	}
	return out, nil
}

// project returns the part of an item that a projection asks for; all of it costs
// no decoding, and shares the bytes of it.
func project(p *item.Projection, it item.Stored) (dynamodb.RawAttributes, error) {
	if p == nil {
		return it.JSON(), nil
	}
	a, err := it.Some(p.Names())
	if err != nil {
		return nil, err
	}
	return item.JSON(p.Apply(a)), nil
}

// arena keeps copies of many small values in few blocks, each larger than the last.
type arena struct {
	free []byte
	size int // of the last block
}

func (a *arena) keep(b []byte) []byte {
	if len(b) > len(a.free) {
		a.size = min(max(2*a.size, 4<<10), 256<<10)
		a.free = make([]byte, max(a.size, len(b)))
	}
	kept := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(kept, b)
	return kept
}
