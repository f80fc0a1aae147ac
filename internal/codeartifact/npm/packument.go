package npm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// shortType is the media type of an abbreviated packument.
const shortType = "application/vnd.npm.install-v1+json"

// sendPackument answers with what there is of a package: everything, or what an installer
// needs.
func (f Format) sendPackument(x *codeartifact.Exchange, n Name) error {
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	p := &packument{Format: f, view: view, name: n, url: x.URL}
	x.Header().Add("Vary", "Accept")
	if wantsShort(x.Request.Header.Get("Accept")) {
		return x.SendDocument(view, "packument.short", shortType, p.short)
	}
	return x.SendDocument(view, "packument", "application/json", p.full)
}

// wantsShort tells whether an Accept header names the abbreviated form.
func wantsShort(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(one)
		if err == nil && name == shortType {
			return strings.Trim(parameters["q"], "0.") != "" || parameters["q"] == ""
		}
	}
	return false
}

// packument is the document of a package in the making.
type packument struct {
	Format
	view *codeartifact.View
	name Name
	url  func(parts ...string) string

	versions  []*codeartifact.Version // those that are listed, the oldest first
	manifests [][]byte
	tags      map[string]string
	latest    int // of versions; -1 for none
}

func (p *packument) load(ctx context.Context) (err error) {
	if p.versions, err = p.view.Versions(ctx); err != nil {
		return err
	}
	if p.manifests, err = p.view.Metadata(ctx, p.versions...); err != nil {
		return err
	}
	documents, err := p.view.Documents(ctx, DistTags)
	if err != nil {
		return err
	}
	if p.tags, err = p.mergeTags(documents, p.versions); err != nil {
		return err
	}
	p.latest = -1
	for i, v := range p.versions {
		if p.manifests[i], err = p.manifest(v, p.manifests[i]); err != nil {
			return err
		}
		if v.Version == p.tags[latestTag] {
			p.latest = i
		}
	}
	return nil
}

// manifest is that of a version, whose dist says where its tarball is here.
func (p *packument) manifest(v *codeartifact.Version, kept []byte) ([]byte, error) {
	if kept == nil {
		kept = object(member{"name", p.name.String()}, member{"version", v.Version})
	}
	d := Dist{Tarball: p.url(append(p.name.parts(), "-", p.name.Name+"-"+v.Version+".tgz")...)}
	if a := v.Asset(Tarball); a != nil {
		d.Shasum, d.Integrity = a.SHA1, Integrity(a.Hashes)
	}
	return SetDist(kept, d)
}

// parts are those of the name in a path.
func (n Name) parts() []string {
	if n.Scope == "" {
		return []string{n.Name}
	}
	return []string{"@" + n.Scope, n.Name}
}

// Integrity is the SHA-512 of a file as dist.integrity has it, "" if it is not known.
func Integrity(h codeartifact.Hashes) string {
	sum, err := hex.DecodeString(h.SHA512)
	if err != nil || len(sum) == 0 {
		return ""
	}
	return "sha512-" + base64.StdEncoding.EncodeToString(sum)
}

// short is the abbreviated packument. It has time as well, which pnpm resolves by and the
// public registry leaves out.
func (p *packument) short(ctx context.Context) ([]byte, error) {
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	for i, m := range p.manifests {
		var err error
		if p.manifests[i], err = Abbreviate(m); err != nil {
			return nil, err
		}
	}
	return object(
		member{"name", p.name.String()}, member{"modified", instant(p.modified())}, member{"dist-tags", p.tags},
		member{"versions", json.RawMessage(p.byVersion())}, member{"time", p.times()},
	), nil
}

// described are the members of the latest version's manifest that a packument has too.
var described = []string{"description", "homepage", "keywords", "repository", "author", "contributors", "maintainers", "bugs", "license", "readmeFilename"}

func (p *packument) full(ctx context.Context) ([]byte, error) {
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	name := p.name.String()
	members := []member{
		{"_id", name}, {"name", name}, {"dist-tags", p.tags}, {"versions", json.RawMessage(p.byVersion())}, {"time", p.times()},
	}
	if p.latest >= 0 {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(p.manifests[p.latest], &m); err != nil {
			return nil, err
		}
		for _, name := range described {
			if v := m[name]; v != nil {
				members = append(members, member{name, v})
			}
		}
		d, err := p.view.Detail(ctx, p.versions[p.latest])
		if err != nil {
			return nil, err
		}
		if d.Readme != "" {
			members = append(members, member{"readme", d.Readme})
		}
	}
	return object(members...), nil
}

// byVersion is the object of the manifests.
func (p *packument) byVersion() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range p.versions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + v.Version + `":`) // a version has nothing to escape
		b.Write(p.manifests[i])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// times are when the versions were published.
func (p *packument) times() map[string]string {
	times := map[string]string{"modified": instant(p.modified())}
	var created time.Time
	for _, v := range p.versions {
		times[v.Version] = instant(v.Published)
		if created.IsZero() || v.Published.Before(created) {
			created = v.Published
		}
	}
	times["created"] = instant(created)
	return times
}

func (p *packument) modified() (last time.Time) {
	for _, v := range p.versions {
		if v.Published.After(last) {
			last = v.Published
		}
	}
	return last
}

// instant is a time as JavaScript writes it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// member is one of an object that is written in order.
type member struct {
	name  string
	value any
}

// object writes an object. The values must have a form.
func object(members ...member) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + m.name + `":`)
		v, raw := m.value.(json.RawMessage)
		if !raw {
			var err error
			if v, err = json.Marshal(m.value); err != nil {
				panic(err) // texts and maps of them always have one
			}
		}
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// sendManifest answers with the manifest of a version or a tag.
func (f Format) sendManifest(x *codeartifact.Exchange, n Name, which string) error {
	ctx := x.Context()
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	version := which
	if !ValidVersion(which) {
		listed, err := view.Versions(ctx)
		if err != nil {
			return err
		}
		documents, err := view.Documents(ctx, DistTags)
		if err != nil {
			return err
		}
		tags, err := f.mergeTags(documents, listed)
		if err != nil {
			return err
		}
		if version = tags[which]; version == "" {
			return codeartifact.VersionNotFound(n.pkg(), which)
		}
	}
	v, err := view.Version(ctx, version)
	if err != nil {
		return err
	}
	p := &packument{Format: f, view: view, name: n, url: x.URL}
	return x.SendDocument(view, "manifest "+version, "application/json", func(ctx context.Context) ([]byte, error) {
		kept, err := view.Metadata(ctx, v)
		if err != nil {
			return nil, err
		}
		return p.manifest(v, kept[0])
	})
}

// sendTarball answers with a tarball. Its name has the version; clients of old publish
// scoped ones under their whole name.
func (Format) sendTarball(x *codeartifact.Exchange, n Name, file []string) error {
	version, ok := n.versionOf(strings.Join(file, "/"))
	if !ok {
		return x.NothingHere()
	}
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	return x.SendAsset(view, version, Tarball, "application/octet-stream")
}

// versionOf is the version that a tarball of the package is of.
func (n Name) versionOf(file string) (version string, ok bool) {
	if n.Scope != "" {
		file = strings.TrimPrefix(file, "@"+n.Scope+"/")
	}
	version, ok = strings.CutPrefix(file, n.Name+"-")
	if !ok {
		return "", false
	}
	version, ok = strings.CutSuffix(version, ".tgz")
	return version, ok && ValidVersion(version)
}
