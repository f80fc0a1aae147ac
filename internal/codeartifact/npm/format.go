package npm

import (
	"slices"
	"strings"

	"deps.dev/util/semver"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Format is the format "npm". A version has one asset, Tarball; its metadata is its
// manifest. The dist-tags are a document of the package.
type Format struct{}

var (
	_ codeartifact.Format      = Format{}
	_ codeartifact.Keeper      = Format{}
	_ codeartifact.Displayer   = Format{}
	_ codeartifact.ErrorWriter = Format{}
)

// Tarball is the name of the one asset of a version, as AWS has it.
const Tarball = "package.tgz"

// Name is "npm".
func (Format) Name() string { return "npm" }

// Normalize takes a scope with or without its '@'.
func (f Format) Normalize(namespace, name string) (codeartifact.PackageName, error) {
	n := Name{Scope: strings.TrimPrefix(namespace, "@"), Name: name}
	parsed, err := ParseName(n.String())
	if err != nil || parsed != n || namespace == "@" {
		return codeartifact.PackageName{}, codeartifact.Invalid("'%s' is not the name of an npm package: %s.", n, ErrName)
	}
	return n.pkg(), nil
}

// pkg is the name as the store has it.
func (n Name) pkg() codeartifact.PackageName {
	return codeartifact.PackageName{Format: Format{}.Name(), Namespace: n.Scope, Name: n.Name}
}

// NormalizeVersion takes versions as semver.org has them and leaves them as they are.
func (Format) NormalizeVersion(version string) (string, error) {
	if !ValidVersion(version) {
		return "", codeartifact.Invalid("'%s' is not a version as semver.org has them.", version)
	}
	return version, nil
}

// CompareVersions orders as semver.org does, and those that differ in their build only by
// their texts.
func (Format) CompareVersions(a, b string) int {
	if c := semver.NPM.Compare(a, b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// DefaultDisplayVersion is what the tag latest points to; without one, what was published
// last. https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_ListPackageVersions.html
func (Format) DefaultDisplayVersion(versions []*codeartifact.Version, document func(string) ([]byte, error)) (string, error) {
	b, err := document(DistTags)
	if err != nil {
		return "", err
	}
	tags, err := readTags(b)
	if err != nil {
		return "", err
	}
	if latest := tags[latestTag]; slices.ContainsFunc(versions, func(v *codeartifact.Version) bool { return v.Version == latest }) {
		return latest, nil
	}
	last := slices.MaxFunc(versions, func(a, b *codeartifact.Version) int { return a.Published.Compare(b.Published) })
	return last.Version, nil
}
