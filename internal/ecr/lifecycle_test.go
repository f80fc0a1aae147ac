package ecr_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/jobs"
)

// keepNewest is a lifecycle policy that keeps so many images, of all.
func keepNewest(n int) string {
	return fmt.Sprintf(`{"rules":[{"rulePriority":1,"description":"keep few","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":%d},"action":{"type":"expire"}}]}`, n)
}

// TestLifecyclePolicy puts, gets and deletes a lifecycle policy.
func TestLifecyclePolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	name := new("model")
	_, err := c.GetLifecyclePolicy(t.Context(), &sdk.GetLifecyclePolicyInput{RepositoryName: name})
	w.wants("none yet", err, "LifecyclePolicyNotFoundException", "Lifecycle policy does not exist for the repository with name 'model' in the registry with id '"+home+"'")
	_, err = c.DeleteLifecyclePolicy(t.Context(), &sdk.DeleteLifecyclePolicyInput{RepositoryName: name})
	w.wants("none to delete", err, "LifecyclePolicyNotFoundException", "")
	_, err = c.StartLifecyclePolicyPreview(t.Context(), &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: name})
	w.wants("none to preview", err, "LifecyclePolicyNotFoundException", "")
	document := keepNewest(3)
	put := func(document string) error {
		_, err := c.PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: &document})
		return err
	}
	w.wants("put", put(document), "", "")
	got := must2(t, func() (*sdk.GetLifecyclePolicyOutput, error) {
		return c.GetLifecyclePolicy(t.Context(), &sdk.GetLifecyclePolicyInput{RepositoryName: name})
	})
	if *got.LifecyclePolicyText != document || got.LastEvaluatedAt != nil {
		t.Errorf("%+v", got)
	}
	w.wants("a bad one", put(strings.Replace(document, `"any"`, `"all"`, 1)), "InvalidParameterException",
		`Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure: instance value ("all") not found in enum`)
	w.wants("the archive", put(strings.Replace(document, `{"type":"expire"}`, `{"type":"transition","targetStorageClass":"archive"}`, 1)),
		"InvalidParameterException", "not available in this version")
	must2(t, func() (int, error) { return w.images.ExpireImages(t.Context()) })
	gone := must2(t, func() (*sdk.DeleteLifecyclePolicyOutput, error) {
		return c.DeleteLifecyclePolicy(t.Context(), &sdk.DeleteLifecyclePolicyInput{RepositoryName: name})
	})
	if *gone.LifecyclePolicyText != document || gone.LastEvaluatedAt == nil || !gone.LastEvaluatedAt.Equal(w.now()) {
		t.Errorf("%+v", gone)
	}
	_, err = c.PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: new("absent"), LifecyclePolicyText: &document})
	w.wants("no repository", err, "RepositoryNotFoundException", "")
	_, err = c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{Prefix: new("a"), AppliedFor: onPush, LifecyclePolicy: new("{}")})
	w.wants("in a template", err, "InvalidParameterException", "Lifecycle policy validation failure")
	must(t)(c.CreateRepositoryCreationTemplate(t.Context(), &sdk.CreateRepositoryCreationTemplateInput{Prefix: new("a"), AppliedFor: onPush, LifecyclePolicy: &document}))
	if _, status := w.push(w.roots[home], path(home, "a/b"), "{}"); status != 201 {
		t.Fatal(status)
	}
	if got, err := c.GetLifecyclePolicy(t.Context(), &sdk.GetLifecyclePolicyInput{RepositoryName: new("a/b")}); err != nil || *got.LifecyclePolicyText != document {
		t.Errorf("%+v, %v", got, err)
	}
}

// manifests tells which of several images a repository has.
func (w *world) manifests(repository string, digests ...digest.Digest) (there []bool) {
	for _, d := range digests {
		status, _ := w.http(w.roots[home], "HEAD", repository+"/manifests/"+d.String(), nil)
		there = append(there, status == http.StatusOK)
	}
	return there
}

// putManifest puts a manifest of a type and returns its digest.
func (w *world) putManifest(repository, mediaType, body string, tags ...string) digest.Digest {
	w.t.Helper()
	d := digest.FromString(body)
	for _, tag := range append(tags, d.String()) {
		if status, text := w.http(w.roots[home], "PUT", repository+"/manifests/"+tag, []byte(body), "Content-Type", mediaType); status != 201 {
			w.t.Fatalf("%d %s", status, text)
		}
	}
	return d
}

