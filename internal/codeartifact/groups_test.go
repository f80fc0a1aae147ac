package codeartifact_test

import (
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// group makes a package group with restrictions: "PUBLISH", "BLOCK", …
func (w *world) group(domain, pattern string, restrictions ...string) {
	w.t.Helper()
	if pattern != "/*" {
		if _, err := w.CreatePackageGroup(w.t.Context(), &sdk.CreatePackageGroupInput{Domain: &domain, PackageGroup: &pattern}); err != nil {
			w.t.Fatal(err)
		}
	}
	if len(restrictions) > 0 {
		w.restrict(domain, pattern, restrictions...)
	}
}

func (w *world) restrict(domain, pattern string, restrictions ...string) {
	w.t.Helper()
	in := &sdk.UpdatePackageGroupOriginConfigurationInput{Domain: &domain, PackageGroup: &pattern, Restrictions: map[string]types.PackageGroupOriginRestrictionMode{}}
	for i := 0; i < len(restrictions); i += 2 {
		in.Restrictions[restrictions[i]] = types.PackageGroupOriginRestrictionMode(restrictions[i+1])
	}
	if _, err := w.UpdatePackageGroupOriginConfiguration(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// associated is the pattern of the group of a generic package, and how it is associated.
func (w *world) associated(domain, namespace, name string) (string, string) {
	w.t.Helper()
	in := &sdk.GetAssociatedPackageGroupInput{Domain: &domain, Format: types.PackageFormatGeneric, Package: &name}
	if namespace != "" {
		in.Namespace = &namespace
	}
	out, err := w.GetAssociatedPackageGroup(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.PackageGroup.Pattern, string(out.AssociationType)
}

func TestPatternsOfPackageGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models")
	for _, pattern := range []string{"/generic/*", "/generic/com.acme~", "/generic/com.acme/*", "/generic/com.acme/ui~", "/generic/com.acme/ui-core$", "/generic//*", "/generic//solo$"} {
		w.group("models", pattern)
	}
	for _, malformed := range []string{"generic/*", "/", "/generic", "/generic/", "/generic~", "/generic/x$", "/generic/a/b/c$", "/generic/a/b*", "/generic/a/~", "/*/a$", "/unknown/*", "//x$", "/generic/a~b/*"} {
		_, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: &malformed})
		if w.wantCode(err, "ValidationException"); err == nil {
			t.Errorf("%s was accepted", malformed)
		}
	}
	_, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: new("/generic/*")})
	w.wantCode(err, "ConflictException")
}

func TestTheMostSpecificPatternWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models")
	for _, pattern := range []string{"/generic/*", "/generic/com.acme~", "/generic/com.acme.ml~", "/generic/com.acme/*", "/generic/com.acme/ui~", "/generic/com.acme/ui-core$", "/generic//solo$"} {
		w.group("models", pattern)
	}
	for _, c := range []struct{ namespace, name, pattern string }{
		{"other", "x", "/generic/*"},
		{"", "x", "/generic/*"},
		{"", "solo", "/generic//solo$"},
		{"", "solo-2", "/generic/*"},
		{"com.acme", "x", "/generic/com.acme/*"},
		{"com.acme.tools", "x", "/generic/com.acme~"},
		{"com.acme.ml.deep", "x", "/generic/com.acme.ml~"},
		{"com.acme", "ui", "/generic/com.acme/ui~"},
		{"com.acme", "ui-kit", "/generic/com.acme/ui~"},
		{"com.acme", "ui-core", "/generic/com.acme/ui-core$"},
		// A prefix ends where a word does.
		{"com.acmex", "x", "/generic/*"},
		{"com.acme", "uikit", "/generic/com.acme/*"},
		{"com.acme", "ui2", "/generic/com.acme/*"},
	} {
		if got, how := w.associated("models", c.namespace, c.name); got != c.pattern || how != "STRONG" {
			t.Errorf("%s/%s is associated with %s (%s), want %s", c.namespace, c.name, got, how, c.pattern)
		}
	}
}

func TestAWeakMatchAssociatesAndBlocksEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "team")
	w.group("models", "/generic//acme-models$", "PUBLISH", "ALLOW", "EXTERNAL_UPSTREAM", "ALLOW", "INTERNAL_UPSTREAM", "ALLOW")
	for _, name := range []string{"Acme-Models", "acme_models", "acme.models", "acme--models", "acme-mode1s", "acme-m0dels", "acrne-models", "ACME_.MODELS"} {
		if got, how := w.associated("models", "", name); got != "/generic//acme-models$" || how != "WEAK" {
			t.Errorf("%s is associated with %s (%s)", name, got, how)
		}
		_, err := w.PublishPackageVersion(t.Context(), file{"models", "team", "", name, "1.0", "a"}.publishing([]byte("x"), false))
		w.wantCode(err, "ConflictException")
	}
	w.publish(file{"models", "team", "", "acme-models", "1.0", "a"}, "x")
	w.publish(file{"models", "team", "", "acme-model", "1.0", "a"}, "x")
}

func TestTheRootPackageGroupCannotBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models")
	_, err := w.DeletePackageGroup(t.Context(), &sdk.DeletePackageGroupInput{Domain: new("models"), PackageGroup: new("/*")})
	w.wantCode(err, "ValidationException")
	out, err := w.DescribePackageGroup(t.Context(), &sdk.DescribePackageGroupInput{Domain: new("models"), PackageGroup: new("/*")})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range out.PackageGroup.OriginConfiguration.Restrictions {
		if r.Mode != "ALLOW" || r.EffectiveMode != "ALLOW" {
			t.Errorf("%s of the root is %s", name, r.Mode)
		}
	}
	_, err = w.UpdatePackageGroupOriginConfiguration(t.Context(), &sdk.UpdatePackageGroupOriginConfigurationInput{
		Domain: new("models"), PackageGroup: new("/*"), Restrictions: map[string]types.PackageGroupOriginRestrictionMode{"PUBLISH": "INHERIT"},
	})
	w.wantCode(err, "ValidationException")
}

func TestAPackageGroupInheritsFromTheNearestThatSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "team")
	w.group("models", "/generic/*", "PUBLISH", "BLOCK")
	w.group("models", "/generic/acme/*")
	w.group("models", "/generic/acme/ui~")
	describe := func(pattern string) *types.PackageGroupDescription {
		t.Helper()
		out, err := w.DescribePackageGroup(t.Context(), &sdk.DescribePackageGroupInput{Domain: new("models"), PackageGroup: &pattern})
		if err != nil {
			t.Fatal(err)
		}
		return out.PackageGroup
	}
	g := describe("/generic/acme/ui~")
	r := g.OriginConfiguration.Restrictions["PUBLISH"]
	if r.Mode != "INHERIT" || r.EffectiveMode != "BLOCK" || *r.InheritedFrom.Pattern != "/generic/*" || *g.Parent.Pattern != "/generic/acme/*" {
		t.Errorf("PUBLISH is %s, effectively %s", r.Mode, r.EffectiveMode)
	}
	_, err := w.PublishPackageVersion(t.Context(), file{"models", "team", "acme", "ui-kit", "1.0", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
	w.restrict("models", "/generic/acme/*", "PUBLISH", "ALLOW")
	w.publish(file{"models", "team", "acme", "ui-kit", "1.0", "a"}, "x")

	subs, err := w.ListSubPackageGroups(t.Context(), &sdk.ListSubPackageGroupsInput{Domain: new("models"), PackageGroup: new("/generic/*")})
	if err != nil || len(subs.PackageGroups) != 1 || *subs.PackageGroups[0].Pattern != "/generic/acme/*" {
		t.Errorf("below /generic/* are %v, %v", subs.PackageGroups, err)
	}
	// Without the one between, the next one above decides.
	if _, err := w.DeletePackageGroup(t.Context(), &sdk.DeletePackageGroupInput{Domain: new("models"), PackageGroup: new("/generic/acme/*")}); err != nil {
		t.Fatal(err)
	}
	if g := describe("/generic/acme/ui~"); *g.Parent.Pattern != "/generic/*" || g.OriginConfiguration.Restrictions["PUBLISH"].EffectiveMode != "BLOCK" {
		t.Errorf("the parent is %s", *g.Parent.Pattern)
	}
	_, err = w.PublishPackageVersion(t.Context(), file{"models", "team", "acme", "ui-kit", "2.0", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
}

func TestAPackageGroupAllowsSpecificRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "team", "other")
	w.group("models", "/generic/*", "PUBLISH", "ALLOW_SPECIFIC_REPOSITORIES")
	change := func(add bool, repository string) (*sdk.UpdatePackageGroupOriginConfigurationOutput, error) {
		in := &sdk.UpdatePackageGroupOriginConfigurationInput{Domain: new("models"), PackageGroup: new("/generic/*")}
		one := []types.PackageGroupAllowedRepository{{RepositoryName: &repository, OriginRestrictionType: "PUBLISH"}}
		if add {
			in.AddAllowedRepositories = one
		} else {
			in.RemoveAllowedRepositories = one
		}
		return w.UpdatePackageGroupOriginConfiguration(t.Context(), in)
	}
	_, err := w.PublishPackageVersion(t.Context(), file{"models", "team", "", "a", "1.0", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
	out, err := change(true, "team")
	if err != nil || !slices.Equal(out.AllowedRepositoryUpdates["PUBLISH"]["ADDED"], []string{"team"}) {
		t.Fatalf("%v, %v", out, err)
	}
	_, err = change(true, "nowhere")
	w.wantCode(err, "ResourceNotFoundException")
	w.publish(file{"models", "team", "", "a", "1.0", "a"}, "x")
	_, err = w.PublishPackageVersion(t.Context(), file{"models", "other", "", "a", "1.0", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
	list, err := w.ListAllowedRepositoriesForGroup(t.Context(), &sdk.ListAllowedRepositoriesForGroupInput{Domain: new("models"), PackageGroup: new("/generic/*"), OriginRestrictionType: "PUBLISH"})
	if err != nil || !slices.Equal(list.AllowedRepositories, []string{"team"}) {
		t.Errorf("allowed are %v, %v", list, err)
	}
	if out, err = change(false, "team"); err != nil || !slices.Equal(out.AllowedRepositoryUpdates["PUBLISH"]["REMOVED"], []string{"team"}) {
		t.Fatalf("%v, %v", out, err)
	}
	_, err = w.PublishPackageVersion(t.Context(), file{"models", "team", "", "a", "2.0", "a"}.publishing([]byte("x"), false))
	w.wantCode(err, "ConflictException")
}

func TestPackagesAssociatedWithAGroupAndPreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "team", "other")
	w.publish(file{"models", "team", "", "acme-a", "1.0", "a"}, "x")
	w.publish(file{"models", "other", "", "acme-b", "1.0", "a"}, "x")
	w.publish(file{"models", "other", "", "Acme-c", "1.0", "a"}, "x")
	w.publish(file{"models", "other", "", "else", "1.0", "a"}, "x")
	list := func(preview bool) (names []string, err error) {
		in := &sdk.ListAssociatedPackagesInput{Domain: new("models"), PackageGroup: new("/generic//acme~"), Preview: &preview}
		out, err := w.ListAssociatedPackages(t.Context(), in)
		if err != nil {
			return nil, err
		}
		for _, p := range out.Packages {
			names = append(names, *p.Package+" "+string(p.AssociationType))
		}
		return names, nil
	}
	want := []string{"Acme-c WEAK", "acme-a STRONG", "acme-b STRONG"}
	_, err := list(false)
	w.wantCode(err, "ResourceNotFoundException")
	if got, err := list(true); err != nil || !slices.Equal(got, want) {
		t.Errorf("the preview is %v, %v", got, err)
	}
	w.group("models", "/generic//acme~")
	if got, err := list(false); err != nil || !slices.Equal(got, want) {
		t.Errorf("associated are %v, %v", got, err)
	}
	groups, err := w.ListPackageGroups(t.Context(), &sdk.ListPackageGroupsInput{Domain: new("models"), Prefix: new("/generic/")})
	if err != nil || len(groups.PackageGroups) != 1 || *groups.PackageGroups[0].Arn != "arn:aws:codeartifact:us-east-1:000000000000:package-group/models/generic//acme~" {
		t.Errorf("the groups are %v, %v", groups, err)
	}
}

func TestAPackageGroupThatBlocksInternalUpstreams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "shared")
	w.repository("models", "team", "shared")
	f := file{"models", "shared", "", "a", "1.0", "a"}
	w.publish(f, "x")
	f.repository = "team"
	if got, _ := w.fetch(f); got != "x" {
		t.Fatalf("it is %q", got)
	}
	f2 := file{"models", "shared", "", "b", "1.0", "a"}
	w.publish(f2, "x")
	w.group("models", "/generic/*", "INTERNAL_UPSTREAM", "BLOCK")
	f2.repository = "team"
	if _, code := w.fetch(f2); code != "ResourceNotFoundException" {
		t.Errorf("the code is %q", code)
	}
	// What came before stays.
	if got, _ := w.fetch(f); got != "x" {
		t.Errorf("it is %q", got)
	}
	out, err := w.CopyPackageVersions(t.Context(), &sdk.CopyPackageVersionsInput{
		Domain: new("models"), SourceRepository: new("shared"), DestinationRepository: new("team"), Format: types.PackageFormatGeneric, Package: new("b"), Versions: []string{"1.0"},
	})
	if err != nil || out.FailedVersions["1.0"].ErrorCode != "NOT_ALLOWED" {
		t.Errorf("the copy is %v, %v", out, err)
	}
}
