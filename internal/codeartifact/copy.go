package codeartifact

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CopyPackageVersions copies versions from one repository of a domain to another: all of
// them or, if one cannot be copied, none.
func (s *Service) CopyPackageVersions(ctx context.Context, in *codeartifact.CopyPackageVersionsInput) (*codeartifact.CopyPackageVersionsOutput, error) {
	from := repositoryName(ctx, in.Domain, in.DomainOwner, in.SourceRepository)
	to := repositoryName(ctx, in.Domain, in.DomainOwner, in.DestinationRepository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	// Whoever copies also reads from the one and writes to the other.
	source, err := s.onRepository(ctx, "ReadFromRepository", from, nil)
	if err != nil {
		return nil, err
	}
	target, err := s.onPackage(ctx, "CopyPackageVersions", to, p)
	if err != nil {
		return nil, err
	}
	asked, err := copied(in)
	if err != nil {
		return nil, err
	}
	if source.ID == target.ID {
		return nil, Invalid("The source and the destination repository must be different.")
	}
	upstreams := in.IncludeFromUpstream != nil && *in.IncludeFromUpstream
	if upstreams {
		if err := s.bring(ctx, source, p, asked); err != nil {
			return nil, err
		}
	}
	overwrite := in.AllowOverwrite != nil && *in.AllowOverwrite
	var done successes
	var failed versionErrors
	err = s.change(ctx, target, p, func(e *Edit) error {
		done, failed = successes{}, versionErrors{}
		c := &copying{s: s, e: e, source: source, upstreams: upstreams, overwrite: overwrite, revisions: in.VersionRevisions}
		if err := c.run(ctx, asked, done, failed); err != nil {
			return err
		}
		if len(failed) > 0 {
			return errNothing
		}
		return nil
	})
	if err == errNothing {
		// What could have been copied was not, because of the others.
		for _, version := range asked {
			if failed[version] == nil {
				failed.add(version, "SKIPPED", "Package version '%s' was not copied because others could not be.", version)
			}
		}
		done, err = successes{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &codeartifact.CopyPackageVersionsOutput{SuccessfulVersions: done, FailedVersions: failed}, nil
}

// errNothing undoes a transaction whose outcome is already known.
var errNothing = errors.New("codeartifact: nothing is to be written")

// copied are the versions that a request wants copied: either as a list or with revisions.
func copied(in *codeartifact.CopyPackageVersionsInput) ([]string, error) {
	if (len(in.Versions) == 0) == (len(in.VersionRevisions) == 0) {
		return nil, Invalid("Either versions or versionRevisions must be given, and not both.")
	}
	asked := slices.Clone(in.Versions)
	if len(asked) == 0 {
		asked = slices.Collect(maps.Keys(in.VersionRevisions))
	}
	slices.Sort(asked)
	asked = slices.Compact(asked)
	if len(asked) > maxVersions {
		return nil, Invalid("Up to %d versions can be copied at once.", maxVersions)
	}
	return asked, nil
}

// bring sees to it that the assets of versions are here that a repository finds upstream.
func (s *Service) bring(ctx context.Context, source *Repository, p PackageName, versions []string) error {
	view, err := s.View(ctx, source, p)
	if isCode(err, "ResourceNotFoundException") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, version := range versions {
		v, err := view.Version(ctx, version)
		if isCode(err, "ResourceNotFoundException") {
			continue
		}
		if err != nil {
			return err
		}
		for i := range v.Assets {
			if v.Assets[i].Remote == "" {
				continue
			}
			if _, _, err := view.Asset(ctx, version, v.Assets[i].Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// copying is a copy inside of a transaction.
type copying struct {
	s         *Service
	e         *Edit // of the destination
	source    *Repository
	upstreams bool
	overwrite bool
	revisions map[string]string
}

func (c *copying) run(ctx context.Context, asked []string, done successes, failed versionErrors) error {
	parts := []part{}
	if c.upstreams {
		all, err := c.s.resolve(ctx, c.e.tx, c.source, c.e.Name)
		if err != nil {
			return err
		}
		parts = all
	} else {
		pkg, err := readPackage(ctx, c.e.tx, c.source, c.e.Name)
		if err != nil {
			return err
		}
		if pkg != nil {
			parts = append(parts, part{repository: c.source, pkg: pkg})
		}
	}
	if len(parts) == 0 {
		return PackageNotFound(c.source, c.e.Name)
	}
	for _, text := range asked {
		if err := c.one(ctx, parts, text, done, failed); err != nil {
			return err
		}
	}
	return nil
}

// one copies a version from the first of the parts that has it.
func (c *copying) one(ctx context.Context, parts []part, text string, done successes, failed versionErrors) error {
	version, err := c.e.format.NormalizeVersion(text)
	if err != nil {
		failed.add(text, "NOT_FOUND", "Package version '%s' does not exist.", text)
		return nil
	}
	source, from, err := firstOf(ctx, c.e.tx, parts, c.e.Name, version)
	if err != nil {
		return err
	}
	if !(expected{revisions: c.revisions}).check(failed, text, source) {
		return nil
	}
	if source.Status == Disposed || source.Status == Archived && c.upstreams && from.ID != c.source.ID {
		failed.add(text, "NOT_ALLOWED", "Package version '%s' has status '%s' and cannot be copied.", text, source.Status)
		return nil
	}
	if ok, err := c.s.mayCopy(ctx, c.e.tx, c.e.Repository, c.e.pkg, c.e.Name, source); err != nil {
		return err
	} else if !ok {
		failed.add(text, "NOT_ALLOWED", "Package version '%s' cannot be copied: the origin controls of package %s do not allow it.", text, describePackage(c.e.Name))
		return nil
	}
	old, err := c.e.Version(version)
	if err != nil {
		return err
	}
	switch {
	case old == nil || old.Remote:
	case old.Revision == source.Revision && old.Status == source.Status:
		done.add(old, old.Status)
		return nil
	case !c.overwrite:
		failed.add(text, "ALREADY_EXISTS", "Package version '%s' already exists in the destination repository.", text)
		return nil
	}
	c.e.Note("sourceRepository", c.source.Name.Name)
	if err := c.e.copyVersion(from, version, nil); err != nil {
		return err
	}
	v := *c.e.versions[version].now
	v.Status = source.Status
	c.e.versions[version].now = &v
	done.add(&v, v.Status)
	return nil
}

// firstOf returns a version from the first of the parts that has it, nil if none has.
func firstOf(ctx context.Context, tx kv.Reader, parts []part, p PackageName, version string) (*Version, *Repository, error) {
	keys := make([][]byte, len(parts))
	for i := range parts {
		keys[i] = packageKey(versionsPrefix, parts[i].repository.ID, p, version)
	}
	values, err := tx.GetMany(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	for i, b := range values {
		if b != nil {
			v, err := decode[Version](b)
			if err != nil {
				return nil, nil, err
			}
			if v = parts[i].shown(v); v != nil && !v.Remote {
				return v, parts[i].repository, nil
			}
		}
	}
	return nil, nil, nil
}
