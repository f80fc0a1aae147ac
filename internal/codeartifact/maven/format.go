package maven

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Format is the format "maven". A package is an artifact, its namespace the group.
//
// A release becomes visible when its deploy is complete: its version is Unfinished, and none
// of its files can be read, until the client sends the artifact's maven-metadata.xml, which
// tools do last. What that document says beside the versions that it completes is not taken:
// the server makes its own from the versions that there are, so that no deploy can undo what
// another one wrote.
//
// Each build of a snapshot is a version of its own, "1.0-20260102.030405-6", which is
// Unlisted; the version "1.0-SNAPSHOT" is Published and has the newest files of all builds.
// https://docs.aws.amazon.com/codeartifact/latest/ug/maven-snapshots.html
type Format struct{}

var _ codeartifact.Format = Format{}

// Name is "maven".
func (Format) Name() string { return "maven" }

// Normalize wants a group and an artifact, whose letters count as they are.
func (f Format) Normalize(namespace, name string) (codeartifact.PackageName, error) {
	for part := range strings.SplitSeq(namespace, ".") {
		if !isElement(part) {
			return codeartifact.PackageName{}, codeartifact.Invalid("'%s' cannot be the group id of a Maven package, which is its namespace.", namespace)
		}
	}
	if !isElement(name) {
		return codeartifact.PackageName{}, codeartifact.Invalid("'%s' cannot be the artifact id of a Maven package.", name)
	}
	return codeartifact.PackageName{Format: f.Name(), Namespace: namespace, Name: name}, nil
}

// NormalizeVersion leaves versions as they are: "1.0" and "1.0.0" are two to Maven's
// repositories, though they are of the same rank.
func (Format) NormalizeVersion(version string) (string, error) {
	if !isElement(version) {
		return "", codeartifact.Invalid("'%s' cannot be the version of a Maven package.", version)
	}
	return version, nil
}

// CompareVersions orders versions as Maven does.
func (Format) CompareVersions(a, b string) int { return cmp.Or(Compare(a, b), cmp.Compare(a, b)) }

// Serve answers a request for a path of the repository's layout.
func (f Format) Serve(x *codeartifact.Exchange) error {
	reads := x.Request.Method == http.MethodGet || x.Request.Method == http.MethodHead
	if !reads && x.Request.Method != http.MethodPut {
		return x.MethodNotAllowed(http.MethodGet, http.MethodHead, http.MethodPut)
	}
	parts, err := x.Parts()
	if err != nil {
		return err
	}
	p, err := ParsePath(strings.Join(parts, "/"))
	if err != nil {
		if reads {
			return x.NothingHere() // tools ask for what only some repositories have: .meta/prefixes.txt
		}
		return codeartifact.Invalid("The path cannot be published to: %v.", err)
	}
	switch {
	case reads && p.Kind == Asset:
		return f.get(x, p)
	case reads:
		return f.getMetadata(x, p)
	case p.Kind == Asset && p.Checksum != "":
		return f.putChecksum(x, p)
	case p.Kind == Asset:
		return f.put(x, p)
	case p.Checksum != "":
		// It is of the client's document, which is not kept.
		return x.Send(http.StatusOK, textType, nil)
	default:
		return f.putMetadata(x, p)
	}
}

// name is the package of a path.
func (f Format) name(p Path) codeartifact.PackageName {
	return codeartifact.PackageName{Format: f.Name(), Namespace: p.Group, Name: p.Artifact}
}
