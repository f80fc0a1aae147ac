package pypi

import (
	"archive/tar"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"deps.dev/util/pypi"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// The limits within which archives are read.
const (
	maxMetadata = 4 << 20   // bytes of METADATA or PKG-INFO
	maxEntries  = 100_000   // of an sdist
	maxUnpacked = 256 << 20 // bytes of an sdist that are unpacked to find PKG-INFO
	maxRatio    = 200       // unpacked to packed
)

// ErrArchive says that a distribution cannot be read: it is damaged, or breaks a limit.
var ErrArchive = errors.New("the distribution is not a readable archive")

// ErrNoMetadata says that a distribution has no METADATA or PKG-INFO.
var ErrNoMetadata = errors.New("the distribution has no metadata")

// ReadMetadata returns the bytes of METADATA of a wheel, of PKG-INFO of an sdist. Not more
// than the limits above is read and unpacked, whatever the archive says of itself. The
// errors are ErrArchive and ErrNoMetadata, wrapped.
func ReadMetadata(r io.ReaderAt, size int64, filename string) ([]byte, error) {
	if strings.HasSuffix(filename, ".whl") {
		return fromZip(r, size, func(name string) bool {
			dir, base := path.Split(name)
			return base == "METADATA" && strings.HasSuffix(dir, ".dist-info/") && strings.Count(dir, "/") == 1
		})
	}
	if strings.HasSuffix(filename, ".zip") {
		return fromZip(r, size, pkgInfo)
	}
	var unpacked io.Reader
	packed := io.NewSectionReader(r, 0, size)
	switch {
	case strings.HasSuffix(filename, ".tar.gz"), strings.HasSuffix(filename, ".tgz"):
		z, err := gzip.NewReader(packed)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		unpacked = z
	case strings.HasSuffix(filename, ".tar.bz2"):
		unpacked = bzip2.NewReader(packed)
	default:
		return nil, fmt.Errorf("%w: archives of this kind are not looked into", ErrNoMetadata)
	}
	limit := min(maxUnpacked, max(size*maxRatio, 1<<20))
	return fromTar(&limited{unpacked, limit})
}

// pkgInfo tells whether a file of an sdist is its PKG-INFO, which lies in the one folder.
func pkgInfo(name string) bool {
	dir, base := path.Split(strings.TrimPrefix(name, "./"))
	return base == "PKG-INFO" && strings.Count(dir, "/") == 1
}

func fromZip(r io.ReaderAt, size int64, wanted func(string) bool) ([]byte, error) {
	b, err := codeartifact.ReadZip(r, size, wanted, maxMetadata)
	switch {
	case errors.Is(err, codeartifact.ErrZip):
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	case err != nil:
		return nil, err
	case b == nil:
		return nil, ErrNoMetadata
	}
	return b, nil
}

func fromTar(r io.Reader) ([]byte, error) {
	t := tar.NewReader(r)
	for range maxEntries {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, ErrNoMetadata
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrArchive, err)
		}
		if h.Typeflag == tar.TypeReg && pkgInfo(h.Name) {
			return readAll(t, h.Name)
		}
	}
	return nil, fmt.Errorf("%w: it has more than %d entries", ErrArchive, maxEntries)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxMetadata+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if len(b) > maxMetadata {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrArchive, name, maxMetadata)
	}
	return b, nil
}

// limited is a reader that fails, rather than ends, at its limit.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errors.New("it unpacks to more than is read")
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// Metadata is what a distribution says of itself (core metadata).
type Metadata struct {
	Name, Version  string // as written
	Summary        string
	Description    string   // the readme
	DescriptionIn  string   // its content type
	Licenses       []string // an SPDX expression, or the names of the classifiers
	Homepage       string
	SourceCode     string // the URL of its repository
	RequiresPython string
	Dependencies   []Dependency
}

// Dependency is a line of Requires-Dist.
type Dependency struct {
	Project string // normalized
	Range   string // of its versions, "" for any
	Extra   string // that asks for it, "" if it is always needed
}

// ParseMetadata reads METADATA or PKG-INFO.
func ParseMetadata(ctx context.Context, b []byte) (Metadata, error) {
	m, err := pypi.ParseMetadata(ctx, string(b))
	if err != nil {
		return Metadata{}, fmt.Errorf("the metadata cannot be read: %w", err)
	}
	out := Metadata{
		Name: m.Name, Version: m.Version, Summary: m.Summary, Description: m.Description,
		Licenses: licenses(b, m), Homepage: m.Homepage, SourceCode: link(m.ProjectURLs, "source", "repository", "github", "code"),
		RequiresPython: header(b, "requires-python"), DescriptionIn: header(b, "description-content-type"),
	}
	if out.Homepage == "" {
		out.Homepage = link(m.ProjectURLs, "home")
	}
	for _, d := range m.Dependencies {
		name, err := Normalize(d.Name)
		if err != nil {
			continue
		}
		out.Dependencies = append(out.Dependencies, Dependency{name, strings.TrimSpace(d.Constraint), extra(d.Environment)})
	}
	return out, nil
}

// licenses are what a distribution is under: the expression of PEP 639, which is exact; else
// its classifiers; else the field License, unless that is the whole text of one.
func licenses(b []byte, m pypi.Metadata) (names []string) {
	if e := header(b, "license-expression"); e != "" {
		return []string{e}
	}
	for _, c := range m.Classifiers {
		if text, ok := strings.CutPrefix(c, "License :: "); ok {
			names = append(names, text[strings.LastIndexByte(text, ':')+1:])
		}
	}
	if len(names) == 0 && m.License != "" && len(m.License) <= 100 && !strings.Contains(m.License, "\n") {
		names = []string{m.License}
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

// link returns the URL of the first of a project's links ("Label, https://…") whose label
// begins with one of the words.
func link(links []string, words ...string) string {
	for _, word := range words {
		for _, l := range links {
			label, target, _ := strings.Cut(l, ",")
			target = strings.TrimSpace(target)
			if strings.HasPrefix(strings.ToLower(strings.TrimSpace(label)), word) && (strings.HasPrefix(target, "https://") || strings.HasPrefix(target, "http://")) {
				return target
			}
		}
	}
	return ""
}

// header returns the first value of a header that is written in one line.
func header(b []byte, name string) string {
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// extra is the extra that a marker names, as in: extra == "test".
func extra(marker string) string {
	_, rest, ok := strings.Cut(marker, "extra")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " =")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return name
}