// TestExpireImages lets images expire by a policy: what an index names goes after the
// index, referrers with their subject, and all of it is in the audit trail as the
// registry's own doing.
func TestExpireImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	p := path(home, "model")
	push := func(config string, tags ...string) digest.Digest {
		t.Helper()
		w.advance(time.Hour)
		d, status := w.push(w.roots[home], p, config, tags...)
		if status != 201 {
			t.Fatal(status)
		}
		return d
	}
	child := push("child")
	index := w.putManifest(p, ecr.OCIIndex, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":1}]}`,
		ecr.OCIIndex, ecr.OCIManifest, child), "many")
	old := push("old", "v1", "also")
	signature := w.putManifest(p, ecr.OCIManifest, fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":%q,"artifactType":"x/signature","config":{"mediaType":"x/y","digest":%q,"size":3},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":1}}`,
		ecr.OCIManifest, digest.FromString("old"), ecr.OCIManifest, old))
	newest := push("new", "v2")
	document := keepNewest(1)
	must(t)(c.PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: new("model"), LifecyclePolicyText: &document}))

	all := []digest.Digest{child, index, old, signature, newest}
	if n, err := w.images.ExpireImages(t.Context()); n != 3 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	if got, want := w.manifests(p, all...), []bool{true, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	if status, _ := w.http(w.roots[home], "GET", p+"/manifests/v1", nil); status != 404 {
		t.Errorf("the tag is still there: %d", status)
	}
	if n, err := w.images.ExpireImages(t.Context()); n != 1 || err != nil {
		t.Errorf("after the index %d expired, %v", n, err)
	}
	if n, err := w.images.ExpireImages(t.Context()); n != 0 || err != nil {
		t.Errorf("at the end %d expired, %v", n, err)
	}
	if got, want := w.manifests(p, all...), []bool{false, false, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	events := w.events(home)
	if !slices.ContainsFunc(events, func(e string) bool {
		return strings.Contains(e, `"eventName":"PolicyExecutionEvent"`) && strings.Contains(e, old.String()) &&
			strings.Contains(e, "AWSService") && strings.Contains(e, "ecr.amazonaws.com") && strings.Contains(e, `"rulePriority":1`)
	}) {
		t.Errorf("no event of %s among %s", old, events)
	}
}

// TestExpireManyImages lets more images expire than one transaction takes.
func TestExpireManyImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	for i := range 130 {
		if _, status := w.push(w.roots[home], path(home, "model"), fmt.Sprint(i)); status != 201 {
			t.Fatal(status)
		}
	}
	document := keepNewest(10)
	must(t)(w.private(w.roots[home]).PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: new("model"), LifecyclePolicyText: &document}))
	if n, err := w.images.ExpireImages(t.Context()); n != 120 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
}

// TestExpireBesidePushes moves a tag to and fro while images expire: it is never lost.
func TestExpireBesidePushes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	document := strings.ReplaceAll(keepNewest(1), `"any"`, `"untagged"`)
	must(t)(c.PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: new("model"), LifecyclePolicyText: &document}))
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := w.images.ExpireImages(t.Context()); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 150 {
		if _, status := w.push(w.roots[home], path(home, "model"), fmt.Sprint(i%3), "latest"); status != 201 {
			t.Errorf("%d: %d", i, status)
		}
		if status, _ := w.http(w.roots[home], "GET", path(home, "model")+"/manifests/latest", nil); status != 200 {
			t.Errorf("%d: the tag is gone: %d", i, status)
		}
	}
	close(done)
	all.Wait()
}

// TestExpireTaggedMeanwhile tags an image while it expires: it stays.
func TestExpireTaggedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	p, root := path(home, "model"), w.roots[home]
	document := strings.ReplaceAll(keepNewest(1), `"any"`, `"untagged"`)
	must(t)(w.private(root).PutLifecyclePolicy(t.Context(), &sdk.PutLifecyclePolicyInput{RepositoryName: new("model"), LifecyclePolicyText: &document}))
	old, status := w.push(root, p, "old")
	w.advance(time.Hour)
	if _, other := w.push(root, p, "new"); status != 201 || other != 201 {
		t.Fatal(status, other)
	}
	between := func() {
		if _, status := w.push(root, p, "old", "needed"); status != 201 {
			t.Error(status)
		}
	}
	w.between.Store(&between)
	if n, err := w.images.ExpireImages(t.Context()); n != 0 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	if there := w.manifests(p, old); !there[0] {
		t.Error("a tagged image expired")
	}
}

// TestDeleteBesideTagMove deletes an image while its tag moves to another one, which keeps
// it.
func TestDeleteBesideTagMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	p, root := path(home, "model"), w.roots[home]
	one, status := w.push(root, p, "one", "latest")
	if _, other := w.push(root, p, "two", "two"); status != 201 || other != 201 {
		t.Fatal(status, other)
	}
	between := func() {
		if _, status := w.push(root, p, "two", "latest"); status != 201 {
			t.Error(status)
		}
	}
	w.between.Store(&between)
	if status, body := w.http(root, "DELETE", p+"/manifests/"+one.String(), nil); status != 202 {
		t.Fatal(status, body)
	}
	if status, _ := w.http(root, "GET", p+"/manifests/latest", nil); status != 200 {
		t.Errorf("the tag is gone: %d", status)
	}
}

// TestLifecyclePreview previews a policy: what would expire is told in pages, by tag status
// and by image, and nothing expires.
func TestLifecyclePreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	p := path(home, "model")
	var digests []digest.Digest
	for i := range 5 {
		w.advance(time.Minute)
		var tags []string
		if i%2 == 0 {
			tags = []string{fmt.Sprint("v", i)}
		}
		d, status := w.push(w.roots[home], p, fmt.Sprint(i), tags...)
		if status != 201 {
			t.Fatal(status)
		}
		digests = append(digests, d)
	}
	name := new("model")
	get := func(in *sdk.GetLifecyclePolicyPreviewInput) *sdk.GetLifecyclePolicyPreviewOutput {
		t.Helper()
		in.RepositoryName = name
		return must2(t, func() (*sdk.GetLifecyclePolicyPreviewOutput, error) {
			return c.GetLifecyclePolicyPreview(t.Context(), in)
		})
	}
	_, err := c.GetLifecyclePolicyPreview(t.Context(), &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name})
	w.wants("none yet", err, "LifecyclePolicyPreviewNotFoundException", "")
	document := keepNewest(1)
	start := func() error {
		_, err := c.StartLifecyclePolicyPreview(t.Context(), &sdk.StartLifecyclePolicyPreviewInput{RepositoryName: name, LifecyclePolicyText: &document})
		return err
	}
	w.wants("start", start(), "", "")
	w.wants("another one", start(), "LifecyclePolicyPreviewInProgressException", "")
	if got := get(&sdk.GetLifecyclePolicyPreviewInput{}); got.Status != types.LifecyclePolicyPreviewStatusInProgress || len(got.PreviewResults) > 0 {
		t.Errorf("%+v", got)
	}
	w.work()
	waiter := sdk.NewLifecyclePolicyPreviewCompleteWaiter(c, func(o *sdk.LifecyclePolicyPreviewCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	var got []digest.Digest
	pages := sdk.NewGetLifecyclePolicyPreviewPaginator(c, &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name, MaxResults: new(int32(3))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if *page.Summary.ExpiringImageTotalCount != 4 || *page.LifecyclePolicyText != document {
			t.Errorf("%+v", page)
		}
		for _, x := range page.PreviewResults {
			got = append(got, digest.Digest(*x.ImageDigest))
			if *x.AppliedRulePriority != 1 || x.Action.Type != types.ImageActionTypeExpire || x.StorageClass != "STANDARD" {
				t.Errorf("%+v", x)
			}
		}
	}
	if !slices.Equal(got, digests[:4]) {
		t.Errorf("%v, want %v", got, digests[:4])
	}
	if got := get(&sdk.GetLifecyclePolicyPreviewInput{Filter: &types.LifecyclePolicyPreviewFilter{TagStatus: types.TagStatusTagged}}).PreviewResults; len(got) != 2 || got[0].ImageTags[0] != "v0" {
		t.Errorf("%+v", got)
	}
	if got := get(&sdk.GetLifecyclePolicyPreviewInput{ImageIds: []types.ImageIdentifier{{ImageTag: new("v2")}, {ImageDigest: new(digests[4].String())}}}).PreviewResults; len(got) != 1 || *got[0].ImageDigest != digests[2].String() {
		t.Errorf("%+v", got)
	}
	if there := w.manifests(p, digests...); slices.Contains(there, false) {
		t.Errorf("a preview deleted: %v", there)
	}
	document = keepNewest(5)
	w.wants("again", start(), "", "")
	if err := waiter.Wait(t.Context(), &sdk.GetLifecyclePolicyPreviewInput{RepositoryName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := get(&sdk.GetLifecyclePolicyPreviewInput{}); *got.Summary.ExpiringImageTotalCount != 0 || len(got.PreviewResults) > 0 {
		t.Errorf("%+v", got)
	}
}

// work does the background work until the test ends.
func (w *world) work() {
	r := jobs.New(jobs.Config{Store: w.store, Poll: time.Millisecond})
	r.Register(w.images.Jobs()...)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.Run(ctx) }()
	w.t.Cleanup(func() { stop(); <-ended })
}
