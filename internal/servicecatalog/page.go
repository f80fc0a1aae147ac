package servicecatalog

import (
	"context"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// pageSize is how much a page has unless a request says less, and at most.
const pageSize = 20

// paged returns a page of a list, and the token of the next one. key tells an element from
// the others; parameters are what chooses the list. The order of the list decides: a page
// begins with the element after which the last one ended, or, if that has gone, at its place.
func paged[T any](ctx context.Context, s *Service, list []T, size *int64, token *string, key func(T) string, parameters ...string) ([]T, *string, error) {
	r := api.RequestOf(ctx)
	l := pagetoken.Listing{
		Account: r.Caller.Account, Region: r.Region, Operation: "servicecatalog:" + r.Operation, Parameters: tuple.Of(parameters...),
	}
	most := pageSize
	if size != nil && *size > 0 {
		most = int(min(*size, pageSize))
	}
	first := 0
	if text(token) != "" {
		at, err := s.seal.Open(l, *token)
		if err != nil {
			return nil, nil, invalid("Invalid page token.")
		}
		place, rest, err := tuple.String(at)
		if err == nil {
			var name string
			if name, _, err = tuple.String(rest); err == nil {
				first, err = strconv.Atoi(place)
				first = min(first, len(list))
				for i, x := range list {
					if key(x) == name {
						first = i
						break
					}
				}
			}
		}
		if err != nil {
			return nil, nil, invalid("Invalid page token.")
		}
	}
	last := min(first+most, len(list))
	if last == len(list) {
		return list[first:], nil, nil
	}
	return list[first:last], new(s.seal.Seal(l, tuple.Of(strconv.Itoa(last), key(list[last])))), nil
}
