package identity

import (
	"encoding/base64"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// page is what a list operation was asked for: how many, and from where on. A
// marker holds the last key or name of the page before; it is read within the
// caller's own account only.
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

// after returns what the marker holds, "" without one.
func (p page) after() (string, error) {
	if text(p.marker) == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*p.marker)
	if err != nil || len(b) == 0 {
		return "", validationError("Invalid Marker.")
	}
	return string(b), nil
}

func end(truncated bool, last string) next {
	n := next{truncated: &truncated}
	if truncated {
		n.marker = new(base64.RawURLEncoding.EncodeToString([]byte(last)))
	}
	return n
}

// records returns a page of the records under prefix that keep accepts, in the
// order of their keys. keep is handed the key's elements after the prefix, encoded.
func records[T any](op *operation, prefix []byte, p page, keep func(key []byte, record *T) bool) ([]*T, next, error) {
	after, err := p.after()
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
			return page, end(true, last), nil
		}
		page, last = append(page, record), string(e.Key[len(prefix):])
	}
	return page, end(false, ""), nil
}

// slice returns a page of a list in memory, whose elements are known by name.
func slice[T any](all []T, p page, name func(T) string) ([]T, next, error) {
	after, err := p.after()
	if err != nil {
		return nil, next{}, err
	}
	if after != "" {
		for i, v := range all {
			if name(v) == after {
				all = all[i+1:]
				break
			}
		}
	}
	if n := p.limit(); len(all) > n {
		return all[:n], end(true, name(all[n-1])), nil
	}
	return all, end(false, ""), nil
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
