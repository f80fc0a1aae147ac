package codeartifact

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// retain keeps a version of which an asset is asked for in the view's repository, so that it
// stays there when the upstream loses it: in this repository alone, not in those between it
// and the one that the version comes from. A merged version (see Merger) gains the assets
// that are new.
func (v *View) retain(ctx context.Context, in []part, one *Version, asset string) error {
	if len(in) == 0 {
		return nil
	}
	if in[0].repository.ID == v.Repository.ID {
		if len(in) == 1 {
			return nil
		}
		// The repository has the version; has it the asset?
		var own *Version
		err := v.s.view(ctx, func(tx kv.Reader) error {
			b, err := tx.Get(ctx, packageKey(versionsPrefix, v.Repository.ID, v.Name, one.Version))
			if err == nil {
				own, err = decode[Version](b)
			}
			return err
		})
		if err != nil {
			return err
		}
		if own != nil && own.Asset(asset) != nil && own.Asset(asset).Remote == "" {
			return nil
		}
	}
	return v.s.change(ctx, v.Repository, v.Name, func(e *Edit) error {
		from := in[0].repository
		if from.ID == v.Repository.ID {
			from = in[1].repository
		}
		return e.copyVersion(from, one.Version, one)
	})
}

// copyVersion copies a version of the same package from another repository. view, if it is
// not nil, is the version as it shall be; otherwise it is as it is there. A version that is
// here already gains what it has not.
func (e *Edit) copyVersion(from *Repository, version string, view *Version) error {
	b, err := e.tx.Get(e.ctx, packageKey(versionsPrefix, from.ID, e.Name, version))
	if err != nil {
		return err
	}
	source, err := decode[Version](b)
	if err != nil {
		return err
	}
	if source == nil {
		return VersionNotFound(e.Name, version)
	}
	if view == nil {
		view = source
	}
	old, err := e.Version(version)
	if err != nil {
		return err
	}
	change := VersionChange{Version: version, To: source.Status, Source: map[string][]byte{}}
	next := view.clone()
	next.repository, next.Remote = 0, false
	next.Assets = slices.DeleteFunc(next.Assets, func(a Asset) bool { return a.Remote != "" })
	if old != nil {
		change.From, change.To = old.Status, old.Status
		next.Status = old.Status
	}
	e.make(Controls{Publish: Block, Upstream: Allow})
	e.versions[version].now = next
	for _, prefix := range [][]byte{metadataPrefix, detailsPrefix} {
		b, err := e.tx.Get(e.ctx, packageKey(prefix, from.ID, e.Name, version))
		if err != nil {
			return err
		}
		if b != nil {
			e.writes[string(packageKey(prefix, e.Repository.ID, e.Name, version))] = b
		}
	}
	documents := packageKey(documentsPrefix, from.ID, e.Name)
	for p, err := range e.tx.Scan(e.ctx, kv.Range{From: documents, To: tuple.Below(documents)}) {
		if err != nil {
			return err
		}
		name, err := texts(p.Key, documents)
		if err != nil {
			return err
		}
		change.Source[name[0]] = slices.Clone(p.Val)
	}
	return e.changed(change)
}

// changed tells the format what became of a version.
func (e *Edit) changed(c VersionChange) error {
	if k, ok := e.format.(Keeper); ok {
		return k.Changed(e, c)
	}
	return nil
}
