package npm_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

func (w *world) delete(repository, name string, versions ...string) {
	w.t.Helper()
	out, err := w.DeletePackageVersions(w.t.Context(), &sdk.DeletePackageVersionsInput{
		Domain: new("models"), Repository: &repository, Format: types.PackageFormatNpm, Package: &name, Versions: versions,
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

func (w *world) status(repository, name, version string, status types.PackageVersionStatus) {
	w.t.Helper()
	out, err := w.UpdatePackageVersionsStatus(w.t.Context(), &sdk.UpdatePackageVersionsStatusInput{
		Domain: new("models"), Repository: &repository, Format: types.PackageFormatNpm, Package: &name, Versions: []string{version}, TargetStatus: status,
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

func (w *world) copy(from, to, name string, versions ...string) {
	w.t.Helper()
	out, err := w.CopyPackageVersions(w.t.Context(), &sdk.CopyPackageVersionsInput{
		Domain: new("models"), SourceRepository: &from, DestinationRepository: &to, Format: types.PackageFormatNpm, Package: &name, Versions: versions,
	})
	if err != nil || len(out.FailedVersions) > 0 {
		w.t.Fatal(err, out)
	}
}

// control lets versions of a package come from everywhere.
func (w *world) control(repository, name string) {
	w.t.Helper()
	_, err := w.PutPackageOriginConfiguration(w.t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: new("models"), Repository: &repository, Format: types.PackageFormatNpm, Package: &name,
		Restrictions: &types.PackageOriginRestrictions{Publish: types.AllowPublishAllow, Upstream: types.AllowUpstreamAllow},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestDistTags sets, lists and removes tags.
func TestDistTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const path = "-/package/@team%2Fmodel/dist-tags"
	w.want(404, w.do("GET", "main", path, ""))
	for _, version := range []string{"1.0.0", "2.0.0"} {
		w.publish("main", release{name: "@team/model", version: version})
	}
	etag := w.do("GET", "main", "@team%2fmodel", "").Header.Get("Etag")
	w.want(200, w.do("PUT", "main", path+"/stable", `"1.0.0"`))
	if got := w.tags("main", "@team/model"); got != `{"latest":"2.0.0","stable":"1.0.0"}` {
		t.Error(got)
	}
	if a := w.want(200, w.do("GET", "main", "@team%2fmodel", "", "If-None-Match", etag)); !strings.Contains(a.body, `"stable":"1.0.0"`) {
		t.Error(a.body)
	}
	w.want(200, w.do("PUT", "main", path+"/latest", `"1.0.0"`))
	w.want(200, w.do("DELETE", "main", path+"/stable", ""))
	if got := w.tags("main", "@team/model"); got != `{"latest":"1.0.0"}` {
		t.Error(got)
	}
	for what, a := range map[string]answer{
		"400 a version as a tag": w.do("PUT", "main", path+"/3.0.0", `"1.0.0"`), "404 no such version": w.do("PUT", "main", path+"/gone", `"3.0.0"`),
		"404 no such tag": w.do("DELETE", "main", path+"/stable", ""), "400 latest": w.do("DELETE", "main", path+"/latest", ""),
		"400 not a text": w.do("PUT", "main", path+"/next", `{}`), "405 another method": w.do("PATCH", "main", path+"/next", `"1.0.0"`),
		"404 too deep": w.do("PUT", "main", path+"/a/b", `"1.0.0"`),
	} {
		if !strings.HasPrefix(what, a.Status[:3]) || a.doc(t)["error"] == nil {
			t.Errorf("%s: %s %s", what, a.Status, a.body)
		}
	}
	w.want(200, w.do("PUT", "main", path, `{"a":"1.0.0","latest":"2.0.0"}`))
	w.want(200, w.do("POST", "main", path, `{"b":"1.0.0"}`))
	if got := w.tags("main", "@team/model"); got != `{"a":"1.0.0","b":"1.0.0","latest":"2.0.0"}` {
		t.Error(got)
	}
}

// TestLatest is there from the first version on, whatever that is tagged with, goes to what
// is published without a tag, and falls back to the newest version that is no prerelease.
func TestLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []release{{version: "1.0.0", tag: "old"}, {version: "2.0.0", tag: "next"}} {
		r.name = "model"
		w.publish("main", r)
	}
	if got := w.tags("main", "model"); got != `{"latest":"1.0.0","next":"2.0.0","old":"1.0.0"}` {
		t.Error(got)
	}
	for _, version := range []string{"10.0.0", "9.0.0", "11.0.0-rc.1"} {
		w.publish("main", release{name: "model", version: version})
	}
	if got := w.tags("main", "model"); got != `{"latest":"11.0.0-rc.1","next":"2.0.0","old":"1.0.0"}` {
		t.Error(got)
	}
	if got := w.versions("main", "model"); got != "1.0.0 2.0.0 9.0.0 10.0.0 11.0.0-rc.1" {
		t.Error(got)
	}
	w.delete("main", "model", "11.0.0-rc.1", "2.0.0")
	if got := w.tags("main", "model"); got != `{"latest":"10.0.0","old":"1.0.0"}` {
		t.Error(got)
	}
	// A version that is not listed keeps its tags, which nobody sees meanwhile.
	w.status("main", "model", "10.0.0", types.PackageVersionStatusArchived)
	if got := w.tags("main", "model"); got != `{"latest":"9.0.0","old":"1.0.0"}` {
		t.Error(got)
	}
	w.status("main", "model", "10.0.0", types.PackageVersionStatusPublished)
	if got := w.tags("main", "model"); got != `{"latest":"10.0.0","old":"1.0.0"}` {
		t.Error(got)
	}
	_, err := w.DisposePackageVersions(t.Context(), &sdk.DisposePackageVersionsInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatNpm, Package: new("model"), Versions: []string{"10.0.0", "1.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.tags("main", "model"); got != `{"latest":"9.0.0"}` {
		t.Error(got)
	}
	out, err := w.ListPackageVersions(t.Context(), &sdk.ListPackageVersionsInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatNpm, Package: new("model")})
	if err != nil || *out.DefaultDisplayVersion != "9.0.0" {
		t.Error(out, err)
	}
}

// TestStatuses lists what is published, and goes on serving the tarballs of what is unlisted
// to whom a lock file names it.
func TestStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, version := range []string{"1.0.0", "2.0.0", "3.0.0"} {
		w.publish("main", release{name: "model", version: version})
	}
	w.status("main", "model", "2.0.0", types.PackageVersionStatusUnlisted)
	w.status("main", "model", "3.0.0", types.PackageVersionStatusArchived)
	if got := w.versions("main", "model"); got != "1.0.0" {
		t.Error(got)
	}
	w.want(200, w.do("GET", "main", "model/-/model-2.0.0.tgz", ""))
	w.want(404, w.do("GET", "main", "model/-/model-3.0.0.tgz", ""))
	if got := w.tags("main", "model"); got != `{"latest":"1.0.0"}` {
		t.Error(got)
	}
}

// TestCopiesBringTheirTags sets the tags of a copied version as they are in the source.
func TestCopiesBringTheirTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "source", "target")
	w.publish("source", release{name: "model", version: "1.0.1"})
	w.want(200, w.do("PUT", "source", "-/package/model/dist-tags/beta", `"1.0.1"`))
	w.publish("source", release{name: "model", version: "1.0.2", tag: "next"})
	w.publish("target", release{name: "model", version: "1.0.0"})
	w.copy("source", "target", "model", "1.0.1")
	if got := w.tags("target", "model"); got != `{"beta":"1.0.1","latest":"1.0.1"}` {
		t.Error(got)
	}
}

// TestUpstreamTagsMerge shows the tags of a repository with those of its upstreams: where
// both have one, the upstream's counts; of two upstreams, the first one's.
func TestUpstreamTagsMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "far", "second", "first<far", "main<first,second")
	publish := func(repository, version string, tags ...string) {
		w.publish(repository, release{name: "model", version: version, tag: tags[0]})
		for _, tag := range tags[1:] {
			w.want(200, w.do("PUT", repository, "-/package/model/dist-tags/"+tag, `"`+version+`"`))
		}
		w.control(repository, "model")
	}
	publish("main", "1.0.0", "latest", "own", "a", "b", "c")
	publish("first", "2.0.0", "latest", "b", "c")
	publish("far", "3.0.0", "latest", "c")
	publish("second", "4.0.0", "latest", "a", "c")
	if got := w.tags("main", "model"); got != `{"a":"4.0.0","b":"2.0.0","c":"3.0.0","latest":"3.0.0","own":"1.0.0"}` {
		t.Error(got)
	}
	if got := w.tags("first", "model"); got != `{"b":"2.0.0","c":"3.0.0","latest":"3.0.0"}` {
		t.Error(got)
	}
	// What main has archived is not seen through it, nor are the upstream's tags of it.
	w.want(200, w.do("GET", "main", "model/-/model-3.0.0.tgz", ""))
	w.status("main", "model", "3.0.0", types.PackageVersionStatusArchived)
	if got := w.tags("main", "model"); got != `{"a":"4.0.0","b":"2.0.0","c":"2.0.0","latest":"2.0.0","own":"1.0.0"}` {
		t.Error(got)
	}
}

// TestThreeUpstreams reads through a chain of repositories, and keeps what was read, with
// its tags, in the one that was asked.
func TestThreeUpstreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "store", "shared<store", "team<shared", "main<team")
	tarball := w.publish("store", release{name: "@team/model", version: "1.0.0"})
	w.publish("store", release{name: "@team/model", version: "2.0.0", tag: "next"})
	if got := w.versions("main", "@team/model"); got != "1.0.0 2.0.0" {
		t.Error(got)
	}
	if doc := w.do("GET", "main", "@team%2fmodel/latest", "").doc(t); doc["dist"].(map[string]any)["tarball"] != w.url("main", "@team/model/-/model-1.0.0.tgz") {
		t.Error(doc)
	}
	// A tag on a version that only an upstream has retains it.
	w.want(200, w.do("PUT", "main", "-/package/@team%2fmodel/dist-tags/ours", `"1.0.0"`))
	if _, err := w.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{Domain: new("models"), Repository: new("store")}); err != nil {
		t.Fatal(err)
	}
	if a := w.want(200, w.do("GET", "main", "@team/model/-/model-1.0.0.tgz", "")); a.body != string(tarball) {
		t.Error("another tarball came")
	}
	if got := w.tags("main", "@team/model"); got != `{"latest":"1.0.0","ours":"1.0.0"}` {
		t.Error(got)
	}
	w.want(404, w.do("GET", "shared", "@team%2fmodel", ""))
}
