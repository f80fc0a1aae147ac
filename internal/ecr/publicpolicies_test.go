package ecr_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

// TestPublicPolicyAcrossAccounts lets another account push to a public repository by its
// policy; nobody does without credentials, whatever a policy says.
func TestPublicPolicyAcrossAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.public(w.roots[home])
	made := must2(t, func() (*sdkpublic.CreateRepositoryOutput, error) {
		return c.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{RepositoryName: new("model")})
	})
	_, repository, _ := strings.Cut(*made.Repository.RepositoryUri, "/")
	pusher := w.user(abroad, "pusher", allow(`"ecr-public:*"`))
	push := func(key string, want int) {
		t.Helper()
		if _, status := w.push(key, repository, "{}", "1.0"); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	push(pusher, 403)
	for _, principal := range []string{`"*"`, `{"AWS":"` + abroad + `"}`} {
		document := repositoryPolicy("Allow", principal, "ecr-public:*")
		must(t)(c.SetRepositoryPolicy(t.Context(), &sdkpublic.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: &document}))
		push(pusher, 201)
		push("", 401)
	}
	if status, _ := w.http("", "GET", repository+"/manifests/1.0", nil); status != 200 {
		t.Errorf("a pull without credentials: %d", status)
	}
}

// TestPreviewOfDeletedRepository deletes a repository whose preview waits: the one that
// comes after it under the name has none.
func TestPreviewOfDeletedRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	name, document := new("model"), keepNewest(1)
	w.create(*name)
	must(t)(c.StartLifecyclePolicyPreview(t.Context(), &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: name, LifecyclePolicyText: &document}))
	must(t)(c.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{RepositoryName: name}))
	w.create(*name)
	w.work()
	_, err := c.GetLifecyclePolicyPreview(t.Context(), &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name})
	w.wants("the new one", err, "LifecyclePolicyPreviewNotFoundException", "")
	must(t)(c.StartLifecyclePolicyPreview(t.Context(), &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: name, LifecyclePolicyText: &document}))
	waiter := sdk.NewLifecyclePolicyPreviewCompleteWaiter(c, func(o *sdk.LifecyclePolicyPreviewCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name}, time.Minute); err != nil {
		t.Error(err)
	}
}

// TestCreateFromTemplate creates repositories on behalf of the registry: by the template
// for the purpose, or with ECR's defaults.
func TestCreateFromTemplate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t)(w.private(w.roots[home]).CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{
		Prefix: new("cache"), AppliedFor: onPush, ImageTagMutability: "IMMUTABLE",
	}))
	for purpose, want := range map[string]string{ecr.ForPush: ecr.Immutable, ecr.ForReplication: "", ecr.ForPullThrough: ""} {
		n := ecr.Name{Account: home, Region: region, Name: "cache/" + strings.ToLower(purpose)}
		r, err := w.images.CreateFromTemplate(w.as(home), n, purpose)
		if err != nil || r.Mutability.Mode != want {
			t.Errorf("%s: %+v, %v", purpose, r, err)
		}
		if again, err := w.images.CreateFromTemplate(w.as(home), n, purpose); err != nil || again.ID != r.ID {
			t.Errorf("%s again: %+v, %v", purpose, again, err)
		}
	}
}
