package identity

import (
	"encoding/binary"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// page is what a list operation was asked for: how many, and from where on. A
// marker holds the last key or name of the page before, sealed: it is good for the
// operation and the account that it was made for.
type page struct {
	marker *string
	max    *int64
}

// next is the end of a page.
type next struct {
	truncated *bool
	marker    *string
}

func (p page) limit() int {
	if p.max == nil {
		return 100
	}
	return int(max(1, min(*p.max, 1000)))
}

// listing is what a marker is good for; of is what the list is made from.
func (op *operation) listing(of []byte) pagetoken.Listing {
	return pagetoken.Listing{Account: op.account, Operation: op.action, Parameters: of}
}

// after returns what the marker holds, "" without one.
func (op *operation) after(p page, of []byte) (string, error) {
	if text(p.marker) == "" {
		return "", nil
	}
	b, err := op.s.sealer.pages.Open(op.listing(of), *p.marker)
	if err != nil || len(b) == 0 {
		return "", validationError("Invalid Marker.")
	}
	return string(b), nil
}

// end is the end of the last page, or of one that others follow.
func (op *operation) end(truncated bool, last string, of []byte) next {
	n := next{truncated: &truncated}
	if truncated {
		n.marker = new(op.s.sealer.pages.Seal(op.listing(of), []byte(last)))
	}
	return n
}

// records returns a page of the records under prefix that keep accepts, in the
// order of their keys. keep is handed the key's elements after the prefix, encoded.
func records[T any](op *operation, prefix []byte, p page, keep func(key []byte, record *T) bool) ([]*T, next, error) {
	after, err := op.after(p, prefix)
	if err != nil {
		return nil, next{}, err
	}
	from := prefix
	if after != "" {
		from = append(append([]byte{}, prefix...), after...)
		from = append(from, 0)
	}
	var page []*T
	last := ""
	for e, err := range op.r.Scan(op.ctx, kv.Range{From: from, To: tuple.Below(prefix)}) {
		if err != nil {
			return nil, next{}, err
		}
		record := new(T)
		if len(e.Val) > 0 {
			if record, err = decode[T](e.Val); err != nil {
				return nil, next{}, err
			}
		}
		if !keep(e.Key[len(prefix):], record) {
			continue
		}
		if len(page) == p.limit() {
			return page, op.end(true, last, prefix), nil
		}
		page, last = append(page, record), string(e.Key[len(prefix):])
	}
	return page, op.end(false, "", prefix), nil
}

// every returns all the records under prefix.
func every[T any](op *operation, prefix []byte) ([]*T, error) {
	var all []*T
	_, _, err := records(op, prefix, page{}, func(_ []byte, record *T) bool {
		all = append(all, record)
		return false // so that the page never fills, and all are seen
	})
	return all, err
}

// slice returns a page of a list in memory, whose elements are known by name. Its
// marker holds the number of elements before the page, and the name of the last of
// them, so that a list which has changed is gone on with at the right place.
func slice[T any](op *operation, all []T, p page, name func(T) string) ([]T, next, error) {
	after, err := op.after(p, nil)
	if err != nil {
		return nil, next{}, err
	}
	start := 0
	if len(after) >= 4 {
		last, before := after[4:], int(binary.BigEndian.Uint32([]byte(after)))
		start = min(max(0, before-1), len(all)) // if the last one is gone, others took its place
		for i, v := range all {
			if name(v) == last {
				start = i + 1
				break
			}
		}
	}
	if n := start + p.limit(); len(all) > n {
		return all[start:n], op.end(true, string(binary.BigEndian.AppendUint32(nil, uint32(n)))+name(all[n-1]), nil), nil
	}
	return all[start:], op.end(false, "", nil), nil
}

// count returns how many keys there are under prefix.
func (op *operation) count(prefix []byte) (int, error) {
	n := 0
	for _, err := range op.r.Scan(op.ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
