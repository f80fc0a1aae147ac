package codeartifact

import (
	"bytes"
	"context"
	"encoding/json"
)

// Publication is a version, or assets of one, on its way into a repository.
type Publication struct {
	Version string // in its one spelling
	Assets  []NewAsset
	// Unfinished says that more assets are to come; a version that is listed already stays
	// so.
	Unfinished bool
	// Append says that a version that is finished may gain assets, as those of PyPI do.
	Append bool
	// Metadata is what the format keeps of the version, see Edit.SetMetadata; nil leaves
	// what there is.
	Metadata []byte
	// Data is what it keeps in the version's record; nil leaves what there is.
	Data json.RawMessage
	// Description and Detail are for the API; nil leaves what there is.
	Description *Description
	Detail      *Detail
	// Origin is set for what an external connection brings, which is not asked the
	// controls of publication.
	Origin Origin
}

// NewAsset is an asset whose bytes are staged.
type NewAsset struct {
	Name string
	*Staged
	Data json.RawMessage // see Asset.Data
}

// Publish publishes assets of a version by a transaction of its own and returns the version
// as it is then. The errors are those of Change and of Edit.Publish.
func (s *Service) Publish(ctx context.Context, r *Repository, n PackageName, p Publication) (v *Version, err error) {
	err = s.Change(ctx, r, PublishPackageVersion, n, func(e *Edit) error {
		v, err = e.Publish(p)
		return err
	})
	return v, err
}

// Publish adds assets to a version, which is made if it is not there, and returns it. Assets
// that are there with the same bytes stay as they are; if nothing else is new, nothing
// changes. The errors are ConflictException (AssetConflict for other bytes, VersionConflict
// for a version that may not gain assets, was disposed or archived, or that origin controls
// keep from being published) and ServiceQuotaExceededException.
func (e *Edit) Publish(p Publication) (*Version, error) {
	v, err := e.Version(p.Version)
	if err != nil {
		return nil, err
	}
	if p.Origin == (Origin{}) {
		e.publishes = true
		if err := e.s.mayPublish(e.ctx, e.tx, e.Repository, e.pkg, e.Name, p.Version, v); err != nil {
			return nil, err
		}
		p.Origin = Origin{Repository: e.Repository.Name.Name}
		e.make(Controls{Publish: Allow, Upstream: Block})
	} else {
		e.make(Controls{Publish: Block, Upstream: Allow})
	}
	fresh := v == nil || v.Remote && len(v.Assets) == 0
	if fresh {
		v = &Version{Version: p.Version, Status: Unfinished, Published: e.Time, Origin: p.Origin}
	}
	if v.Status == Disposed || v.Status == Archived {
		return nil, VersionConflict(p.Version, "has status '%s', and cannot be published again.", v.Status)
	}
	changed, had := fresh, len(v.Assets)
	for _, a := range p.Assets {
		old := v.Asset(a.Name)
		switch {
		case old == nil && !fresh && v.Status != Unfinished && !p.Append:
			return nil, VersionConflict(p.Version, "of package %s already exists with status '%s'.", describePackage(e.Name), v.Status)
		case old == nil:
			v.Assets = append(v.Assets, Asset{Name: a.Name, Size: a.Size, Published: e.Time, Hashes: a.Hashes, Data: a.Data})
		case old.Remote != "":
			old.Size, old.Hashes, old.Remote = a.Size, a.Hashes, ""
			if a.Data != nil {
				old.Data = a.Data
			}
		case old.SHA256 != a.SHA256:
			return nil, AssetConflict(p.Version, a.Name)
		default:
			continue // the same bytes again
		}
		changed = true
	}
	if len(v.Assets) > had && e.publishes && int64(len(v.Assets)) > e.s.quotas.Of(assetsQuota) {
		return nil, e.s.exceeded(aVersion, p.Version, assetsQuota)
	}
	if p.Data != nil && !bytes.Equal(p.Data, v.Data) {
		v.Data, changed = p.Data, true
	}
	if p.Description != nil {
		v.Description = *p.Description
	}
	if p.Metadata != nil {
		old, err := e.Metadata(p.Version)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(old, p.Metadata) {
			e.SetMetadata(p.Version, p.Metadata)
			changed = true
		}
	}
	v.Remote = false
	if v.Status == Unfinished && !p.Unfinished {
		v.Status, changed = Published, true
	}
	if !changed {
		return v, nil
	}
	if p.Detail != nil {
		e.setDetail(p.Version, *p.Detail)
	}
	v.Revision = newRevision()
	v.repository = 0
	e.versions[p.Version].now = v
	return v.clone(), nil
}
