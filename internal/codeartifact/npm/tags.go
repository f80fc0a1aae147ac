package npm

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// DistTags is the name of the document that has the dist-tags of a package: an object of
// versions by tag.
const DistTags = "dist-tags"

// latestTag is the tag that every package has.
const latestTag = "latest"

// maxTags is how many dist-tags a package can have in a repository.
const maxTags = 10_000

func readTags(b []byte) (map[string]string, error) {
	tags := map[string]string{}
	if b == nil {
		return tags, nil
	}
	if err := json.Unmarshal(b, &tags); err != nil {
		return nil, fmt.Errorf("npm: the dist-tags that are kept: %w", err)
	}
	return tags, nil
}

// retag changes the dist-tags of a package inside of a transaction.
func retag(e *codeartifact.Edit, change func(tags map[string]string) error) error {
	b, err := e.Document(DistTags)
	if err != nil {
		return err
	}
	tags, err := readTags(b)
	if err != nil {
		return err
	}
	before := maps.Clone(tags)
	if err := change(tags); err != nil {
		return err
	}
	switch {
	case maps.Equal(before, tags):
		return nil
	case len(tags) > maxTags:
		return codeartifact.Invalid("A package can have up to %d tags.", maxTags)
	case len(tags) == 0:
		e.SetDocument(DistTags, nil)
		return nil
	}
	if b, err = json.Marshal(tags); err != nil {
		return err
	}
	e.SetDocument(DistTags, b)
	return nil
}

// Changed keeps the tags in step with the versions: a version that comes from another
// repository brings its tags, which then have the value that they have there
// (https://docs.aws.amazon.com/codeartifact/latest/ug/npm-tags.html); tags of a version that
// goes go with it, and latest moves to the newest one that is left.
func (f Format) Changed(e *codeartifact.Edit, c codeartifact.VersionChange) error {
	source, err := readTags(c.Source[DistTags])
	if err != nil {
		return err
	}
	return retag(e, func(tags map[string]string) error {
		for tag, version := range source {
			if version == c.Version {
				tags[tag] = version
			}
		}
		if c.To != codeartifact.Deleted && c.To != codeartifact.Disposed {
			return nil
		}
		latest := tags[latestTag] == c.Version
		maps.DeleteFunc(tags, func(_, version string) bool { return version == c.Version })
		if !latest {
			return nil
		}
		all, err := e.Versions()
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(v *codeartifact.Version) bool {
			return v.Version == c.Version || v.Status != codeartifact.Published
		})
		if v := f.newest(all); v != nil {
			tags[latestTag] = v.Version
		}
		return nil
	})
}

// newest is the highest of versions that is no prerelease, or the highest one; nil of none.
func (f Format) newest(versions []*codeartifact.Version) *codeartifact.Version {
	if len(versions) == 0 {
		return nil
	}
	return slices.MaxFunc(versions, func(a, b *codeartifact.Version) int {
		if x, y := prerelease(a.Version), prerelease(b.Version); x != y {
			if x {
				return -1
			}
			return 1
		}
		return f.CompareVersions(a.Version, b.Version)
	})
}

func prerelease(version string) bool {
	version, _, _ = strings.Cut(version, "+")
	return strings.Contains(version, "-")
}

// mergeTags are the tags that clients see: those of the repository and of its upstreams,
// of which the upstream's value counts where both have a tag, and the first upstream's where
// several have it (https://docs.aws.amazon.com/codeartifact/latest/ug/npm-tags.html). A tag of
// a version that is not listed is left out. There is always a latest.
func (f Format) mergeTags(documents []codeartifact.Document, listed []*codeartifact.Version) (map[string]string, error) {
	known := map[string]bool{}
	for _, v := range listed {
		known[v.Version] = true
	}
	var merge func(depth int) (map[string]string, error)
	merge = func(depth int) (map[string]string, error) {
		tags, err := readTags(documents[0].Bytes)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(tags, func(_, version string) bool { return !known[version] })
		documents = documents[1:]
		set := map[string]bool{}
		for len(documents) > 0 && documents[0].Depth > depth {
			further, err := merge(documents[0].Depth)
			if err != nil {
				return nil, err
			}
			for tag, version := range further {
				if !set[tag] {
					tags[tag], set[tag] = version, true
				}
			}
		}
		return tags, nil
	}
	if len(documents) == 0 || documents[0].Depth > 0 {
		documents = append([]codeartifact.Document{{}}, documents...) // the repository's own are none
	}
	tags, err := merge(0)
	if err == nil && tags[latestTag] == "" {
		if v := f.newest(listed); v != nil {
			tags[latestTag] = v.Version
		}
	}
	return tags, err
}

