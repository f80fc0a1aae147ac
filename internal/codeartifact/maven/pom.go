package maven

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// POM is what a POM says of a version, by itself: its parents are not read.
type POM struct {
	Group, Artifact, Version string // inherited from the parent if they are not said
	Packaging                string
	Name, Description, URL   string
	SourceCode               string // the URL of the repository of its sources
	Licenses                 []codeartifact.License
	Parent                   *Dependency // nil if it has none
	Dependencies             []Dependency
}

// Dependency is what a version needs.
type Dependency struct {
	Group, Artifact string
	Range           string // "" if a parent says it
	Scope           string // "compile" unless it says otherwise
	Optional        bool
}

// project is a POM as it is written.
type project struct {
	coordinates
	Parent       *coordinates `xml:"parent"`
	Packaging    string       `xml:"packaging"`
	Name         string       `xml:"name"`
	Description  string       `xml:"description"`
	URL          string       `xml:"url"`
	SCM          string       `xml:"scm>url"`
	Properties   properties   `xml:"properties"`
	Licenses     []license    `xml:"licenses>license"`
	Dependencies []dependency `xml:"dependencies>dependency"`

	added int // bytes that properties have added to its texts
}

type coordinates struct {
	Group    string `xml:"groupId"`
	Artifact string `xml:"artifactId"`
	Version  string `xml:"version"`
}

type license struct {
	Name string `xml:"name"`
	URL  string `xml:"url"`
}

type dependency struct {
	coordinates
	Scope    string `xml:"scope"`
	Optional string `xml:"optional"`
}

// properties are a POM's own, by name.
type properties map[string]string

// UnmarshalXML reads elements of any name.
func (p *properties) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*p = properties{}
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			var text string
			if err := d.DecodeElement(&text, &t); err != nil {
				return err
			}
			(*p)[t.Name.Local] = text
		}
	}
}

// ReadPOM reads a POM. Properties that it defines itself are put in; those that a parent or
// a profile defines stay as they are written.
func ReadPOM(r io.Reader) (*POM, error) {
	var p project
	if err := decode(r, "project", &p); err != nil {
		return nil, fmt.Errorf("the POM cannot be read: %w", err)
	}
	p.inherit()
	out := &POM{
		Group: p.text(p.Group), Artifact: p.text(p.Artifact), Version: p.text(p.Version), Packaging: p.either(p.Packaging, "jar"),
		Name: p.text(p.Name), Description: p.text(p.Description), URL: p.text(p.URL), SourceCode: p.text(p.SCM),
	}
	if p.Parent != nil {
		out.Parent = &Dependency{Group: p.text(p.Parent.Group), Artifact: p.text(p.Parent.Artifact), Range: p.text(p.Parent.Version)}
	}
	for _, l := range p.Licenses {
		out.Licenses = append(out.Licenses, codeartifact.License{Name: p.text(l.Name), URL: p.text(l.URL)})
	}
	for _, d := range p.Dependencies {
		out.Dependencies = append(out.Dependencies, Dependency{
			Group: p.text(d.Group), Artifact: p.text(d.Artifact), Range: p.text(d.Version), Scope: p.either(d.Scope, "compile"), Optional: p.text(d.Optional) == "true",
		})
	}
	return out, nil
}

// inherit takes what is not said from the parent, and makes the coordinates properties.
func (p *project) inherit() {
	if p.Properties == nil {
		p.Properties = properties{}
	}
	if p.Parent != nil {
		if p.Group == "" {
			p.Group = p.Parent.Group
		}
		if p.Version == "" {
			p.Version = p.Parent.Version
		}
		p.Properties["project.parent.groupId"] = p.Parent.Group
		p.Properties["project.parent.artifactId"] = p.Parent.Artifact
		p.Properties["project.parent.version"] = p.Parent.Version
	}
	for name, value := range map[string]string{"groupId": p.Group, "artifactId": p.Artifact, "version": p.Version, "name": p.Name, "url": p.URL} {
		p.Properties["project."+name], p.Properties["pom."+name] = value, value
	}
}

// How far properties of properties are followed: a POM is anybody's, and may define
// properties by each other so that they never end, or grow without bounds.
const (
	maxExpansions = 64
	maxExpanded   = 64 << 10 // bytes of one text
	maxAdded      = 1 << 20  // bytes that properties add to all texts of a POM
)

// text is a text with the properties that are known.
func (p *project) text(s string) string {
	s = strings.TrimSpace(s)
	from := 0
	for range maxExpansions {
		i := strings.Index(s[from:], "${")
		if i < 0 || len(s) > maxExpanded {
			break
		}
		i += from
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			break
		}
		value, ok := p.Properties[s[i+2:i+end]]
		if !ok || p.added+len(value) > maxAdded {
			from = i + 2
			continue
		}
		p.added += len(value)
		s = s[:i] + strings.TrimSpace(value) + s[i+end+1:]
		from = i
	}
	return s
}

func (p *project) either(s, otherwise string) string {
	if s = p.text(s); s == "" {
		return otherwise
	}
	return s
}

// Describe is what the API tells of the version: its summary, licenses and dependencies. The
// types of dependencies are their scopes, "optional" and "parent".
func (p *POM) Describe() (codeartifact.Description, codeartifact.Detail) {
	d := codeartifact.Detail{}
	if p.Parent != nil {
		d.Dependencies = append(d.Dependencies, codeartifact.Dependency{Namespace: p.Parent.Group, Package: p.Parent.Artifact, Type: "parent", Requirement: p.Parent.Range})
	}
	for _, one := range p.Dependencies {
		kind := one.Scope
		if one.Optional {
			kind = "optional"
		}
		d.Dependencies = append(d.Dependencies, codeartifact.Dependency{Namespace: one.Group, Package: one.Artifact, Type: kind, Requirement: one.Range})
	}
	return codeartifact.Description{DisplayName: p.Name, Summary: p.Description, HomePage: p.URL, SourceCode: p.SourceCode, Licenses: p.Licenses}, d
}
