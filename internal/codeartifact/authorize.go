package codeartifact

import (
	"context"
	"errors"
	"maps"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ask asks policy. The error is AccessDeniedException.
func (s *Service) ask(ctx context.Context, checks ...identity.Check) error {
	err := s.identity.Authorize(ctx, checks...)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "AccessDeniedException" {
		return codeartifact.AccessDeniedException("%s", e.Message)
	}
	return err
}

func check(action, resource string, p Policy, tags map[string]string) identity.Check {
	c := identity.Check{Action: "codeartifact:" + action, Resource: resource}
	if p.Document != "" {
		c.ResourcePolicy, c.ResourcePrincipals = []byte(p.Document), p.Principals
	}
	for k, v := range tags {
		if c.Conditions == nil {
			c.Conditions = map[string][]string{}
		}
		c.Conditions["aws:ResourceTag/"+k] = []string{v}
	}
	return c
}

// onDomain authorizes an action on a domain, which it returns. A domain that is not there is
// told only to who may do it. more are further conditions.
func (s *Service) onDomain(ctx context.Context, action string, n DomainName, more map[string][]string) (d *Domain, err error) {
	missing := s.view(ctx, func(tx kv.Reader) error {
		d, err = findDomain(ctx, tx, n)
		return err
	})
	if missing != nil && !isCode(missing, "ResourceNotFoundException") {
		return nil, missing
	}
	c := check(action, n.ARN(), Policy{}, nil)
	if d != nil {
		c = check(action, n.ARN(), d.Policy, d.Tags)
	}
	if err := s.ask(ctx, with(c, more)); err != nil {
		return nil, err
	}
	return d, missing
}

// onRepository authorizes an action on a repository, which it returns. A repository that is
// not there is told only to who may do it.
func (s *Service) onRepository(ctx context.Context, action string, n RepositoryName, more map[string][]string) (r *Repository, err error) {
	return s.authorized(ctx, action, n, n.ARN(), more)
}

// onPackage authorizes an action on a package of a repository, which it returns.
func (s *Service) onPackage(ctx context.Context, action string, n RepositoryName, p PackageName) (*Repository, error) {
	return s.authorized(ctx, action, n, n.packageARN(p), nil)
}

func (s *Service) authorized(ctx context.Context, action string, n RepositoryName, resource string, more map[string][]string) (r *Repository, err error) {
	missing := s.view(ctx, func(tx kv.Reader) error {
		r, _, err = findRepository(ctx, tx, n)
		return err
	})
	if missing != nil && !isCode(missing, "ResourceNotFoundException") {
		return nil, missing
	}
	c := check(action, resource, Policy{}, nil)
	if r != nil {
		c = check(action, resource, r.Policy, r.Tags)
	}
	if err := s.ask(ctx, with(c, more)); err != nil {
		return nil, err
	}
	return r, missing
}

func with(c identity.Check, more map[string][]string) identity.Check {
	if len(more) > 0 {
		if c.Conditions == nil {
			c.Conditions = map[string][]string{}
		}
		maps.Copy(c.Conditions, more)
	}
	return c
}

// Authorize asks policy whether the caller may do an action to a package. The error is
// AccessDeniedException.
func (s *Service) Authorize(ctx context.Context, r *Repository, action Action, p PackageName) error {
	return s.ask(ctx, check(string(action), r.Name.packageARN(p), r.Policy, r.Tags))
}

func isCode(err error, code string) bool { return errors.Is(err, &api.Error{Code: code}) }
