package codeartifact

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// maxChain is how many repositories a request is resolved in.
const maxChain = 25

// chain returns a repository and its upstreams, in the order in which a version is looked
// for: depth-first, each once, at most maxChain of them. An upstream that was deleted is
// passed over.
func chain(ctx context.Context, tx kv.Reader, r *Repository) ([]*Repository, error) {
	all := []*Repository{r}
	if len(r.Upstreams) == 0 {
		return all, nil
	}
	seen := map[string]bool{r.Name.Name: true}
	var walk func(r *Repository) error
	walk = func(r *Repository) error {
		for _, name := range r.Upstreams {
			if seen[name] || len(all) == maxChain {
				continue
			}
			seen[name] = true
			up, err := repositoryOf(ctx, tx, r.DomainID, name)
			if err != nil {
				return err
			}
			if up == nil {
				continue
			}
			all = append(all, up)
			if err := walk(up); err != nil {
				return err
			}
		}
		return nil
	}
	return all, walk(r)
}

// part is a repository that has a package that a view shows.
type part struct {
	repository *Repository
	pkg        *Package
}

// resolve is how a package comes together from a repository and its upstreams: the parts of
// it, in the order in which a version is looked for. Every read of packages goes through it,
// and through it alone.
func (s *Service) resolve(ctx context.Context, tx kv.Reader, r *Repository, n PackageName) (parts []part, err error) {
	all, err := chain(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(all))
	for i, one := range all {
		keys[i] = packageKey(packagesPrefix, one.ID, n)
	}
	values, err := tx.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	own, err := decode[Package](values[0])
	if err != nil {
		return nil, err
	}
	for i, one := range all {
		pkg := own
		if i > 0 {
			if ok, err := s.mayComeFrom(ctx, tx, r, one, own, n); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			if pkg, err = decode[Package](values[i]); err != nil {
				return nil, err
			}
		}
		if pkg != nil {
			parts = append(parts, part{one, pkg})
		}
	}
	return parts, nil
}

// refresh asks the external connections among a repository and its upstreams for what is
// new of a package.
func (s *Service) refresh(ctx context.Context, r *Repository, n PackageName) error {
	if s.outside == nil {
		return nil
	}
	var connected []*Repository
	err := s.view(ctx, func(tx kv.Reader) error {
		connected = nil
		all, err := chain(ctx, tx, r)
		if err != nil {
			return err
		}
		own, err := readPackage(ctx, tx, r, n)
		if err != nil {
			return err
		}
		for _, one := range all {
			if len(one.Connections) == 0 {
				continue
			}
			if ok, err := s.mayComeFrom(ctx, tx, r, one, own, n); err != nil {
				return err
			} else if ok {
				connected = append(connected, one)
			}
		}
		return nil
	})
	for _, one := range connected {
		if err == nil {
			err = s.outside.Refresh(ctx, one, n)
		}
	}
	return err
}
