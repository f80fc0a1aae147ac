package maven

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// abandoned is how long nothing of a deploy has come when another one may begin it anew, with
// other bytes. Within that time the first one has the version to itself, so that two that run
// at once cannot mix their files.
const abandoned = time.Minute

// put takes a file of a version.
func (f Format) put(x *codeartifact.Exchange, p Path) error {
	if SnapshotOf(p.Version) != "" {
		return codeartifact.Invalid("The builds of a snapshot are published below the snapshot's own version, %s.", SnapshotOf(p.Version))
	}
	if IsSnapshot(p.Version) && p.Build == (Build{}) {
		// https://docs.aws.amazon.com/codeartifact/latest/ug/maven-snapshots.html
		return codeartifact.Invalid("Invalid name for a snapshot: %s. Only unique snapshots are supported, whose files have a timestamp and a build number in their names.", p.File)
	}
	name := f.name(p)
	if err := x.Authorize(codeartifact.PublishPackageVersion, name); err != nil {
		return err
	}
	staged, err := x.Stage(x.Request.Body)
	if err != nil {
		return err
	}
	next := codeartifact.Publication{Version: p.Kept(), Unfinished: true, Assets: []codeartifact.NewAsset{{Name: p.File, Staged: staged}}}
	// Two machines that build in the same second give their builds one name: each adds its files.
	next.Append = p.Build != (Build{})
	switch {
	case p.pom():
		if err := describe(x, staged, p, &next); err != nil {
			return err
		}
	case p.Classifier == "" && p.Type == "jar":
		if plugin := pluginOf(x.OpenStaged(staged), staged.Size, p.Artifact); plugin != nil {
			next.Assets[0].Data, err = json.Marshal(assetData{Plugin: plugin})
			if err != nil {
				return err
			}
		}
	}
	err = x.Change(codeartifact.PublishPackageVersion, name, func(e *codeartifact.Edit) error {
		if err := clearWay(e, next.Version, p.File, staged); err != nil {
			return err
		}
		_, err := e.Publish(next)
		return err
	})
	if err != nil {
		return err
	}
	return x.Send(http.StatusCreated, textType, nil)
}

// describe reads a POM for what the API tells of its version. That of a build is kept: the
// snapshot takes it over when the build is complete.
func describe(x *codeartifact.Exchange, staged *codeartifact.Staged, p Path, next *codeartifact.Publication) error {
	if staged.Size > MaxDocument {
		return codeartifact.Invalid("The POM is larger than %d bytes.", MaxDocument)
	}
	text := make([]byte, staged.Size)
	if _, err := x.OpenStaged(staged).ReadAt(text, 0); err != nil && err != io.EOF {
		return err
	}
	pom, err := ReadPOM(bytes.NewReader(text))
	if err != nil {
		return codeartifact.Invalid("%s is no POM: %v.", p.File, err)
	}
	description, detail := pom.Describe()
	next.Description, next.Detail = &description, &detail
	if p.Build != (Build{}) {
		next.Metadata = text
	}
	return nil
}

// clearWay takes a file of an unfinished version away for one with other bytes, if whoever
// published it has given up. The error is ConflictException.
func clearWay(e *codeartifact.Edit, version, file string, staged *codeartifact.Staged) error {
	v, err := e.Version(version)
	if err != nil || v == nil || v.Status != codeartifact.Unfinished {
		return err
	}
	old := v.Asset(file)
	if old == nil || old.SHA256 == staged.SHA256 {
		return nil
	}
	for _, a := range v.Assets {
		if rest := abandoned - e.Time.Sub(a.Published); rest > 0 {
			return codeartifact.VersionConflict(version, "is being published: %s has come with other content. A publication that was given up can be begun anew in %d seconds, or at once when the version is deleted.", file, int(rest.Seconds())+1)
		}
	}
	// The whole version is begun anew, so that nothing of the old one stays in it.
	v.Assets = nil
	return e.Put(v)
}

// maxChecksum is how long the file of a checksum can be: some tools write the name after it.
const maxChecksum = 4 << 10

