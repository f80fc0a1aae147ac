package ecr_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// upload is an upload by the API, step by step.
type upload struct {
	w          *world
	c          *sdk.Client
	repository string
	id         string
}

func (w *world) begin(c *sdk.Client, repository string) *upload {
	w.t.Helper()
	out := must2(w.t, func() (*sdk.InitiateLayerUploadOutput, error) {
		return c.InitiateLayerUpload(w.t.Context(), &sdk.InitiateLayerUploadInput{RepositoryName: &repository})
	})
	if *out.PartSize < 5<<20 || *out.PartSize > 20<<20 {
		w.t.Errorf("parts of %d bytes", *out.PartSize)
	}
	return &upload{w, c, repository, *out.UploadId}
}

func (u *upload) part(first int, content []byte) error {
	_, err := u.span(first, first+len(content)-1, content)
	return err
}

func (u *upload) span(first, last int, content []byte) (*sdk.UploadLayerPartOutput, error) {
	return u.c.UploadLayerPart(u.w.t.Context(), &sdk.UploadLayerPartInput{
		RepositoryName: &u.repository, UploadId: &u.id, LayerPartBlob: content, PartFirstByte: new(int64(first)), PartLastByte: new(int64(last)),
	})
}

func (u *upload) complete(digests ...string) error {
	_, err := u.c.CompleteLayerUpload(u.w.t.Context(), &sdk.CompleteLayerUploadInput{RepositoryName: &u.repository, UploadId: &u.id, LayerDigests: digests})
	return err
}

// TestUploadsMeetTheRegistry goes on by the registry's PATCH with what the API began, and
// the other way round.
func TestUploadsMeetTheRegistry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	c := w.private(root)
	w.create("model")
	content := bytes.Repeat([]byte("0123456789abcdef"), 6<<16)
	d := digest.FromBytes(content).String()
	half := len(content) / 2

	u := w.begin(c, "model")
	w.wants("the first half", u.part(0, content[:half]), "", "")
	at := path(home, "model") + "/blobs/uploads/" + u.id
	if status, body := w.http(root, "PATCH", at, content[half:], "Content-Range", fmt.Sprintf("%d-%d", half, len(content)-1)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	w.wants("complete", u.complete(d), "", "")
	if status, body := w.http(root, "GET", path(home, "model")+"/blobs/"+d, nil); status != 200 || body != string(content) {
		t.Errorf("%d, %d bytes", status, len(body))
	}

	content[0] = 'x'
	d = digest.FromBytes(content).String()
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/v2/"+path(home, "model")+"/blobs/uploads/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.token(root))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	u = &upload{w, c, "model", resp.Header.Get("Docker-Upload-UUID")}
	at = path(home, "model") + "/blobs/uploads/" + u.id
	if status, body := w.http(root, "PATCH", at, content[:half]); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	w.wants("the second half", u.part(half, content[half:]), "", "")
	if status, body := w.http(root, "PUT", at+"?digest="+d, nil); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	_, err = c.GetDownloadUrlForLayer(t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: new("model"), LayerDigest: &d})
	w.wants("the layer", err, "", "")
}