// tags answers what is asked of -/package/<name>/dist-tags.
func (f Format) tags(x *codeartifact.Exchange, n Name, rest []string) error {
	if len(rest) > 1 {
		return x.NothingHere()
	}
	if len(rest) == 0 {
		switch x.Request.Method {
		case http.MethodGet, http.MethodHead:
			return f.listTags(x, n)
		case http.MethodPut, http.MethodPost:
			// All tags at once: those that are given are set; a PUT takes the others away.
			var given map[string]string
			if err := readJSON(x, &given); err != nil {
				return err
			}
			return f.setTags(x, n, given, x.Request.Method == http.MethodPut)
		}
		return x.MethodNotAllowed("GET", "HEAD", "PUT", "POST")
	}
	tag := rest[0]
	switch x.Request.Method {
	case http.MethodPut, http.MethodPost:
		var version string
		if err := readJSON(x, &version); err != nil {
			return err
		}
		return f.setTags(x, n, map[string]string{tag: version}, false)
	case http.MethodDelete:
		return f.removeTag(x, n, tag)
	}
	return x.MethodNotAllowed("PUT", "POST", "DELETE")
}

func (f Format) listTags(x *codeartifact.Exchange, n Name) error {
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	listed, err := view.Versions(x.Context())
	if err != nil {
		return err
	}
	documents, err := view.Documents(x.Context(), DistTags)
	if err != nil {
		return err
	}
	tags, err := f.mergeTags(documents, listed)
	if err != nil {
		return err
	}
	return sendJSON(x, http.StatusOK, tags)
}

// setTags sets tags, and takes others away if they are all that shall be. A version that an
// upstream has is retained by a tag on it.
func (f Format) setTags(x *codeartifact.Exchange, n Name, given map[string]string, all bool) error {
	if err := x.Authorize(codeartifact.PutPackageMetadata, n.pkg()); err != nil {
		return err
	}
	for tag := range given {
		if !ValidTag(tag) {
			return codeartifact.Invalid("'%s' cannot be a tag: it might be a version.", tag)
		}
	}
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	for _, version := range given {
		v, err := view.Version(x.Context(), version)
		if err != nil {
			return err
		}
		if !view.Local(v) {
			if _, _, err := view.Asset(x.Context(), version, Tarball); err != nil {
				return err
			}
		}
	}
	err = x.Change(codeartifact.PutPackageMetadata, n.pkg(), func(e *codeartifact.Edit) error {
		for _, version := range given {
			if v, err := e.Version(version); err != nil {
				return err
			} else if v == nil || !v.Status.Downloadable() {
				return codeartifact.VersionNotFound(n.pkg(), version)
			}
		}
		e.Note("distTags", given)
		return retag(e, func(tags map[string]string) error {
			if all {
				maps.DeleteFunc(tags, func(tag, _ string) bool { return tag != latestTag })
			}
			maps.Copy(tags, given)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return sendDone(x)
}

func (f Format) removeTag(x *codeartifact.Exchange, n Name, tag string) error {
	err := x.Change(codeartifact.PutPackageMetadata, n.pkg(), func(e *codeartifact.Edit) error {
		if tag == latestTag {
			return codeartifact.Invalid("The tag latest cannot be removed: every package has it. Set it to another version instead.")
		}
		e.Note("removedDistTag", tag)
		return retag(e, func(tags map[string]string) error {
			if tags[tag] == "" {
				return api.Errorf("NotFound", http.StatusNotFound, "The package %s has no tag '%s' in this repository.", n, tag)
			}
			delete(tags, tag)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return sendDone(x)
}
