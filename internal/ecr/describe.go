package ecr

import (
	"context"
	"errors"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// authorizeRegistry asks policy for an action that knows no repository.
func (s *Service) authorizeRegistry(ctx context.Context, action string) error {
	return s.identity.Authorize(ctx, identity.Check{Action: action, Resource: "*"})
}

// authorizeNew asks policy whether the caller may create a repository with its tags.
func (s *Service) authorizeNew(ctx context.Context, r *Repository) error {
	conditions := requestTags(r.Tags)
	checks := []identity.Check{{Action: r.Name.action("CreateRepository"), Resource: r.Name.ARN(), Conditions: conditions}}
	if len(r.Tags) > 0 {
		checks = append(checks, identity.Check{Action: r.Name.action("TagResource"), Resource: r.Name.ARN(), Conditions: conditions})
	}
	return s.ask(ctx, r.Name, checks...)
}

// authorizeNamed asks policy for an operation on a repository, which need not be there.
func (s *Service) authorizeNamed(ctx context.Context, n Name, operation string) error {
	_, err := s.permitted(ctx, n, operation)
	if isMissing(err) {
		return nil
	}
	return err
}

// permitted returns a repository with which policy lets the caller do an operation. Who may
// not is not told whether there is one; otherwise the error is
// RepositoryNotFoundException.
func (s *Service) permitted(ctx context.Context, n Name, operation string) (*Repository, error) {
	r, missing := s.Find(ctx, n)
	if missing != nil && !isMissing(missing) {
		return nil, missing
	}
	if err := s.Authorize(ctx, n, r, operation); err != nil {
		return nil, err
	}
	return r, missing
}

func isMissing(err error) bool {
	return errors.Is(err, &api.Error{Code: "RepositoryNotFoundException"})
}

// listing is what DescribeRepositories is asked for.
type listing struct {
	registry Name
	names    []string // nil for all
	token    *string
	limit    *int64
}

const defaultPage = 100

// describeRepositories returns the repositories that are named, or a page of all.
func (s *Service) describeRepositories(ctx context.Context, l listing) (list []*Repository, next *string, err error) {
	if len(l.names) > 0 {
		for _, name := range l.names {
			n := l.registry
			n.Name = name
			r, err := s.Find(ctx, n)
			if err == nil {
				err = s.Authorize(ctx, n, r, "DescribeRepositories")
			}
			if err != nil {
				if aerr := s.authorizeNamed(ctx, n, "DescribeRepositories"); aerr != nil {
					return nil, nil, aerr
				}
				return nil, nil, err
			}
			list = append(list, r)
		}
		return list, nil, nil
	}
	all := l.registry
	all.Name = "*"
	if err := s.Authorize(ctx, all, nil, "DescribeRepositories"); err != nil {
		return nil, nil, err
	}
	page := pagetoken.Listing{Account: l.registry.Account, Region: l.registry.Region, Operation: l.registry.action("DescribeRepositories")}
	after, limit, err := s.position(page, l.token, l.limit)
	if err != nil {
		return nil, nil, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		for r, err := range s.Repositories(ctx, tx, l.registry, after) {
			if err != nil {
				return err
			}
			if len(list) == limit {
				next = new(s.seal.Seal(page, []byte(list[limit-1].Name.Name)))
				return nil
			}
			list = append(list, r)
		}
		return nil
	})
	return list, next, err
}

// position reads where a page of a listing begins, and how long it is at most. The error is
// InvalidParameterException for a token that was not given for the listing.
func (s *Service) position(page pagetoken.Listing, token *string, limit *int64) (after string, n int, err error) {
	n = defaultPage
	if limit != nil {
		n = int(*limit)
	}
	if token == nil {
		return "", n, nil
	}
	b, err := s.seal.Open(page, *token)
	if err != nil {
		return "", 0, invalid("nextToken", "must be a token of an earlier answer")
	}
	return string(b), n, nil
}