// putChecksum compares the checksum that a client has made with the file that came.
func (f Format) putChecksum(x *codeartifact.Exchange, p Path) error {
	name := f.name(p)
	if err := x.Authorize(codeartifact.PublishPackageVersion, name); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(x.Request.Body, maxChecksum))
	if err != nil {
		return err
	}
	var got string
	if fields := strings.Fields(string(body)); len(fields) > 0 {
		got = strings.ToLower(fields[0])
	}
	err = x.Change(codeartifact.PublishPackageVersion, name, func(e *codeartifact.Edit) error {
		v, err := e.Version(p.Kept())
		if err != nil {
			return err
		}
		if v == nil {
			return codeartifact.VersionNotFound(name, p.Kept())
		}
		a := v.Asset(p.File)
		if a == nil {
			return codeartifact.AssetNotFound(v.Version, p.File)
		}
		if want := checksum(a.Hashes, p.Checksum); got != want {
			return codeartifact.Invalid("The %s checksum of %s does not match: the file that was received has %s.", strings.ToUpper(p.Checksum), p.File, want)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.Send(http.StatusOK, textType, nil)
}

// putMetadata completes the versions that a client's maven-metadata.xml names. Nothing else of
// it is taken, and nothing at all of a group's, which tells plugins: the server reads that from
// their jars.
func (f Format) putMetadata(x *codeartifact.Exchange, p Path) error {
	m, err := ReadMetadata(x.Request.Body)
	if err != nil {
		return codeartifact.Invalid("The file cannot be published: %v.", err)
	}
	// The path of a group's is that of an artifact's, too: policy is asked for the package only
	// if the document is of one.
	if complete := named(m, p); len(complete) > 0 {
		err = x.Change(codeartifact.PublishPackageVersion, f.name(p), func(e *codeartifact.Edit) error {
			for _, version := range complete {
				if err := finish(e, version); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	return x.Send(http.StatusOK, textType, nil)
}

// named are the versions that a document names, as they are kept: a client's has those that
// the server told it, which are complete already, and the one that it has deployed.
func named(m *Metadata, p Path) (all []string) {
	v := m.Versioning
	if v == nil || p.Kind == PluginMetadata {
		return nil
	}
	if p.Kind == ArtifactMetadata {
		if v.Versions != nil {
			all = append(all, v.Versions.List...)
		}
		all = append(all, v.Release, v.Latest)
		all = slices.DeleteFunc(all, func(s string) bool { return !isElement(s) || IsSnapshot(s) })
	} else {
		if v.Snapshot != nil {
			all = append(all, Build{v.Snapshot.Timestamp, v.Snapshot.Number}.Of(p.Version))
		}
		if v.Builds != nil {
			for _, one := range v.Builds.List {
				all = append(all, one.Value)
			}
		}
		all = slices.DeleteFunc(all, func(s string) bool { return SnapshotOf(s) != p.Version })
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// finish makes an unfinished version what it is to be: a release is published, a build is
// unlisted and its files are those of the snapshot from now on.
func finish(e *codeartifact.Edit, version string) error {
	v, err := e.Version(version)
	if err != nil || v == nil {
		return err
	}
	snapshot := SnapshotOf(version)
	switch {
	case snapshot == "" && v.Status == codeartifact.Unfinished:
		_, err = e.Publish(codeartifact.Publication{Version: version})
		return err
	case snapshot == "" || v.Status != codeartifact.Unfinished && v.Status != codeartifact.Unlisted:
		return nil
	case v.Status == codeartifact.Unfinished:
		v.Status = codeartifact.Unlisted
		if err := e.Put(v); err != nil {
			return err
		}
	}
	return takeOver(e, snapshot, v)
}

// takeOver gives a snapshot the files of a build. A file of an older build stays if the newer
// one has none of its classifier and type: builds of several machines make one snapshot
// together, and Maven merges their metadata so. Files of a newer build, which was quicker,
// stay too.
func takeOver(e *codeartifact.Edit, snapshot string, build *codeartifact.Version) error {
	next := codeartifact.Publication{Version: snapshot, Append: true}
	newest := true
	parse := func(a codeartifact.Asset) Path {
		p := Path{Group: e.Name.Namespace, Artifact: e.Name.Name, Version: snapshot, File: a.Name}
		p.readFile()
		return p
	}
	old, err := e.Version(snapshot)
	if err != nil {
		return err
	}
	have := map[[2]string]Build{}
	if old != nil {
		if !old.Status.Downloadable() {
			return codeartifact.VersionConflict(snapshot, "has status '%s', and cannot be published again.", old.Status)
		}
		files := map[[2]string]Build{}
		for _, a := range build.Assets {
			p := parse(a)
			files[[2]string{p.Classifier, p.Type}] = p.Build
		}
		kept := old.Assets[:0]
		for _, a := range old.Assets {
			p := parse(a)
			k := [2]string{p.Classifier, p.Type}
			b, replaced := files[k]
			if replaced && newer(b, p.Build) {
				continue
			}
			newest = newest && !(p.pom() && replaced)
			have[k] = p.Build
			kept = append(kept, a)
		}
		old.Assets = kept
		if err := e.Put(old); err != nil {
			return err
		}
	}
	for _, a := range build.Assets {
		p := parse(a)
		if _, ok := have[[2]string{p.Classifier, p.Type}]; ok {
			continue
		}
		next.Assets = append(next.Assets, codeartifact.NewAsset{Name: a.Name, Staged: &codeartifact.Staged{Size: a.Size, Hashes: a.Hashes}, Data: a.Data})
	}
	text, err := e.Metadata(build.Version)
	if err != nil {
		return err
	}
	if newest && text != nil {
		if pom, err := ReadPOM(bytes.NewReader(text)); err == nil {
			description, detail := pom.Describe()
			next.Description, next.Detail = &description, &detail
		}
	}
	_, err = e.Publish(next)
	return err
}
