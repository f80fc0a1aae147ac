package codeartifact

import (
	"encoding/json"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// Package is a package of a repository.
type Package struct {
	Name PackageName `json:"name"`
	// ID is drawn when the package is made, Changes counts its changes since: together
	// they never come again.
	ID      uint64    `json:"id"`
	Changes uint64    `json:"changes"`
	Created time.Time `json:"created"`
	Origin  Controls  `json:"origin"`
	// Remote says that the package is only known from an external connection: no version
	// of it has come yet. Such a package is seen through a View, never through the API,
	// and what it first gets decides its origin controls.
	Remote bool `json:"remote,omitempty"`
}

// Controls are a package's origin controls: whether versions may come by publication, and
// from upstreams.
type Controls struct {
	Publish  Control `json:"publish"`
	Upstream Control `json:"upstream"`
}

// Control is Allow or Block.
type Control string

// The controls.
const (
	Allow Control = "ALLOW"
	Block Control = "BLOCK"
)

// Status is that of a package version.
type Status string

// The statuses. A version that is deleted leaves no record.
const (
	Published  Status = "Published"  // listed, downloadable
	Unlisted   Status = "Unlisted"   // downloadable
	Archived   Status = "Archived"   // neither, and can come back
	Disposed   Status = "Disposed"   // its bytes are gone
	Unfinished Status = "Unfinished" // more assets are to come; downloadable
	Deleted    Status = "Deleted"
)

// Downloadable tells whether the assets of a version may be read.
func (s Status) Downloadable() bool { return s == Published || s == Unlisted || s == Unfinished }

// Version is a version of a package.
type Version struct {
	Version  string `json:"version"` // in its one spelling
	Status   Status `json:"status"`
	Revision string `json:"revision"` // another one after each change of its assets or metadata
	// Published is when its first asset came into the domain.
	Published   time.Time   `json:"published"`
	Origin      Origin      `json:"from"`
	Description Description `json:"about,omitzero"`
	Assets      []Asset     `json:"assets,omitempty"` // in the order in which they came
	// Data is what the format keeps of the version in small JSON.
	Data json.RawMessage `json:"data,omitempty"`
	// Remote says that the version is only known from an external connection: no bytes of
	// it are here. Such a version is seen through a View, never through the API.
	Remote bool `json:"remote,omitempty"`

	repository uint64 // that the record is in
}

// Origin is where a version first came into the domain.
type Origin struct {
	// Repository is the one that it was published to, Connection the external connection
	// that it was fetched through: one of them is set.
	Repository string `json:"repository,omitempty"`
	Connection string `json:"connection,omitempty"`
}

// Description is what a version says of itself, for the API.
type Description struct {
	DisplayName string    `json:"display,omitempty"`
	Summary     string    `json:"summary,omitempty"`
	HomePage    string    `json:"home,omitempty"`
	SourceCode  string    `json:"source,omitempty"` // the URL of its repository
	Licenses    []License `json:"licenses,omitempty"`
}

// License is one that a version is under.
type License struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// Detail is what a version says of itself at length.
type Detail struct {
	Readme       string       `json:"readme,omitempty"` // cut to 1 MiB
	Dependencies []Dependency `json:"dependencies,omitempty"`
}

// Dependency is a package that a version needs.
type Dependency struct {
	Namespace   string `json:"namespace,omitempty"`
	Package     string `json:"package"`
	Type        string `json:"type,omitempty"`        // in the format's words: "compile", "dev", "regular"
	Requirement string `json:"requirement,omitempty"` // a range of versions, in the format's words
}

// Asset is a file of a version.
type Asset struct {
	Name      string    `json:"name"`
	Size      int64     `json:"size"` // bytes
	Published time.Time `json:"published"`
	Hashes
	// Data is what the format keeps of the asset in small JSON.
	Data json.RawMessage `json:"data,omitempty"`
	// Remote is where the bytes are to be fetched that are not here yet; "" if they are
	// here. Of a remote asset Size may be 0 and hashes may be missing.
	Remote string `json:"remote,omitempty"`
}

// Hashes are hexadecimal, in lower case.
type Hashes struct {
	MD5    string `json:"md5,omitempty"`
	SHA1   string `json:"sha1,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	SHA512 string `json:"sha512,omitempty"`
}

// Digest is that of the bytes in the store of blobs.
func (h Hashes) Digest() blob.Digest { return blob.Digest("sha256:" + h.SHA256) }

// Asset returns an asset by its name, nil if the version has none of it.
func (v *Version) Asset(name string) *Asset {
	for i := range v.Assets {
		if v.Assets[i].Name == name {
			return &v.Assets[i]
		}
	}
	return nil
}
