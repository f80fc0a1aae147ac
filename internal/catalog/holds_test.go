package catalog_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	ca "github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	api "github.com/modelwharf/modelwharf/internal/api/modelwharf"
)

// holder is how an error names the version that holds something.
const holder = "the model version fraud 1.0 of the table modelCatalogTable"

// TestImageIsHeld: no way of deleting an image deletes one that a version has, until the
// version is retired. Its tags come and go.
func TestImageIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest := w.push("1.0")
	w.register("1.0", "ml-model-repo@"+digest)
	remove := func() (gone bool) {
		out, err := w.images.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: new("ml-model-repo"), ImageIds: []types.ImageIdentifier{{ImageDigest: &digest}}})
		w.must(err)
		if len(out.Failures) == 0 {
			return true
		}
		if f := out.Failures[0]; f.FailureCode != types.ImageFailureCodeImageReferencedByManifestList || !strings.Contains(*f.FailureReason, holder) {
			t.Errorf("failure %s: %s", f.FailureCode, *f.FailureReason)
		}
		return false
	}
	if remove() {
		t.Fatal("the image of a version was deleted")
	}
	if said := w.registry(http.MethodDelete, "/manifests/"+digest, "", nil, http.StatusForbidden); !strings.Contains(said, "DENIED") || !strings.Contains(said, holder) {
		t.Errorf("the registry said %s", said)
	}
	out, err := w.images.BatchDeleteImage(t.Context(), &ecr.BatchDeleteImageInput{RepositoryName: new("ml-model-repo"), ImageIds: []types.ImageIdentifier{{ImageTag: new("1.0")}}})
	w.must(err)
	if len(out.Failures) != 1 {
		t.Errorf("the last tag took the image with it: %+v", out)
	}
	_, err = w.images.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: new("ml-model-repo"), Force: true})
	w.refused(err, "RepositoryNotEmptyException", holder)
	w.registry(http.MethodDelete, "/manifests/1.0", "", nil, http.StatusAccepted) // a tag alone
	w.registry(http.MethodGet, "/manifests/"+digest, "", nil, http.StatusOK)

	w.retire("1.0")
	if !remove() {
		t.Error("the image of a retired version cannot be deleted")
	}
	_, err = w.images.DeleteRepository(t.Context(), &ecr.DeleteRepositoryInput{RepositoryName: new("ml-model-repo")})
	w.must(err)
}

// TestIndexIsHeld: of an image for several platforms, those of the platforms are held, too.
func TestIndexIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	amd, arm := w.push("amd64"), w.push("arm64")
	index := w.index("1.0", amd, arm)
	w.register("1.0", "ml-model-repo:1.0")
	for _, d := range []string{index, amd, arm} {
		if said := w.registry(http.MethodDelete, "/manifests/"+d, "", nil, http.StatusForbidden); !strings.Contains(said, holder) {
			t.Errorf("the registry said %s", said)
		}
	}
	w.retire("1.0")
	for _, d := range []string{index, amd, arm} {
		w.registry(http.MethodDelete, "/manifests/"+d, "", nil, http.StatusAccepted)
	}
}

// TestTwoHolders: what two versions have is held until both are retired.
func TestTwoHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	digest, numpy := w.push("1.0"), w.publish("numpy", "2.1.0")
	w.register("1.0", "ml-model-repo:1.0", numpy)
	w.register("1.1", "ml-model-repo:1.0", numpy)
	w.retire("1.0")
	if said := w.registry(http.MethodDelete, "/manifests/"+digest, "", nil, http.StatusForbidden); !strings.Contains(said, "fraud 1.1") {
		t.Errorf("the registry said %s", said)
	}
	_, err := w.packages.DeletePackage(t.Context(), &codeartifact.DeletePackageInput{
		Domain: new("models"), Repository: new("team"), Format: ca.PackageFormatGeneric, Namespace: new("parts"), Package: new("numpy"),
	})
	w.refused(err, "ConflictException", "fraud 1.1")
	w.retire("1.1")
	w.registry(http.MethodDelete, "/manifests/"+digest, "", nil, http.StatusAccepted)
}

// TestPublicImageIsHeld holds an image of a public repository.
func TestPublicImageIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	public := ecrpublic.NewFromConfig(w.server.AWS())
	repository, err := public.CreateRepository(t.Context(), &ecrpublic.CreateRepositoryInput{RepositoryName: new("ml-model-repo")})
	w.must(err)
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	_, err = public.PutImage(t.Context(), &ecrpublic.PutImageInput{RepositoryName: new("ml-model-repo"), ImageManifest: &manifest, ImageTag: new("1.0")})
	w.must(err)
	d := w.register("1.0", *repository.Repository.RepositoryUri+":1.0")
	if *d.ImageRepository != *repository.Repository.RepositoryArn {
		t.Errorf("the image is in %s", *d.ImageRepository)
	}
	_, err = public.DeleteRepository(t.Context(), &ecrpublic.DeleteRepositoryInput{RepositoryName: new("ml-model-repo"), Force: true})
	w.refused(err, "RepositoryNotEmptyException", holder)
	w.retire("1.0")
	_, err = public.DeleteRepository(t.Context(), &ecrpublic.DeleteRepositoryInput{RepositoryName: new("ml-model-repo"), Force: true})
	w.must(err)
}

