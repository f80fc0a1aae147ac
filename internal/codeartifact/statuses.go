package codeartifact

import (
	"context"
	"fmt"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
)

// maxVersions is how many versions one request can change: AWS's limit.
const maxVersions = 100

// versionErrors are the reasons for which single versions of a request fail.
type versionErrors map[string]*codeartifact.PackageVersionError

func (f versionErrors) add(version, code, format string, args ...any) {
	f[version] = &codeartifact.PackageVersionError{ErrorCode: &code, ErrorMessage: new(fmt.Sprintf(format, args...))}
}

// successes are the versions of a request that were changed.
type successes map[string]*codeartifact.SuccessfulPackageVersionInfo

func (s successes) add(v *Version, status Status) {
	s[v.Version] = &codeartifact.SuccessfulPackageVersionInfo{Revision: &v.Revision, Status: new(string(status))}
}

// expected is what a request expects of the versions that it changes.
type expected struct {
	status    *string
	revisions map[string]string
}

// check tells what a version is not that is expected of it; asked is how the request spells
// it.
func (x expected) check(f versionErrors, asked string, v *Version) bool {
	if v == nil || v.Remote {
		f.add(asked, "NOT_FOUND", "Package version '%s' does not exist.", asked)
		return false
	}
	if x.status != nil && string(v.Status) != *x.status {
		f.add(asked, "MISMATCHED_STATUS", "Package version '%s' has status '%s', not '%s'.", asked, v.Status, *x.status)
		return false
	}
	if want, given := x.revisions[asked]; given && want != v.Revision {
		f.add(asked, "MISMATCHED_REVISION", "Package version '%s' has revision '%s', not '%s'.", asked, v.Revision, want)
		return false
	}
	return true
}

// versioned is a request that changes versions of a package, each on its own.
type versioned struct {
	action   string
	n        RepositoryName
	p        PackageName
	versions []string
	expected expected
}

// each calls fn for each version that is what the request expects, by one transaction for
// all. What one of them does is known when it ends: fn notes it in what it is given.
func (s *Service) each(ctx context.Context, q versioned, fn func(e *Edit, v *Version, done successes, failed versionErrors) error) (done successes, failed versionErrors, err error) {
	r, err := s.onPackage(ctx, q.action, q.n, q.p)
	if err != nil {
		return nil, nil, err
	}
	if len(q.versions) == 0 || len(q.versions) > maxVersions {
		return nil, nil, Invalid("Between 1 and %d versions can be changed at once.", maxVersions)
	}
	format, err := s.format(q.p.Format)
	if err != nil {
		return nil, nil, err
	}
	err = s.change(ctx, r, q.p, func(e *Edit) error {
		done, failed = successes{}, versionErrors{}
		if e.Package() == nil {
			return PackageNotFound(r, q.p)
		}
		asked := slices.Clone(q.versions)
		slices.Sort(asked)
		for _, text := range slices.Compact(asked) {
			version, err := format.NormalizeVersion(text)
			if err != nil {
				failed.add(text, "NOT_FOUND", "Package version '%s' does not exist.", text)
				continue
			}
			v, err := e.Version(version)
			if err != nil {
				return err
			}
			if !q.expected.check(failed, text, v) {
				continue
			}
			if err := fn(e, v, done, failed); err != nil {
				return err
			}
		}
		return nil
	})
	return done, failed, err
}

// transitions are the changes of status that UpdatePackageVersionsStatus makes.
// https://docs.aws.amazon.com/codeartifact/latest/ug/packages-overview.html#package-version-status
func maySet(from, to Status) bool {
	switch from {
	case Published, Unlisted, Archived:
		return to == Published || to == Unlisted || to == Archived
	case Unfinished:
		return to == Published || to == Unlisted || to == Archived || to == Unfinished
	}
	return false
}

// UpdatePackageVersionsStatus sets the status of versions.
func (s *Service) UpdatePackageVersionsStatus(ctx context.Context, in *codeartifact.UpdatePackageVersionsStatusInput) (*codeartifact.UpdatePackageVersionsStatusOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	target := Status(*in.TargetStatus)
	if target != Published && target != Unlisted && target != Archived {
		return nil, Invalid("The target status must be Published, Unlisted or Archived, not '%s'.", target)
	}
	q := versioned{"UpdatePackageVersionsStatus", n, p, in.Versions, expected{in.ExpectedStatus, in.VersionRevisions}}
	done, failed, err := s.each(ctx, q, func(e *Edit, v *Version, done successes, failed versionErrors) error {
		from := v.Status
		if !maySet(from, target) {
			failed.add(v.Version, "NOT_ALLOWED", "The status of package version '%s' cannot change from '%s' to '%s'.", v.Version, from, target)
			return nil
		}
		next := v.clone()
		next.Status = target
		if held, err := e.refuseHeld(v, next, failed); held || err != nil {
			return err
		}
		e.Note("targetStatus", target)
		done.add(v, target)
		if from == target {
			return nil
		}
		v.Status = target
		if err := e.Put(v); err != nil {
			return err
		}
		return e.changed(VersionChange{Version: v.Version, From: from, To: target})
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.UpdatePackageVersionsStatusOutput{SuccessfulVersions: done, FailedVersions: failed}, nil
}

// DisposePackageVersions deletes the assets of versions, for good; the versions stay on
// record.
func (s *Service) DisposePackageVersions(ctx context.Context, in *codeartifact.DisposePackageVersionsInput) (*codeartifact.DisposePackageVersionsOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	q := versioned{"DisposePackageVersions", n, p, in.Versions, expected{in.ExpectedStatus, in.VersionRevisions}}
	done, failed, err := s.each(ctx, q, func(e *Edit, v *Version, done successes, failed versionErrors) error {
		if held, err := e.refuseHeld(v, nil, failed); held || err != nil {
			return err
		}
		from := v.Status
		if from != Disposed {
			v.Status, v.Assets = Disposed, nil
			if err := e.dispose(v); err != nil {
				return err
			}
			if err := e.changed(VersionChange{Version: v.Version, From: from, To: Disposed}); err != nil {
				return err
			}
		}
		done.add(v, Disposed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DisposePackageVersionsOutput{SuccessfulVersions: done, FailedVersions: failed}, nil
}

// DeletePackageVersions deletes versions with all that is kept of them.
func (s *Service) DeletePackageVersions(ctx context.Context, in *codeartifact.DeletePackageVersionsInput) (*codeartifact.DeletePackageVersionsOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, _, err := s.normalize(in.Format, in.Namespace, in.Package, nil)
	if err != nil {
		return nil, err
	}
	q := versioned{"DeletePackageVersions", n, p, in.Versions, expected{status: in.ExpectedStatus}}
	done, failed, err := s.each(ctx, q, func(e *Edit, v *Version, done successes, failed versionErrors) error {
		if held, err := e.refuseHeld(v, nil, failed); held || err != nil {
			return err
		}
		if err := e.Delete(v.Version); err != nil {
			return err
		}
		done.add(v, Deleted)
		return e.changed(VersionChange{Version: v.Version, From: v.Status, To: Deleted})
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.DeletePackageVersionsOutput{SuccessfulVersions: done, FailedVersions: failed}, nil
}

// dispose puts a version whose assets are gone, and what was kept of its content with them.
func (e *Edit) dispose(v *Version) error {
	if err := e.Put(v); err != nil {
		return err
	}
	e.writes[string(packageKey(metadataPrefix, e.Repository.ID, e.Name, v.Version))] = nil
	e.writes[string(packageKey(detailsPrefix, e.Repository.ID, e.Name, v.Version))] = nil
	return nil
}
