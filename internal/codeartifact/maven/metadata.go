package maven

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"deps.dev/util/semver"
	"golang.org/x/text/encoding/htmlindex"
)

// MaxDocument is how many bytes a maven-metadata.xml or a POM can have. In memory it is some
// dozen times as much.
const MaxDocument = 4 << 20

// timeForm is how metadata writes a time, UTC.
const timeForm = "20060102150405"

// Metadata is maven-metadata.xml.
type Metadata struct {
	XMLName    xml.Name    `xml:"metadata"`
	Model      string      `xml:"modelVersion,attr,omitempty"`
	Group      string      `xml:"groupId,omitempty"`
	Artifact   string      `xml:"artifactId,omitempty"`
	Version    string      `xml:"version,omitempty"`
	Versioning *Versioning `xml:"versioning,omitempty"`
	Plugins    *Plugins    `xml:"plugins,omitempty"`
}

// Versioning is what metadata says of versions, or of a snapshot's builds.
type Versioning struct {
	Latest      string            `xml:"latest,omitempty"`
	Release     string            `xml:"release,omitempty"`
	Versions    *VersionList      `xml:"versions,omitempty"`
	Snapshot    *Snapshot         `xml:"snapshot,omitempty"`
	LastUpdated string            `xml:"lastUpdated,omitempty"`
	Builds      *SnapshotVersions `xml:"snapshotVersions,omitempty"`
}

// VersionList, SnapshotVersions and Plugins are lists; nil ones are not written at all.
type (
	VersionList struct {
		List []string `xml:"version"`
	}
	SnapshotVersions struct {
		List []SnapshotVersion `xml:"snapshotVersion"`
	}
	Plugins struct {
		List []Plugin `xml:"plugin"`
	}
)

// Snapshot is the newest build.
type Snapshot struct {
	Timestamp string `xml:"timestamp"`
	Number    int    `xml:"buildNumber"`
}

// SnapshotVersion is where the newest build of one of a snapshot's files is.
type SnapshotVersion struct {
	Classifier string `xml:"classifier,omitempty"`
	Type       string `xml:"extension"`
	Value      string `xml:"value"`
	Updated    string `xml:"updated"`
}

// Plugin is a plugin of a group, by which mvn knows a prefix.
type Plugin struct {
	Name     string `xml:"name,omitempty"`
	Prefix   string `xml:"prefix"`
	Artifact string `xml:"artifactId"`
}

// ReadMetadata reads maven-metadata.xml. Its reader knows no entities that a document defines.
func ReadMetadata(r io.Reader) (*Metadata, error) {
	var m Metadata
	if err := decode(r, "metadata", &m); err != nil {
		return nil, fmt.Errorf("the metadata cannot be read: %w", err)
	}
	return &m, nil
}

// decode reads a document whose outermost element has a name.
func decode(r io.Reader, root string, v any) error {
	l := &io.LimitedReader{R: r, N: MaxDocument + 1}
	d := xml.NewDecoder(l)
	d.Entity = xml.HTMLEntity // as Maven's own reader knows them
	d.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != root {
			return fmt.Errorf("it is a <%s>, and no <%s>", start.Name.Local, root)
		}
		if err = d.DecodeElement(v, &start); l.N <= 0 {
			err = errors.New("it is too large")
		}
		return err
	}
}

// Bytes is the document.
func (m *Metadata) Bytes() []byte {
	b, err := xml.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // texts and numbers always have a form
	}
	return append(append([]byte(xml.Header), b...), '\n')
}

// Compare orders versions as Maven does.
func Compare(a, b string) int { return semver.Maven.Compare(a, b) }

// Versions is the metadata of an artifact: all its versions, in Maven's order, the newest
// of them, and the newest that is no snapshot.
func Versions(group, artifact string, versions []string, updated time.Time) *Metadata {
	sorted := slices.SortedStableFunc(slices.Values(versions), func(a, b string) int { return cmp.Or(Compare(a, b), cmp.Compare(a, b)) })
	v := &Versioning{Versions: &VersionList{slices.Compact(sorted)}, LastUpdated: updated.UTC().Format(timeForm)}
	for _, version := range v.Versions.List {
		v.Latest = version
		if !IsSnapshot(version) {
			v.Release = version
		}
	}
	return &Metadata{Group: group, Artifact: artifact, Versioning: v}
}

// Builds is the metadata of a snapshot: for each of its files, by classifier and type, the
// newest build that has it. It returns nil if no file has a build in its name.
func Builds(files []Path) *Metadata {
	newest := map[[2]string]Path{}
	var last Path
	for _, f := range files {
		if f.Build == (Build{}) || f.Checksum != "" {
			continue
		}
		k := [2]string{f.Classifier, f.Type}
		if old, ok := newest[k]; !ok || newer(f.Build, old.Build) {
			newest[k] = f
		}
		if newer(f.Build, last.Build) {
			last = f
		}
	}
	if last.File == "" {
		return nil
	}
	v := &Versioning{
		Snapshot:    &Snapshot{last.Build.Timestamp, last.Build.Number},
		LastUpdated: strings.ReplaceAll(last.Build.Timestamp, ".", ""), Builds: &SnapshotVersions{},
	}
	for k, f := range newest {
		v.Builds.List = append(v.Builds.List, SnapshotVersion{
			Classifier: k[0], Type: k[1], Updated: strings.ReplaceAll(f.Build.Timestamp, ".", ""),
			Value: f.Build.Of(f.Version),
		})
	}
	slices.SortFunc(v.Builds.List, func(a, b SnapshotVersion) int {
		return cmp.Or(cmp.Compare(a.Classifier, b.Classifier), cmp.Compare(a.Type, b.Type))
	})
	return &Metadata{Model: "1.1.0", Group: last.Group, Artifact: last.Artifact, Version: last.Version, Versioning: v}
}

// newer tells whether a build came after another.
func newer(a, b Build) bool {
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Timestamp, b.Timestamp)) > 0
}
