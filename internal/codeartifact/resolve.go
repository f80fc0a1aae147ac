package codeartifact

import (
	"context"
	"errors"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// walk visits a repository and its upstreams in the order in which a version is looked for:
// depth-first, each once, as many as the quota has it. An upstream that was deleted is passed
// over. What is upstream of a repository is visited if visit returns true for it.
func (s *Service) walk(ctx context.Context, tx kv.Reader, r *Repository, visit func(*Repository) (bool, error)) error {
	seen, most := map[string]bool{}, int(s.quotas.Of(searchedQuota))
	var next func(r *Repository) error
	next = func(r *Repository) error {
		seen[r.Name.Name] = true
		further, err := visit(r)
		if err != nil || !further {
			return err
		}
		for _, name := range r.Upstreams {
			if seen[name] || len(seen) >= most {
				continue
			}
			up, err := repositoryOf(ctx, tx, r.DomainID, name)
			if err != nil {
				return err
			}
			if up == nil {
				continue
			}
			up.depth = r.depth + 1
			if err := next(up); err != nil {
				return err
			}
		}
		return nil
	}
	return next(r)
}

// chain returns a repository and all its upstreams, in their order.
func (s *Service) chain(ctx context.Context, tx kv.Reader, r *Repository) (all []*Repository, err error) {
	err = s.walk(ctx, tx, r, func(one *Repository) (bool, error) {
		all = append(all, one)
		return true, nil
	})
	return all, err
}

// part is a repository that has a package that a view shows.
type part struct {
	repository *Repository
	pkg        *Package
	// external says that the repository has an external connection through which versions
	// of the package may come.
	external bool
}

// shown is what a view shows of a version of the part, nil if nothing: what is only known
// from an external connection is not shown if it may not, or cannot, come.
func (p part) shown(v *Version) *Version {
	if v == nil || p.external || !v.Remote && !slices.ContainsFunc(v.Assets, remote) {
		return v
	}
	if v.Remote {
		return nil
	}
	v = v.clone()
	v.Assets = slices.DeleteFunc(v.Assets, remote)
	return v
}

func remote(a Asset) bool { return a.Remote != "" }

// resolve is how a package comes together from a repository and its upstreams: the parts of
// it, in the order in which a version is looked for. Every read of packages goes through it,
// and through it alone. Each repository on the way has its say: behind one whose package or
// whose package group lets nothing come from upstream, nothing is looked for.
func (s *Service) resolve(ctx context.Context, tx kv.Reader, r *Repository, n PackageName) (parts []part, err error) {
	err = s.eachPart(ctx, tx, r, n, func(p part) {
		if p.pkg != nil {
			parts = append(parts, p)
		}
	})
	return parts, err
}

// eachPart calls fn with each repository where a package may be, also with those that have
// it not, whose pkg is nil.
func (s *Service) eachPart(ctx context.Context, tx kv.Reader, r *Repository, n PackageName, fn func(part)) error {
	return s.walk(ctx, tx, r, func(one *Repository) (bool, error) {
		pkg, err := readPackage(ctx, tx, one, n)
		if err != nil {
			return false, err
		}
		internal, external, err := s.mayCome(ctx, tx, one, pkg, n)
		if err != nil {
			return false, err
		}
		connected := slices.ContainsFunc(one.Connections, func(name string) bool { return ConnectionFormat(name) == n.Format })
		fn(part{one, pkg, external && connected})
		return internal, nil
	})
}

// refresh asks the external connections among a repository and its upstreams for what is
// new of a package. An error does not keep from what is known.
func (s *Service) refresh(ctx context.Context, r *Repository, n PackageName) error {
	var connected []*Repository
	err := s.view(ctx, func(tx kv.Reader) error {
		connected = nil
		return s.eachPart(ctx, tx, r, n, func(p part) {
			if p.external {
				connected = append(connected, p.repository)
			}
		})
	})
	if err != nil {
		return err
	}
	for _, one := range connected {
		err = errors.Join(err, s.outside.refresh(ctx, one, n))
	}
	return err
}
