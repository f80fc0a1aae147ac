package codeartifact_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// assetBytes is what DescribeDomain says that the assets of a domain have.
func (w *world) assetBytes(domain string) int64 {
	w.t.Helper()
	out, err := w.DescribeDomain(w.t.Context(), &sdk.DescribeDomainInput{Domain: &domain})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Domain.AssetSizeBytes
}

func (f file) copying(to string, versions ...string) *sdk.CopyPackageVersionsInput {
	return &sdk.CopyPackageVersionsInput{
		Domain: &f.domain, SourceRepository: &f.repository, DestinationRepository: &to, Format: types.PackageFormatGeneric,
		Package: &f.name, Versions: versions,
	}
}

// TestAssetsAreStoredOnceForADomain counts bytes once, however many versions and
// repositories have them, until the last of them is disposed of or deleted.
func TestAssetsAreStoredOnceForADomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main", "copy")
	f := file{"models", "main", "", "weights", "1", "a"}
	want := func(n int64) {
		t.Helper()
		if got := w.assetBytes("models"); got != n {
			t.Errorf("%d bytes, want %d", got, n)
		}
	}
	w.publish(f, "0123456789")
	w.publish(f.at("2"), "0123456789")
	w.publish(f.at("3"), "01234")
	want(15)
	if _, err := w.CopyPackageVersions(t.Context(), f.copying("copy", "1", "3")); err != nil {
		t.Fatal(err)
	}
	want(15)
	dispose := func(f file) {
		t.Helper()
		out, err := w.DisposePackageVersions(t.Context(), &sdk.DisposePackageVersionsInput{
			Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name, Versions: []string{f.version},
		})
		if err != nil || out.SuccessfulVersions[f.version].Status != types.PackageVersionStatusDisposed {
			t.Errorf("%+v, %v", out, err)
		}
	}
	remove := func(f file) {
		t.Helper()
		out, err := w.DeletePackageVersions(t.Context(), &sdk.DeletePackageVersionsInput{
			Domain: &f.domain, Repository: &f.repository, Format: types.PackageFormatGeneric, Package: &f.name, Versions: []string{f.version},
		})
		if err != nil || out.SuccessfulVersions[f.version].Status != types.PackageVersionStatusDeleted {
			t.Errorf("%+v, %v", out, err)
		}
	}
	dispose(f)
	dispose(f)
	want(15)
	if _, code := w.fetch(f); code != "ResourceNotFoundException" {
		t.Error(code)
	}
	remove(f.at("2"))
	want(15)
	if content, _ := w.fetch(f.in("copy")); content != "0123456789" {
		t.Errorf("%q is left", content)
	}
	remove(f.in("copy"))
	want(5)
	if !w.has(f) {
		t.Error("the disposed version is not on record")
	}
	// What was disposed of is not published again; what was deleted may be.
	_, err := w.PublishPackageVersion(t.Context(), f.publishing([]byte("new"), false))
	w.wantCode(err, "ConflictException")
	w.publish(f.at("2"), "again")
	want(10)
}

// TestStatusOfVersions changes statuses as they may change, each version on its own.
func TestStatusOfVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "", "weights", "1", "a"}
	revision := *w.publish(f, "one").VersionRevision
	w.publish(f.at("2"), "two")
	if _, err := w.PublishPackageVersion(t.Context(), f.at("3").publishing([]byte("three"), true)); err != nil {
		t.Fatal(err)
	}
	update := func(expected types.PackageVersionStatus, revisions map[string]string, to types.PackageVersionStatus, versions ...string) string {
		t.Helper()
		out, err := w.UpdatePackageVersionsStatus(t.Context(), &sdk.UpdatePackageVersionsStatusInput{
			Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"),
			Versions: versions, ExpectedStatus: expected, VersionRevisions: revisions, TargetStatus: to,
		})
		if err != nil {
			return codeOf(err)
		}
		var all []string
		for _, v := range versions {
			if e, ok := out.FailedVersions[v]; ok {
				all = append(all, string(e.ErrorCode))
			} else {
				all = append(all, string(out.SuccessfulVersions[v].Status))
			}
		}
		return strings.Join(all, " ")
	}
	archived, unlisted, published := types.PackageVersionStatusArchived, types.PackageVersionStatusUnlisted, types.PackageVersionStatusPublished
	for i, test := range []struct {
		expected  types.PackageVersionStatus
		revisions map[string]string
		to        types.PackageVersionStatus
		versions  []string
		want      string
	}{
		{"", nil, archived, []string{"1", "9"}, "Archived NOT_FOUND"},
		{published, nil, unlisted, []string{"1", "2"}, "MISMATCHED_STATUS Unlisted"},
		{"", map[string]string{"1": "other"}, published, []string{"1"}, "MISMATCHED_REVISION"},
		{"", map[string]string{"1": revision}, published, []string{"1"}, "Published"},
		{"", nil, published, []string{"3"}, "Published"},
		{"", nil, types.PackageVersionStatusDisposed, []string{"1"}, "ValidationException"},
		{"", nil, types.PackageVersionStatusUnfinished, []string{"1"}, "ValidationException"},
	} {
		if got := update(test.expected, test.revisions, test.to, test.versions...); got != test.want {
			t.Errorf("%d: %s, want %s", i, got, test.want)
		}
	}
	if _, err := w.DisposePackageVersions(t.Context(), &sdk.DisposePackageVersionsInput{
		Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), Versions: []string{"2"},
	}); err != nil {
		t.Fatal(err)
	}
	if got := update("", nil, published, "2"); got != "NOT_ALLOWED" {
		t.Error(got)
	}
}

