package codeartifact_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// TestWhatEachStatusLetsSee has a version of each status in an upstream: whether tools are
// shown it, and whether its bytes can be had; and which of them come back.
func TestWhatEachStatusLetsSee(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	ctx, domain, team, format, name := t.Context(), new("models"), new("between"), types.PackageFormatRuby, new("own")
	for _, v := range []string{"published", "unlisted", "archived", "disposed", "deleted"} {
		if status := o.put("between", "file/own/"+v+"/x", v); status != 200 {
			t.Fatal(status)
		}
	}
	set := func(version string, to types.PackageVersionStatus) {
		t.Helper()
		out, err := o.UpdatePackageVersionsStatus(ctx, &sdk.UpdatePackageVersionsStatusInput{
			Domain: domain, Repository: team, Format: format, Package: name, Versions: []string{version}, TargetStatus: to,
		})
		if err != nil || len(out.FailedVersions) > 0 {
			t.Fatalf("%s: %+v, %v", version, out, err)
		}
	}
	set("unlisted", types.PackageVersionStatusUnlisted)
	set("archived", types.PackageVersionStatusArchived)
	if _, err := o.DisposePackageVersions(ctx, &sdk.DisposePackageVersionsInput{Domain: domain, Repository: team, Format: format, Package: name, Versions: []string{"disposed"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.DeletePackageVersions(ctx, &sdk.DeletePackageVersionsInput{Domain: domain, Repository: team, Format: format, Package: name, Versions: []string{"deleted"}}); err != nil {
		t.Fatal(err)
	}
	want := func(listed string, downloadable map[string]bool) {
		t.Helper()
		_, index := o.ask("team", "index/own")
		if got := strings.Join(strings.Fields(index), " "); got != listed {
			t.Errorf("the index has %q, want %q", got, listed)
		}
		for version, there := range downloadable {
			status, body := o.ask("team", "file/own/"+version+"/x")
			if there != (status == 200 && body == version) || !there && status != 404 {
				t.Errorf("%s: %d %q", version, status, body)
			}
		}
	}
	want("published/x", map[string]bool{"published": true, "unlisted": true, "archived": false, "disposed": false, "deleted": false})

	// What is archived comes back; of what was disposed the record stays, of what was deleted
	// nothing.
	set("archived", types.PackageVersionStatusPublished)
	want("archived/x published/x", map[string]bool{"archived": true})
	describe := func(version string) (types.PackageVersionStatus, error) {
		out, err := o.DescribePackageVersion(ctx, &sdk.DescribePackageVersionInput{Domain: domain, Repository: team, Format: format, Package: name, PackageVersion: &version})
		if err != nil {
			return "", err
		}
		return out.PackageVersion.Status, nil
	}
	if status, err := describe("disposed"); err != nil || status != types.PackageVersionStatusDisposed {
		t.Error(status, err)
	}
	_, err := describe("deleted")
	o.wantCode(err, "ResourceNotFoundException")
	if status := o.put("between", "file/own/disposed/x", "disposed"); status != 409 {
		t.Errorf("a disposed version is published again: %d", status)
	}
	if status := o.put("between", "file/own/deleted/x", "deleted"); status != 200 {
		t.Errorf("a deleted version is not published again: %d", status)
	}

	// A version that is unfinished can be read, and is not shown until it is finished.
	f := file{"models", "between", "", "weights", "1", "a"}
	publish := func(asset string, unfinished bool) {
		t.Helper()
		f.asset = asset
		if _, err := o.PublishPackageVersion(ctx, f.publishing([]byte(asset), unfinished)); err != nil {
			t.Fatal(err)
		}
	}
	status := func() types.PackageVersionStatus {
		t.Helper()
		out, err := o.ListPackageVersions(ctx, &sdk.ListPackageVersionsInput{Domain: domain, Repository: team, Format: types.PackageFormatGeneric, Package: &f.name})
		if err != nil || len(out.Versions) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Versions[0].Status
	}
	publish("a", true)
	if content, code := o.fetch(f); content != "a" || status() != types.PackageVersionStatusUnfinished {
		t.Error(content, code, status())
	}
	publish("b", false)
	if status() != types.PackageVersionStatusPublished {
		t.Error(status())
	}
}

// TestTheFirstVersionDecidesOriginControls reads the controls of a package that was published
// first, and of one that was ingested first.
func TestTheFirstVersionDecidesOriginControls(t *testing.T) {
	t.Parallel()
	o := newOuter(t)
	o.public.set(func() { o.public.files["theirs/1.0/x"] = "x" })
	if status := o.put("team", "file/ours/1.0/x", "x"); status != 200 {
		t.Fatal(status)
	}
	o.want("team", "file/theirs/1.0/x", 200, "x")
	for name, want := range map[string]types.PackageOriginRestrictions{
		"ours":   {Publish: types.AllowPublishAllow, Upstream: types.AllowUpstreamBlock},
		"theirs": {Publish: types.AllowPublishBlock, Upstream: types.AllowUpstreamAllow},
	} {
		out, err := o.DescribePackage(t.Context(), &sdk.DescribePackageInput{Domain: new("models"), Repository: new("team"), Format: types.PackageFormatRuby, Package: &name})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.Package.OriginConfiguration.Restrictions; got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// Every publication is checked, by whatever way it comes.
	if status := o.put("team", "file/theirs/2.0/x", "x"); status != 409 {
		t.Errorf("a version was published to what was ingested: %d", status)
	}
}
