package codeartifact

import (
	"bytes"
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// page is what a request asks of a listing's pages.
type page struct {
	operation  string
	parameters []string // that choose what is listed
	most       *int64
	token      *string
	limit      int64 // of one page: also what it has if the request says nothing
}

func (p page) listing(ctx context.Context) pagetoken.Listing {
	r := api.RequestOf(ctx)
	return pagetoken.Listing{
		Account: r.Caller.Account, Region: r.Region, Operation: "codeartifact:" + p.operation,
		Parameters: tuple.Of(p.parameters...),
	}
}

func (p page) size() int {
	if p.most != nil {
		return int(max(1, min(*p.most, p.limit)))
	}
	return int(min(p.limit, 100))
}

// begin opens the token; nil begins. The error is ValidationException.
func (s *Service) begin(ctx context.Context, p page) ([]byte, error) {
	if p.token == nil || *p.token == "" {
		return nil, nil
	}
	at, err := s.seal.Open(p.listing(ctx), *p.token)
	if err != nil {
		return nil, Invalid("The nextToken is not valid for this request.")
	}
	return at, nil
}

// listed lists what lies below prefix: what of it begins with start, if that is not "". item
// makes one of a key and its value, nil if it is to be left out. The result is not nil.
func listed[T any](ctx context.Context, s *Service, p page, prefix []byte, start string, item func(kv.Reader, kv.KV) (*T, error)) (all []*T, next *string, err error) {
	from, err := s.begin(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	to := tuple.Below(prefix)
	if start != "" {
		first := tuple.AppendString(bytes.Clone(prefix), start)
		first = first[:len(first)-1] // what begins with the text, not what is the text
		to = append(bytes.Clone(first), 0xFF, 0xFF)
		if from == nil {
			from = first
		}
	}
	if from == nil {
		from = prefix
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		all, next = []*T{}, nil
		var last []byte
		for x, err := range tx.Scan(ctx, kv.Range{From: from, To: to}) {
			if err != nil {
				return err
			}
			if len(all) == p.size() {
				next = new(s.seal.Seal(p.listing(ctx), after(last)))
				return nil
			}
			key := bytes.Clone(x.Key)
			one, err := item(tx, x)
			if err != nil {
				return err
			}
			last = key
			if one != nil {
				all = append(all, one)
			}
		}
		return nil
	})
	return all, next, err
}

// cut pages a list that is made as a whole: from the element on that a token names by its
// key.
func cut[T any](ctx context.Context, s *Service, p page, all []T, key func(T) string) (some []T, next *string, err error) {
	at, err := s.begin(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	i := 0
	if at != nil {
		for i < len(all) && key(all[i]) != string(at) {
			i++
		}
		if i == len(all) { // what was to come next has gone
			for i = 0; i < len(all) && strings.Compare(key(all[i]), string(at)) < 0; {
				i++
			}
		}
	}
	end := min(len(all), i+p.size())
	if end < len(all) {
		next = new(s.seal.Seal(p.listing(ctx), []byte(key(all[end]))))
	}
	return all[i:end], next, nil
}
