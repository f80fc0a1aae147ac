package codeartifact

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// maxReadme is how much of a readme is kept, in bytes.
const maxReadme = 1 << 20

// Edit is a package of a repository inside of a transaction. It sees its own changes. What
// it returns is the caller's; what is changed must be put.
type Edit struct {
	Repository *Repository
	Name       PackageName
	Time       time.Time // of the change

	ctx      context.Context
	s        *Service
	tx       kv.Txn
	format   Format
	pkg      *Package // nil if there is none yet
	removed  bool
	versions map[string]*edited
	writes   map[string][]byte // of keys that are not records of versions; nil deletes
	details  map[string]any    // for the audit trail
	// publishes says that something is published here, and not brought from elsewhere.
	publishes bool
	silent    bool // leaves no audit record: what is known of the outside is nobody's change
}

// edited is a version before and after.
type edited struct{ old, now *Version }

// Change changes a package of a repository by one transaction, which fn makes: everything
// of it is written or nothing. fn may run several times and must have no effect but on its
// Edit. The errors are AccessDeniedException, ResourceNotFoundException of the repository,
// and those of fn.
func (s *Service) Change(ctx context.Context, r *Repository, action Action, n PackageName, fn func(e *Edit) error) error {
	if err := s.Authorize(ctx, r, action, n); err != nil {
		return err
	}
	if action == PublishPackageVersion {
		if err := s.lookUpstream(ctx, r, n); err != nil {
			return err
		}
	}
	return s.change(ctx, r, n, fn)
}

// change is Change for whoever has asked policy.
func (s *Service) change(ctx context.Context, r *Repository, n PackageName, fn func(e *Edit) error) error {
	var publishes bool
	err := s.update(ctx, func(tx kv.Txn) error {
		e, err := s.edit(ctx, tx, r, n)
		if err != nil {
			return err
		}
		err = fn(e)
		publishes = e.publishes
		if err != nil {
			return err
		}
		return e.commit()
	})
	if publishes {
		s.metrics.published(n.Format, err)
	}
	if errors.Is(err, errStagedLongAgo) {
		return api.Errorf("ServiceUnavailable", http.StatusServiceUnavailable, "The publication took too long. Nothing was published: please try again.").Because(err)
	}
	return err
}

// edit begins a change in a transaction of the caller's.
func (s *Service) edit(ctx context.Context, tx kv.Txn, r *Repository, n PackageName) (*Edit, error) {
	format, err := s.format(n.Format)
	if err != nil {
		return nil, err
	}
	r, err = r.still(ctx, tx)
	if err != nil {
		return nil, err
	}
	pkg, err := readPackage(ctx, tx, r, n)
	if err != nil {
		return nil, err
	}
	return &Edit{
		Repository: r, Name: n, Time: s.instant(), ctx: ctx, s: s, tx: tx, format: format, pkg: pkg,
		versions: map[string]*edited{}, writes: map[string][]byte{}, details: map[string]any{},
	}, nil
}

// readPackage returns a package, nil if there is none.
func readPackage(ctx context.Context, tx kv.Reader, r *Repository, n PackageName) (*Package, error) {
	b, err := tx.Get(ctx, packageKey(packagesPrefix, r.ID, n))
	if err != nil {
		return nil, err
	}
	return decode[Package](b)
}

// Package is the package's record, nil if it is not there yet.
func (e *Edit) Package() *Package { return e.pkg }

// Version returns a version, nil if there is none.
func (e *Edit) Version(version string) (*Version, error) {
	if x := e.versions[version]; x != nil {
		return x.now.clone(), nil
	}
	b, err := e.tx.Get(e.ctx, packageKey(versionsPrefix, e.Repository.ID, e.Name, version))
	if err != nil {
		return nil, err
	}
	v, err := decode[Version](b)
	if err != nil {
		return nil, err
	}
	e.versions[version] = &edited{old: v, now: v}
	return v.clone(), nil
}

func (v *Version) clone() *Version {
	if v == nil {
		return nil
	}
	c := *v
	c.Assets = slices.Clone(v.Assets)
	return &c
}

// Versions returns all versions, in the order of their texts.
func (e *Edit) Versions() (all []*Version, err error) {
	prefix := packageKey(versionsPrefix, e.Repository.ID, e.Name)
	for p, err := range e.tx.Scan(e.ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
		if err != nil {
			return nil, err
		}
		v, err := decode[Version](p.Val)
		if err != nil {
			return nil, err
		}
		if e.versions[v.Version] == nil {
			e.versions[v.Version] = &edited{old: v, now: v}
		}
	}
	for _, version := range slices.Sorted(maps.Keys(e.versions)) {
		if v := e.versions[version].now; v != nil {
			all = append(all, v.clone())
		}
	}
	return all, nil
}

// Put makes a version what v is. It is for formats that change what they keep of a version
// (a yank, a deprecation); a version comes by Publish. A change of its assets or data is a
// new revision.
func (e *Edit) Put(v *Version) error {
	old, err := e.Version(v.Version)
	if err != nil {
		return err
	}
	v = v.clone()
	v.repository = 0
	if old == nil || !bytes.Equal(old.Data, v.Data) || !slices.EqualFunc(old.Assets, v.Assets, sameAsset) {
		v.Revision = newRevision()
	}
	e.versions[v.Version].now = v
	return nil
}

func sameAsset(a, b Asset) bool {
	return a.Name == b.Name && a.SHA256 == b.SHA256 && a.Remote == b.Remote && bytes.Equal(a.Data, b.Data)
}

// Delete takes a version away, with all that is kept of it.
func (e *Edit) Delete(version string) error {
	if _, err := e.Version(version); err != nil {
		return err
	}
	e.versions[version].now = nil
	e.writes[string(packageKey(metadataPrefix, e.Repository.ID, e.Name, version))] = nil
	e.writes[string(packageKey(detailsPrefix, e.Repository.ID, e.Name, version))] = nil
	return nil
}

