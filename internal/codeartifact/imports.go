package codeartifact

import (
	"bytes"
	"context"
	"slices"
)

// note writes down what an index tells: versions that are new, files that are, what changed
// of those that are known, and what is no longer there. What was published here, and bytes
// that have come, stay as they are.
func (o *outside) note(ctx context.Context, c *asked, r *Repository, n PackageName, in *Imports, f *freshness) error {
	return o.s.change(ctx, r, n, func(e *Edit) error {
		_, external, err := e.s.mayCome(ctx, e.tx, e.Repository, e.pkg, n)
		if err != nil || !external || !slices.Contains(e.Repository.Connections, c.connection) {
			return err
		}
		e.silent = true
		all, err := e.Versions()
		if err != nil {
			return err
		}
		have := map[string]*Version{}
		for _, v := range all {
			have[v.Version] = v
		}
		if len(in.Versions) == 0 && len(all) == 0 {
			return errMissing
		}
		told := map[string]bool{}
		for _, v := range in.Versions {
			if told[v.Version] {
				continue
			}
			told[v.Version] = true
			if err := e.noteVersion(c.connection, have[v.Version], v, in); err != nil {
				return err
			}
		}
		for _, old := range all {
			if told[old.Version] || old.Origin.Connection != c.connection {
				continue
			}
			if old.Remote {
				err = e.Delete(old.Version)
			} else if next := old.clone(); slices.ContainsFunc(next.Assets, remote) {
				next.Assets = slices.DeleteFunc(next.Assets, remote)
				err = e.Put(next)
			}
			if err != nil {
				return err
			}
		}
		for name, b := range in.Documents {
			if old, err := e.Document(name); err != nil {
				return err
			} else if !bytes.Equal(old, b) {
				e.SetDocument(name, b)
			}
		}
		if e.pkg == nil {
			e.make(Controls{Publish: Block, Upstream: Allow})
			e.pkg.Remote = true
		}
		// Beside the changes of the package: that nothing changed is no change of it.
		e.tx.Put(packageKey(freshPrefix, e.Repository.ID, n), encode(f))
		return nil
	})
}

// noteVersion writes down what an index tells of a version; old is what is known, nil if
// nothing is.
func (e *Edit) noteVersion(connection string, old, told *Version, in *Imports) error {
	next := old.clone()
	switch {
	case old == nil:
		next = told.clone()
		next.Remote, next.Origin = true, Origin{Connection: connection}
		if next.Status == "" {
			next.Status = Published
		}
		if next.Published.IsZero() {
			next.Published = e.Time
		}
	case old.Origin.Connection == "":
		return nil // it was published here
	default:
		next.merge(told)
	}
	if old == nil || !sameVersion(old, next) {
		if err := e.Put(next); err != nil {
			return err
		}
	}
	if b := in.Metadata[told.Version]; b != nil {
		known, err := e.Metadata(told.Version)
		if err != nil {
			return err
		}
		if !bytes.Equal(known, b) {
			e.SetMetadata(told.Version, b)
		}
	}
	if d, ok := in.Details[told.Version]; ok && old == nil {
		e.setDetail(told.Version, d)
	}
	return nil
}

// merge takes over what an index tells of a version that is known.
func (v *Version) merge(told *Version) {
	if v.Remote {
		v.Description = told.Description
		if told.Status != "" {
			v.Status = told.Status
		}
	}
	if told.Data != nil {
		v.Data = told.Data
	}
	assets := make([]Asset, 0, len(told.Assets))
	for _, a := range v.Assets {
		now := told.Asset(a.Name)
		switch {
		case a.Remote == "":
			// The bytes are here: only what is told of them can change.
			if now != nil && now.Data != nil && now.SHA256 == a.SHA256 {
				a.Data = now.Data
			}
			assets = append(assets, a)
		case now != nil:
			kept := *now
			if kept.Published.IsZero() {
				kept.Published = a.Published
			}
			assets = append(assets, kept)
		}
	}
	for _, a := range told.Assets {
		if v.Asset(a.Name) == nil {
			assets = append(assets, a)
		}
	}
	v.Assets = assets
}

func sameVersion(a, b *Version) bool { return bytes.Equal(encode(a), encode(b)) }
