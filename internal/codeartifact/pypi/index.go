package pypi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// readOnly refuses what is neither GET nor HEAD.
func readOnly(x *codeartifact.Exchange) error {
	if m := x.Request.Method; m != http.MethodGet && m != http.MethodHead {
		return x.MethodNotAllowed(http.MethodGet, http.MethodHead)
	}
	return nil
}

// redirect leads to the one address of an index.
func redirect(x *codeartifact.Exchange, path ...string) error {
	to := x.URL(path...)
	if q := x.Request.URL.RawQuery; q != "" {
		to += "?" + q
	}
	http.Redirect(x, x.Request, to, http.StatusMovedPermanently)
	return nil
}

// negotiate chooses the form of an index. PEP 691 lets a client also ask in the query.
func negotiate(x *codeartifact.Exchange) (kind string, err error) {
	x.Header().Set("Vary", "Accept")
	accept := x.Request.Header.Get("Accept")
	if asked := x.Request.URL.Query().Get("format"); asked != "" {
		accept = asked
	}
	if kind = Negotiate(accept); kind == "" {
		return "", api.Errorf("NotAcceptable", http.StatusNotAcceptable, "The index is there as %s, %s and text/html.", TypeJSON, TypeHTML)
	}
	return kind, nil
}

// charset is the content type of an index as it is sent: JSON has but one charset.
func charset(kind string) string {
	if kind == TypeJSON {
		return kind
	}
	return kind + "; charset=utf-8"
}

// namesAtOnce is how many names of projects are read by one transaction.
const namesAtOnce = 5000

// sendProjects answers with the names of all projects.
func sendProjects(x *codeartifact.Exchange) error {
	kind, err := negotiate(x)
	if err != nil {
		return err
	}
	var names []string
	var last *codeartifact.PackageName
	for {
		some, err := x.Packages(last, namesAtOnce)
		if err != nil {
			return err
		}
		for _, n := range some {
			names = append(names, n.Name)
		}
		if len(some) < namesAtOnce {
			break
		}
		last = &some[len(some)-1]
	}
	var body []byte
	if kind == TypeJSON {
		body = AppendProjectsJSON(nil, names)
	} else {
		body = AppendProjectsHTML(nil, names)
	}
	sum := sha256.Sum256(body)
	h := x.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Etag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Set("Content-Type", charset(kind))
	return x.SendContent(body)
}

// sendProject answers with the files of a project: those of versions that are published, and
// as yanked those that are unlisted. Links are relative to the page.
func (f Format) sendProject(x *codeartifact.Exchange, name string) error {
	n, err := f.Normalize("", name)
	if err != nil {
		return x.NothingHere()
	}
	if n.Name != name {
		return redirect(x, "simple", n.Name, "")
	}
	kind, err := negotiate(x)
	if err != nil {
		return err
	}
	view, err := x.View(n)
	if err != nil {
		return err
	}
	return x.SendDocument(view, kind, charset(kind), func(ctx context.Context) ([]byte, error) {
		versions, err := view.Versions(ctx, codeartifact.Published, codeartifact.Unlisted)
		if err != nil {
			return nil, err
		}
		p := &Project{Name: n.Name}
		for _, v := range versions {
			if len(v.Assets) == 0 {
				continue
			}
			p.Versions = append(p.Versions, v.Version)
			for i := range v.Assets {
				a := &v.Assets[i]
				p.Files = append(p.Files, fileOfAsset(v, a, escape(v.Version)+"/"+escape(a.Name)))
			}
		}
		if kind == TypeJSON {
			return p.AppendJSON(nil), nil
		}
		return p.AppendHTML(nil), nil
	})
}

// escape writes a version or a file's name into a link. Of what those may have, '+' and '!'
// alone have a meaning to some client that reads links.
func escape(s string) string {
	return strings.NewReplacer("%", "%25", "+", "%2B", "!", "%21", " ", "%20", "#", "%23", "?", "%3F", ":", "%3A").Replace(s)
}

// typeFile is the content type of files: clients know them by their names.
const typeFile = "application/octet-stream"

// sendFile answers with a file, or with its metadata.
func (f Format) sendFile(x *codeartifact.Exchange, project, version, filename string) error {
	n, err := f.Normalize("", project)
	if err != nil {
		return x.NothingHere()
	}
	version, err = Version(version)
	if err != nil {
		return x.NothingHere()
	}
	view, err := x.View(n)
	if err != nil {
		return err
	}
	if of, ok := strings.CutSuffix(filename, ".metadata"); ok {
		return sendMetadata(x, view, version, of)
	}
	return x.SendAsset(view, version, filename, typeFile)
}

// sendMetadata answers with the METADATA of a wheel (PEP 658), which is read from the wheel:
// some kilobytes of it, however large it is.
func sendMetadata(x *codeartifact.Exchange, view *codeartifact.View, version, filename string) error {
	v, err := view.Version(x.Context(), version)
	if err != nil {
		return err
	}
	a := v.Asset(filename)
	if a == nil || !fileOfAsset(v, a, "").Metadata {
		return codeartifact.AssetNotFound(version, filename+".metadata")
	}
	var b []byte
	if a.Remote != "" {
		if b, err = remoteMetadata(x.Context(), view, version, a); err != nil {
			// The wheel itself has it, too.
			if _, a, err = view.Asset(x.Context(), version, filename); err != nil {
				return err
			}
		}
	}
	if b == nil {
		b, err = ReadMetadata(x.OpenStaged(&codeartifact.Staged{Size: a.Size, Hashes: a.Hashes}), a.Size, filename)
		if err != nil {
			return fmt.Errorf("the metadata of %s: %w", filename, err)
		}
	}
	sum := sha256.Sum256(b)
	h := x.Header()
	h.Set("Etag", `"`+hex.EncodeToString(sum[:])+`"`)
	h.Set("Cache-Control", "private, max-age=3600")
	h.Set("Content-Type", typeFile)
	return x.SendContent(b)
}

// remoteMetadata reads the METADATA of a wheel whose bytes are elsewhere, without bringing
// them: the file beside it, if the index there promises one by its hash; otherwise the parts
// of the wheel that it is in. It has to be of the wheel's project and version.
func remoteMetadata(ctx context.Context, view *codeartifact.View, version string, a *codeartifact.Asset) ([]byte, error) {
	d, err := ParseFilename(a.Name, view.Name.Name)
	if err != nil {
		return nil, err
	}
	sum := readFacts(a).MetadataSHA256
	if sum != "" {
		if b, err := view.Beside(ctx, version, a.Name, ".metadata", sum); err == nil {
			_, err = d.metadata(ctx, b)
			return b, err
		}
	}
	b, err := view.Peek(ctx, version, a.Name, "METADATA", func(r io.ReaderAt, size int64) ([]byte, error) {
		return ReadMetadata(r, size, a.Name)
	})
	if err != nil {
		return nil, err
	}
	if got := sha256.Sum256(b); sum != "" && hex.EncodeToString(got[:]) != sum {
		return nil, fmt.Errorf("the metadata of %s is not what its index promises", a.Name)
	}
	_, err = d.metadata(ctx, b)
	return b, err
}
