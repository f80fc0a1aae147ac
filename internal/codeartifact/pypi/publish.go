package pypi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// serveRoot answers at the repository's own address, where twine publishes.
func (f Format) serveRoot(x *codeartifact.Exchange) error {
	switch x.Request.Method {
	case http.MethodPost:
		return f.publish(x)
	case http.MethodGet, http.MethodHead:
		return redirect(x, "simple", "")
	}
	return x.MethodNotAllowed(http.MethodGet, http.MethodHead, http.MethodPost)
}

// publish publishes the file of a form. The same file again is answered as if it were the
// first time, other bytes under its name are refused: a file never changes.
func (f Format) publish(x *codeartifact.Exchange) error {
	var staged *codeartifact.Staged
	sum, err := blake2b.New256(nil)
	if err != nil {
		return err
	}
	u, err := ReadUpload(x.Request, func(known *Upload, body io.Reader) (err error) {
		// Who may not publish shall not send gigabytes first.
		if n, err := f.nameOf(known); err != nil {
			return err
		} else if err := x.Authorize(codeartifact.PublishPackageVersion, n); err != nil {
			return err
		}
		staged, err = x.Stage(io.TeeReader(body, sum))
		return err
	})
	if bad, ok := errors.AsType[*ErrForm](err); ok {
		return codeartifact.Invalid("%s", bad.Text)
	}
	if err != nil {
		return err
	}
	for _, d := range []struct{ name, claimed, is string }{
		{"MD5", u.MD5, staged.MD5}, {"SHA-256", u.SHA256, staged.SHA256}, {"BLAKE2", u.BLAKE2, hex.EncodeToString(sum.Sum(nil))},
	} {
		if d.claimed != "" && d.claimed != d.is {
			return codeartifact.Invalid("The %s digest of the file %s is %s, and not %s as the form says.", d.name, u.Filename, d.is, d.claimed)
		}
	}
	n, err := f.Normalize("", u.Name)
	if err != nil {
		return err
	}
	p, err := Publication(x.Context(), x.OpenStaged(staged), staged, u.Filename, n.Name, u.RequiresPython)
	if err != nil {
		return codeartifact.Invalid("The file %s cannot be published: %s.", u.Filename, err)
	}
	err = x.Change(codeartifact.PublishPackageVersion, n, func(e *codeartifact.Edit) error {
		old, err := e.Version(p.Version)
		if err != nil {
			return err
		}
		next := p
		if old != nil && !strings.HasSuffix(u.Filename, ".whl") && slices.ContainsFunc(old.Assets, isWheel) {
			// What an sdist needs may only be known when it is built: the wheel knows better.
			next.Description, next.Detail = nil, nil
		}
		_, err = e.Publish(next)
		return err
	})
	if err != nil {
		return err
	}
	return x.Send(http.StatusOK, "text/plain; charset=utf-8", []byte("OK\n"))
}

func isWheel(a codeartifact.Asset) bool { return strings.HasSuffix(a.Name, ".whl") }

// nameOf is the project that a form is about, by what has been read of it: its name, or, if
// that is to come yet, the one of the file.
func (f Format) nameOf(known *Upload) (codeartifact.PackageName, error) {
	if known.Name != "" {
		return f.Normalize("", known.Name)
	}
	d, err := ParseFilename(known.Filename, "")
	if err != nil {
		return codeartifact.PackageName{}, codeartifact.Invalid("The file's name is not valid: %s.", err)
	}
	return f.Normalize("", d.Project)
}

// Publication is what a file becomes when it is published or fetched: an asset of the
// version in its name, with what its metadata says. project is the normalized name;
// requiresPython is what the file's form or index says, for a file without metadata. The
// error is for the client; it is ErrArchive, ErrNoMetadata of a wheel, or tells that the
// metadata is of another project or version.
func Publication(ctx context.Context, r io.ReaderAt, staged *codeartifact.Staged, filename, project, requiresPython string) (codeartifact.Publication, error) {
	var none codeartifact.Publication
	d, err := ParseFilename(filename, project)
	if err != nil {
		return none, err
	}
	a := codeartifact.NewAsset{Name: filename, Staged: staged}
	p := codeartifact.Publication{Version: d.Version, Append: true}
	is := facts{RequiresPython: requiresPython}
	b, err := ReadMetadata(r, staged.Size, filename)
	switch {
	case errors.Is(err, ErrNoMetadata) && !d.Wheel: // sdists of old have none
	case err != nil:
		return none, err
	default:
		m, err := d.metadata(ctx, b)
		if err != nil {
			return none, err
		}
		if m.RequiresPython != "" {
			is.RequiresPython = m.RequiresPython
		}
		if d.Wheel { // that of an sdist may be other than that of what is built of it
			sum := sha256.Sum256(b)
			is.MetadataSHA256 = hex.EncodeToString(sum[:])
		}
		p.Description, p.Detail = m.describe()
	}
	a.Data = is.encode()
	p.Assets = []codeartifact.NewAsset{a}
	return p, nil
}

// metadata reads the metadata of a distribution, which has to be of its project and version.
func (d Distribution) metadata(ctx context.Context, b []byte) (Metadata, error) {
	m, err := ParseMetadata(ctx, b)
	if err != nil {
		return m, err
	}
	if name, err := Normalize(m.Name); err != nil || name != d.Project {
		return m, fmt.Errorf("its metadata is of the project %q", m.Name)
	}
	if version, err := Version(m.Version); err != nil || !Same(version, d.Version) {
		return m, fmt.Errorf("its metadata is of version %q", m.Version)
	}
	return m, nil
}

// describe is what the API tells of a version.
func (m *Metadata) describe() (*codeartifact.Description, *codeartifact.Detail) {
	about := &codeartifact.Description{DisplayName: m.Name, Summary: m.Summary, HomePage: m.Homepage, SourceCode: m.SourceCode}
	for _, name := range m.Licenses {
		about.Licenses = append(about.Licenses, codeartifact.License{Name: name})
	}
	at := &codeartifact.Detail{Readme: m.Description}
	for _, d := range m.Dependencies {
		at.Dependencies = append(at.Dependencies, codeartifact.Dependency{Package: d.Project, Type: "requires_dist", Requirement: d.Range})
	}
	return about, at
}