// deletePackage takes the package away with all its versions and documents.
func (e *Edit) deletePackage() error {
	all, err := e.Versions()
	if err != nil {
		return err
	}
	for _, v := range all {
		if err := e.Delete(v.Version); err != nil {
			return err
		}
	}
	documents := packageKey(documentsPrefix, e.Repository.ID, e.Name)
	for p, err := range e.tx.Scan(e.ctx, kv.Range{From: documents, To: tuple.Below(documents)}) {
		if err != nil {
			return err
		}
		e.writes[string(p.Key)] = nil
	}
	e.writes[string(packageKey(freshPrefix, e.Repository.ID, e.Name))] = nil
	e.removed = true
	return nil
}

// Metadata returns what the format keeps of a version, nil if it keeps nothing.
func (e *Edit) Metadata(version string) ([]byte, error) {
	return e.read(packageKey(metadataPrefix, e.Repository.ID, e.Name, version))
}

// SetMetadata keeps up to 4 MiB of the format's own with a version.
func (e *Edit) SetMetadata(version string, b []byte) {
	e.writes[string(packageKey(metadataPrefix, e.Repository.ID, e.Name, version))] = b
}

func (e *Edit) setDetail(version string, d Detail) {
	if len(d.Readme) > maxReadme {
		d.Readme = strings.ToValidUTF8(d.Readme[:maxReadme], "")
	}
	e.writes[string(packageKey(detailsPrefix, e.Repository.ID, e.Name, version))] = encode(d)
}

// Document returns what the format keeps of the package under a name, nil if it keeps
// nothing.
func (e *Edit) Document(name string) ([]byte, error) {
	return e.read(packageKey(documentsPrefix, e.Repository.ID, e.Name, name))
}

// SetDocument keeps up to 4 MiB of the format's own with the package; nil takes it away.
func (e *Edit) SetDocument(name string, b []byte) {
	e.writes[string(packageKey(documentsPrefix, e.Repository.ID, e.Name, name))] = b
}

func (e *Edit) read(key []byte) ([]byte, error) {
	if b, written := e.writes[string(key)]; written {
		return b, nil
	}
	return e.tx.Get(e.ctx, key)
}

// Note adds to what the audit trail says of the change: no secrets.
func (e *Edit) Note(name string, value any) { e.details[name] = value }

// make makes the package if it is not there, or only known.
func (e *Edit) make(c Controls) {
	if e.pkg != nil && e.pkg.Remote {
		e.pkg.Remote, e.pkg.Origin = false, c
	}
	if e.pkg == nil {
		var id [8]byte
		rand.Read(id[:])
		e.pkg = &Package{Name: e.Name, ID: binary.BigEndian.Uint64(id[:]), Created: e.Time, Origin: c}
	}
}

// changedVersions are those that are no longer what they were.
func (e *Edit) changedVersions() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(e.versions)) {
		if x := e.versions[name]; x.old != x.now {
			names = append(names, name)
		}
	}
	return names
}

// commit writes what was changed, the package's change counter and the audit record.
func (e *Edit) commit() error {
	changed := e.changedVersions()
	if len(changed) == 0 && len(e.writes) == 0 && len(e.details) == 0 && !e.removed {
		return nil
	}
	if err := e.checkHolds(changed); err != nil {
		return err
	}
	u := uses{}
	for _, name := range changed {
		x := e.versions[name]
		k := packageKey(versionsPrefix, e.Repository.ID, e.Name, name)
		if x.old != nil {
			for i := range x.old.Assets {
				u.add(&x.old.Assets[i], -1)
			}
		}
		if x.now == nil {
			e.tx.Delete(k)
			continue
		}
		for i := range x.now.Assets {
			u.add(&x.now.Assets[i], 1)
		}
		e.tx.Put(k, encode(x.now))
	}
	if err := e.s.apply(e.ctx, e.tx, e.Repository.DomainID, u); err != nil {
		return err
	}
	for k, b := range e.writes {
		if b == nil {
			e.tx.Delete([]byte(k))
		} else {
			e.tx.Put([]byte(k), b)
		}
	}
	k := packageKey(packagesPrefix, e.Repository.ID, e.Name)
	if e.removed {
		e.tx.Delete(k)
	} else {
		if e.pkg == nil {
			e.make(Controls{Allow, Block})
		}
		e.pkg.Changes++
		e.tx.Put(k, encode(e.pkg))
	}
	if !e.silent {
		e.record(changed)
	}
	return nil
}

// record keeps the change in the audit trail of the domain's owner.
func (e *Edit) record(versions []string) {
	n := e.Repository.Name
	parameters := map[string]any{
		"domainName": n.Domain.Name, "domainOwner": n.Domain.Owner, "repositoryName": n.Name,
		"format": e.Name.Format, "packageName": e.Name.Name,
	}
	if e.Name.Namespace != "" {
		parameters["packageNamespace"] = e.Name.Namespace
	}
	if len(versions) > 0 {
		parameters["packageVersions"] = versions[:min(len(versions), 100)]
	}
	maps.Copy(parameters, e.details)
	b, err := json.Marshal(parameters)
	if err != nil {
		panic(err) // texts always have a form
	}
	audit.Record(e.ctx, e.tx, audit.Event{
		Account: n.Domain.Owner, Parameters: b,
		Resources: []audit.Resource{{Type: "AWS::CodeArtifact::Repository", ARN: n.ARN()}, {Type: "AWS::CodeArtifact::Package", ARN: n.packageARN(e.Name)}},
	})
}

// newRevision draws the name of a revision.
func newRevision() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}