// TestLayerParts sends parts that are refused, with how far the upload is.
func TestLayerParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	w.create("other")
	content := bytes.Repeat([]byte("p"), 5<<20)
	u := w.begin(c, "model")
	out := must2(t, func() (*sdk.UploadLayerPartOutput, error) { return u.span(0, len(content)-1, content) })
	if *out.LastByteReceived != int64(len(content)-1) || *out.UploadId != u.id || *out.RegistryId != home || *out.RepositoryName != "model" {
		t.Errorf("%+v", out)
	}
	for what, span := range map[string][2]int{
		"a gap": {len(content) + 1, len(content) + 3}, "an overlap": {len(content) - 1, len(content) + 1}, "again": {0, 2},
		"more than there is": {len(content), len(content) + 3}, "less": {len(content), len(content) + 1}, "backwards": {len(content), 1},
	} {
		_, err := u.span(span[0], span[1], []byte("abc"))
		e, ok := errors.AsType[*types.InvalidLayerPartException](err)
		if !ok || e.LastValidByteReceived == nil || *e.LastValidByteReceived != int64(len(content)-1) || *e.UploadId != u.id || *e.RegistryId != home || *e.RepositoryName != "model" {
			t.Errorf("%s: %v %+v", what, err, e)
		}
	}
	_, err := u.span(len(content), len(content)+20<<20, make([]byte, 20<<20+1))
	w.wants("too large a part", err, "InvalidParameterException", "layerPartBlob")
	w.wants("the rest", u.part(len(content), []byte("rest")), "", "")

	absent := &upload{w, c, "model", "00000000-0000-4000-8000-000000000000"}
	message := "The upload with id '" + absent.id + "' does not exist in the repository with name 'model' in the registry with id '" + home + "'"
	w.wants("a part of no upload", absent.part(0, content), "UploadNotFoundException", message)
	w.wants("no upload completed", absent.complete(digestOf("x")), "UploadNotFoundException", message)
	elsewhere := &upload{w, c, "other", u.id}
	w.wants("another repository's upload", elsewhere.part(0, content), "UploadNotFoundException", "'other'")

	layer := append(bytes.Clone(content), "rest"...)
	w.wants("another digest", u.complete(digestOf("x")), "InvalidLayerException", u.id)
	w.wants("two digests", u.complete(digestOf("x"), digestOf("y")), "InvalidLayerException", digestOf("y"))
	w.wants("no known digest", u.complete("tarsum.v1+sha256:abcdef"), "InvalidParameterException", "layerDigests")
	w.wants("complete", u.complete("tarsum.v1+sha256:abcdef", digest.FromBytes(layer).String()), "", "")
	w.wants("complete again", u.complete(digest.FromBytes(layer).String()), "UploadNotFoundException", u.id)

	u = w.begin(c, "model")
	w.wants("an empty upload", u.complete(digestOf("")), "EmptyUploadException",
		"The upload with id '"+u.id+"' in the repository with name 'model' in registry with id '"+home+"' cannot be completed because it does not have any parts")
	w.wants("the layer again", u.part(0, layer), "", "")
	w.wants("the layer again", u.complete(digest.FromBytes(layer).String()), "LayerAlreadyExistsException", digest.FromBytes(layer).String())

	u = w.begin(c, "other")
	w.wants("a repository sees its own layers", u.part(0, layer), "", "")
	w.wants("a repository sees its own layers", u.complete(digest.SHA512.FromBytes(layer).String()), "", "")
}

// TestShortParts has only the last of the API's parts shorter than 5 MiB; the registry
// protocol's may have any length.
func TestShortParts(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	long, short := bytes.Repeat([]byte("l"), 5<<20), []byte("short")
	for what, script := range map[string]struct {
		parts [][]byte
		code  string
	}{
		"one short":       {[][]byte{short}, ""},
		"the last":        {[][]byte{long, short}, ""},
		"the first":       {[][]byte{short, long}, "LayerPartTooSmallException"},
		"both":            {[][]byte{short, short, short}, "LayerPartTooSmallException"},
		"in the middle":   {[][]byte{long, short, long}, "LayerPartTooSmallException"},
		"a byte too few":  {[][]byte{long[1:], long}, "LayerPartTooSmallException"},
		"as long as must": {[][]byte{long, long, long}, ""},
	} {
		u, all := w.begin(c, "model"), []byte(nil)
		for _, p := range script.parts {
			w.wants(what, u.part(len(all), p), "", "")
			all = append(all, p...)
		}
		w.wants(what, u.complete(digest.FromBytes(all).String()), script.code, strings.TrimPrefix("All layer parts except the last part should be at least 5MB", script.code))
	}
	// What is known of uploads goes with them, whose age is by the machine's clock.
	w.advance(time.Since(w.now()) + 8*24*time.Hour)
	must(t)(w.images.Collect(w.as(home)))
	if left := w.keys("short"); left != 0 {
		t.Errorf("%d records of short parts are left", left)
	}
}

// TestOneWriterOfAnUpload sends the same part many times at once: one is taken.
func TestOneWriterOfAnUpload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	u := w.begin(c, "model")
	content := bytes.Repeat([]byte("w"), 1<<20)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = u.part(0, content) })
	}
	wg.Wait()
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
		} else {
			w.wants("not taken", err, "InvalidLayerPartException", "")
		}
	}
	if taken != 1 {
		t.Errorf("%d were taken", taken)
	}
	w.wants("complete", u.complete(digest.FromBytes(content).String()), "", "")
}

