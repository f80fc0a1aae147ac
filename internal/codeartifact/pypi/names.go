package pypi

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"deps.dev/util/pypi"
	"deps.dev/util/semver"
)

// validName is what a project may be called (PEP 508).
var validName = regexp.MustCompile(`^([A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9])$`)

// ErrName says that a text cannot be the name of a project.
var ErrName = errors.New("a project's name consists of letters, digits, '.', '_' and '-', and begins and ends with a letter or digit")

// Normalize returns the one spelling of a project's name by which it is found: lower
// case, with a single '-' for each run of '-', '_' and '.' (PEP 503). The error is
// ErrName.
func Normalize(name string) (string, error) {
	if len(name) > 255 || !validName.MatchString(name) {
		return "", ErrName
	}
	return pypi.CanonPackageName(name), nil
}

// Distribution is what the name of a file says (PEP 427, PEP 625).
type Distribution struct {
	Project string // normalized
	Version string // normalized (PEP 440)
	Wheel   bool   // otherwise it is an sdist
}

// sdists are the endings of sdists that installers know.
var sdists = []string{".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"}

// ParseFilename reads the name of a distribution. The project's normalized name, if it is
// known, tells where the name of an old sdist ends and its version begins.
func ParseFilename(filename, project string) (Distribution, error) {
	if filename != path.Base(filename) || strings.ContainsAny(filename, "\\\x00\r\n\"<>&") || len(filename) > 255 || filename == "" || filename[0] == '.' {
		return Distribution{}, fmt.Errorf("%q cannot be the name of a distribution", filename)
	}
	if strings.HasSuffix(filename, ".whl") {
		_, err := pypi.ParseWheelName(filename)
		parts := strings.Split(filename, "-")
		if err == nil {
			return distribution(parts[0], parts[1], true)
		}
		return Distribution{}, fmt.Errorf("%q is not the name of a wheel: it is of the form name-version(-build)?-python-abi-platform.whl", filename)
	}
	for _, end := range sdists {
		stem, ok := strings.CutSuffix(filename, end)
		if !ok {
			continue
		}
		i := strings.LastIndexByte(stem, '-')
		if project != "" { // a version may have a '-', and so may a name
			i = prefixOf(stem, project)
		}
		if i < 1 {
			break
		}
		return distribution(stem[:i], stem[i+1:], false)
	}
	return Distribution{}, fmt.Errorf("%q is neither a wheel (.whl) nor an sdist (name-version.tar.gz)", filename)
}

func distribution(name, version string, wheel bool) (Distribution, error) {
	name, err := Normalize(name)
	if err != nil {
		return Distribution{}, err
	}
	version, err = Version(version)
	return Distribution{name, version, wheel}, err
}

// prefixOf returns where in the stem of a file's name a project's name ends, -1 if it does
// not begin so.
func prefixOf(stem, project string) int {
	for i := range stem {
		if stem[i] != '-' {
			continue
		}
		if name, err := Normalize(stem[:i]); err == nil && name == project {
			return i
		}
	}
	return -1
}

// pep440 is the form of a version, from the appendix of PEP 440: epoch, release,
// pre-release, post-release, development release, local part.
var pep440 = regexp.MustCompile(`(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)` +
	`(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?` +
	`(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?` +
	`(?:[-_.]?(dev)[-_.]?(\d*))?` +
	`(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)

var preReleases = map[string]string{"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

// Version returns the normal form of a version, or an error if it is none of PEP 440.
// 1.0 and 1.0.0 are equal to installers, and keep the form that they have.
func Version(v string) (string, error) {
	m := pep440.FindStringSubmatch(v)
	if len(v) > 128 || m == nil {
		return "", fmt.Errorf("%q is not a version as PEP 440 has them", v)
	}
	for i := range m {
		m[i] = strings.ToLower(m[i])
	}
	var b strings.Builder
	if epoch := integer(m[1]); epoch != "0" {
		b.WriteString(epoch + "!")
	}
	for i, part := range strings.Split(m[2], ".") {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(integer(part))
	}
	if m[3] != "" {
		b.WriteString(cmp.Or(preReleases[m[3]], m[3]) + integer(m[4]))
	}
	if m[5] != "" || m[6] != "" {
		b.WriteString(".post" + integer(m[5]+m[7]))
	}
	if m[8] != "" {
		b.WriteString(".dev" + integer(m[9]))
	}
	if m[10] != "" {
		local := strings.FieldsFunc(m[10], func(r rune) bool { return strings.ContainsRune("-_.", r) })
		for i, part := range local {
			if strings.Trim(part, "0123456789") == "" {
				local[i] = integer(part)
			}
		}
		b.WriteString("+" + strings.Join(local, "."))
	}
	return b.String(), nil
}

// integer is a number without zeros in front of it; nothing is zero.
func integer(digits string) string { return cmp.Or(strings.TrimLeft(digits, "0"), "0") }

// Same tells whether two versions are equal to installers, as 1.0 and 1.0.0 are.
func Same(a, b string) bool { return a == b || semver.PyPI.Compare(a, b) == 0 }
