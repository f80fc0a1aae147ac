package codeartifact

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// mayPublish is asked in the transaction of every publication that does not come through an
// external connection. pkg is the package in the repository, old the version of it: nil if
// there is none. The package group and the package itself must both allow it; and where
// versions come from upstream too, one that is there cannot be published here: of two
// versions with one name nobody could say which one an install gets. The error is
// ConflictException.
func (s *Service) mayPublish(ctx context.Context, tx kv.Reader, r *Repository, pkg *Package, n PackageName, version string, old *Version) error {
	g, err := s.readGroups(ctx, tx, r.DomainID)
	if err != nil {
		return err
	}
	if !g.allows(n, byPublish, r.Name.Name) {
		group, strong := g.associated(n)
		if !strong {
			return conflict(aPackage, packageID(n), "Publishing of package %s is blocked: its name can be taken for one of package group '%s'.", describePackage(n), group.Pattern)
		}
		return conflict(aPackage, packageID(n), "Publishing of package %s to repository '%s' is blocked by the origin configuration of package group '%s'.", describePackage(n), r.Name.Name, group.Pattern)
	}
	if pkg == nil || pkg.Remote {
		return nil // its first version, which blocks upstreams
	}
	if pkg.Origin.Publish == Block {
		return conflict(aPackage, packageID(n), "Package origin control does not allow publishing of version '%s': publishing new versions of package %s is blocked.", version, describePackage(n))
	}
	if pkg.Origin.Upstream == Block || old != nil && !old.Remote {
		return nil
	}
	parts, err := s.resolve(ctx, tx, r, n)
	if err != nil {
		return err
	}
	for _, p := range parts {
		b, err := tx.Get(ctx, packageKey(versionsPrefix, p.repository.ID, n, version))
		if err != nil {
			return err
		}
		there, err := decode[Version](b)
		if err != nil {
			return err
		}
		if p.shown(there) != nil {
			return VersionConflict(version, "of package %s already exists upstream of repository '%s'.", describePackage(n), r.Name.Name)
		}
	}
	return nil
}

// lookUpstream asks outside before a publication to a package which versions come to from
// there too: mayPublish knows then what there is. What cannot be asked is not there.
func (s *Service) lookUpstream(ctx context.Context, r *Repository, n PackageName) error {
	var pkg *Package
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		pkg, err = readPackage(ctx, tx, r, n)
		return err
	})
	if err == nil && pkg != nil && !pkg.Remote && pkg.Origin == (Controls{Allow, Allow}) {
		_ = s.refresh(ctx, r, n)
	}
	return err
}

// mayCome tells whether versions of a package may come to a repository from its upstreams,
// and from its external connection. pkg is the package in it, nil if there is none.
func (s *Service) mayCome(ctx context.Context, tx kv.Reader, r *Repository, pkg *Package, n PackageName) (internal, external bool, err error) {
	if pkg != nil && !pkg.Remote && pkg.Origin.Upstream == Block {
		return false, false, nil
	}
	g, err := s.readGroups(ctx, tx, r.DomainID)
	if err != nil {
		return false, false, err
	}
	return g.allows(n, byInternalUpstream, r.Name.Name), g.allows(n, byExternalUpstream, r.Name.Name), nil
}

// mayCopy tells whether a version may be copied to a repository. A copy comes from inside of
// the domain, as what is retained does, but because somebody who may asked for just that
// version, as a publication does: so of a version that was published in the domain, the
// package must allow one of the two. What once came from outside comes as from upstream.
func (s *Service) mayCopy(ctx context.Context, tx kv.Reader, r *Repository, pkg *Package, n PackageName, v *Version) (bool, error) {
	g, err := s.readGroups(ctx, tx, r.DomainID)
	if err != nil || !g.allows(n, byInternalUpstream, r.Name.Name) {
		return false, err
	}
	return pkg == nil || pkg.Remote || pkg.Origin.Upstream == Allow || pkg.Origin.Publish == Allow && v.Origin.Connection == "", nil
}
