package codeartifact_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

// TestDomainLife makes, describes, lists and deletes a domain.
func TestDomainLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new("models"), EncryptionKey: new("arn:aws:kms:us-east-1:000000000000:key/k"), Tags: []types.Tag{{Key: new("team"), Value: new("ml")}}})
	if err != nil {
		t.Fatal(err)
	}
	d := out.Domain
	if *d.Arn != "arn:aws:codeartifact:us-east-1:000000000000:domain/models" || d.Status != types.DomainStatusActive || !strings.HasSuffix(*d.EncryptionKey, "key/k") || d.CreatedTime == nil {
		t.Errorf("%+v", d)
	}
	_, err = w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new("models")})
	w.wantCode(err, "ConflictException")
	_, err = w.CreateDomain(t.Context(), &sdk.CreateDomainInput{Domain: new("No-Domain")})
	w.wantCode(err, "ValidationException")
	_, err = w.DescribeDomain(t.Context(), &sdk.DescribeDomainInput{Domain: new("absent")})
	w.wantCode(err, "ResourceNotFoundException")
	if e, ok := err.(interface{ Unwrap() error }); !ok || e == nil {
		t.Error(err)
	}

	w.repository("models", "main")
	_, err = w.DeleteDomain(t.Context(), &sdk.DeleteDomainInput{Domain: new("models")})
	w.wantCode(err, "ConflictException")
	described, err := w.DescribeDomain(t.Context(), &sdk.DescribeDomainInput{Domain: new("models"), DomainOwner: new("")})
	if err != nil || described.Domain.RepositoryCount != 1 {
		t.Errorf("%+v, %v", described, err)
	}
	if _, err := w.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{Domain: new("models"), Repository: new("main")}); err != nil {
		t.Fatal(err)
	}
	deleted, err := w.DeleteDomain(t.Context(), &sdk.DeleteDomainInput{Domain: new("models")})
	if err != nil || deleted.Domain.Status != types.DomainStatusDeleted {
		t.Errorf("%+v, %v", deleted, err)
	}
}

// TestListingsPage pages domains (whose token is in the body) and repositories (whose token
// is in the query), and chooses repositories by a prefix.
func TestListingsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 7 {
		w.domain(fmt.Sprintf("domain-%d", i), "team-a", "team-b", "other")
	}
	var domains []string
	p := sdk.NewListDomainsPaginator(w.Client, &sdk.ListDomainsInput{MaxResults: new(int32(3))})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Domains {
			domains = append(domains, *d.Name)
		}
	}
	if len(domains) != 7 || domains[6] != "domain-6" {
		t.Error(domains)
	}
	var repositories []string
	q := sdk.NewListRepositoriesPaginator(w.Client, &sdk.ListRepositoriesInput{MaxResults: new(int32(4)), RepositoryPrefix: new("team")})
	for q.HasMorePages() {
		page, err := q.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Repositories {
			repositories = append(repositories, *r.DomainName+"/"+*r.Name)
		}
	}
	if len(repositories) != 14 || strings.Contains(strings.Join(repositories, " "), "other") {
		t.Error(repositories)
	}
	in, err := w.ListRepositoriesInDomain(t.Context(), &sdk.ListRepositoriesInDomainInput{Domain: new("domain-3"), RepositoryPrefix: new("team-b")})
	if err != nil || len(in.Repositories) != 1 || *in.Repositories[0].Name != "team-b" {
		t.Errorf("%+v, %v", in, err)
	}
	_, err = w.ListDomains(t.Context(), &sdk.ListDomainsInput{NextToken: new("nonsense")})
	w.wantCode(err, "ValidationException")
}

// TestTagsOfResources tags domains and repositories, and lets policy depend on tags.
func TestTagsOfResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	if _, err := w.CreatePackageGroup(t.Context(), &sdk.CreatePackageGroupInput{Domain: new("models"), PackageGroup: new("/npm/acme/ui~")}); err != nil {
		t.Fatal(err)
	}
	const arns = "arn:aws:codeartifact:us-east-1:000000000000:"
	for _, arn := range []string{arns + "domain/models", arns + "repository/models/main", arns + "package-group/models/npm/acme/ui~", arns + "package-group/models/*"} {
		if _, err := w.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: new("team"), Value: new("ml")}, {Key: new("cost"), Value: new("")}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"cost", "none"}}); err != nil {
			t.Fatal(err)
		}
		out, err := w.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil || len(out.Tags) != 1 || *out.Tags[0].Key != "team" || *out.Tags[0].Value != "ml" {
			t.Errorf("%+v, %v", out, err)
		}
		_, err = w.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: new("aws:x"), Value: new("")}}})
		w.wantCode(err, "ValidationException")
		var many []types.Tag
		for i := range 200 {
			many = append(many, types.Tag{Key: new(fmt.Sprint(i)), Value: new("")})
		}
		_, err = w.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: many})
		w.wantCode(err, "ServiceQuotaExceededException")
	}
	for arn, code := range map[string]string{
		"arn:aws:s3:::bucket": "ValidationException", arns + "package-group/models/npm": "ValidationException",
		arns + "package-group/models/npm/acme/none$": "ResourceNotFoundException", arns + "package-group/none/*": "ResourceNotFoundException",
		arns + "repository/models/none": "ResourceNotFoundException",
	} {
		_, err := w.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn})
		w.wantCode(err, code)
	}
	c := w.user("ml", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codeartifact:DescribeRepository","Resource":"*",
		"Condition":{"StringEquals":{"aws:ResourceTag/team":"ml"}}}]}`)
	w.repository("models", "untagged")
	for repository, code := range map[string]string{"main": "", "untagged": "AccessDeniedException"} {
		_, err := c.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: &repository})
		w.wantCode(err, code)
	}
}
