package codeartifact

import (
	"context"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// ListPackageVersions lists the versions of a package that a repository itself has: the
// newest by its format's order first, or, sorted by time, the one published last.
func (s *Service) ListPackageVersions(ctx context.Context, in *codeartifact.ListPackageVersionsInput) (*codeartifact.ListPackageVersionsOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "ListPackageVersions", n, p)
	if err != nil {
		return nil, err
	}
	all, document, err := s.ownVersions(ctx, r, p)
	if err != nil {
		return nil, err
	}
	out := &codeartifact.ListPackageVersionsOutput{Format: &p.Format, Namespace: orNil(p.Namespace), Package: &p.Name, Versions: []*codeartifact.PackageVersionSummary{}}
	if out.DefaultDisplayVersion, err = s.defaultDisplayVersion(p, all, document); err != nil {
		return nil, err
	}
	status, origin := orEmpty(in.Status), orEmpty(in.OriginType)
	all = slices.DeleteFunc(all, func(v *Version) bool {
		return status != "" && string(v.Status) != status || origin != "" && v.Origin.kind() != origin
	})
	if in.SortBy != nil {
		slices.SortStableFunc(all, func(a, b *Version) int { return b.Published.Compare(a.Published) })
	}
	asked := page{"ListPackageVersions", []string{n.ARN(), p.String(), status, origin, orEmpty(in.SortBy)}, in.MaxResults, in.NextToken, 1000}
	all, out.NextToken, err = cut(ctx, s, asked, all, func(v *Version) string { return v.Version })
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		out.Versions = append(out.Versions, &codeartifact.PackageVersionSummary{
			Version: &v.Version, Revision: &v.Revision, Status: new(string(v.Status)), Origin: v.Origin.describe(),
		})
	}
	return out, nil
}

// ownVersions returns the versions that a repository itself has, the newest first, and what
// reads the package's documents. The error is ResourceNotFoundException.
func (s *Service) ownVersions(ctx context.Context, r *Repository, p PackageName) (all []*Version, document func(string) ([]byte, error), err error) {
	format, err := s.format(p.Format)
	if err != nil {
		return nil, nil, err
	}
	documents := map[string][]byte{}
	err = s.view(ctx, func(tx kv.Reader) error {
		all = nil
		clear(documents)
		pkg, err := readPackage(ctx, tx, r, p)
		if err != nil {
			return err
		}
		if pkg == nil || pkg.Remote {
			return PackageNotFound(r, p)
		}
		prefix := packageKey(versionsPrefix, r.ID, p)
		for x, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			v, err := decode[Version](x.Val)
			if err != nil {
				return err
			}
			if !v.Remote {
				all = append(all, v)
			}
		}
		prefix = packageKey(documentsPrefix, r.ID, p)
		for x, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			name, err := texts(x.Key, prefix)
			if err != nil {
				return err
			}
			documents[name[0]] = slices.Clone(x.Val)
		}
		return nil
	})
	slices.SortStableFunc(all, func(a, b *Version) int { return format.CompareVersions(b.Version, a.Version) })
	return all, func(name string) ([]byte, error) { return documents[name], nil }, err
}

// defaultDisplayVersion is the version that stands for a package: nil if none is published.
func (s *Service) defaultDisplayVersion(p PackageName, newest []*Version, document func(string) ([]byte, error)) (*string, error) {
	var published []*Version
	for _, v := range newest {
		if v.Status == Published {
			published = append(published, v)
		}
	}
	if len(published) == 0 {
		return nil, nil
	}
	if d, ok := s.formats[p.Format].(Displayer); ok {
		version, err := d.DefaultDisplayVersion(published, document)
		return &version, err
	}
	return &published[0].Version, nil
}

// ownVersion returns a version that a repository itself has, of any status, with what it says
// of itself at length. The error is ResourceNotFoundException.
func (s *Service) ownVersion(ctx context.Context, r *Repository, p PackageName, version string) (v *Version, d Detail, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		b, err := tx.GetMany(ctx, [][]byte{packageKey(versionsPrefix, r.ID, p, version), packageKey(detailsPrefix, r.ID, p, version)})
		if err != nil {
			return err
		}
		if v, err = decode[Version](b[0]); err != nil {
			return err
		}
		if v == nil || v.Remote {
			return VersionNotFound(p, version)
		}
		detail, err := decode[Detail](b[1])
		if detail != nil {
			d = *detail
		}
		return err
	})
	return v, d, err
}

// askedVersion authorizes an action on a package and returns the version that is asked for.
func (s *Service) askedVersion(ctx context.Context, action string, n RepositoryName, format, namespace, name, version *string) (p PackageName, v *Version, d Detail, err error) {
	p, text, err := s.normalize(format, namespace, name, version)
	if err != nil {
		return p, nil, d, err
	}
	r, err := s.onPackage(ctx, action, n, p)
	if err != nil {
		return p, nil, d, err
	}
	v, d, err = s.ownVersion(ctx, r, p, text)
	return p, v, d, err
}

