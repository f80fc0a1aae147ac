package npm

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Publish is a document by which a client publishes a version, or changes tags and
// deprecations of those that are there.
type Publish struct {
	Name     Name
	DistTags map[string]string
	Versions map[string]json.RawMessage // the manifests
	Readme   string
	// Attached are the names of the tarballs that came with it.
	Attached []string
}

// ErrDocument says what is wrong with a published document; its text is for the client.
type ErrDocument struct{ Text string }

func (e *ErrDocument) Error() string { return e.Text }

func malformed(format string, args ...any) error { return &ErrDocument{fmt.Sprintf(format, args...)} }

// ReadPublish reads a published document, and calls tarball with the bytes of each
// attachment, which are read once and not kept. name is the one in the request's path.
// The error is tarball's, or an *ErrDocument.
func ReadPublish(r io.Reader, name Name, tarball func(name string, body io.Reader) error) (*Publish, error) {
	p := &Publish{}
	var refused error
	b, err := split(r, func(file string, body io.Reader) error {
		if slices.Contains(p.Attached, file) || len(p.Attached) >= 2 {
			refused = malformed("The document has more than one tarball.")
			return refused
		}
		p.Attached = append(p.Attached, file)
		refused = tarball(file, body)
		return refused
	})
	if _, corrupt := errors.AsType[base64.CorruptInputError](refused); corrupt || errors.Is(refused, errEnd) {
		return nil, malformed("The tarball cannot be read: %s.", refused)
	}
	if tooMuch, ok := errors.AsType[*api.Error](err); ok && refused == nil {
		refused = tooMuch // by the body
	}
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, malformed("The document cannot be read: %s.", err)
	}
	var doc struct {
		Name     string                     `json:"name"`
		DistTags map[string]string          `json:"dist-tags"`
		Versions map[string]json.RawMessage `json:"versions"`
		Readme   string                     `json:"readme"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, malformed("The document is not JSON of the form that npm publishes: %s.", err)
	}
	if doc.Name != name.String() {
		return nil, malformed("The document is of %q, and was sent to %q.", doc.Name, name)
	}
	p.Name, p.DistTags, p.Versions, p.Readme = name, doc.DistTags, doc.Versions, doc.Readme
	return p, p.check()
}

// check checks versions and tags.
func (p *Publish) check() error {
	for _, v := range slices.Sorted(maps.Keys(p.Versions)) {
		var m struct{ Name, Version string }
		if err := json.Unmarshal(p.Versions[v], &m); err != nil {
			return malformed("The manifest of version %q is not an object: %s.", v, err)
		}
		switch {
		case !ValidVersion(v):
			return malformed("%q is not a version as semver.org has them.", v)
		case m.Version != v || m.Name != p.Name.String():
			return malformed("The manifest of version %q is of %s@%s.", v, m.Name, m.Version)
		}
	}
	for tag := range p.DistTags {
		if !ValidTag(tag) {
			return malformed("%q cannot be a tag: it might be a version.", tag)
		}
	}
	return nil
}

// abbreviated are the members of a manifest that an installer needs.
var abbreviated = []string{
	"name", "version", "deprecated", "dependencies", "optionalDependencies", "devDependencies", "bundleDependencies", "bundledDependencies",
	"peerDependencies", "peerDependenciesMeta", "acceptDependencies", "bin", "directories", "dist", "engines", "_hasShrinkwrap", "hasInstallScript",
	"cpu", "os", "libc", "funding",
}

// Abbreviate returns the part of a manifest that an abbreviated packument has.
func Abbreviate(manifest []byte) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	if _, ok := m["hasInstallScript"]; !ok && hasInstallScript(m["scripts"]) {
		m["hasInstallScript"] = json.RawMessage("true")
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range abbreviated {
		v, ok := m[name]
		if !ok {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":`)
		if err := json.Compact(&b, v); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func hasInstallScript(scripts json.RawMessage) bool {
	var s map[string]json.RawMessage
	if json.Unmarshal(scripts, &s) != nil {
		return false
	}
	return s["preinstall"] != nil || s["install"] != nil || s["postinstall"] != nil
}

// Dist is what a manifest says of its tarball.
type Dist struct {
	Tarball   string `json:"tarball"`   // its URL
	Shasum    string `json:"shasum"`    // SHA-1, hexadecimal
	Integrity string `json:"integrity"` // "sha512-" and base64
}

// SetDist returns a manifest whose dist says what is true of the tarball here; what else it
// says, signatures above all, stays.
func SetDist(manifest []byte, d Dist) ([]byte, error) {
	var m, dist map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	if json.Unmarshal(m["dist"], &dist) != nil || dist == nil {
		dist = map[string]json.RawMessage{}
	}
	for name, v := range map[string]string{"tarball": d.Tarball, "shasum": d.Shasum, "integrity": d.Integrity} {
		if v == "" {
			continue
		}
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		dist[name] = b
	}
	b, err := json.Marshal(dist)
	if err != nil {
		return nil, err
	}
	m["dist"] = b
	return json.Marshal(m)
}

// ReadDist returns what a manifest says of its tarball.
func ReadDist(manifest []byte) (Dist, error) {
	var m struct{ Dist Dist }
	err := json.Unmarshal(manifest, &m)
	return m.Dist, err
}

// Deprecate returns a manifest with a message of deprecation, without one if that is "".
func Deprecate(manifest []byte, message string) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	delete(m, "deprecated")
	if message != "" {
		b, err := json.Marshal(message)
		if err != nil {
			return nil, err
		}
		m["deprecated"] = b
	}
	return json.Marshal(m)
}

// Dependency is what a package needs.
type Dependency struct {
	Name  Name
	Range string // of its versions
	Kind  string // "regular", "dev", "peer" or "optional"
}

// Dependencies returns what a manifest says that the package needs, by kind and name.
func Dependencies(manifest []byte) ([]Dependency, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	var all []Dependency
	for _, kind := range []struct{ member, name string }{
		{"dependencies", "regular"}, {"devDependencies", "dev"}, {"peerDependencies", "peer"}, {"optionalDependencies", "optional"},
	} {
		var needs map[string]any
		if json.Unmarshal(m[kind.member], &needs) != nil {
			continue
		}
		for _, text := range slices.Sorted(maps.Keys(needs)) {
			name, err := ParseName(text)
			if err != nil {
				continue
			}
			r, _ := needs[text].(string)
			all = append(all, Dependency{name, strings.TrimSpace(r), kind.name})
		}
	}
	return all, nil
}
