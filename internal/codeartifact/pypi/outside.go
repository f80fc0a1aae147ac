package pypi

import (
	"context"
	"io"
	"net/url"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

var _ codeartifact.Importer = Format{}

// IndexPath is where a simple index has a project; the URL of a connection is that of the
// index. Of its two forms the one with sizes and times is wanted.
func (Format) IndexPath(n codeartifact.PackageName) (path, accept string) {
	return url.PathEscape(n.Name) + "/", TypeJSON + ", " + TypeHTML + ";q=0.2, " + typeText + ";q=0.1"
}

// ReadIndex reads a project's page.
func (Format) ReadIndex(n codeartifact.PackageName, index *codeartifact.Index) (*codeartifact.Imports, error) {
	p, err := ParsePage(index.Body, index.Header.Get("Content-Type"), index.URL, n.Name)
	if err != nil {
		return nil, err
	}
	return &codeartifact.Imports{Versions: p.Known()}, nil
}

// Import reads a file that was fetched as one that is published. What the index said of it
// stays: that it is yanked, and when it was uploaded.
func (Format) Import(ctx context.Context, n codeartifact.PackageName, v *codeartifact.Version, _ []byte, content io.ReaderAt, p *codeartifact.Publication) error {
	file := p.Assets[0]
	var known facts
	if a := v.Asset(file.Name); a != nil {
		known = readFacts(a)
	}
	read, err := Publication(ctx, content, file.Staged, file.Name, n.Name, known.RequiresPython)
	if err != nil {
		return err
	}
	is := readFacts(&codeartifact.Asset{Data: read.Assets[0].Data})
	known.RequiresPython, known.MetadataSHA256 = is.RequiresPython, is.MetadataSHA256
	p.Assets[0].Data = known.encode()
	if len(v.Assets) == 1 || isWheel(codeartifact.Asset{Name: file.Name}) || v.Remote {
		p.Description, p.Detail = read.Description, read.Detail
	}
	return nil
}
