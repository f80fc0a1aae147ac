package pypi

import (
	"strings"

	"deps.dev/util/semver"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Format is the format "pypi". A version is the one of its files' names, and its assets are
// the files; each has its facts (see facts) in Asset.Data. There are no namespaces.
type Format struct{}

var (
	_ codeartifact.Format = Format{}
	_ codeartifact.Merger = Format{}
)

// Name is "pypi".
func (Format) Name() string { return "pypi" }

// Normalize returns a project's name as PEP 503 has it.
func (f Format) Normalize(namespace, name string) (codeartifact.PackageName, error) {
	if namespace != "" {
		return codeartifact.PackageName{}, codeartifact.Invalid("Packages of the format pypi have no namespace.")
	}
	normal, err := Normalize(name)
	if err != nil {
		return codeartifact.PackageName{}, codeartifact.Invalid("The name %q is not valid: %s.", name, err)
	}
	return codeartifact.PackageName{Format: f.Name(), Name: normal}, nil
}

// NormalizeVersion returns a version as PEP 440 has it.
func (Format) NormalizeVersion(version string) (string, error) {
	normal, err := Version(version)
	if err != nil {
		return "", codeartifact.Invalid("The version is not valid: %s.", err)
	}
	return normal, nil
}

// CompareVersions orders versions as PEP 440 does; those that are equal to it, as 1.0 and
// 1.0.0, as texts.
func (Format) CompareVersions(a, b string) int {
	if c := semver.PyPI.Compare(a, b); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// Merge adds the files that a version gained upstream, and takes over yanks from there.
// Only what came from the same place is one version: what is published here under the same
// name gains no files of others.
func (Format) Merge(v, further *codeartifact.Version) *codeartifact.Version {
	if v.Origin != further.Origin || !v.Status.Downloadable() || !further.Status.Downloadable() {
		return v
	}
	merged := *v
	merged.Assets = make([]codeartifact.Asset, 0, max(len(v.Assets), len(further.Assets)))
	for _, a := range v.Assets {
		if b := further.Asset(a.Name); b != nil {
			a.Data = readFacts(&a).yankedAs(readFacts(b)).encode()
		}
		merged.Assets = append(merged.Assets, a)
	}
	for _, b := range further.Assets {
		if v.Asset(b.Name) == nil {
			merged.Assets = append(merged.Assets, b)
		}
	}
	return &merged
}

// Serve answers pip and twine. What there is:
//
//	GET  simple/                            all projects
//	GET  simple/<project>/                  its files
//	GET  simple/<project>/<version>/<file>  a file, or its metadata if ".metadata" follows
//	POST                                    the form of a publication
func (f Format) Serve(x *codeartifact.Exchange) error {
	path, err := x.Parts()
	if err != nil {
		return err
	}
	if len(path) == 1 && path[0] == "" {
		return f.serveRoot(x)
	}
	if path[0] != "simple" || len(path) > 4 {
		return x.NothingHere()
	}
	if err := readOnly(x); err != nil {
		return err
	}
	switch {
	case len(path) == 1:
		return redirect(x, "simple", "")
	case len(path) == 2 && path[1] != "":
		n, err := f.Normalize("", path[1])
		if err != nil {
			return x.NothingHere()
		}
		return redirect(x, "simple", n.Name, "")
	case len(path) == 2:
		return sendProjects(x)
	case len(path) == 3 && path[2] == "":
		return f.sendProject(x, path[1])
	case len(path) == 4 && path[3] != "":
		return f.sendFile(x, path[1], path[2], path[3])
	}
	return x.NothingHere()
}
