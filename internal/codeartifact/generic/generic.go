// Package generic is the format of packages that are just files: they come and go through
// the API alone.
package generic

import (
	"strings"
	"unicode"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Format is the format "generic".
type Format struct{}

var _ codeartifact.Format = Format{}

// Name is "generic".
func (Format) Name() string { return "generic" }

// Normalize leaves names as they are.
func (f Format) Normalize(namespace, name string) (codeartifact.PackageName, error) {
	for _, text := range []string{namespace, name} {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return codeartifact.PackageName{}, codeartifact.Invalid("The name %q has characters that cannot be seen.", text)
		}
	}
	return codeartifact.PackageName{Format: f.Name(), Namespace: namespace, Name: name}, nil
}

// NormalizeVersion leaves versions as they are.
func (Format) NormalizeVersion(version string) (string, error) {
	if strings.ContainsFunc(version, unicode.IsControl) {
		return "", codeartifact.Invalid("The version %q has characters that cannot be seen.", version)
	}
	return version, nil
}

// CompareVersions orders versions as texts do: they have no meaning here.
func (Format) CompareVersions(a, b string) int { return strings.Compare(a, b) }

// Serve has nothing below an endpoint.
func (Format) Serve(x *codeartifact.Exchange) error { return x.NothingHere() }
