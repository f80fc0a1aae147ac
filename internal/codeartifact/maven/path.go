// Package maven speaks to mvn, gradle and their like: the layout of a repository, its
// maven-metadata.xml, which the server makes, checksums, snapshots and POMs.
package maven

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// What a path of a repository may name.
const (
	Asset            = iota // a file of a version
	ArtifactMetadata        // maven-metadata.xml of an artifact: its versions
	SnapshotMetadata        // maven-metadata.xml of a snapshot: its builds
	PluginMetadata          // maven-metadata.xml of a group: its plugins
)

// Path is what a path of a repository names.
type Path struct {
	Kind             int
	Group, Artifact  string // "org.example", "model"; of PluginMetadata the artifact is ""
	Version          string // "1.0", "1.0-SNAPSHOT"; "" for ArtifactMetadata and PluginMetadata
	File             string // the last element, without the ending of a checksum
	Checksum         string // "md5", "sha1", "sha256" or "sha512" of the file is meant; "" for the file itself
	Build            Build  // of a snapshot's file, if its name has one
	Classifier, Type string // of an Asset whose name follows the artifact's: "sources", "jar"
}

// Build is a build of a snapshot: 1.0-20260102.030405-6.
type Build struct {
	Timestamp string // yyyymmdd.hhmmss, UTC
	Number    int    // from 1 on
}

// ErrPath says that a path is none of a repository's layout.
var ErrPath = errors.New("the path is none of a Maven repository")

const metadataFile = "maven-metadata.xml"

var (
	element  = regexp.MustCompile(`^[A-Za-z0-9_.+~ -]{1,255}$`)
	building = regexp.MustCompile(`^(\d{8}\.\d{6})-(\d{1,9})`)
)

// Checksums are the endings of checksums.
var Checksums = []string{"md5", "sha1", "sha256", "sha512"}

// ParsePath reads the path of a request below a repository, "org/example/model/1.0/model-1.0.jar".
// The error is ErrPath, wrapped.
func ParsePath(path string) (Path, error) {
	var p Path
	parts := strings.Split(path, "/")
	for _, part := range parts {
		if !isElement(part) {
			return p, fmt.Errorf("%w: %q is no element of one", ErrPath, part)
		}
	}
	if len(parts) < 2 || len(path) > 1024 {
		return p, ErrPath
	}
	p.File = parts[len(parts)-1]
	for _, c := range Checksums {
		if file, ok := strings.CutSuffix(p.File, "."+c); ok && file != "" {
			p.File, p.Checksum = file, c
			break
		}
	}
	parts = parts[:len(parts)-1]
	last := parts[len(parts)-1]
	if p.File == metadataFile {
		switch {
		case len(parts) >= 3 && IsSnapshot(last):
			p.Kind, p.Version = SnapshotMetadata, last
			p.Group, p.Artifact = join(parts[:len(parts)-2]), parts[len(parts)-2]
		case len(parts) >= 2:
			p.Kind, p.Group, p.Artifact = ArtifactMetadata, join(parts[:len(parts)-1]), last
		default:
			p.Kind, p.Group = PluginMetadata, last
		}
		return p, nil
	}
	if len(parts) < 3 {
		return p, fmt.Errorf("%w: a file lies at group/artifact/version/file", ErrPath)
	}
	p.Version, p.Artifact, p.Group = last, parts[len(parts)-2], join(parts[:len(parts)-2])
	p.readFile()
	return p, nil
}

// isElement tells whether a text can be one element of a path.
func isElement(s string) bool {
	return element.MatchString(s) && s != "." && s != ".." && strings.TrimSpace(s) == s
}

func join(parts []string) string { return strings.Join(parts, ".") }

// IsSnapshot tells whether a version is one that is built again and again.
func IsSnapshot(version string) bool { return strings.HasSuffix(version, "-SNAPSHOT") }

// readFile takes the name of a version's file apart: artifact-version[-classifier].type.
func (p *Path) readFile() {
	rest, ok := strings.CutPrefix(p.File, p.Artifact+"-")
	if !ok {
		return
	}
	if after, ok := strings.CutPrefix(rest, p.Version); ok {
		p.readEnding(after)
		return
	}
	base, ok := strings.CutSuffix(p.Version, "SNAPSHOT")
	if !ok {
		return
	}
	rest, ok = strings.CutPrefix(rest, base)
	m := building.FindStringSubmatch(rest)
	if !ok || m == nil {
		return
	}
	p.Build.Timestamp = m[1]
	for _, digit := range m[2] {
		p.Build.Number = p.Build.Number*10 + int(digit-'0')
	}
	p.readEnding(rest[len(m[0]):])
}

func (p *Path) readEnding(rest string) {
	classifier, ok := strings.CutPrefix(rest, "-")
	if !ok {
		p.Type = strings.TrimPrefix(rest, ".")
		return
	}
	// A type may have a dot, as tar.gz; a classifier rarely has.
	p.Classifier, p.Type, _ = strings.Cut(classifier, ".")
}

// Kept is the version that has the file: of a snapshot the build.
func (p *Path) Kept() string {
	if p.Build == (Build{}) {
		return p.Version
	}
	return p.Build.Of(p.Version)
}

// Of is the version of a build of a snapshot.
func (b Build) Of(snapshot string) string {
	return fmt.Sprintf("%s%s-%d", strings.TrimSuffix(snapshot, "SNAPSHOT"), b.Timestamp, b.Number)
}

var built = regexp.MustCompile(`-\d{8}\.\d{6}-\d{1,9}$`)

// SnapshotOf is the snapshot that a version is a build of, "" if it is none.
func SnapshotOf(version string) string {
	at := built.FindStringIndex(version)
	if at == nil {
		return ""
	}
	return version[:at[0]] + "-SNAPSHOT"
}

// pom tells whether the file is the version's POM.
func (p *Path) pom() bool { return p.Classifier == "" && p.Type == "pom" }

// mediaType is that of the file.
func (p *Path) mediaType() string {
	switch {
	case p.pom() || strings.HasSuffix(p.File, ".xml"):
		return xmlType
	case strings.HasSuffix(p.File, ".jar"):
		return "application/java-archive"
	case strings.HasSuffix(p.File, ".module"), strings.HasSuffix(p.File, ".json"):
		return "application/json"
	case strings.HasSuffix(p.File, ".asc"):
		return textType
	}
	return "application/octet-stream"
}

const (
	xmlType  = "application/xml"
	textType = "text/plain"
)
