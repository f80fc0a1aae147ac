package ecr_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"

	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/quota"
)

func withQuotas(v quota.Values) func(*ecr.Config) { return func(c *ecr.Config) { c.Quotas = v } }

// TestQuotas reaches each quota through the API and through the registry protocol, which
// answers with an error that no client tries again. What is deleted makes room.
func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withQuotas(quota.Values{"ecr-repositories": 2, "ecr-images": 2, "ecr-tags": 2, "ecr-layer-bytes": 20, "ecr-public-repositories": 1}))
	c := w.private(w.roots[home])
	w.create("model")
	w.create("other")
	_, err := c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: new("third")})
	w.wants("a repository too many", err, "LimitExceededException", "The limit of 2 private repositories in an account and region is reached. Delete some, or have the server's operator raise the limit: --quota ecr-repositories=…")
	must(t)(c.DeleteRepository(t.Context(), &sdk.DeleteRepositoryInput{RepositoryName: new("other")}))
	w.create("third")
	public := w.public(w.roots[home])
	must(t)(public.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{RepositoryName: new("one")}))
	_, err = public.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{RepositoryName: new("two")})
	w.wants("a public repository too many", err, "LimitExceededException", "ecr-public-repositories")

	path := home + "/" + region + "/model"
	one := w.image(c, "model", "one", "1")
	w.image(c, "model", "two", "2")
	w.layer(c, "model", []byte("three"))
	_, err = c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: new(manifest("three", ""))})
	w.wants("an image too many", err, "LimitExceededException", "ecr-images")
	if _, status := w.push(w.roots[home], path, "three", "3"); status != http.StatusForbidden {
		t.Errorf("an image too many by the registry protocol: %d", status)
	}
	w.image(c, "model", "one", "again")
	_, err = c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: new(manifest("one", "")), ImageTag: new("more")})
	w.wants("a tag too many", err, "LimitExceededException", "ecr-tags")
	must(t)(c.BatchDeleteImage(t.Context(), &sdk.BatchDeleteImageInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byDigest(one)}}))
	if _, status := w.push(w.roots[home], path, "three", "3"); status != http.StatusCreated {
		t.Errorf("after one was deleted: %d", status)
	}

	status, body := w.http(w.roots[home], "POST", path+"/blobs/uploads/?digest="+digestOf(strings.Repeat("x", 21)), bytes.Repeat([]byte("x"), 21))
	if status != http.StatusForbidden || !strings.Contains(body, `"DENIED"`) || !strings.Contains(body, "ecr-layer-bytes") {
		t.Errorf("a layer too large: %d %s", status, body)
	}
	if status, _ := w.http(w.roots[home], "POST", path+"/blobs/uploads/?digest="+digestOf(strings.Repeat("x", 20)), bytes.Repeat([]byte("x"), 20)); status != http.StatusCreated {
		t.Errorf("a layer as large as may be: %d", status)
	}
}

// TestQuotaOfManyAtOnce pushes far more images at once than there may be. No more come in
// than those that were under way at the limit, and then none.
func TestQuotaOfManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withQuotas(quota.Values{"ecr-images": 10}))
	w.create("model")
	path := home + "/" + region + "/model"
	var pushing sync.WaitGroup
	for i := range 8 {
		pushing.Go(func() {
			for n := range 6 {
				w.push(w.roots[home], path, fmt.Sprint(i, "-", n))
			}
		})
	}
	pushing.Wait()
	if n := w.keys("image"); n < 10 || n > 18 {
		t.Errorf("%d images", n)
	}
	if _, status := w.push(w.roots[home], path, "late"); status != http.StatusForbidden {
		t.Errorf("a late push: %d", status)
	}
}