// TestImagePolicy asks policy for each operation by its own name, before it says what
// there is; and lets another account in where the repository's policy does.
func TestImagePolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.private(w.roots[home])
	w.create("model")
	one := w.image(root, "model", "one", "1.0")
	m, id := manifest("one", ""), []types.ImageIdentifier{byTag("1.0")}
	const upload = "00000000-0000-4000-8000-000000000000"
	operations := func(c *sdk.Client, account, name string) map[string]error {
		ctx := t.Context()
		errs := map[string]error{}
		_, errs["PutImage"] = c.PutImage(ctx, &sdk.PutImageInput{RegistryId: &account, RepositoryName: &name, ImageManifest: &m, ImageTag: new("1.1")})
		_, errs["BatchGetImage"] = c.BatchGetImage(ctx, &sdk.BatchGetImageInput{RegistryId: &account, RepositoryName: &name, ImageIds: id})
		_, errs["ListImages"] = c.ListImages(ctx, &sdk.ListImagesInput{RegistryId: &account, RepositoryName: &name})
		_, errs["DescribeImages"] = c.DescribeImages(ctx, &sdk.DescribeImagesInput{RegistryId: &account, RepositoryName: &name})
		_, errs["ListImageReferrers"] = c.ListImageReferrers(ctx, &sdk.ListImageReferrersInput{RegistryId: &account, RepositoryName: &name, SubjectId: &types.SubjectIdentifier{ImageDigest: &one}})
		_, errs["BatchCheckLayerAvailability"] = c.BatchCheckLayerAvailability(ctx, &sdk.BatchCheckLayerAvailabilityInput{RegistryId: &account, RepositoryName: &name, LayerDigests: []string{digestOf("one")}})
		_, errs["InitiateLayerUpload"] = c.InitiateLayerUpload(ctx, &sdk.InitiateLayerUploadInput{RegistryId: &account, RepositoryName: &name})
		_, errs["UploadLayerPart"] = c.UploadLayerPart(ctx, &sdk.UploadLayerPartInput{RegistryId: &account, RepositoryName: &name, UploadId: new(upload), LayerPartBlob: []byte("x"), PartFirstByte: new(int64(0)), PartLastByte: new(int64(0))})
		_, errs["CompleteLayerUpload"] = c.CompleteLayerUpload(ctx, &sdk.CompleteLayerUploadInput{RegistryId: &account, RepositoryName: &name, UploadId: new(upload), LayerDigests: []string{digestOf("one")}})
		_, errs["GetDownloadUrlForLayer"] = c.GetDownloadUrlForLayer(ctx, &sdk.GetDownloadUrlForLayerInput{RegistryId: &account, RepositoryName: &name, LayerDigest: new(digestOf("one"))})
		_, errs["BatchDeleteImage"] = c.BatchDeleteImage(ctx, &sdk.BatchDeleteImageInput{RegistryId: &account, RepositoryName: &name, ImageIds: []types.ImageIdentifier{byTag("absent")}})
		return errs
	}
	nobody := w.private(w.user(home, "nobody", ""))
	for _, name := range []string{"model", "absent"} {
		for op, err := range operations(nobody, home, name) {
			w.wants(op, err, "AccessDeniedException", "ecr:"+op+" on resource: arn:aws:ecr:"+region+":"+home+":repository/"+name)
		}
	}
	for op, err := range operations(w.private(w.roots[home]), home, "absent") {
		w.wants(op, err, "RepositoryNotFoundException", "'absent'")
	}
	for op, err := range operations(w.private(w.roots[abroad]), home, "model") {
		w.wants(op, err, "AccessDeniedException", "ecr:"+op)
	}
	must(t)(root.SetRepositoryPolicy(t.Context(), &sdk.SetRepositoryPolicyInput{RepositoryName: new("model"), PolicyText: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + abroad + `:root"},"Action":["ecr:BatchGetImage","ecr:DescribeImages"]}]}`)}))
	for op, err := range operations(w.private(w.roots[abroad]), home, "model") {
		if op == "BatchGetImage" || op == "DescribeImages" {
			w.wants(op, err, "", "")
			continue
		}
		w.wants(op, err, "AccessDeniedException", "ecr:"+op)
	}
}

// TestImageEvents finds each push and each deletion in the audit trail, and nothing else
// of what was asked.
func TestImageEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	one := w.image(c, "model", "one", "a", "b")
	for _, tag := range []string{"a", "absent", "b"} {
		must(t)(c.BatchDeleteImage(t.Context(), &sdk.BatchDeleteImageInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byTag(tag)}}))
	}
	events := strings.Join(w.events(home), "\n")
	for name, want := range map[string]int{"CompleteLayerUpload": 1, "PutImage": 2, "BatchDeleteImage": 2} {
		if got := strings.Count(events, `"eventName":"`+name+`"`); got != want {
			t.Errorf("%d of %s, want %d\n%s", got, name, want, events)
		}
	}
	if got := strings.Count(events, one); got != 4 {
		t.Errorf("the image is named %d times\n%s", got, events)
	}
	if !strings.Contains(events, digestOf("one")) || !strings.Contains(events, "arn:aws:ecr:"+region+":"+home+":repository/model") {
		t.Errorf("%s", events)
	}
}
