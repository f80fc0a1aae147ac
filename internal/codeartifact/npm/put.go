package npm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// maxManifest is how large a manifest can be, in bytes: what the store keeps of a version.
const maxManifest = 4 << 20

// put takes a document: one with a tarball publishes a version, one without deprecates
// versions.
func (f Format) put(x *codeartifact.Exchange, n Name) error {
	if err := x.Authorize(codeartifact.PublishPackageVersion, n.pkg()); err != nil {
		return err
	}
	var tarball *codeartifact.Staged
	doc, err := ReadPublish(x.Request.Body, n, func(file string, body io.Reader) error {
		// Beside the tarball there may be a proof of where it was built, which is not kept.
		if !strings.HasSuffix(file, ".tgz") {
			return nil
		}
		if tarball != nil {
			return malformed("The document has more than one tarball.")
		}
		staged, err := x.Stage(body)
		tarball = staged
		return err
	})
	if err == nil && tarball != nil {
		err = f.publish(x, doc, tarball)
	} else if err == nil {
		err = f.deprecate(x, doc)
	}
	if e, ok := errors.AsType[*ErrDocument](err); ok {
		return codeartifact.Invalid("%s", e.Text)
	}
	return cut(err)
}

// publish publishes the one version of a document with its tags: by one transaction.
func (f Format) publish(x *codeartifact.Exchange, doc *Publish, tarball *codeartifact.Staged) error {
	if len(doc.Versions) != 1 {
		return malformed("The document has %d versions. One is published at a time.", len(doc.Versions))
	}
	n, version := doc.Name, slices.Collect(maps.Keys(doc.Versions))[0]
	manifest := doc.Versions[version]
	for tag, to := range doc.DistTags {
		if to != version {
			return malformed("The tag '%s' is for version %q, which is not the one that is published.", tag, to)
		}
	}
	if err := verify(manifest, tarball); err != nil {
		return err
	}
	manifest, readme, err := Keep(manifest)
	if err != nil {
		return err
	}
	if readme == "" {
		readme = doc.Readme
	}
	about, err := Describe(manifest)
	if err != nil {
		return err
	}
	detail, err := Explain(manifest, readme)
	if err != nil {
		return err
	}
	err = x.Change(codeartifact.PublishPackageVersion, n.pkg(), func(e *codeartifact.Edit) error {
		if e.Package() == nil && !n.New() {
			return malformed("The name of a new package has no capitals and none of ~'!()*.")
		}
		p := codeartifact.Publication{
			Version: version, Assets: []codeartifact.NewAsset{{Name: Tarball, Staged: tarball}},
			Metadata: manifest, Description: about, Detail: detail,
		}
		if old, err := e.Version(version); err != nil {
			return err
		} else if old != nil && !old.Remote {
			// The same tarball again changes nothing of the version, whatever comes with it.
			p.Metadata, p.Description, p.Detail = nil, nil, nil
		}
		if _, err := e.Publish(p); err != nil {
			return err
		}
		return retag(e, func(tags map[string]string) error {
			maps.Copy(tags, doc.DistTags)
			if tags[latestTag] == "" {
				tags[latestTag] = version
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return sendDone(x)
}

// verify tells whether a tarball is the one that its manifest says.
func verify(manifest []byte, tarball *codeartifact.Staged) error {
	d, err := ReadDist(manifest)
	if err != nil {
		return malformed("The manifest's dist cannot be read: %s.", err)
	}
	if d.Shasum != "" && !strings.EqualFold(d.Shasum, tarball.SHA1) {
		return malformed("The tarball was damaged on its way: its SHA-1 is %s, the manifest says %s.", tarball.SHA1, d.Shasum)
	}
	// Several may be given; those of SHA-512 tell, of which one must be right.
	var told bool
	for one := range strings.FieldsSeq(d.Integrity) {
		one, _, _ = strings.Cut(one, "?")
		if one == Integrity(tarball.Hashes) {
			return nil
		}
		told = told || strings.HasPrefix(one, "sha512-")
	}
	if told {
		return malformed("The tarball was damaged on its way: its integrity is %s, the manifest says %s.", Integrity(tarball.Hashes), d.Integrity)
	}
	return nil
}

// Keep returns a manifest as it is kept, without its readme, which it returns too. The
// error is an *ErrDocument.
func Keep(manifest []byte) (kept []byte, readme string, err error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, "", malformed("The manifest is not an object: %s.", err)
	}
	_ = json.Unmarshal(m["readme"], &readme) // one that is no text is none
	delete(m, "readme")
	if kept, err = json.Marshal(m); err != nil {
		return nil, "", malformed("The manifest cannot be kept: %s.", err)
	}
	if len(kept) > maxManifest {
		return nil, "", malformed("The manifest has more than %d bytes.", maxManifest)
	}
	return kept, readme, nil
}

// deprecate sets the messages of deprecation that a document has. It has all versions that
// its sender saw; nothing else of them is taken, as others may have changed meanwhile.
func (f Format) deprecate(x *codeartifact.Exchange, doc *Publish) error {
	ctx, n := x.Context(), doc.Name
	view, err := x.View(n.pkg())
	if err != nil {
		return err
	}
	messages, err := messagesFor(ctx, view, doc)
	if err != nil {
		return err
	}
	err = x.Change(codeartifact.PublishPackageVersion, n.pkg(), func(e *codeartifact.Edit) error {
		var changed []string
		for version, message := range messages {
			v, err := e.Version(version)
			if err != nil {
				return err
			}
			kept, err := e.Metadata(version)
			if err != nil {
				return err
			}
			if v == nil || kept == nil {
				continue
			}
			if now, err := deprecated(kept); err != nil || now == message {
				continue
			}
			if kept, err = Deprecate(kept, message); err != nil {
				return err
			}
			if len(kept) > maxManifest {
				return malformed("The message is too long.")
			}
			e.SetMetadata(version, kept)
			changed = append(changed, version)
		}
		if len(changed) > 0 {
			slices.Sort(changed)
			e.Note("deprecatedVersions", changed)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return sendDone(x)
}

// messagesFor are the messages of a document for versions that the repository itself has. The
// error is of a version that is not there, or that only an upstream can deprecate.
func messagesFor(ctx context.Context, view *codeartifact.View, doc *Publish) (map[string]string, error) {
	all, err := view.Versions(ctx, codeartifact.Published, codeartifact.Unlisted, codeartifact.Unfinished)
	if err != nil {
		return nil, err
	}
	known := map[string]*codeartifact.Version{}
	for _, v := range all {
		known[v.Version] = v
	}
	messages := map[string]string{}
	for _, version := range slices.Sorted(maps.Keys(doc.Versions)) {
		message, err := deprecated(doc.Versions[version])
		if err != nil {
			return nil, malformed("The message of version %q is not a text: %s.", version, err)
		}
		v := known[version]
		if v == nil {
			return nil, codeartifact.VersionNotFound(view.Name, version)
		}
		if view.Local(v) {
			messages[version] = message
			continue
		}
		kept, err := view.Metadata(ctx, v)
		if err != nil {
			return nil, err
		}
		if now, err := deprecated(kept[0]); err != nil {
			return nil, err
		} else if now != message {
			return nil, api.Errorf("NotFound", http.StatusNotFound, "Version %s of %s is in an upstream of this repository: deprecate it there.", version, doc.Name)
		}
	}
	return messages, nil
}

// deprecated is the message of deprecation of a manifest; "" if it has none. Old clients
// write false for none.
func deprecated(manifest []byte) (message string, err error) {
	var m struct {
		Deprecated any `json:"deprecated"`
	}
	if manifest == nil {
		return "", nil
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return "", err
	}
	switch d := m.Deprecated.(type) {
	case nil:
		return "", nil
	case string:
		return d, nil
	case bool:
		if d {
			return "this version has been deprecated", nil
		}
		return "", nil
	}
	return "", fmt.Errorf("it is a %T", m.Deprecated)
}
