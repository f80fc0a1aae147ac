package maven_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"

	"github.com/modelwharf/modelwharf/internal/codeartifact/maven"
)

const snapshotMetadata = "org/example/model/1.0-SNAPSHOT/maven-metadata.xml"

// newest is the build of each file that the snapshot's metadata names: "jar 1.0-…-2".
func (r *repository) newest() string {
	r.w.t.Helper()
	m, err := maven.ReadMetadata(strings.NewReader(r.want(http.StatusOK, snapshotMetadata, "")))
	must(r.w.t)(m, err)
	var all []string
	for _, b := range m.Versioning.Builds.List {
		all = append(all, strings.TrimSpace(b.Classifier+" "+b.Type)+" "+b.Value)
	}
	return fmt.Sprintf("%d: %s", m.Versioning.Snapshot.Number, strings.Join(all, ", "))
}

// TestSnapshots makes a version of each build, unlisted once it is complete, and the snapshot
// of the newest files.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	r.want(http.StatusNotFound, snapshotMetadata, "")
	r.upload("org/example/model/1.0-SNAPSHOT/model-1.0-20260102.030405-1.jar", "one")
	if got := r.statuses(); got != "1.0-20260102.030405-1 Unfinished" {
		t.Error(got)
	}
	r.want(http.StatusNotFound, snapshotMetadata, "")
	r.snapshot("20260102.030405", 1, map[string]string{".jar": "one", ".pom": pom("first"), "-sources.jar": "sources"})
	if got := r.statuses(); got != "1.0-20260102.030405-1 Unlisted, 1.0-SNAPSHOT Published" {
		t.Error(got)
	}
	r.snapshot("20260103.000000", 2, map[string]string{".jar": "two", ".pom": pom("second")})
	if got := r.statuses(); got != "1.0-20260102.030405-1 Unlisted, 1.0-20260103.000000-2 Unlisted, 1.0-SNAPSHOT Published" {
		t.Error(got)
	}
	if got, want := r.newest(), "2: jar 1.0-20260103.000000-2, pom 1.0-20260103.000000-2, sources jar 1.0-20260102.030405-1"; got != want {
		t.Error(got)
	}
	for file, want := range map[string]string{"1.0-20260102.030405-1.jar": "one", "1.0-20260103.000000-2.jar": "two", "1.0-20260102.030405-1-sources.jar": "sources"} {
		if got := r.want(http.StatusOK, "org/example/model/1.0-SNAPSHOT/model-"+file, ""); got != want {
			t.Errorf("%s: %s", file, got)
		}
		if got := r.want(http.StatusOK, "org/example/model/1.0-SNAPSHOT/model-"+file+".md5", ""); got != sum("md5", want) {
			t.Errorf("%s: %s", file, got)
		}
	}
	// A build stays what it is.
	r.want(http.StatusConflict, "org/example/model/1.0-SNAPSHOT/model-1.0-20260103.000000-2.jar", "other")
	m, err := maven.ReadMetadata(strings.NewReader(r.want(http.StatusOK, "org/example/model/maven-metadata.xml", "")))
	if err != nil || strings.Join(m.Versioning.Versions.List, " ") != "1.0-SNAPSHOT" || m.Versioning.Release != "" {
		t.Errorf("%+v %v", m, err)
	}
	out, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), PackageVersion: new("1.0-SNAPSHOT"),
	})
	if err != nil || *out.PackageVersion.Summary != "Made at second" {
		t.Errorf("%+v %v", out, err)
	}
}

// TestBuildsOutOfOrder keeps the newest files, whichever build was complete first.
func TestBuildsOutOfOrder(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	r.snapshot("20260103.000000", 2, map[string]string{".jar": "two", ".pom": pom("second")})
	r.snapshot("20260102.000000", 1, map[string]string{".jar": "one", ".pom": pom("first"), "-linux.jar": "linux"})
	if got, want := r.newest(), "2: jar 1.0-20260103.000000-2, pom 1.0-20260103.000000-2, linux jar 1.0-20260102.000000-1"; got != want {
		t.Error(got)
	}
}

