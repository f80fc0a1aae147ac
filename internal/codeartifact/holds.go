package codeartifact

import (
	"context"
	"fmt"

	"github.com/modelwharf/modelwharf/internal/hold"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// A hold keeps a version of a package in a repository, with the files that it names, as they
// are: it is not deleted or disposed of, does not lose its place in listings or its
// downloads, and no other bytes come in the place of its files. More files may come.

// HeldVersion is a version that shall be held.
type HeldVersion struct {
	Package PackageName
	Version string
	// Files are the SHA-256 of files by name, which must be there; all that are there, if
	// it is nil.
	Files map[string]string
}

// String is the version for people: "pypi numpy 2.1.0".
func (v HeldVersion) String() string {
	name := v.Package.Name
	switch {
	case v.Package.Namespace != "" && v.Package.Format == "npm":
		name = "@" + v.Package.Namespace + "/" + name
	case v.Package.Namespace != "":
		name = v.Package.Namespace + "/" + name
	}
	return v.Package.Format + " " + name + " " + v.Version
}

// holding is the record of a hold.
type holding struct {
	Title string            `json:"title"` // see hold.Holder
	Files map[string]string `json:"files"` // SHA-256 by name
}

// Holdable returns a version by its names in their one spelling. The error is
// ValidationException.
func (s *Service) Holdable(format, namespace, name, version string, files map[string]string) (HeldVersion, error) {
	p, v, err := s.normalize(&format, &namespace, &name, &version)
	return HeldVersion{p, v, files}, err
}

// AuthorizeHold asks policy whether the caller may have versions of packages held: that is
// the action modelwharf:HoldPackageVersion on each package. The errors are
// AccessDeniedException and ResourceNotFoundException of the repository.
func (s *Service) AuthorizeHold(ctx context.Context, n RepositoryName, all []HeldVersion) error {
	r, missing := s.Repository(ctx, n)
	if missing != nil && !isCode(missing, "ResourceNotFoundException") {
		return missing
	}
	asked := map[PackageName]bool{}
	for _, v := range all {
		if asked[v.Package] {
			continue
		}
		asked[v.Package] = true
		c := check("", n.packageARN(v.Package), Policy{}, nil)
		if r != nil {
			c = check("", n.packageARN(v.Package), r.Policy, r.Tags)
		}
		c.Action = "modelwharf:HoldPackageVersion"
		if err := s.ask(ctx, c); err != nil {
			return err
		}
	}
	return missing
}

// HoldVersions holds versions of packages, in a transaction of the holder's. It commits after
// no change that takes them away. If some are not there as they shall be, it says of each why,
// and holds nothing. The error is ResourceNotFoundException of the repository.
func (s *Service) HoldVersions(ctx context.Context, tx kv.Txn, n RepositoryName, all []HeldVersion, by hold.Holder) (missing []string, err error) {
	r, _, err := findRepository(ctx, tx, n)
	if err != nil {
		return nil, err
	}
	records := make([]*holding, len(all))
	for i, v := range all {
		var why string
		if records[i], why, err = holdable(ctx, tx, r, v); err != nil {
			return nil, err
		}
		if why != "" {
			missing = append(missing, why)
		}
	}
	if len(missing) > 0 {
		return missing, nil
	}
	tx.Put(key(heldPrefix, r.ID), nil) // who deletes the repository must see it
	for i, v := range all {
		k := packageKey(packagesPrefix, r.ID, v.Package)
		b, err := tx.Get(ctx, k)
		if err != nil {
			return nil, err
		}
		tx.Put(k, b) // who changes the package must see it
		records[i].Title = by.Title
		tx.Put(packageKey(holdsPrefix, r.ID, v.Package, v.Version, by.ID), encode(records[i]))
	}
	return nil, nil
}

// ReleaseVersions gives up the holds of versions.
func (s *Service) ReleaseVersions(ctx context.Context, tx kv.Txn, n RepositoryName, all []HeldVersion, by hold.Holder) error {
	r, _, err := findRepository(ctx, tx, n)
	if isCode(err, "ResourceNotFoundException") {
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range all {
		tx.Delete(packageKey(holdsPrefix, r.ID, v.Package, v.Version, by.ID))
	}
	return nil
}

// MissingVersions says of each version that is not there as it shall be why.
func (s *Service) MissingVersions(ctx context.Context, tx kv.Reader, n RepositoryName, all []HeldVersion) (missing []string, err error) {
	r, _, err := findRepository(ctx, tx, n)
	if isCode(err, "ResourceNotFoundException") {
		return []string{fmt.Sprintf("the repository %s of packages", n.ARN())}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		_, why, err := holdable(ctx, tx, r, v)
		if err != nil {
			return nil, err
		}
		if why != "" {
			missing = append(missing, why)
		}
	}
	return missing, nil
}

// holdable returns the record of a hold of a version, or why it cannot be held.
func holdable(ctx context.Context, tx kv.Reader, r *Repository, v HeldVersion) (h *holding, why string, err error) {
	b, err := tx.Get(ctx, packageKey(versionsPrefix, r.ID, v.Package, v.Version))
	if err != nil {
		return nil, "", err
	}
	is, err := decode[Version](b)
	if err != nil {
		return nil, "", err
	}
	switch {
	case is == nil || is.Remote:
		return nil, fmt.Sprintf("the package %s: repository %s does not have it", v, r.Name.Name), nil
	case !is.Status.Downloadable():
		return nil, fmt.Sprintf("the package %s: its status is %s", v, is.Status), nil
	}
	h = &holding{Files: map[string]string{}}
	for _, a := range is.Assets {
		if v.Files == nil && a.Remote == "" {
			h.Files[a.Name] = a.SHA256
		}
	}
	for name, sum := range v.Files {
		switch a := is.Asset(name); {
		case a == nil || a.Remote != "":
			return nil, fmt.Sprintf("the package %s: repository %s does not have its file %s", v, r.Name.Name, name), nil
		case a.SHA256 != sum:
			return nil, fmt.Sprintf("the package %s: the SHA-256 of its file %s is %s, and not %s", v, name, a.SHA256, sum), nil
		}
		h.Files[name] = sum
	}
	return h, "", nil
}

// rank orders the statuses by what can be done with a version.
var rank = map[Status]int{Published: 3, Unfinished: 3, Unlisted: 2, Archived: 1}

// heldFrom is who holds a version of the package such that it cannot become now, nil if it is
// to go: "" if nobody does. Whatever changes a package has read its record, which each hold
// writes.
func (e *Edit) heldFrom(old, now *Version) (holder string, err error) {
	prefix := packageKey(holdsPrefix, e.Repository.ID, e.Name, old.Version)
	for p, err := range e.tx.Scan(e.ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return "", err
		}
		h, err := decode[holding](p.Val)
		if err != nil {
			return "", err
		}
		if now == nil || rank[now.Status] < rank[old.Status] || !h.leaves(now) {
			return h.Title, nil
		}
	}
	return "", nil
}

// leaves tells whether a version has the files that are held.
func (h *holding) leaves(v *Version) bool {
	for name, sum := range h.Files {
		if a := v.Asset(name); a == nil || a.SHA256 != sum || a.Remote != "" {
			return false
		}
	}
	return true
}

// checkHolds fails if the change takes away what is held. The error is ConflictException.
func (e *Edit) checkHolds(changed []string) error {
	for _, name := range changed {
		x := e.versions[name]
		if x.old == nil || x.old.Remote {
			continue
		}
		holder, err := e.heldFrom(x.old, x.now)
		if err != nil {
			return err
		}
		if holder != "" {
			return VersionConflict(name, "of package %s is held by %s, and cannot be deleted or lose what it has until that is retired.", describePackage(e.Name), holder)
		}
	}
	return nil
}

// refuseHeld notes that a version cannot become now, if somebody holds it, and tells whether.
func (e *Edit) refuseHeld(old, now *Version, failed versionErrors) (bool, error) {
	holder, err := e.heldFrom(old, now)
	if err != nil || holder == "" {
		return false, err
	}
	failed.add(old.Version, "NOT_ALLOWED", "Package version '%s' is held by %s until that is retired.", old.Version, holder)
	return true, nil
}

// checkHolds fails for a repository of which somebody holds a version. The error is
// ConflictException.
func (r *Repository) checkHolds(ctx context.Context, tx kv.Reader) error {
	if _, err := tx.Get(ctx, key(heldPrefix, r.ID)); err != nil {
		return err
	}
	prefix := key(holdsPrefix, r.ID)
	for p, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix), Limit: 1}) {
		if err != nil {
			return err
		}
		h, err := decode[holding](p.Val)
		if err != nil {
			return err
		}
		t, err := texts(p.Key, prefix)
		if err != nil {
			return err
		}
		v := HeldVersion{Package: PackageName{Format: t[0], Namespace: t[1], Name: t[2]}, Version: t[3]}
		return conflict(aRepository, r.Name.Name, "Repository '%s' cannot be deleted: its package %s is held by %s until that is retired.", r.Name.Name, v, h.Title)
	}
	return nil
}