// TestListingVersions lists, filters and sorts versions, and pages them.
func TestListingVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "", "weights", "", "a"}
	for i := range 9 {
		w.publish(f.at(fmt.Sprintf("1.%d", 8-i)), fmt.Sprint(i))
		w.advance(1e9)
	}
	w.setStatus(f.at("1.8"), types.PackageVersionStatusUnlisted)
	list := func(change func(*sdk.ListPackageVersionsInput)) (names []string, display string) {
		t.Helper()
		in := &sdk.ListPackageVersionsInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), MaxResults: new(int32(4))}
		change(in)
		p := sdk.NewListPackageVersionsPaginator(w.Client, in)
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range page.Versions {
				names = append(names, *v.Version)
			}
			display = *page.DefaultDisplayVersion
		}
		return names, display
	}
	names, display := list(func(*sdk.ListPackageVersionsInput) {})
	if len(names) != 9 || names[0] != "1.8" || display != "1.7" {
		t.Error(names, display)
	}
	names, _ = list(func(in *sdk.ListPackageVersionsInput) { in.SortBy = types.PackageVersionSortTypePublishedTime })
	if len(names) != 9 || names[0] != "1.0" || names[8] != "1.8" {
		t.Error(names)
	}
	names, _ = list(func(in *sdk.ListPackageVersionsInput) { in.Status = types.PackageVersionStatusUnlisted })
	if len(names) != 1 || names[0] != "1.8" {
		t.Error(names)
	}
	names, _ = list(func(in *sdk.ListPackageVersionsInput) { in.OriginType = types.PackageVersionOriginTypeExternal })
	if len(names) != 0 {
		t.Error(names)
	}
	names, _ = list(func(in *sdk.ListPackageVersionsInput) { in.OriginType = types.PackageVersionOriginTypeInternal })
	if len(names) != 9 {
		t.Error(names)
	}
	_, err := w.ListPackageVersions(t.Context(), &sdk.ListPackageVersionsInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("absent")})
	w.wantCode(err, "ResourceNotFoundException")
}

