package ecr_test

import (
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

var onPush = []types.RCTAppliedFor{types.RCTAppliedForCreateOnPush}

// TestCreationTemplates makes, changes, lists and deletes templates.
func TestCreationTemplates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	made := must2(t, func() (*sdk.CreateRepositoryCreationTemplateOutput, error) {
		return c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{
			Prefix: new("team"), Description: new("models"), AppliedFor: onPush, ResourceTags: []types.Tag{tag("a", "b")},
			ImageTagMutability: types.ImageTagMutabilityImmutable,
		})
	})
	if got := made.RepositoryCreationTemplate; *made.RegistryId != home || *got.Prefix != "team" || *got.Description != "models" ||
		got.EncryptionConfiguration.EncryptionType != "AES256" || !got.CreatedAt.Equal(w.now()) || got.RepositoryPolicy != nil {
		t.Errorf("%+v", made)
	}
	_, err := c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{Prefix: new("team/"), AppliedFor: onPush})
	w.wants("the same prefix", err, "TemplateAlreadyExistsException", "")
	w.advance(1e9)
	changed := must2(t, func() (*sdk.UpdateRepositoryCreationTemplateOutput, error) {
		return c.UpdateRepositoryCreationTemplate(t.Context(), &sdk.UpdateRepositoryCreationTemplateInput{
			Prefix: new("team"), Description: new(""), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForReplication},
			RepositoryPolicy: new(repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr:BatchGetImage")),
		})
	})
	if got := changed.RepositoryCreationTemplate; got.Description != nil || got.ImageTagMutability != "IMMUTABLE" || len(got.ResourceTags) != 1 ||
		got.RepositoryPolicy == nil || got.AppliedFor[0] != "REPLICATION" || !got.UpdatedAt.Equal(w.now()) || got.CreatedAt.Equal(w.now()) {
		t.Errorf("%+v", got)
	}
	for _, in := range []*sdk.CreateRepositoryCreationTemplateInput{
		{Prefix: new("bad"), AppliedFor: []types.RCTAppliedFor{}},
		{Prefix: new("bad"), AppliedFor: onPush, RepositoryPolicy: new("{}")},
		{Prefix: new("bad"), AppliedFor: onPush, ImageTagMutability: types.ImageTagMutabilityImmutableWithExclusion},
		{Prefix: new("bad"), AppliedFor: onPush, EncryptionConfiguration: &types.EncryptionConfigurationForRepositoryCreationTemplate{EncryptionType: "KMS"}},
	} {
		_, err := c.CreateRepositoryCreationTemplate(t.Context(), in)
		w.wants("a bad one", err, "InvalidParameterException", "")
	}
	for _, prefix := range []string{"ROOT", "a", "b"} {
		must(t)(c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{Prefix: &prefix, AppliedFor: onPush}))
	}
	var all []string
	pages := sdk.NewDescribeRepositoryCreationTemplatesPaginator(c, &sdk.DescribeRepositoryCreationTemplatesInput{MaxResults: new(int32(3))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page.RepositoryCreationTemplates {
			all = append(all, *x.Prefix)
		}
	}
	if got := strings.Join(all, " "); got != "ROOT a b team" {
		t.Errorf("%q", got)
	}
	some := must2(t, func() (*sdk.DescribeRepositoryCreationTemplatesOutput, error) {
		return c.DescribeRepositoryCreationTemplates(t.Context(), &sdk.DescribeRepositoryCreationTemplatesInput{Prefixes: []string{"b", "absent"}})
	})
	if len(some.RepositoryCreationTemplates) != 1 {
		t.Errorf("%+v", some)
	}
	must(t)(c.DeleteRepositoryCreationTemplate(t.Context(), &sdk.DeleteRepositoryCreationTemplateInput{Prefix: new("a")}))
	_, err = c.DeleteRepositoryCreationTemplate(t.Context(), &sdk.DeleteRepositoryCreationTemplateInput{Prefix: new("a")})
	w.wants("deleted", err, "TemplateNotFoundException", "prefix 'a'")
	_, err = c.UpdateRepositoryCreationTemplate(t.Context(), &sdk.UpdateRepositoryCreationTemplateInput{Prefix: new("a")})
	w.wants("deleted", err, "TemplateNotFoundException", "")
}

