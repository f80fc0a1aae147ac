package codeartifact

import (
	"context"
	"io"
	"net/http"
)

// Importer is a Format whose packages come through external connections too. At the other
// end is a repository of the format's own tools, which is asked as they ask it: for an index
// of the versions of a package when somebody wants to see them and what is known is not
// fresh, and for each asset when its bytes are wanted first.
type Importer interface {
	Format
	// IndexPath is where the index of a package is, below the URL of a connection, escaped;
	// accept is the header of that name for it.
	IndexPath(n PackageName) (path, accept string)
	// ReadIndex reads an index. Its body has at most MaxIndex bytes. What is wrong in one
	// version should leave that out and not all others.
	ReadIndex(n PackageName, index *Index) (*Imports, error)
	// Import completes the publication of an asset whose bytes have come, and are those
	// that the index promised: Publication has its version and the asset already; what the
	// format knows by reading it (Metadata, Description, Detail, Data) is to be added.
	// metadata is what it keeps of the version. Reading is bounded by the format. An error
	// keeps the asset out.
	Import(ctx context.Context, n PackageName, v *Version, metadata []byte, content io.ReaderAt, p *Publication) error
}

// Locator is an Importer whose index names versions without their assets, as Maven's does:
// an asset is there if there is something at its place.
type Locator interface {
	Importer
	// AssetPath is where an asset is, below the URL of a connection, escaped. What is at
	// the same path with one of the endings, if there is anything, has the hash of it in
	// hexadecimal: "sha256", "sha1".
	AssetPath(n PackageName, version, asset string) (path string, hashes []string)
}

// MaxIndex is how many bytes of an index are read.
const MaxIndex = 64 << 20

// Index is a document of another repository that names the versions of a package.
type Index struct {
	URL    string // that links in it are relative to
	Header http.Header
	Body   io.Reader
}

// Imports is what an index tells, as the format keeps it.
type Imports struct {
	// Versions have all assets that there are, each with Remote set, and with the hashes
	// that the index promises: whoever wants one gets those bytes or none. Status is
	// Published if it is "", Published the present if it is zero.
	Versions []*Version
	// Metadata is what is kept of versions, Documents what is kept of the package: see
	// Edit.SetMetadata and Edit.SetDocument.
	Metadata, Documents map[string][]byte
	// Details are what versions say of themselves at length.
	Details map[string]Detail
}