// TestBuildsOfOneName takes the files of two builds that were made in the same second.
func TestBuildsOfOneName(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	r.snapshot("20260103.000000", 1, map[string]string{"-linux.jar": "linux", ".pom": pom("same")})
	r.snapshot("20260103.000000", 1, map[string]string{"-windows.jar": "windows", ".pom": pom("same")})
	if got, want := r.newest(), "1: pom 1.0-20260103.000000-1, linux jar 1.0-20260103.000000-1, windows jar 1.0-20260103.000000-1"; got != want {
		t.Error(got)
	}
	if got := r.statuses(); got != "1.0-20260103.000000-1 Unlisted, 1.0-SNAPSHOT Published" {
		t.Error(got)
	}
}

// TestConcurrentBuilds deploys builds of one snapshot at once, all with the same number, as
// clients do that read the same metadata before.
func TestConcurrentBuilds(t *testing.T) {
	t.Parallel()
	r := newWorld(t, "main").in("main")
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			r.snapshot(fmt.Sprintf("20260103.00000%d", i), 1, map[string]string{".jar": fmt.Sprint(i), ".pom": pom(fmt.Sprint(i)), fmt.Sprintf("-on%d.jar", i): "x"})
		})
	}
	done.Wait()
	got := r.newest()
	if !strings.HasPrefix(got, "1: jar 1.0-20260103.000007-1, pom 1.0-20260103.000007-1, on0 jar 1.0-20260103.000000-1, on1 jar 1.0-20260103.000001-1,") {
		t.Error(got)
	}
}

// TestSnapshotsOfUpstreams sees new builds of an upstream, though older ones were retained, and
// those that were retained when the upstream is lost.
func TestSnapshotsOfUpstreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "team", "shared", "company")
	team, company := w.in("team"), w.in("company")
	company.snapshot("20260102.000000", 1, map[string]string{".jar": "one", ".pom": pom("1")})
	if got := team.want(http.StatusOK, "org/example/model/1.0-SNAPSHOT/model-1.0-20260102.000000-1.jar", ""); got != "one" {
		t.Error(got)
	}
	company.snapshot("20260103.000000", 2, map[string]string{".jar": "two", ".pom": pom("2")})
	if got, want := team.newest(), "2: jar 1.0-20260103.000000-2, pom 1.0-20260103.000000-2"; got != want {
		t.Error(got)
	}
	must(t)(w.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{Domain: new(domain), Repository: new("company")}))
	if got, want := team.newest(), "1: jar 1.0-20260102.000000-1, pom 1.0-20260102.000000-1"; got != want {
		t.Error(got)
	}
}

// TestDeletedSnapshots are not there any more, though their builds are until they are deleted,
// too.
func TestDeletedSnapshots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "main")
	r := w.in("main")
	r.snapshot("20260102.000000", 1, map[string]string{".jar": "one", ".pom": pom("1")})
	must(t)(w.DeletePackageVersions(t.Context(), &sdk.DeletePackageVersionsInput{
		Domain: new(domain), Repository: new("main"), Format: types.PackageFormatMaven, Namespace: new("org.example"), Package: new("model"), Versions: []string{"1.0-SNAPSHOT"},
	}))
	r.want(http.StatusNotFound, snapshotMetadata, "")
	r.want(http.StatusOK, "org/example/model/1.0-SNAPSHOT/model-1.0-20260102.000000-1.jar", "")
	// The next build makes it anew.
	r.snapshot("20260103.000000", 2, map[string]string{".jar": "two", ".pom": pom("2")})
	if got, want := r.newest(), "2: jar 1.0-20260103.000000-2, pom 1.0-20260103.000000-2"; got != want {
		t.Error(got)
	}
}
