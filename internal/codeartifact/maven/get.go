package maven

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// get answers with a file, or its checksum. Versions whose deploy is not complete are not
// there.
func (f Format) get(x *codeartifact.Exchange, p Path) error {
	view, err := x.View(f.name(p))
	if err != nil {
		return err
	}
	version := p.Kept()
	v, err := finished(x, view, version)
	if p.Build != (Build{}) && isNotFound(err) {
		// A snapshot that was copied without its builds has their files.
		version = p.Version
		v, err = finished(x, view, version)
	}
	if err != nil {
		return err
	}
	a := v.Asset(p.File)
	if a == nil {
		// Of what comes from outside only a look tells whether there is such a file.
		if _, a, err = view.Asset(x.Context(), version, p.File); err != nil {
			return err
		}
	}
	if p.Checksum != "" {
		sum := checksum(a.Hashes, p.Checksum)
		if sum == "" {
			// It is elsewhere, and only its bytes will tell.
			if _, a, err = view.Asset(x.Context(), version, p.File); err != nil {
				return err
			}
			sum = checksum(a.Hashes, p.Checksum)
		}
		return x.Send(http.StatusOK, textType, []byte(sum))
	}
	// Tools that know these headers need not ask for the checksums.
	for _, one := range []struct{ header, sum string }{
		{"X-Checksum-Md5", a.MD5}, {"X-Checksum-Sha1", a.SHA1}, {"X-Checksum-Sha256", a.SHA256}, {"X-Checksum-Sha512", a.SHA512},
	} {
		if one.sum != "" {
			x.Header().Set(one.header, one.sum)
		}
	}
	return x.SendAsset(view, version, p.File, p.mediaType())
}

// finished returns a version whose deploy is complete.
func finished(x *codeartifact.Exchange, view *codeartifact.View, version string) (*codeartifact.Version, error) {
	v, err := view.Version(x.Context(), version)
	if err == nil && v.Status == codeartifact.Unfinished {
		return nil, codeartifact.VersionNotFound(view.Name, version)
	}
	return v, err
}

func isNotFound(err error) bool {
	return err != nil && api.AsError(err).HTTPStatus() == http.StatusNotFound
}

// checksum is one of the hashes, "" if it is not known yet.
func checksum(h codeartifact.Hashes, kind string) string {
	switch kind {
	case "md5":
		return h.MD5
	case "sha1":
		return h.SHA1
	case "sha256":
		return h.SHA256
	default:
		return h.SHA512
	}
}

// getMetadata answers with the maven-metadata.xml that the server makes, or its checksum.
func (f Format) getMetadata(x *codeartifact.Exchange, p Path) error {
	if p.Kind == PluginMetadata {
		m, err := plugins(x, p.Group)
		if err != nil {
			return err
		}
		return sendMetadata(x, p, m)
	}
	view, err := x.View(f.name(p))
	if p.Kind == ArtifactMetadata && isNotFound(err) {
		// The path of an artifact's is that of a group's, too.
		m, err := plugins(x, p.Group+"."+p.Artifact)
		if err != nil {
			return err
		}
		return sendMetadata(x, p, m)
	}
	if err != nil {
		return err
	}
	render := versions
	if p.Kind == SnapshotMetadata {
		render = builds
	}
	contentType := xmlType
	if p.Checksum != "" {
		contentType = textType
	}
	return x.SendDocument(view, "metadata/"+p.Version+"/"+p.Checksum, contentType, func(ctx context.Context) ([]byte, error) {
		m, err := render(ctx, view, p)
		if err != nil {
			return nil, err
		}
		return summed(m, p.Checksum), nil
	})
}

func sendMetadata(x *codeartifact.Exchange, p Path, m *Metadata) error {
	if p.Checksum != "" {
		return x.Send(http.StatusOK, textType, summed(m, p.Checksum))
	}
	return x.Send(http.StatusOK, xmlType, m.Bytes())
}

// summed is a document, or a checksum of it.
func summed(m *Metadata, kind string) []byte {
	b := m.Bytes()
	var sum []byte
	switch kind {
	case "":
		return b
	case "md5":
		s := md5.Sum(b)
		sum = s[:]
	case "sha1":
		s := sha1.Sum(b)
		sum = s[:]
	case "sha256":
		s := sha256.Sum256(b)
		sum = s[:]
	default:
		s := sha512.Sum512(b)
		sum = s[:]
	}
	return []byte(hex.EncodeToString(sum))
}

// versions is the metadata of an artifact: of its published versions, without the builds of
// snapshots.
func versions(ctx context.Context, view *codeartifact.View, p Path) (*Metadata, error) {
	all, err := view.Versions(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	var updated time.Time
	for _, v := range all {
		if SnapshotOf(v.Version) != "" {
			continue
		}
		names = append(names, v.Version)
		for _, a := range v.Assets {
			if a.Published.After(updated) {
				updated = a.Published
			}
		}
		if v.Published.After(updated) {
			updated = v.Published
		}
	}
	if len(names) == 0 {
		return nil, codeartifact.PackageNotFound(view.Repository, view.Name)
	}
	return Versions(p.Group, p.Artifact, names, updated), nil
}

// builds is the metadata of a snapshot. If no repository has the snapshot itself any more,
// it is of the builds that were retained from one that had.
func builds(ctx context.Context, view *codeartifact.View, p Path) (*Metadata, error) {
	all, err := view.Versions(ctx, codeartifact.Published, codeartifact.Unlisted, codeartifact.Archived, codeartifact.Disposed)
	if err != nil {
		return nil, err
	}
	here := view.Repository.Name.Name
	var have []*codeartifact.Version
	if i := slices.IndexFunc(all, func(v *codeartifact.Version) bool { return v.Version == p.Version }); i >= 0 {
		have = all[i : i+1]
	} else {
		for _, v := range all {
			if SnapshotOf(v.Version) == p.Version && v.Origin.Repository != here {
				have = append(have, v)
			}
		}
	}
	var files []Path
	for _, v := range have {
		if !v.Status.Downloadable() {
			continue
		}
		for _, a := range v.Assets {
			file := Path{Group: p.Group, Artifact: p.Artifact, Version: p.Version, File: a.Name}
			file.readFile()
			files = append(files, file)
		}
	}
	m := Builds(files)
	if m == nil {
		return nil, codeartifact.VersionNotFound(view.Name, p.Version)
	}
	return m, nil
}
