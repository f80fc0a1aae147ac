package codeartifact_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
)

// TestPublishingIsAskedOfThePackage asks policy for PublishPackageVersion on the package's
// ARN, in which an empty namespace keeps its place.
func TestPublishingIsAskedOfThePackage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	c := w.user("ci", allow("arn:aws:codeartifact:us-east-1:000000000000:package/models/main/generic//weights", "codeartifact:PublishPackageVersion"))
	for _, test := range []struct{ namespace, name, code string }{
		{"", "weights", ""},
		{"iris", "weights", "AccessDeniedException"},
		{"", "other", "AccessDeniedException"},
	} {
		f := file{"models", "main", test.namespace, test.name, "1.0", "a"}
		_, err := c.PublishPackageVersion(t.Context(), f.publishing([]byte("x"), false))
		w.wantCode(err, test.code)
	}
}

// TestRepositoryPolicy lets a user in by the policy of a repository, and keeps revisions.
func TestRepositoryPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	c := w.user("reader", "")
	describe := func() error {
		_, err := c.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: new("main")})
		return err
	}
	w.wantCode(describe(), "AccessDeniedException")
	_, err := w.GetRepositoryPermissionsPolicy(t.Context(), &sdk.GetRepositoryPermissionsPolicyInput{Domain: new("models"), Repository: new("main")})
	w.wantCode(err, "ResourceNotFoundException")
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/reader"},"Action":"codeartifact:DescribeRepository","Resource":"*"}]}`
	put := func(document string, revision *string) (*sdk.PutRepositoryPermissionsPolicyOutput, error) {
		return w.PutRepositoryPermissionsPolicy(t.Context(), &sdk.PutRepositoryPermissionsPolicyInput{
			Domain: new("models"), Repository: new("main"), PolicyDocument: &document, PolicyRevision: revision,
		})
	}
	_, err = put("{", nil)
	w.wantCode(err, "ValidationException")
	out, err := put(document, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wantCode(describe(), "")
	_, err = put(document, new("other"))
	w.wantCode(err, "ConflictException")
	second, err := put(document, out.Policy.Revision)
	if err != nil || *second.Policy.Revision == *out.Policy.Revision {
		t.Fatal(err)
	}
	_, err = w.DeleteRepositoryPermissionsPolicy(t.Context(), &sdk.DeleteRepositoryPermissionsPolicyInput{Domain: new("models"), Repository: new("main"), PolicyRevision: out.Policy.Revision})
	w.wantCode(err, "ConflictException")
	if _, err := w.DeleteRepositoryPermissionsPolicy(t.Context(), &sdk.DeleteRepositoryPermissionsPolicyInput{Domain: new("models"), Repository: new("main"), PolicyRevision: second.Policy.Revision}); err != nil {
		t.Fatal(err)
	}
	w.wantCode(describe(), "AccessDeniedException")
}

// TestNobodyLocksThemselvesOut sets a policy that denies everything to everybody, and sets
// another one after it: the policy itself is not asked.
func TestNobodyLocksThemselvesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	c := w.user("admin", allow("*", "codeartifact:*"))
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"codeartifact:*","Resource":"*"}]}`
	for range 2 {
		if _, err := c.PutDomainPermissionsPolicy(t.Context(), &sdk.PutDomainPermissionsPolicyInput{Domain: new("models"), PolicyDocument: &deny}); err != nil {
			t.Error(err)
		}
		if _, err := c.PutRepositoryPermissionsPolicy(t.Context(), &sdk.PutRepositoryPermissionsPolicyInput{Domain: new("models"), Repository: new("main"), PolicyDocument: &deny}); err != nil {
			t.Error(err)
		}
		_, err := c.DescribeDomain(t.Context(), &sdk.DescribeDomainInput{Domain: new("models")})
		w.wantCode(err, "AccessDeniedException")
		_, err = c.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: new("main")})
		w.wantCode(err, "AccessDeniedException")
	}
	if _, err := c.DeleteDomainPermissionsPolicy(t.Context(), &sdk.DeleteDomainPermissionsPolicyInput{Domain: new("models")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DescribeDomain(t.Context(), &sdk.DescribeDomainInput{Domain: new("models")}); err != nil {
		t.Error(err)
	}
}
