package codeartifact

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"

	"crypto/sha256"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// View is a package as the clients of a repository see it: what the repository has, and
// after that what its upstreams have, as far as origin controls let it through. Of a version
// that several have, the first one counts, whatever its status: one that is archived in the
// repository is not looked for upstream.
type View struct {
	Repository *Repository
	Name       PackageName

	s     *Service
	parts []part
}

// View returns a package as the clients of a repository see it. The error is
// ResourceNotFoundException if neither the repository nor an upstream has it.
func (s *Service) View(ctx context.Context, r *Repository, n PackageName) (*View, error) {
	outage := s.refresh(ctx, r, n)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	v := &View{Repository: r, Name: n, s: s}
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		v.parts, err = s.resolve(ctx, tx, r, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(v.parts) == 0 && outage != nil {
		return nil, outage
	}
	if len(v.parts) == 0 {
		return nil, PackageNotFound(r, n)
	}
	return v, nil
}

// Tag is another text after each change of what the view shows.
func (v *View) Tag() string {
	h := sha256.New()
	var b []byte
	for _, p := range v.parts {
		for _, n := range []uint64{p.repository.ID, p.pkg.ID, p.pkg.Changes} {
			b = binary.BigEndian.AppendUint64(b, n)
		}
	}
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Versions returns the versions, the oldest first as their format orders them: those of the
// given statuses, or the published ones if none is given.
func (v *View) Versions(ctx context.Context, statuses ...Status) (all []*Version, err error) {
	if len(statuses) == 0 {
		statuses = []Status{Published}
	}
	format, err := v.s.format(v.Name.Format)
	if err != nil {
		return nil, err
	}
	merger, _ := format.(Merger)
	at := map[string]int{}
	err = v.s.view(ctx, func(tx kv.Reader) error {
		all = all[:0]
		clear(at)
		for _, p := range v.parts {
			prefix := packageKey(versionsPrefix, p.repository.ID, v.Name)
			for kv, err := range tx.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
				if err != nil {
					return err
				}
				one, err := decode[Version](kv.Val)
				if err != nil {
					return err
				}
				if one = p.shown(one); one == nil {
					continue
				}
				one.repository = p.repository.ID
				i, known := at[one.Version]
				switch {
				case !known:
					at[one.Version] = len(all)
					all = append(all, one)
				case merger != nil:
					all[i] = merger.Merge(all[i], one)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(one *Version) bool { return !slices.Contains(statuses, one.Status) })
	slices.SortStableFunc(all, func(a, b *Version) int { return format.CompareVersions(a.Version, b.Version) })
	return all, nil
}

// Version returns a version that is downloadable. The error is ResourceNotFoundException.
func (v *View) Version(ctx context.Context, version string) (*Version, error) {
	one, _, err := v.find(ctx, version)
	if err == nil && !one.Status.Downloadable() {
		err = VersionNotFound(v.Name, version)
	}
	return one, err
}

// find returns a version of any status, and all parts of the view that have it. The error
// is ResourceNotFoundException.
func (v *View) find(ctx context.Context, version string) (one *Version, in []part, err error) {
	format, err := v.s.format(v.Name.Format)
	if err != nil {
		return nil, nil, err
	}
	merger, _ := format.(Merger)
	keys := make([][]byte, len(v.parts))
	for i, p := range v.parts {
		keys[i] = packageKey(versionsPrefix, p.repository.ID, v.Name, version)
	}
	err = v.s.view(ctx, func(tx kv.Reader) error {
		one, in = nil, nil
		values, err := tx.GetMany(ctx, keys)
		if err != nil {
			return err
		}
		for i, b := range values {
			next, err := decode[Version](b)
			if err != nil {
				return err
			}
			if next = v.parts[i].shown(next); next == nil {
				continue
			}
			in = append(in, v.parts[i])
			next.repository = v.parts[i].repository.ID
			switch {
			case one == nil:
				one = next
			case merger != nil:
				one = merger.Merge(one, next)
			}
		}
		return nil
	})
	if err == nil && one == nil {
		err = VersionNotFound(v.Name, version)
	}
	return one, in, err
}

// Metadata returns what the format keeps of versions of the view, in their order; nil for
// one of which it keeps nothing.
func (v *View) Metadata(ctx context.Context, versions ...*Version) (all [][]byte, err error) {
	keys := make([][]byte, len(versions))
	for i, one := range versions {
		keys[i] = packageKey(metadataPrefix, one.repository, v.Name, one.Version)
	}
	err = v.s.view(ctx, func(tx kv.Reader) error {
		all, err = tx.GetMany(ctx, keys)
		return err
	})
	return all, err
}

// Detail returns what a version of the view says of itself at length.
func (v *View) Detail(ctx context.Context, one *Version) (d Detail, err error) {
	err = v.s.view(ctx, func(tx kv.Reader) error {
		b, err := tx.Get(ctx, packageKey(detailsPrefix, one.repository, v.Name, one.Version))
		if err != nil {
			return err
		}
		known, err := decode[Detail](b)
		if known != nil {
			d = *known
		}
		return err
	})
	return d, err
}

// Document is what the format keeps of a package in one repository of a view.
type Document struct {
	// Depth is how many upstream relations away the repository is: 0 for the one that is
	// asked. A document's upstreams are those that follow it with a greater depth.
	Depth int
	Bytes []byte
}

// Documents returns what the format keeps of the package under a name: that of the
// repository first, then those of the upstreams, in their order, without those that have
// none.
func (v *View) Documents(ctx context.Context, name string) (all []Document, err error) {
	keys := make([][]byte, len(v.parts))
	for i, p := range v.parts {
		keys[i] = packageKey(documentsPrefix, p.repository.ID, v.Name, name)
	}
	err = v.s.view(ctx, func(tx kv.Reader) error {
		all = nil
		values, err := tx.GetMany(ctx, keys)
		for i, b := range values {
			if b != nil {
				all = append(all, Document{v.parts[i].repository.depth, b})
			}
		}
		return err
	})
	return all, err
}

// Local tells whether the repository itself has the version, and not only an upstream.
func (v *View) Local(one *Version) bool { return one.repository == v.Repository.ID }

// Asset finds an asset of a version that is downloadable, brings its bytes if they are not
// here yet, and retains the version in the repository if that has it from an upstream. The
// errors are ResourceNotFoundException and those of the external connection.
func (v *View) Asset(ctx context.Context, version, asset string) (*Version, *Asset, error) {
	one, in, err := v.find(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	if !one.Status.Downloadable() {
		return nil, nil, VersionNotFound(v.Name, version)
	}
	a := one.Asset(asset)
	if a == nil && !v.located(one) {
		return nil, nil, AssetNotFound(version, asset)
	}
	if a == nil || a.Remote != "" {
		if one, a, err = v.fetch(ctx, in, version, asset); err != nil {
			return nil, nil, err
		}
	}
	if err := v.retain(ctx, in, one, asset); err != nil {
		return nil, nil, err
	}
	return one, a, nil
}

// coming returns a remote asset that is on its way, as the index tells of it, with its size;
// nil if it is here, or is to be waited for.
func (v *View) coming(ctx context.Context, version, asset string) (*Asset, *flow, error) {
	one, in, err := v.find(ctx, version)
	if err != nil || !one.Status.Downloadable() {
		return nil, nil, err
	}
	a := one.Asset(asset)
	if a == nil || a.Remote == "" {
		return nil, nil, nil
	}
	i := slices.IndexFunc(in, func(p part) bool { return p.external })
	if i < 0 {
		return nil, nil, nil
	}
	f, err := v.s.outside.fetch(ctx, in[i].repository, v.Name, version, asset)
	if err != nil {
		return nil, nil, err
	}
	size, err := f.flowing(ctx)
	if err != nil || size < 0 {
		return nil, nil, err
	}
	c := *a
	c.Size = size
	return &c, f, nil
}

// located tells whether a version came from outside without a list of its assets: then only
// a look tells whether there is one.
func (v *View) located(one *Version) bool {
	_, ok := v.s.formats[v.Name.Format].(Locator)
	return ok && one.Origin.Connection != ""
}

// fetch brings the bytes of a remote asset into the repository that knows where they are.
func (v *View) fetch(ctx context.Context, in []part, version, asset string) (*Version, *Asset, error) {
	err := error(AssetNotFound(version, asset))
	for _, p := range in {
		if p.external {
			var f *flow
			if f, err = v.s.outside.fetch(ctx, p.repository, v.Name, version, asset); err == nil {
				err = f.wait(ctx)
			}
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	one, _, err := v.find(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	a := one.Asset(asset)
	if a == nil || a.Remote != "" {
		return nil, nil, AssetNotFound(version, asset)
	}
	return one, a, nil
}

// Open reads an asset, with all that Asset does.
func (v *View) Open(ctx context.Context, version, asset string) (*Asset, io.ReadCloser, error) {
	_, a, err := v.Asset(ctx, version, asset)
	if err != nil {
		return nil, nil, err
	}
	r, err := v.s.Open(ctx, a.Hashes, 0, -1)
	return a, r, err
}

// Packages returns the names of up to n packages of a format that a repository and its
// upstreams have, in the order of namespace and name, of those that follow after; nil
// begins.
func (s *Service) Packages(ctx context.Context, r *Repository, format string, from *PackageName, n int) (names []PackageName, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		names = nil
		all, err := s.chain(ctx, tx, r)
		if err != nil {
			return err
		}
		for _, one := range all {
			prefix := key(packagesPrefix, one.ID, format)
			begin := prefix
			if from != nil {
				begin = after(packageKey(packagesPrefix, one.ID, *from))
			}
			for p, err := range tx.Scan(ctx, kv.Range{From: begin, To: tuple.Below(prefix), Limit: n}) {
				if err != nil {
					return err
				}
				t, err := texts(p.Key, prefix)
				if err != nil || len(t) != 2 {
					return err
				}
				names = append(names, PackageName{Format: format, Namespace: t[0], Name: t[1]})
			}
		}
		return nil
	})
	slices.SortFunc(names, func(a, b PackageName) int {
		return slices.Compare([]string{a.Namespace, a.Name}, []string{b.Namespace, b.Name})
	})
	names = slices.Compact(names)
	return names[:min(n, len(names))], err
}