// DescribePackageVersion describes a version.
func (s *Service) DescribePackageVersion(ctx context.Context, in *codeartifact.DescribePackageVersionInput) (*codeartifact.DescribePackageVersionOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, v, _, err := s.askedVersion(ctx, "DescribePackageVersion", n, in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	about := v.Description
	out := &codeartifact.PackageVersionDescription{
		Format: &p.Format, Namespace: orNil(p.Namespace), PackageName: &p.Name, DisplayName: orNil(about.DisplayName),
		Version: &v.Version, Summary: orNil(about.Summary), HomePage: orNil(about.HomePage), SourceCodeRepository: orNil(about.SourceCode),
		PublishedTime: &v.Published, Licenses: []*codeartifact.LicenseInfo{}, Revision: &v.Revision, Status: new(string(v.Status)),
		Origin: v.Origin.describe(),
	}
	for _, l := range about.Licenses {
		out.Licenses = append(out.Licenses, &codeartifact.LicenseInfo{Name: orNil(l.Name), Url: orNil(l.URL)})
	}
	return &codeartifact.DescribePackageVersionOutput{PackageVersion: out}, nil
}

// ListPackageVersionAssets lists the assets of a version, by name.
func (s *Service) ListPackageVersionAssets(ctx context.Context, in *codeartifact.ListPackageVersionAssetsInput) (*codeartifact.ListPackageVersionAssetsOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, v, _, err := s.askedVersion(ctx, "ListPackageVersionAssets", n, in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(v.Assets, func(a, b Asset) int { return strings.Compare(a.Name, b.Name) })
	asked := page{"ListPackageVersionAssets", []string{n.ARN(), p.String(), v.Version}, in.MaxResults, in.NextToken, 1000}
	assets, next, err := cut(ctx, s, asked, v.Assets, func(a Asset) string { return a.Name })
	if err != nil {
		return nil, err
	}
	out := &codeartifact.ListPackageVersionAssetsOutput{
		Format: &p.Format, Namespace: orNil(p.Namespace), Package: &p.Name, Version: &v.Version, VersionRevision: &v.Revision,
		Assets: []*codeartifact.AssetSummary{}, NextToken: next,
	}
	for i := range assets {
		out.Assets = append(out.Assets, assets[i].summary())
	}
	return out, nil
}

// GetPackageVersionReadme returns the readme of a version.
func (s *Service) GetPackageVersionReadme(ctx context.Context, in *codeartifact.GetPackageVersionReadmeInput) (*codeartifact.GetPackageVersionReadmeOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, v, d, err := s.askedVersion(ctx, "GetPackageVersionReadme", n, in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	if d.Readme == "" {
		return nil, notFound(aVersion, v.Version, "Readme not found. Version '%s' of package %s has no readme.", v.Version, describePackage(p))
	}
	return &codeartifact.GetPackageVersionReadmeOutput{
		Format: &p.Format, Namespace: orNil(p.Namespace), Package: &p.Name, Version: &v.Version, VersionRevision: &v.Revision, Readme: &d.Readme,
	}, nil
}

// ListPackageVersionDependencies lists what a version says that it needs.
func (s *Service) ListPackageVersionDependencies(ctx context.Context, in *codeartifact.ListPackageVersionDependenciesInput) (*codeartifact.ListPackageVersionDependenciesOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, v, d, err := s.askedVersion(ctx, "ListPackageVersionDependencies", n, in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	asked := page{"ListPackageVersionDependencies", []string{n.ARN(), p.String(), v.Version}, new(int64(1000)), in.NextToken, 1000}
	some, next, err := cut(ctx, s, asked, d.Dependencies, func(x Dependency) string { return x.Type + "/" + x.Namespace + "/" + x.Package + "/" + x.Requirement })
	if err != nil {
		return nil, err
	}
	out := &codeartifact.ListPackageVersionDependenciesOutput{
		Format: &p.Format, Namespace: orNil(p.Namespace), Package: &p.Name, Version: &v.Version, VersionRevision: &v.Revision,
		Dependencies: []*codeartifact.PackageDependency{}, NextToken: next,
	}
	for _, x := range some {
		out.Dependencies = append(out.Dependencies, &codeartifact.PackageDependency{
			Namespace: orNil(x.Namespace), Package: &x.Package, DependencyType: orNil(x.Type), VersionRequirement: orNil(x.Requirement),
		})
	}
	return out, nil
}

// kind is the type of an origin, as the API has it.
func (o Origin) kind() string {
	switch {
	case o.Connection != "":
		return "EXTERNAL"
	case o.Repository != "":
		return "INTERNAL"
	}
	return "UNKNOWN"
}

func (o Origin) describe() *codeartifact.PackageVersionOrigin {
	return &codeartifact.PackageVersionOrigin{
		OriginType: new(o.kind()),
		DomainEntryPoint: &codeartifact.DomainEntryPoint{
			RepositoryName: orNil(o.Repository), ExternalConnectionName: orNil(o.Connection),
		},
	}
}
