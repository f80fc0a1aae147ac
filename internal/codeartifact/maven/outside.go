package maven

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

var (
	_ codeartifact.Locator = Format{}
	_ codeartifact.Merger  = Format{}
)

// folder is where a repository has an artifact, or a version of it, escaped.
func folder(n codeartifact.PackageName, more ...string) string {
	parts := append(strings.Split(n.Namespace, "."), n.Name)
	parts = append(parts, more...)
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// IndexPath is where a repository has an artifact's metadata.
func (Format) IndexPath(n codeartifact.PackageName) (path, accept string) {
	return folder(n, metadataFile), "application/xml, text/xml, */*;q=0.1"
}

// ReadIndex reads the metadata of an artifact, which has its versions and not their files.
// Snapshots do not come from outside: they are built again and again.
func (f Format) ReadIndex(_ codeartifact.PackageName, index *codeartifact.Index) (*codeartifact.Imports, error) {
	m, err := ReadMetadata(index.Body)
	if err != nil {
		return nil, err
	}
	in := &codeartifact.Imports{}
	if m.Versioning == nil || m.Versioning.Versions == nil {
		return in, nil
	}
	for _, version := range m.Versioning.Versions.List {
		version = strings.TrimSpace(version)
		if _, err := f.NormalizeVersion(version); err != nil || IsSnapshot(version) {
			continue
		}
		in.Versions = append(in.Versions, &codeartifact.Version{Version: version})
	}
	return in, nil
}

// AssetPath is where a repository has a file of a version, with its checksums beside it.
func (Format) AssetPath(n codeartifact.PackageName, version, asset string) (path string, hashes []string) {
	return folder(n, version, asset), []string{"sha1", "sha256", "md5"}
}

// Import reads a POM that was fetched for what the API tells. One that cannot be read is for
// mvn to judge.
func (Format) Import(_ context.Context, n codeartifact.PackageName, _ *codeartifact.Version, _ []byte, content io.ReaderAt, p *codeartifact.Publication) error {
	file := p.Assets[0]
	if file.Name != n.Name+"-"+p.Version+".pom" || file.Size > MaxDocument {
		return nil
	}
	text := make([]byte, file.Size)
	if _, err := content.ReadAt(text, 0); err != nil && err != io.EOF {
		return err
	}
	if pom, err := ReadPOM(bytes.NewReader(text)); err == nil {
		description, detail := pom.Describe()
		p.Description, p.Detail = &description, &detail
	}
	return nil
}

// Merge adds the files that were fetched of a version after it was retained, which tools do
// one by one. What is deployed gains nothing: it is complete.
func (Format) Merge(v, further *codeartifact.Version) *codeartifact.Version {
	if v.Origin.Connection == "" || v.Origin != further.Origin || !v.Status.Downloadable() || !further.Status.Downloadable() {
		return v
	}
	merged := *v
	merged.Assets, merged.Description = slices.Clone(v.Assets), further.Description
	for _, a := range further.Assets {
		if v.Asset(a.Name) == nil {
			merged.Assets = append(merged.Assets, a)
		}
	}
	return &merged
}
