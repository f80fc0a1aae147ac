// Package deps locks what a version of a model is built from: the versions of packages that a
// repository resolves for a requirements or lock file, with the SHA-256 of their files. A lock
// is a version of a generic package in the same repository, so it is published once, copied and
// audited like every other one; later each file can be read again and compared.
//
// It works from outside, as package tools do: by the CodeArtifact API and the repository's
// endpoints, with the rights of whoever calls.
package deps

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Schema is the version of the locks' form that this package writes and reads.
const Schema = 1

// Lock is what a model's version is built from. Its order is that of its canonical text.
type Lock struct {
	Schema       int       `json:"schemaVersion"`
	Model        string    `json:"model"`
	ModelVersion string    `json:"modelVersion"`
	Sources      []Source  `json:"sources"`
	Packages     []Package `json:"packages"`
}

// Source is a file that says what is wanted.
type Source struct {
	Name   string `json:"name"` // without its folder
	SHA256 string `json:"sha256"`
	// ResolvedBy is the tool that chose the versions: "" if the file does itself.
	ResolvedBy string `json:"resolvedBy,omitempty"`
}

// Package is a version of a package.
type Package struct {
	Format    string  `json:"format"` // "pypi", "npm"
	Namespace string  `json:"namespace,omitempty"`
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Assets    []Asset `json:"assets"`
}

// Asset is a file of a package's version.
type Asset struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// String is the package as its users write it.
func (p Package) String() string {
	name := p.Name
	if p.Namespace != "" && p.Format == "npm" {
		name = "@" + p.Namespace + "/" + name
	} else if p.Namespace != "" {
		name = p.Namespace + "/" + name
	}
	return name + " " + p.Version
}

// Text is the one form of a lock in bytes: what is locked twice alike is the same text.
func (l *Lock) Text() []byte {
	l.sort()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(l) // strings and numbers alone
	return b.Bytes()
}

func (l *Lock) sort() {
	slices.SortFunc(l.Sources, func(a, b Source) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256)) })
	slices.SortFunc(l.Packages, comparePackages)
	for _, p := range l.Packages {
		slices.SortFunc(p.Assets, func(a, b Asset) int { return cmp.Compare(a.Name, b.Name) })
	}
}

func comparePackages(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Format, b.Format), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

// Files is how many files are locked, and how many bytes they have.
func (l *Lock) Files() (n int, size int64) {
	for _, p := range l.Packages {
		for _, a := range p.Assets {
			n++
			size += a.Size
		}
	}
	return n, size
}

// Parse reads the text of a lock.
func Parse(text []byte) (*Lock, error) {
	var schema struct {
		Schema int `json:"schemaVersion"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("it is no lock: %w", err)
	}
	if schema.Schema != Schema {
		return nil, fmt.Errorf("its schemaVersion is %d, and this program knows %d alone", schema.Schema, Schema)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var l Lock
	if err := d.Decode(&l); err != nil {
		return nil, fmt.Errorf("it is no lock: %w", err)
	}
	for _, p := range l.Packages {
		if p.Format == "" || p.Name == "" || p.Version == "" {
			return nil, errors.New("it is no lock: a package has no format, name or version")
		}
		for _, a := range p.Assets {
			if sum, err := hex.DecodeString(a.SHA256); err != nil || len(sum) != 32 || a.Name == "" || a.Size < 0 {
				return nil, fmt.Errorf("it is no lock: %s has a file without name, size or SHA-256", p)
			}
		}
	}
	l.sort()
	return &l, nil
}

// Differences are what one lock has and another has not, a line each.
func Differences(from, to *Lock) (lines []string) {
	of := func(l *Lock) map[string]Package {
		all := map[string]Package{}
		for _, p := range l.Packages {
			all[p.Format+" "+p.String()] = p
		}
		return all
	}
	old, now := of(from), of(to)
	for name, p := range old {
		if other, ok := now[name]; !ok {
			lines = append(lines, "- "+name)
		} else if !slices.Equal(p.Assets, other.Assets) {
			lines = append(lines, "~ "+name+" has other files")
		}
	}
	for name := range now {
		if _, ok := old[name]; !ok {
			lines = append(lines, "+ "+name)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return cmp.Or(strings.Compare(a[2:], b[2:]), strings.Compare(a, b)) })
	if len(lines) == 0 {
		lines = append(lines, "~ it is locked from other files: "+describeSources(from)+" and not "+describeSources(to))
	}
	return lines
}

func describeSources(l *Lock) string {
	var names []string
	for _, s := range l.Sources {
		text := s.Name + " (sha256 " + s.SHA256[:min(12, len(s.SHA256))]
		if s.ResolvedBy != "" {
			text += ", resolved by " + s.ResolvedBy
		}
		names = append(names, text+")")
	}
	return strings.Join(names, ", ")
}

// Requirements is the part of a lock that pip and uv install, as they install it with
// --require-hashes.
func (l *Lock) Requirements() string {
	var b strings.Builder
	for _, p := range l.Packages {
		if p.Format != "pypi" {
			continue
		}
		fmt.Fprintf(&b, "%s==%s", p.Name, p.Version)
		for _, a := range p.Assets {
			fmt.Fprintf(&b, " \\\n    --hash=sha256:%s", a.SHA256)
		}
		b.WriteString("\n")
	}
	return b.String()
}
