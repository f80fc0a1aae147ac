package npm

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

var _ codeartifact.Importer = Format{}

// IndexPath is where a registry has a packument: the full one, which has the times.
func (Format) IndexPath(n codeartifact.PackageName) (path, accept string) {
	return Name{n.Namespace, n.Name}.Escaped(), "application/json"
}

// ReadIndex reads a packument. A version whose manifest is not its own, or that has no
// tarball with a hash, is left out.
func (Format) ReadIndex(n codeartifact.PackageName, index *codeartifact.Index) (*codeartifact.Imports, error) {
	var p struct {
		Name     string                     `json:"name"`
		Versions map[string]json.RawMessage `json:"versions"`
		Tags     map[string]string          `json:"dist-tags"`
		Time     map[string]any             `json:"time"`
	}
	if err := json.NewDecoder(index.Body).Decode(&p); err != nil {
		return nil, fmt.Errorf("the packument cannot be read: %w", err)
	}
	name := Name{n.Namespace, n.Name}
	if p.Name != name.String() {
		return nil, fmt.Errorf("the packument is of %q", p.Name)
	}
	in := &codeartifact.Imports{Metadata: map[string][]byte{}, Documents: map[string][]byte{}}
	for _, version := range slices.Sorted(maps.Keys(p.Versions)) {
		v, manifest := remoteVersion(name, version, p.Versions[version])
		if v == nil {
			continue
		}
		text, _ := p.Time[version].(string)
		v.Published, _ = time.Parse(time.RFC3339, text)
		v.Assets[0].Published = v.Published
		in.Versions = append(in.Versions, v)
		in.Metadata[version] = manifest
	}
	maps.DeleteFunc(p.Tags, func(tag, version string) bool { return !ValidTag(tag) || in.Metadata[version] == nil })
	if len(p.Tags) <= maxTags {
		b, err := json.Marshal(p.Tags)
		if err != nil {
			return nil, err
		}
		in.Documents[DistTags] = b
	}
	return in, nil
}

// remoteVersion is a version of a packument with the manifest that is kept of it; nil of one
// that cannot be.
func remoteVersion(name Name, version string, manifest []byte) (*codeartifact.Version, []byte) {
	var m struct{ Name, Version string }
	if !ValidVersion(version) || json.Unmarshal(manifest, &m) != nil || m.Name != name.String() || m.Version != version {
		return nil, nil
	}
	d, err := ReadDist(manifest)
	if err != nil {
		return nil, nil
	}
	hashes := codeartifact.Hashes{SHA1: strings.ToLower(d.Shasum), SHA512: sha512Of(d.Integrity)}
	if hashes == (codeartifact.Hashes{}) {
		return nil, nil
	}
	kept, _, err := Keep(manifest)
	if err != nil {
		return nil, nil
	}
	about, err := Describe(kept)
	if err != nil {
		return nil, nil
	}
	return &codeartifact.Version{
		Version: version, Description: *about, Assets: []codeartifact.Asset{{Name: Tarball, Remote: d.Tarball, Hashes: hashes}},
	}, kept
}

// sha512Of is the SHA-512 of an integrity in hexadecimal, "" if it has none.
func sha512Of(integrity string) string {
	for one := range strings.FieldsSeq(integrity) {
		one, _, _ = strings.Cut(one, "?")
		text, ok := strings.CutPrefix(one, "sha512-")
		if sum, err := base64.StdEncoding.DecodeString(text); ok && err == nil && len(sum) == 64 {
			return hex.EncodeToString(sum)
		}
	}
	return ""
}

// Import takes what the manifest says: the tarball is what that promised.
func (Format) Import(_ context.Context, _ codeartifact.PackageName, _ *codeartifact.Version, manifest []byte, _ io.ReaderAt, p *codeartifact.Publication) (err error) {
	p.Detail, err = Explain(manifest, "")
	return err
}