// TestPackagesAreHeld: no way of taking a version of a package away takes one that a model's
// version is built from, until that is retired.
func TestPackagesAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	numpy := w.publish("numpy", "2.1.0")
	w.publish("numpy", "2.0.0")
	w.register("1.0", "", numpy)
	ctx, domain, team, name, parts, versions := t.Context(), new("models"), new("team"), new("numpy"), new("parts"), []string{"2.1.0", "2.0.0"}

	failures := func(doing string, failed map[string]ca.PackageVersionError, done map[string]ca.SuccessfulPackageVersionInfo) {
		t.Helper()
		f, ok := failed["2.1.0"]
		if !ok || f.ErrorCode != ca.PackageVersionErrorCodeNotAllowed || !strings.Contains(*f.ErrorMessage, holder) || len(done) != 1 {
			t.Errorf("%s: failed %+v, done %+v", doing, failed, done)
		}
	}
	for _, status := range []ca.PackageVersionStatus{ca.PackageVersionStatusUnlisted, ca.PackageVersionStatusArchived} {
		out, err := w.packages.UpdatePackageVersionsStatus(ctx, &codeartifact.UpdatePackageVersionsStatusInput{
			Domain: domain, Repository: team, Format: ca.PackageFormatGeneric, Namespace: parts, Package: name, Versions: versions, TargetStatus: status,
		})
		w.must(err)
		failures(string(status), out.FailedVersions, out.SuccessfulVersions)
	}
	disposed, err := w.packages.DisposePackageVersions(ctx, &codeartifact.DisposePackageVersionsInput{
		Domain: domain, Repository: team, Format: ca.PackageFormatGeneric, Namespace: parts, Package: name, Versions: versions,
	})
	w.must(err)
	failures("dispose", disposed.FailedVersions, disposed.SuccessfulVersions)
	remove := func() (*codeartifact.DeletePackageVersionsOutput, error) {
		return w.packages.DeletePackageVersions(ctx, &codeartifact.DeletePackageVersionsInput{
			Domain: domain, Repository: team, Format: ca.PackageFormatGeneric, Namespace: parts, Package: name, Versions: versions,
		})
	}
	deleted, err := remove()
	w.must(err)
	failures("delete", deleted.FailedVersions, deleted.SuccessfulVersions)
	_, err = w.packages.DeletePackage(ctx, &codeartifact.DeletePackageInput{Domain: domain, Repository: team, Format: ca.PackageFormatGeneric, Namespace: parts, Package: name})
	w.refused(err, "ConflictException", holder)
	_, err = w.packages.DeleteRepository(ctx, &codeartifact.DeleteRepositoryInput{Domain: domain, Repository: team})
	w.refused(err, "ConflictException", holder, "numpy 2.1.0")
	_, err = w.packages.DeleteDomain(ctx, &codeartifact.DeleteDomainInput{Domain: domain})
	w.refused(err, "ConflictException")
	if missing := w.describe("1.0").Missing; len(missing) > 0 {
		t.Errorf("missing %q", missing)
	}

	w.retire("1.0")
	deleted, err = remove()
	w.must(err)
	if len(deleted.SuccessfulVersions) != 1 {
		t.Errorf("after it was retired: %+v", deleted)
	}
	_, err = w.packages.DeleteRepository(ctx, &codeartifact.DeleteRepositoryInput{Domain: domain, Repository: team})
	w.must(err)
	_, err = w.packages.DeleteDomain(ctx, &codeartifact.DeleteDomainInput{Domain: domain})
	w.must(err)
}

// TestHoldNeedsPermission: who may write the table may not therefore keep others from deleting
// their images and packages.
func TestHoldNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("1.0")
	numpy := w.publish("numpy", "2.1.0")
	allow := func(more string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*","modelwharf:*ModelVersion"` + more + `],"Resource":"*"}]}`
	}
	w.client = clientOf(w.user("ml", allow("")))
	_, err := call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "ml-model-repo:1.0"))
	w.refused(err, "AccessDeniedException", "modelwharf:HoldImage", "repository/ml-model-repo")
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", "", numpy))
	w.refused(err, "AccessDeniedException", "modelwharf:HoldPackageVersion", "generic/parts/numpy")
	w.client = clientOf(w.user("none", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*"],"Resource":"*"}]}`))
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.0", ""))
	w.refused(err, "AccessDeniedException", "modelwharf:RegisterModelVersion", "catalog/modelCatalogTable/fraud")
	w.client = clientOf(w.user("more", allow(`,"modelwharf:Hold*"`)))
	if d := w.register("1.0", "ml-model-repo:1.0", numpy); *d.RegisteredBy != "arn:aws:iam::"+account+":user/more" {
		t.Errorf("registered by %s", *d.RegisteredBy)
	}
	// And the tables themselves are asked with the rights of the caller.
	w.client = clientOf(w.user("catalog", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["modelwharf:*"],"Resource":"*"}]}`))
	_, err = call[api.RegisterModelVersionOutput](w, "RegisterModelVersion", registration("1.1", ""))
	w.refused(err, "AccessDeniedException", "dynamodb:PutItem")
	// Which may be rights that are good through the catalog alone.
	through := w.user("through", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["modelwharf:*"],"Resource":"*"},
		{"Effect":"Allow","Action":["dynamodb:PutItem","dynamodb:GetItem","dynamodb:UpdateItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:*:*:table/modelCatalogTable",
		 "Condition":{"ForAnyValue:StringEquals":{"aws:CalledVia":"modelwharf"}}}]}`)
	w.client = clientOf(through)
	w.register("1.2", "ml-model-repo:1.0", numpy)
	w.promote("1.2", "champion")
	_, err = dynamodb.NewFromConfig(through).PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new(table), Item: key("2.0")})
	w.refused(err, "AccessDeniedException", "dynamodb:PutItem")
}
