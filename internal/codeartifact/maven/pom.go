package maven

import (
	"fmt"
	"io"
	"strings"

	"deps.dev/util/maven"
)

// POM is what a POM says of a version, by itself: its parents are not read.
type POM struct {
	Group, Artifact, Version string // inherited from the parent if they are not said
	Packaging                string
	Name, Description, URL   string
	Licenses                 []string
	Dependencies             []Dependency
}

// Dependency is what a version needs.
type Dependency struct {
	Group, Artifact string
	Range           string // "" if a parent says it
	Scope           string // "compile" unless it says otherwise
	Optional        bool
}

// ReadPOM reads a POM.
func ReadPOM(r io.Reader) (*POM, error) {
	var p maven.Project
	if err := decode(r, "project", &p); err != nil {
		return nil, fmt.Errorf("the POM cannot be read: %w", err)
	}
	// A property that nothing defines stays as it is written.
	_ = p.Interpolate()
	out := &POM{
		Group: either(p.GroupID, p.Parent.GroupID), Artifact: string(p.ArtifactID), Version: either(p.Version, p.Parent.Version),
		Packaging: either(p.Packaging, "jar"), Name: string(p.Name), Description: strings.TrimSpace(string(p.Description)), URL: string(p.URL),
	}
	for _, l := range p.Licenses {
		out.Licenses = append(out.Licenses, string(l.Name))
	}
	for _, d := range p.Dependencies {
		out.Dependencies = append(out.Dependencies, Dependency{
			Group: string(d.GroupID), Artifact: string(d.ArtifactID), Range: string(d.Version), Scope: either(d.Scope, "compile"), Optional: d.Optional.Boolean(),
		})
	}
	return out, nil
}

func either(a, b maven.String) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}
