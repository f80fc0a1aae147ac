package codeartifact

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// ListPackages lists the packages of a repository: those that it has itself, not those that
// it would find upstream.
func (s *Service) ListPackages(ctx context.Context, in *codeartifact.ListPackagesInput) (*codeartifact.ListPackagesOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	r, err := s.onRepository(ctx, "ListPackages", n, nil)
	if err != nil {
		return nil, err
	}
	format, start := orEmpty(in.Format), orEmpty(in.PackagePrefix)
	publish, upstream := orEmpty(in.Publish), orEmpty(in.Upstream)
	prefix, first := key(packagesPrefix, r.ID), ""
	if format != "" {
		prefix = key(packagesPrefix, r.ID, format)
		if in.Namespace != nil {
			prefix, first = key(packagesPrefix, r.ID, format, *in.Namespace), start
		}
	}
	asked := page{"ListPackages", []string{n.ARN(), format, orEmpty(in.Namespace), start, publish, upstream}, in.MaxResults, in.NextToken, 1000}
	all, next, err := listed(ctx, s, asked, prefix, first, func(_ kv.Reader, p kv.KV) (*codeartifact.PackageSummary, error) {
		pkg, err := decode[Package](p.Val)
		if err != nil || pkg.Remote {
			return nil, err
		}
		fits := strings.HasPrefix(pkg.Name.Name, start) && (in.Namespace == nil || pkg.Name.Namespace == *in.Namespace) &&
			(publish == "" || string(pkg.Origin.Publish) == publish) && (upstream == "" || string(pkg.Origin.Upstream) == upstream)
		if !fits {
			return nil, nil
		}
		return pkg.summary(), nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.ListPackagesOutput{Packages: all, NextToken: next}, nil
}

// DescribePackage describes a package of a repository.
func (s *Service) DescribePackage(ctx context.Context, in *codeartifact.DescribePackageInput) (*codeartifact.DescribePackageOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "DescribePackage", n, p)
	if err != nil {
		return nil, err
	}
	pkg, err := s.ownPackage(ctx, r, p)
	if err != nil {
		return nil, err
	}
	return &codeartifact.DescribePackageOutput{Package: &codeartifact.PackageDescription{
		Format: &p.Format, Namespace: orNil(p.Namespace), Name: &p.Name, OriginConfiguration: pkg.Origin.describe(),
	}}, nil
}

// ownPackage returns a package that a repository itself has. The error is
// ResourceNotFoundException.
func (s *Service) ownPackage(ctx context.Context, r *Repository, p PackageName) (pkg *Package, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		pkg, err = readPackage(ctx, tx, r, p)
		return err
	})
	if err == nil && (pkg == nil || pkg.Remote) {
		err = PackageNotFound(r, p)
	}
	return pkg, err
}

// DeletePackage deletes a package with all its versions and its origin controls.
func (s *Service) DeletePackage(ctx context.Context, in *codeartifact.DeletePackageInput) (*codeartifact.DeletePackageOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "DeletePackage", n, p)
	if err != nil {
		return nil, err
	}
	var gone *Package
	err = s.change(ctx, r, p, func(e *Edit) (err error) {
		if gone = e.pkg; gone == nil || gone.Remote {
			return PackageNotFound(r, p)
		}
		return e.deletePackage()
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeletePackageOutput{DeletedPackage: gone.summary()}, nil
}

// PutPackageOriginConfiguration sets the origin controls of a package.
func (s *Service) PutPackageOriginConfiguration(ctx context.Context, in *codeartifact.PutPackageOriginConfigurationInput) (*codeartifact.PutPackageOriginConfigurationOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "PutPackageOriginConfiguration", n, p)
	if err != nil {
		return nil, err
	}
	controls := Controls{Control(*in.Restrictions.Publish), Control(*in.Restrictions.Upstream)}
	err = s.change(ctx, r, p, func(e *Edit) error {
		// Also of a package that is not there yet: so its controls are in force before its
		// first version.
		e.make(controls)
		e.pkg.Origin = controls
		e.Note("restrictions", map[string]Control{"publish": controls.Publish, "upstream": controls.Upstream})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.PutPackageOriginConfigurationOutput{OriginConfiguration: controls.describe()}, nil
}

func (c Controls) describe() *codeartifact.PackageOriginConfiguration {
	return &codeartifact.PackageOriginConfiguration{Restrictions: &codeartifact.PackageOriginRestrictions{
		Publish: new(string(c.Publish)), Upstream: new(string(c.Upstream)),
	}}
}

func (p *Package) summary() *codeartifact.PackageSummary {
	return &codeartifact.PackageSummary{
		Format: &p.Name.Format, Namespace: orNil(p.Name.Namespace), Package: &p.Name.Name, OriginConfiguration: p.Origin.describe(),
	}
}
