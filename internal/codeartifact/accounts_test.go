package codeartifact_test

import (
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

const partner = "123456789012"

// TestCallersOfOtherAccountsComeInByPolicies lets another account, and a user of it, into a
// domain and a repository by their policies: each by its own, and the user only as far as
// the own account lets it, too.
func TestCallersOfOtherAccountsComeInByPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	created, err := control.NewClient(w.server.Data).CreateAccount(t.Context(), control.NewAccount{ID: partner, Name: "partner"})
	if err != nil {
		t.Fatal(err)
	}
	root := w.server.As(created.AccessKeyID, created.SecretAccessKey, "")
	other := sdk.NewFromConfig(root)
	owner, domain := new(servertest.Account), new("models")
	describe := func(c *sdk.Client, owner *string) error {
		_, err := c.DescribeDomain(t.Context(), &sdk.DescribeDomainInput{Domain: domain, DomainOwner: owner})
		return err
	}

	// Whoever names no owner means a domain of the own account; "" names none.
	w.wantCode(describe(other, nil), "ResourceNotFoundException")
	w.wantCode(describe(other, new("")), "ResourceNotFoundException")
	w.wantCode(describe(w.Client, new("")), "")
	w.wantCode(describe(other, owner), "AccessDeniedException")

	statement := func(action string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + partner + `:root"},"Action":` + action + `,"Resource":"*"}]}`
	}
	domainPolicy := func(action string) {
		t.Helper()
		_, err := w.PutDomainPermissionsPolicy(t.Context(), &sdk.PutDomainPermissionsPolicyInput{Domain: domain, PolicyDocument: new(statement(action))})
		w.wantCode(err, "")
	}
	repositoryPolicy := func(action string) {
		t.Helper()
		_, err := w.PutRepositoryPermissionsPolicy(t.Context(), &sdk.PutRepositoryPermissionsPolicyInput{Domain: domain, Repository: new("main"), PolicyDocument: new(statement(action))})
		w.wantCode(err, "")
	}
	domainPolicy(`["codeartifact:DescribeDomain","codeartifact:CreateRepository","codeartifact:GetAuthorizationToken"]`)
	w.wantCode(describe(other, owner), "")

	// A repository that it makes there is the domain's, and administered by it.
	made, err := other.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{Domain: domain, DomainOwner: owner, Repository: new("theirs")})
	if err != nil || *made.Repository.AdministratorAccount != partner || *made.Repository.DomainOwner != servertest.Account ||
		*made.Repository.Arn != "arn:aws:codeartifact:us-east-1:"+servertest.Account+":repository/models/theirs" {
		t.Fatalf("%+v, %v", made, err)
	}
	if all, err := other.ListRepositories(t.Context(), &sdk.ListRepositoriesInput{}); err != nil || len(all.Repositories) != 1 || *all.Repositories[0].Name != "theirs" {
		t.Errorf("%+v, %v", all, err)
	}

	// Its token is for the domain, and what it may do there the repository's policy says.
	out, err := other.GetAuthorizationToken(t.Context(), &sdk.GetAuthorizationTokenInput{Domain: domain, DomainOwner: owner})
	if err != nil {
		t.Fatal(err)
	}
	read := func() int {
		answer, _ := w.get(w.server.URL()+"/codeartifact/models-"+servertest.Account+"/generic/main/x", func(r *http.Request) { r.SetBasicAuth("aws", *out.AuthorizationToken) })
		return answer.StatusCode
	}
	f := file{"models", "main", "", "weights", "1.0", "a"}
	publish := func(c *sdk.Client, version string) error {
		f.version = version
		in := f.publishing([]byte("x"), false)
		in.DomainOwner = owner
		_, err := c.PublishPackageVersion(t.Context(), in)
		return err
	}
	if got := read(); got != http.StatusForbidden {
		t.Errorf("without a policy: %d", got)
	}
	w.wantCode(publish(other, "1.0"), "AccessDeniedException")
	repositoryPolicy(`"codeartifact:ReadFromRepository"`)
	if got := read(); got != http.StatusNotFound {
		t.Errorf("with a policy: %d", got)
	}
	w.wantCode(publish(other, "1.0"), "AccessDeniedException")
	repositoryPolicy(`"codeartifact:PublishPackageVersion"`)
	w.wantCode(publish(other, "1.0"), "")
	if got := read(); got != http.StatusForbidden {
		t.Errorf("with a policy that lets it publish: %d", got)
	}

	// A user of that account needs the account's own policy as well.
	users := iam.NewFromConfig(root)
	if _, err := users.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("ci")}); err != nil {
		t.Fatal(err)
	}
	key, err := users.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("ci")})
	if err != nil {
		t.Fatal(err)
	}
	user := sdk.NewFromConfig(w.server.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	w.wantCode(publish(user, "2.0"), "AccessDeniedException")
	_, err = users.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: new("ci"), PolicyName: new("p"), PolicyDocument: new(allow("arn:aws:codeartifact:*:"+servertest.Account+":package/models/main/generic//weights", "codeartifact:PublishPackageVersion"))})
	if err != nil {
		t.Fatal(err)
	}
	w.wantCode(publish(user, "2.0"), "")
	f.name = "other"
	w.wantCode(publish(user, "2.0"), "AccessDeniedException")

	// What the policies no longer allow, neither of them may.
	if _, err := w.DeleteRepositoryPermissionsPolicy(t.Context(), &sdk.DeleteRepositoryPermissionsPolicyInput{Domain: domain, Repository: new("main")}); err != nil {
		t.Fatal(err)
	}
	f.name = "weights"
	w.wantCode(publish(other, "3.0"), "AccessDeniedException")
	w.wantCode(publish(user, "3.0"), "AccessDeniedException")
	_, err = other.GetRepositoryEndpoint(t.Context(), &sdk.GetRepositoryEndpointInput{Domain: domain, DomainOwner: owner, Repository: new("main"), Format: types.PackageFormatPypi})
	w.wantCode(err, "AccessDeniedException")
	if err == nil || !strings.Contains(err.Error(), "arn:aws:iam::"+partner+":root is not authorized to perform: codeartifact:GetRepositoryEndpoint") {
		t.Error(err)
	}
}
