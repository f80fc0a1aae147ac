package codeartifact_test

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// has tells whether a repository itself has a version.
func (w *world) has(f file) bool {
	w.t.Helper()
	_, err := w.DescribePackageVersion(w.t.Context(), &sdk.DescribePackageVersionInput{
		Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name, PackageVersion: &f.version,
	})
	if err != nil && codeOf(err) != "ResourceNotFoundException" {
		w.t.Error(err)
	}
	return err == nil
}

func (f file) in(repository string) file { f.repository = repository; return f }

func (f file) at(version string) file { f.version = version; return f }

// TestResolutionIsDepthFirst finds a version in the first repository that has it: the own
// one, then each upstream with all that is behind it before the next.
func TestResolutionIsDepthFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "deep", "second", "shared")
	w.repository("models", "first", "deep")
	w.repository("models", "main", "first", "second")
	f := file{"models", "main", "", "weights", "1", "a"}
	w.publish(f.in("second"), "second")
	w.publish(f.in("deep"), "deep")
	if content, code := w.fetch(f); content != "deep" {
		t.Errorf("%q %s", content, code)
	}
	w.publish(f.in("second").at("2"), "second")
	if content, code := w.fetch(f.at("2")); content != "second" {
		t.Errorf("%q %s", content, code)
	}
	if _, code := w.fetch(f.at("3")); code != "ResourceNotFoundException" {
		t.Error(code)
	}
}

// TestRetentionIsMostDownstream keeps what was fetched in the repository that was asked, at
// once, and not in those between; it survives the loss of its upstream.
func TestRetentionIsMostDownstream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "far")
	w.repository("models", "between", "far")
	w.repository("models", "main", "between")
	f := file{"models", "main", "", "weights", "1", "a"}
	published := w.publish(f.in("far"), "bytes")
	if w.has(f) {
		t.Error("the version is there before it was fetched")
	}
	if content, code := w.fetch(f); content != "bytes" {
		t.Fatalf("%q %s", content, code)
	}
	if !w.has(f) || w.has(f.in("between")) || !w.has(f.in("far")) {
		t.Errorf("in main %t, between %t, far %t", w.has(f), w.has(f.in("between")), w.has(f.in("far")))
	}
	out, err := w.DescribePackageVersion(t.Context(), &sdk.DescribePackageVersionInput{
		Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1"),
	})
	if err != nil || *out.PackageVersion.Revision != *published.VersionRevision || *out.PackageVersion.Origin.DomainEntryPoint.RepositoryName != "far" || out.PackageVersion.Origin.OriginType != types.PackageVersionOriginTypeInternal {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := w.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{Domain: new("models"), Repository: new("far")}); err != nil {
		t.Fatal(err)
	}
	if content, code := w.fetch(f); content != "bytes" {
		t.Errorf("%q %s", content, code)
	}
	// What came from upstream is not published here.
	_, err = w.PublishPackageVersion(t.Context(), f.at("2").publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
}

// TestArchivedDoesNotFallThrough hides a version that is archived in the repository, also if
// an upstream has it.
func TestArchivedDoesNotFallThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "far")
	w.repository("models", "main", "far")
	f := file{"models", "main", "", "weights", "1", "a"}
	w.publish(f.in("far"), "bytes")
	if content, _ := w.fetch(f); content != "bytes" {
		t.Fatal(content)
	}
	w.setStatus(f, types.PackageVersionStatusArchived)
	if content, code := w.fetch(f); code != "ResourceNotFoundException" {
		t.Errorf("%q %s", content, code)
	}
	w.setStatus(f, types.PackageVersionStatusUnlisted)
	if content, code := w.fetch(f); content != "bytes" {
		t.Errorf("%q %s", content, code)
	}
}

func (w *world) setStatus(f file, status types.PackageVersionStatus) *sdk.UpdatePackageVersionsStatusOutput {
	w.t.Helper()
	out, err := w.UpdatePackageVersionsStatus(w.t.Context(), &sdk.UpdatePackageVersionsStatusInput{
		Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name,
		Versions: []string{f.version}, TargetStatus: status,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestResolutionEndsAfter25Repositories looks no further than that.
func TestResolutionEndsAfter25Repositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "r-26")
	for i := 25; i > 0; i-- {
		w.repository("models", fmt.Sprintf("r-%d", i), fmt.Sprintf("r-%d", i+1))
	}
	f := file{"models", "r-26", "", "weights", "1", "a"}
	w.publish(f, "bytes")
	if _, code := w.fetch(f.in("r-1")); code != "ResourceNotFoundException" {
		t.Error(code)
	}
	if content, code := w.fetch(f.in("r-2")); content != "bytes" {
		t.Error(code)
	}
}