// TestCreateOnPush pushes to repositories that are not there: the template of the longest
// prefix that is for pushes says what becomes of it.
func TestCreateOnPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	c := w.private(root)
	push := func(key, name string, want int) {
		t.Helper()
		if _, status := w.push(key, path(home, name), "{}", "1.0"); status != want {
			t.Errorf("%s: %d, want %d", name, status, want)
		}
	}
	push(root, "team/a/model", 404)
	for _, in := range []*sdk.CreateRepositoryCreationTemplateInput{
		{Prefix: new("team"), AppliedFor: onPush, ImageTagMutability: "IMMUTABLE", ResourceTags: []types.Tag{tag("from", "team")},
			RepositoryPolicy: new(repositoryPolicy("Allow", `{"AWS":"`+abroad+`"}`, "ecr:BatchGetImage"))},
		{Prefix: new("team/a"), AppliedFor: []types.RCTAppliedFor{types.RCTAppliedForPullThroughCache}},
		{Prefix: new("team/b/"), AppliedFor: onPush},
	} {
		must(t)(c.CreateRepositoryCreationTemplate(t.Context(), in))
	}
	if status, _ := w.http(root, "GET", path(home, "team/a/model")+"/manifests/1.0", nil); status != 404 {
		t.Errorf("a pull created something: %d", status)
	}
	push(root, "team/a/model", 201)
	push(root, "team/b/model", 201)
	push(root, "team", 404) // "team" is not below "team/"
	push(root, "model", 404)
	must(t)(c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{Prefix: new("ROOT"), AppliedFor: onPush}))
	push(root, "model", 201)
	for name, want := range map[string]types.ImageTagMutability{"team/a/model": "IMMUTABLE", "team/b/model": "MUTABLE", "model": "MUTABLE"} {
		out, err := c.DescribeRepositories(t.Context(), &sdk.DescribeRepositoriesInput{RepositoryNames: []string{name}})
		if err != nil || out.Repositories[0].ImageTagMutability != want {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	tags, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: new("arn:aws:ecr:" + region + ":" + home + ":repository/team/a/model")})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "team" {
		t.Errorf("%+v, %v", tags, err)
	}
	if status, _ := w.http(w.user(abroad, "puller", allow(`"ecr:*"`)), "GET", path(home, "team/a/model")+"/manifests/1.0", nil); status != 200 {
		t.Errorf("the policy of the template: %d", status)
	}

	const pushes = `"ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage"`
	push(w.user(home, "pusher", allow(pushes)), "team/c", 403)
	push(w.user(home, "creator", allow(pushes+`,"ecr:CreateRepository","ecr:TagResource"`)), "team/c", 201)
	push(w.user(abroad, "stranger", allow(`"ecr:*"`)), "team/d", 403)

	// Of many that begin at once, all come in, into one repository.
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, status := w.push(root, path(home, "team/many"), strings.Repeat(" ", i)+"{}"); status != 201 {
				t.Errorf("%d: %d", i, status)
			}
		})
	}
	all.Wait()
}

// TestTemplateRole creates a repository by a role that gives it its tags.
func TestTemplateRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := w.as(home)
	role := func(name, service, actions string) string {
		out := must2(t, func() (*iam.CreateRoleOutput, error) {
			return w.identity.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`)})
		})
		must(t)(w.identity.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("own"), PolicyDocument: new(allow(actions))}))
		return *out.Role.Arn
	}
	c := w.private(w.roots[home])
	for prefix, arn := range map[string]string{
		"good":   role("good", "ecr.amazonaws.com", `"ecr:CreateRepository","ecr:TagResource"`),
		"weak":   role("weak", "ecr.amazonaws.com", `"ecr:CreateRepository"`),
		"strict": role("strict", "lambda.amazonaws.com", `"ecr:*"`),
	} {
		must(t)(c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{
			Prefix: &prefix, AppliedFor: onPush, CustomRoleArn: &arn, ResourceTags: []types.Tag{tag("a", "b")},
		}))
	}
	key := w.user(home, "pusher", allow(`"ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage","ecr:CreateRepository"`))
	for name, want := range map[string]int{"good/model": 201, "weak/model": 403, "strict/model": 403} {
		if _, status := w.push(key, path(home, name), "{}", "1.0"); status != want {
			t.Errorf("%s: %d, want %d", name, status, want)
		}
	}
	ann := w.private(w.user(home, "ann", allow(`"ecr:*"`)))
	_, err := ann.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{
		Prefix: new("mine"), AppliedFor: onPush, CustomRoleArn: new("arn:aws:iam::" + home + ":role/good"),
	})
	w.wants("who may not pass the role", err, "AccessDeniedException", "iam:PassRole")
}
