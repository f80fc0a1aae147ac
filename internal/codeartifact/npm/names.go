// Package npm speaks to npm, pnpm and yarn: packuments, full and abbreviated, tarballs,
// and the document by which a version is published.
package npm

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"deps.dev/util/semver"
)

// Name is the name of a package. Two names that differ in case are two packages, as old
// ones of public registries are; new ones are lower case.
type Name struct {
	Scope string // without '@', "" if there is none
	Name  string
}

func (n Name) String() string {
	if n.Scope == "" {
		return n.Name
	}
	return "@" + n.Scope + "/" + n.Name
}

// Escaped is the name as one element of a URL's path.
func (n Name) Escaped() string {
	if n.Scope == "" {
		return url.PathEscape(n.Name)
	}
	return "@" + url.PathEscape(n.Scope) + "%2f" + url.PathEscape(n.Name)
}

// ErrName says that a text is no name of a package.
var ErrName = errors.New("a package's name has up to 214 characters that need no escape in a URL, and does not begin with '.' or '_'")

// ParseName reads the name of a package. The error is ErrName.
func ParseName(text string) (Name, error) {
	var n Name
	if len(text) > 214 {
		return n, ErrName
	}
	n.Name = text
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		if n.Scope, n.Name, ok = strings.Cut(rest, "/"); !ok || !wellFormed(n.Scope) {
			return Name{}, ErrName
		}
	}
	if !wellFormed(n.Name) || n.Name == "node_modules" || n.Name == "favicon.ico" {
		return Name{}, ErrName
	}
	return n, nil
}

func wellFormed(part string) bool {
	return part != "" && part[0] != '.' && part[0] != '_' && !strings.ContainsFunc(part, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~!'()*", r))
	})
}

// New tells whether a package may be called so that is not there yet: without capitals and
// without ~'!()*, which old ones have.
func (n Name) New() bool {
	return !strings.ContainsFunc(n.Scope+n.Name, func(r rune) bool { return r >= 'A' && r <= 'Z' || strings.ContainsRune("~!'()*", r) })
}

// version is the form of a version, from semver.org.
var version = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

// ValidVersion tells whether a text is a version as semver.org has them, which is what a
// version must be that is published.
func ValidVersion(text string) bool { return len(text) <= 256 && version.MatchString(text) }

// ValidTag tells whether a text can be a dist-tag: one that could be a version or a range
// would be taken for that.
func ValidTag(text string) bool {
	if text == "" || len(text) > 214 || url.PathEscape(text) != text {
		return false
	}
	_, err := semver.NPM.ParseConstraint(text)
	return err != nil
}