// TestPackages lists, describes and deletes packages, and sets their origin controls.
func TestPackages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	for _, name := range []string{"alpha", "beta", "betaine"} {
		w.publish(file{"models", "main", "", name, "1", "a"}, name)
		w.publish(file{"models", "main", "space", name, "1", "a"}, name)
	}
	list := func(in sdk.ListPackagesInput) string {
		t.Helper()
		in.Domain, in.Repository, in.MaxResults = new("models"), new("main"), new(int32(2))
		var names []string
		p := sdk.NewListPackagesPaginator(w.Client, &in)
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range page.Packages {
				name := *x.Package
				if x.Namespace != nil {
					name = *x.Namespace + "/" + name
				}
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	for want, in := range map[string]sdk.ListPackagesInput{
		"alpha beta betaine space/alpha space/beta space/betaine": {},
		"space/alpha space/beta space/betaine":                    {Format: types.PackageFormatGeneric, Namespace: new("space")},
		"beta betaine space/beta space/betaine":                   {PackagePrefix: new("beta")},
		"space/betaine":                                           {Format: types.PackageFormatGeneric, Namespace: new("space"), PackagePrefix: new("betai")},
		"":                                                        {Format: types.PackageFormatNpm},
	} {
		if got := list(in); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	_, err := w.PutPackageOriginConfiguration(t.Context(), &sdk.PutPackageOriginConfigurationInput{
		Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("alpha"),
		Restrictions: &types.PackageOriginRestrictions{Publish: types.AllowPublishBlock, Upstream: types.AllowUpstreamAllow},
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.DescribePackage(t.Context(), &sdk.DescribePackageInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("alpha")})
	if err != nil || out.Package.OriginConfiguration.Restrictions.Publish != types.AllowPublishBlock {
		t.Errorf("%+v, %v", out, err)
	}
	if got := list(sdk.ListPackagesInput{Publish: types.AllowPublishBlock}); got != "alpha" {
		t.Error(got)
	}
	_, err = w.PublishPackageVersion(t.Context(), file{"models", "main", "", "alpha", "2", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
	deleted, err := w.DeletePackage(t.Context(), &sdk.DeletePackageInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("alpha")})
	if err != nil || *deleted.DeletedPackage.Package != "alpha" {
		t.Errorf("%+v, %v", deleted, err)
	}
	_, err = w.DescribePackage(t.Context(), &sdk.DescribePackageInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("alpha")})
	w.wantCode(err, "ResourceNotFoundException")
	w.publish(file{"models", "main", "", "alpha", "2", "a"}, "x") // its controls are gone, too
}

// TestAssetsOfAVersion lists assets with their four hashes, by name and in pages.
func TestAssetsOfAVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	f := file{"models", "main", "", "weights", "1", ""}
	for _, name := range []string{"c", "a", "d", "b"} {
		f.asset = name
		if _, err := w.PublishPackageVersion(t.Context(), f.publishing([]byte("abc"), true)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	p := sdk.NewListPackageVersionAssetsPaginator(w.Client, &sdk.ListPackageVersionAssetsInput{
		Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1"), MaxResults: new(int32(3)),
	})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Assets {
			names = append(names, *a.Name)
			if a.Hashes["MD5"] != "900150983cd24fb0d6963f7d28e17f72" || a.Hashes["SHA-1"] != "a9993e364706816aba3e25717850c26c9cd0d89d" ||
				a.Hashes["SHA-256"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || !strings.HasPrefix(a.Hashes["SHA-512"], "ddaf35a193617aba") {
				t.Error(a.Hashes)
			}
		}
	}
	if strings.Join(names, "") != "abcd" {
		t.Error(names)
	}
	_, err := w.GetPackageVersionReadme(t.Context(), &sdk.GetPackageVersionReadmeInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1")})
	w.wantCode(err, "ResourceNotFoundException")
	out, err := w.ListPackageVersionDependencies(t.Context(), &sdk.ListPackageVersionDependenciesInput{Domain: new("models"), Repository: new("main"), Format: types.PackageFormatGeneric, Package: new("weights"), PackageVersion: new("1")})
	if err != nil || len(out.Dependencies) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestCopyIsAllOrNothing copies versions with their revisions; if one cannot be copied, none
// is, and each has its reason.
func TestCopyIsAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "far", "target")
	w.repository("models", "main", "far")
	f := file{"models", "main", "", "weights", "1", "a"}
	revision := *w.publish(f, "one").VersionRevision
	w.publish(f.at("2"), "two")
	w.publish(f.at("2").in("target"), "another two")
	outcome := func(in *sdk.CopyPackageVersionsInput, versions ...string) string {
		t.Helper()
		out, err := w.CopyPackageVersions(t.Context(), in)
		if err != nil {
			return codeOf(err)
		}
		var all []string
		for _, v := range versions {
			if e, ok := out.FailedVersions[v]; ok {
				all = append(all, string(e.ErrorCode))
			} else if s, ok := out.SuccessfulVersions[v]; ok {
				all = append(all, string(s.Status))
			}
		}
		return strings.Join(all, " ")
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	want(outcome(f.copying("target", "1", "2", "3"), "1", "2", "3"), "SKIPPED ALREADY_EXISTS NOT_FOUND")
	if w.has(f.in("target")) {
		t.Error("a version was copied though others could not be")
	}
	in := f.copying("target")
	in.VersionRevisions = map[string]string{"1": "other"}
	want(outcome(in, "1"), "MISMATCHED_REVISION")
	in.VersionRevisions = map[string]string{"1": revision}
	want(outcome(in, "1"), "Published")
	want(outcome(in, "1"), "Published") // once more: it is there
	in = f.copying("target", "1", "2")
	in.AllowOverwrite = new(true)
	want(outcome(in, "1", "2"), "Published Published")
	if content, _ := w.fetch(f.at("2").in("target")); content != "two" {
		t.Errorf("%q is there", content)
	}
	in.VersionRevisions = map[string]string{"1": revision}
	want(outcome(in), "ValidationException")
	want(outcome(f.copying("target")), "ValidationException")
	want(outcome(f.copying("main", "1")), "ValidationException")
	want(outcome(f.copying("absent", "1")), "ResourceNotFoundException")

	// Upstreams are looked at only if that is asked for.
	g := file{"models", "far", "", "upstream", "1", "a"}
	w.publish(g, "far")
	g.repository = "main"
	want(outcome(g.copying("target", "1"), "1"), "ResourceNotFoundException")
	in = g.copying("target", "1")
	in.IncludeFromUpstream = new(true)
	want(outcome(in, "1"), "Published")
	if w.has(g) || !w.has(g.in("target")) {
		t.Error("the version is not in the target alone")
	}
}
