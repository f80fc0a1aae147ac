package sagemaker

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// The sizes of a page.
const (
	pageSize    = 10
	maxPageSize = 100
)

// listing is what a list is asked.
type listing struct {
	kind                          string
	sortBy, sortOrder, contains   *string
	createdBefore, createdAfter   *time.Time
	modifiedBefore, modifiedAfter *time.Time
	status                        *string
	size                          *int64
	token                         *string
	beneath                       []string // further names in the keys
	parameters                    []string // what chooses the list beside this
}

// entry is what a list needs to know of its elements.
type entry struct {
	name, status      string
	created, modified time.Time
}

// list returns a page of the caller's records of a kind, and the token of the next one.
func list[T any](ctx context.Context, s *Service, l listing, of func(*T) entry, more ...func(*T) bool) ([]*T, *string, error) {
	r := api.RequestOf(ctx)
	type element struct {
		record *T
		entry
	}
	var all []element
	prefix := keysOf(l.kind, r.Caller.Account, r.Region)
	for _, name := range l.beneath {
		prefix = tuple.AppendString(prefix, name)
	}
	err := s.view(ctx, func(tx kv.Reader) error {
		return each(ctx, tx, prefix, func(x *T) error {
			e := of(x)
			if l.takes(e) && !slices.ContainsFunc(more, func(fits func(*T) bool) bool { return !fits(x) }) {
				all = append(all, element{x, e})
			}
			return nil
		})
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(all, func(a, b element) int {
		c := a.created.Compare(b.created)
		switch text(l.sortBy) {
		case "Name":
			c = strings.Compare(a.name, b.name)
		case "Status":
			c = strings.Compare(a.status, b.status)
		}
		if c == 0 {
			c = strings.Compare(a.name, b.name)
		}
		if text(l.sortOrder) != "Ascending" {
			c = -c
		}
		return c
	})
	token := pagetoken.Listing{
		Account: r.Caller.Account, Region: r.Region, Operation: "sagemaker:" + r.Operation,
		Parameters: tuple.Of(append([]string{text(l.sortBy), text(l.sortOrder), text(l.contains), text(l.status)}, append(l.beneath, l.parameters...)...)...),
	}
	first := 0
	if text(l.token) != "" {
		at, err := s.seal.Open(token, *l.token)
		if err != nil {
			return nil, nil, invalid("Invalid NextToken.")
		}
		// Where the last page ended; if that has gone meanwhile, the list ends here rather than
		// to begin anew.
		first = len(all)
		if i := slices.IndexFunc(all, func(e element) bool { return e.name == string(at) }); i >= 0 {
			first = i
		}
	}
	most := pageSize
	if l.size != nil {
		most = int(min(*l.size, maxPageSize))
	}
	last := min(first+most, len(all))
	out := make([]*T, 0, last-first)
	for _, e := range all[first:last] {
		out = append(out, e.record)
	}
	if last == len(all) {
		return out, nil, nil
	}
	return out, new(s.seal.Seal(token, []byte(all[last].name))), nil
}

// takes tells whether a list has an element.
func (l *listing) takes(e entry) bool {
	before := func(limit *time.Time, t time.Time) bool { return limit == nil || t.Before(*limit) }
	after := func(limit *time.Time, t time.Time) bool { return limit == nil || t.After(*limit) }
	return before(l.createdBefore, e.created) && after(l.createdAfter, e.created) &&
		before(l.modifiedBefore, e.modified) && after(l.modifiedAfter, e.modified) &&
		(l.status == nil || e.status == *l.status) &&
		(l.contains == nil || strings.Contains(strings.ToLower(e.name), strings.ToLower(*l.contains)))
}
