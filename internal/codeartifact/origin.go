package codeartifact

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// mayPublish is asked in the transaction of every publication that does not come through an
// external connection. pkg is the package in the repository, old the version of it: nil if
// there is none. The error is ConflictException.
func (s *Service) mayPublish(_ context.Context, _ kv.Reader, _ *Repository, pkg *Package, n PackageName, version string, _ *Version) error {
	if pkg != nil && pkg.Origin.Publish == Block {
		return conflict(aPackage, packageID(n), "Package origin control does not allow publishing of version '%s': publishing new versions of package %s is blocked.", version, describePackage(n))
	}
	return nil
}

// mayComeFrom tells whether versions of a package may come to a repository r from an
// upstream of it, or from its external connection if up is r itself. pkg is the package in
// r, nil if there is none.
func (s *Service) mayComeFrom(_ context.Context, _ kv.Reader, _, _ *Repository, pkg *Package, _ PackageName) (bool, error) {
	return pkg == nil || pkg.Origin.Upstream != Block, nil
}

// Outside is what external connections are served by.
type Outside interface {
	// Refresh sees to it that what a repository with an external connection knows of a
	// package is fresh: its versions are there, with Remote set where their bytes are not.
	// On an outage it is content with what is there.
	Refresh(ctx context.Context, r *Repository, n PackageName) error
	// Fetch brings the bytes of a remote asset into the repository that knows it.
	Fetch(ctx context.Context, r *Repository, n PackageName, version, asset string) error
}

// Connect gives the service what serves its external connections, before its first request.
func (s *Service) Connect(o Outside) { s.outside = o }
