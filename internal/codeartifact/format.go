package codeartifact

// Format is a package format: what its names and versions mean, and how its clients speak.
// Each is a package of a folder of its own (codeartifact/pypi), which knows this package;
// this one knows no format. A format keeps nothing itself: it has no state but what is
// constant, and all that it stores, it stores by Edit.
//
// # What is kept
//
// A repository has packages, a package has versions, a version has assets (files). Beside
// that, a format may keep bytes of its own at three places, which differ in when they are
// read:
//
//   - Version.Data and Asset.Data: small JSON, part of the version's record, which each
//     listing of versions reads: what an index of all files needs of each one (requires-python,
//     yanked, a hash of the metadata).
//   - Edit.SetMetadata: up to 4 MiB for each version, read by View.Metadata: a manifest, a
//     METADATA file.
//   - Edit.SetDocument: up to 4 MiB for each package and name, read by View.Documents: dist-tags.
//
// What the API tells of a version (summary, licenses, readme, dependencies) is read from its
// metadata once, when it is published, and given to Publication.Description and .Detail.
//
// # A request
//
// The Handler finds domain, owner, format and repository in the host or the path, reads the
// token, finds the repository, and asks policy for ReadFromRepository if the method is GET
// or HEAD. Then Serve is called. Exchange.Path is what follows the endpoint, still escaped,
// without its first '/': a format splits it first and unescapes each part then, so that
// "@scope%2fname" is one part. Everything that changes something goes through Service.Change
// or Service.Publish, which ask policy for the action that they are given; a format that
// reads a large body should ask before (Exchange.Authorize), so that who may not publish
// cannot send gigabytes.
//
// Reads go through a View: one package as the clients of a repository see it, that is, with
// what its upstreams have. View.Open gives the bytes of an asset and retains its version in
// the repository; Exchange.SendAsset answers with them (HEAD, ranges, ETag, 304).
// Exchange.SendDocument answers with what is made of a view (an index, a packument): it makes
// the ETag from the change counters of the package, so a 304 costs one read of the store, and
// renders only when the package has changed since the last time.
//
// Serve returns an error to have it answered; *api.Error has its code, status and message.
// PackageNotFound, VersionNotFound, AssetNotFound, AssetConflict, VersionConflict and Invalid
// make the usual ones. A format whose clients want errors in a form of their own implements
// ErrorWriter.
//
// # A publication
//
//	staged, err := x.Stage(body)                   // streams, in bounded memory, four hashes in one pass
//	r := x.OpenStaged(staged)                      // io.ReaderAt, to read metadata from an archive
//	v, err := x.Publish(Publication{…})            // one transaction: all or nothing
//
// or, if more is to change with it (a dist-tag),
//
//	err := x.Change(PublishPackageVersion, name, func(e *Edit) error {
//		v, err := e.Publish(Publication{…})
//		…
//		e.SetDocument("dist-tags", b)
//		return nil
//	})
//
// The function of Change may run several times; it must have no effect but on its Edit.
// Origin controls are asked by Edit.Publish, so no format has to. An asset that is there
// already with the same bytes is no error and changes nothing; with others it is
// AssetConflict.
//
// # External connections
//
// A format whose packages come from outside, too, implements Importer. What an index there
// tells is kept as versions and assets with Remote set: a View shows them like all others,
// and View.Asset fetches their bytes. The URLs that a format renders are this server's own.
type Format interface {
	// Name is the format's, as the API has it: "pypi".
	Name() string
	// Normalize returns the one spelling of a package's name by which it is kept, compared
	// and listed. The error is ValidationException for what cannot be a name. The API asks
	// for every name that it is given, a format for those of its own requests.
	Normalize(namespace, name string) (PackageName, error)
	// NormalizeVersion returns the one spelling of a version. The error is
	// ValidationException.
	NormalizeVersion(version string) (string, error)
	// CompareVersions orders two versions in their one spelling: negative if a is older.
	CompareVersions(a, b string) int
	// Serve answers a request below an endpoint of the format.
	Serve(x *Exchange) error
}

// Keeper is a Format that keeps documents of a package in step with its versions, as npm's
// dist-tags. Changed is called in each change of a version that the format did not make
// itself: a copy, a retention, a change of status, a deletion.
type Keeper interface {
	Changed(e *Edit, c VersionChange) error
}

// VersionChange is what became of a version.
type VersionChange struct {
	Version  string
	From, To Status // "" for a version that was or is not there
	// Source are the documents of the package that the version was copied from, by name;
	// nil if it was not.
	Source map[string][]byte
}

// Merger is a Format whose versions go on gaining files where they came from, as those of
// PyPI do. Merge returns the version v, which a repository retained, with what the same
// version has further upstream. It may share what they have, and changes neither.
type Merger interface {
	Merge(v, further *Version) *Version
}

// Displayer is a Format that chooses which version stands for a package in
// ListPackageVersions. versions are the published ones, the newest first, and never none. Without it
// the highest version does.
type Displayer interface {
	DefaultDisplayVersion(versions []*Version, document func(name string) ([]byte, error)) (string, error)
}

// Action is a permission to change packages, as policies name it without "codeartifact:".
type Action string

// The actions that formats ask for. Reading is not among them: the Handler asks for it.
const (
	PublishPackageVersion Action = "PublishPackageVersion"
	// PutPackageMetadata is for what belongs to a package and not to a version: a dist-tag.
	PutPackageMetadata Action = "PutPackageMetadata"
	// UpdatePackageVersionsStatus is for what lists or unlists a version: a yank.
	UpdatePackageVersionsStatus Action = "UpdatePackageVersionsStatus"
	DeletePackageVersions       Action = "DeletePackageVersions"
)
