package ecr_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	public "github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/ecr"
)

// manifest is an image manifest of a config, with what else is in it.
func manifest(config, more string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]%s}`,
		ecr.OCIManifest, digest.FromString(config), len(config), more)
}

// layer pushes a layer through the API, and returns its digest.
func (w *world) layer(c *sdk.Client, repository string, content []byte) string {
	w.t.Helper()
	ctx := w.t.Context()
	begun := must2(w.t, func() (*sdk.InitiateLayerUploadOutput, error) {
		return c.InitiateLayerUpload(ctx, &sdk.InitiateLayerUploadInput{RepositoryName: &repository})
	})
	must(w.t)(c.UploadLayerPart(ctx, &sdk.UploadLayerPartInput{
		RepositoryName: &repository, UploadId: begun.UploadId, LayerPartBlob: content,
		PartFirstByte: new(int64(0)), PartLastByte: new(int64(len(content) - 1)),
	}))
	d := digest.FromBytes(content).String()
	must(w.t)(c.CompleteLayerUpload(ctx, &sdk.CompleteLayerUploadInput{RepositoryName: &repository, UploadId: begun.UploadId, LayerDigests: []string{d}}))
	return d
}

// image puts an image through the API.
func (w *world) image(c *sdk.Client, repository, config string, tags ...string) (digest string) {
	w.t.Helper()
	if _, err := c.GetDownloadUrlForLayer(w.t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: &repository, LayerDigest: new(digestOf(config))}); err != nil {
		w.layer(c, repository, []byte(config))
	}
	in := &sdk.PutImageInput{RepositoryName: &repository, ImageManifest: new(manifest(config, ""))}
	for _, tag := range tags {
		in.ImageTag = &tag
		must(w.t)(c.PutImage(w.t.Context(), in))
	}
	if len(tags) == 0 {
		must(w.t)(c.PutImage(w.t.Context(), in))
	}
	return digestOf(*in.ImageManifest)
}

func digestOf(s string) string { return digest.FromString(s).String() }

func byTag(tag string) types.ImageIdentifier { return types.ImageIdentifier{ImageTag: &tag} }
func byDigest(digest string) types.ImageIdentifier {
	return types.ImageIdentifier{ImageDigest: &digest}
}

// names are ids as "digest tag".
func names(ids []types.ImageIdentifier) (list []string) {
	for _, id := range ids {
		list = append(list, strings.TrimSpace(deref(id.ImageDigest)+" "+deref(id.ImageTag)))
	}
	return list
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestPutImage has PutImage refuse what is not there, and take what is, which the registry
// gives back byte for byte.
func TestPutImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	put := func(m, tag, mediaType, want string) (*sdk.PutImageOutput, error) {
		in := &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &m}
		for text, to := range map[string]**string{tag: &in.ImageTag, mediaType: &in.ImageManifestMediaType, want: &in.ImageDigest} {
			if text != "" {
				*to = &text
			}
		}
		return c.PutImage(t.Context(), in)
	}
	m := manifest("one", "")
	_, err := put(m, "1.0", "", "")
	w.wants("without its config", err, "LayersNotFoundException", "required to push the image")
	w.layer(c, "model", []byte("one"))
	_, err = put(m, "1.0", "", digestOf("other"))
	w.wants("another digest", err, "ImageDigestDoesNotMatchException", digestOf("other"))
	_, err = put(m, "no tag", "", "")
	w.wants("no tag", err, "InvalidParameterException", "imageTag")
	_, err = put("no manifest", "1.0", "", "")
	w.wants("no manifest", err, "InvalidParameterException", "imageManifest")
	_, err = put(m, "1.0", ecr.DockerManifest, "")
	w.wants("another media type", err, "InvalidParameterException", "mediaType")
	_, err = put(`{"schemaVersion":2,"manifests":[{"mediaType":"`+ecr.OCIManifest+`","digest":"`+digestOf("absent")+`","size":3}]}`, "", ecr.OCIIndex, "")
	w.wants("an index without its image", err, "ReferencedImagesNotFoundException", digestOf("absent"))
	out, err := put(m, "1.0", "", digestOf(m))
	if err != nil {
		t.Fatal(err)
	}
	if im := out.Image; *im.ImageId.ImageDigest != digestOf(m) || *im.ImageId.ImageTag != "1.0" || *im.ImageManifestMediaType != ecr.OCIManifest || *im.ImageManifest != m || *im.RegistryId != home {
		t.Errorf("%+v", im)
	}
	_, err = put(m, "1.0", "", "")
	w.wants("again", err, "ImageAlreadyExistsException", "Image with digest '"+digestOf(m)+"' and tag '1.0' already exists in the repository with name 'model' in registry with id '"+home+"'")
	if status, body := w.http(w.roots[home], "GET", path(home, "model")+"/manifests/1.0", nil); status != 200 || body != m {
		t.Errorf("%d %s", status, body)
	}
	must(t)(c.PutImageTagMutability(t.Context(), &sdk.PutImageTagMutabilityInput{RepositoryName: new("model"), ImageTagMutability: types.ImageTagMutabilityImmutable}))
	w.layer(c, "model", []byte("two"))
	_, err = put(manifest("two", ""), "1.0", "", "")
	w.wants("a tag that must not move", err, "ImageTagAlreadyExistsException", "The image tag '1.0' already exists in the 'model' repository and cannot be overwritten because the tag is immutable.")
	_, err = c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("absent"), ImageManifest: &m})
	w.wants("no repository", err, "RepositoryNotFoundException", "The repository with name 'absent' does not exist in the registry with id '"+home+"'")
}

// TestRaceToOneTag has PutImage and the registry's PUT race to one tag that must not move,
// each with an image of its own: exactly one succeeds.
func TestRaceToOneTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	must(t)(c.CreateRepository(t.Context(), &sdk.CreateRepositoryInput{RepositoryName: new("model"), ImageTagMutability: types.ImageTagMutabilityImmutable}))
	const racers = 16
	for i := range racers {
		w.layer(c, "model", fmt.Append(nil, "config ", i))
	}
	for round := range 8 {
		tag, won := fmt.Sprint("v", round), make([]bool, racers)
		var wg sync.WaitGroup
		for i := range racers {
			m := manifest(fmt.Sprint("config ", i), fmt.Sprintf(`,"annotations":{"round":"%d"}`, round))
			wg.Go(func() {
				if i%2 == 0 {
					_, err := c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &m, ImageTag: &tag})
					if won[i] = err == nil; err != nil {
						w.wants("lost", err, "ImageTagAlreadyExistsException", "")
					}
					return
				}
				status, body := w.http(w.roots[home], "PUT", path(home, "model")+"/manifests/"+tag, []byte(m), "Content-Type", ecr.OCIManifest)
				if won[i] = status == 201; !won[i] && (status != 400 || !strings.Contains(body, "TAG_INVALID")) {
					t.Errorf("%d %s", status, body)
				}
			})
		}
		wg.Wait()
		winner := slices.Index(won, true)
		if winner < 0 || slices.Contains(won[winner+1:], true) {
			t.Fatalf("winners: %v", won)
		}
		_, body := w.http(w.roots[home], "GET", path(home, "model")+"/manifests/"+tag, nil)
		if want := manifest(fmt.Sprint("config ", winner), fmt.Sprintf(`,"annotations":{"round":"%d"}`, round)); body != want {
			t.Errorf("the tag is %s, want %s", body, want)
		}
	}
}

// TestBatchGetImage asks for images in every way in which there can be none.
func TestBatchGetImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	one, two := w.image(c, "model", "one", "1.0", "latest"), w.image(c, "model", "two", "2.0")
	get := func(accepted []string, ids ...types.ImageIdentifier) *sdk.BatchGetImageOutput {
		return must2(t, func() (*sdk.BatchGetImageOutput, error) {
			return c.BatchGetImage(t.Context(), &sdk.BatchGetImageInput{RepositoryName: new("model"), ImageIds: ids, AcceptedMediaTypes: accepted})
		})
	}
	out := get(nil, byTag("latest"), byDigest(two), types.ImageIdentifier{ImageTag: new("1.0"), ImageDigest: &one})
	if len(out.Images) != 3 || len(out.Failures) != 0 {
		t.Fatalf("%+v", out)
	}
	for i, want := range []string{one + " latest", two, one + " 1.0"} {
		im := out.Images[i]
		if got := names([]types.ImageIdentifier{*im.ImageId}); got[0] != want || digestOf(*im.ImageManifest) != *im.ImageId.ImageDigest || *im.ImageManifestMediaType != ecr.OCIManifest {
			t.Errorf("%s, want %s: %+v", got, want, im)
		}
	}
	out = get(nil, byTag("absent"), byDigest(digestOf("absent")), byDigest("sha256:short"), byTag("no tag"),
		types.ImageIdentifier{}, types.ImageIdentifier{ImageTag: new("1.0"), ImageDigest: &two})
	var codes []string
	for _, f := range out.Failures {
		codes = append(codes, string(f.FailureCode))
		if deref(f.FailureReason) == "" || f.ImageId == nil {
			t.Errorf("%+v", f)
		}
	}
	if want := "[ImageNotFound ImageNotFound InvalidImageDigest InvalidImageTag MissingDigestAndTag ImageTagDoesNotMatchDigest]"; fmt.Sprint(codes) != want || len(out.Images) != 0 {
		t.Errorf("%v, want %s", codes, want)
	}
	if out = get([]string{ecr.DockerManifest}, byTag("1.0")); len(out.Images) != 0 || len(out.Failures) != 1 || out.Failures[0].FailureCode != types.ImageFailureCodeImageNotFound {
		t.Errorf("an unaccepted media type: %+v", out)
	}
	if out = get([]string{ecr.DockerManifest, ecr.OCIManifest}, byTag("1.0")); len(out.Images) != 1 {
		t.Errorf("an accepted media type: %+v", out)
	}
}

// TestListImages pages through images, with and without tags.
func TestListImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	var all, tagged, untagged []string
	for i := range 6 {
		var tags []string
		for j := range i % 3 {
			tags = append(tags, fmt.Sprintf("v%d.%d", i, j))
		}
		d := w.image(c, "model", fmt.Sprint("config ", i), tags...)
		for _, tag := range tags {
			tagged = append(tagged, d+" "+tag)
		}
		if len(tags) == 0 {
			untagged = append(untagged, d)
		}
	}
	all = append(slices.Clone(tagged), untagged...)
	for status, want := range map[types.TagStatus][]string{types.TagStatusAny: all, types.TagStatusTagged: tagged, types.TagStatusUntagged: untagged} {
		slices.Sort(want)
		for _, size := range []int32{1, 2, 3, 1000} {
			var got, described []string
			pages := sdk.NewListImagesPaginator(c, &sdk.ListImagesInput{RepositoryName: new("model"), MaxResults: &size, Filter: &types.ListImagesFilter{TagStatus: status}})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil || len(page.ImageIds) > int(size) {
					t.Fatal(err, page)
				}
				got = append(got, names(page.ImageIds)...)
			}
			details := sdk.NewDescribeImagesPaginator(c, &sdk.DescribeImagesInput{RepositoryName: new("model"), MaxResults: &size, Filter: &types.DescribeImagesFilter{TagStatus: status}})
			for details.HasMorePages() {
				page, err := details.NextPage(t.Context())
				if err != nil || len(page.ImageDetails) > int(size) {
					t.Fatal(err, page)
				}
				for _, d := range page.ImageDetails {
					for _, tag := range d.ImageTags {
						described = append(described, *d.ImageDigest+" "+tag)
					}
					if len(d.ImageTags) == 0 {
						described = append(described, *d.ImageDigest)
					}
				}
			}
			if !slices.Equal(got, want) || !slices.Equal(described, want) {
				t.Errorf("%s by %d: %q and %q, want %q", status, size, got, described, want)
			}
		}
	}
	page := must2(t, func() (*sdk.ListImagesOutput, error) {
		return c.ListImages(t.Context(), &sdk.ListImagesInput{RepositoryName: new("model"), MaxResults: new(int32(1))})
	})
	_, err := c.ListImages(t.Context(), &sdk.ListImagesInput{RepositoryName: new("model"), NextToken: page.NextToken, Filter: &types.ListImagesFilter{TagStatus: types.TagStatusTagged}})
	w.wants("a token of another filter", err, "InvalidParameterException", "nextToken")
	if out := must2(t, func() (*sdk.ListImagesOutput, error) {
		return c.ListImages(t.Context(), &sdk.ListImagesInput{RepositoryName: new("model"), Filter: &types.ListImagesFilter{ImageStatus: types.ImageStatusFilterArchived}})
	}); len(out.ImageIds) != 0 {
		t.Errorf("archived: %+v", out.ImageIds)
	}
}

// TestDescribeImages looks at all that is said of an image, an index and a referrer.
func TestDescribeImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	pushed := w.now()
	small, large := w.image(c, "model", "small", "b", "a"), w.image(c, "model", strings.Repeat("large", 100))
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":"%s","size":1},{"mediaType":%q,"digest":"%s","size":1}]}`,
		ecr.OCIIndex, ecr.OCIManifest, small, ecr.OCIManifest, large)
	must(t)(c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &index, ImageTag: new("index")}))
	referrer := manifest("small", `,"artifactType":"application/x-signature","subject":{"mediaType":"`+ecr.OCIManifest+`","digest":"`+small+`","size":1}`)
	must(t)(c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &referrer}))
	describe := func(ids ...types.ImageIdentifier) []types.ImageDetail {
		return must2(t, func() (*sdk.DescribeImagesOutput, error) {
			return c.DescribeImages(t.Context(), &sdk.DescribeImagesInput{RepositoryName: new("model"), ImageIds: ids})
		}).ImageDetails
	}
	list := describe(byTag("a"), byDigest(small), byTag("index"), byDigest(digestOf(referrer)))
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	if d := list[0]; *d.ImageDigest != small || !slices.Equal(d.ImageTags, []string{"a", "b"}) || *d.ImageSizeInBytes != 5 || !d.ImagePushedAt.Equal(pushed) ||
		*d.ImageManifestMediaType != ecr.OCIManifest || *d.ArtifactMediaType != "application/vnd.oci.image.config.v1+json" || d.SubjectManifestDigest != nil ||
		d.LastRecordedPullTime != nil || d.ImageStatus != types.ImageStatusActive || *d.RegistryId != home || *d.RepositoryName != "model" {
		t.Errorf("%+v", d)
	}
	if d := list[1]; *d.ImageSizeInBytes != 500 || *d.ImageManifestMediaType != ecr.OCIIndex || d.ArtifactMediaType != nil {
		t.Errorf("%+v", d)
	}
	if d := list[2]; *d.ArtifactMediaType != "application/x-signature" || *d.SubjectManifestDigest != small || d.ImageTags != nil {
		t.Errorf("%+v", d)
	}
	_, err := c.DescribeImages(t.Context(), &sdk.DescribeImagesInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byTag("a"), byTag("absent")}})
	w.wants("one that there is not", err, "ImageNotFoundException",
		"The image with imageId {imageDigest:null, imageTag:'absent'} does not exist within the repository with name 'model' in the registry with id '"+home+"'")

	// A pull leaves its time, by either way in, and no more often than once an hour.
	for _, pull := range []func(){
		func() { w.http(w.roots[home], "GET", path(home, "model")+"/manifests/a", nil) },
		func() {
			must(t)(c.BatchGetImage(t.Context(), &sdk.BatchGetImageInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byTag("b")}}))
		},
	} {
		w.advance(2 * time.Hour)
		at := w.now()
		pull()
		w.advance(time.Minute)
		pull()
		if d := describe(byTag("a"))[0]; d.LastRecordedPullTime == nil || !d.LastRecordedPullTime.Equal(at) {
			t.Errorf("pulled at %v, want %v", d.LastRecordedPullTime, at)
		}
	}
}

// TestBatchDeleteImage takes tags and images away, and leaves what is needed.
func TestBatchDeleteImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	remove := func(ids ...types.ImageIdentifier) (gone, failures []string) {
		t.Helper()
		out := must2(t, func() (*sdk.BatchDeleteImageOutput, error) {
			return c.BatchDeleteImage(t.Context(), &sdk.BatchDeleteImageInput{RepositoryName: new("model"), ImageIds: ids})
		})
		for _, f := range out.Failures {
			failures = append(failures, string(f.FailureCode))
		}
		return names(out.ImageIds), failures
	}
	left := func() []string {
		return names(must2(t, func() (*sdk.ListImagesOutput, error) {
			return c.ListImages(t.Context(), &sdk.ListImagesInput{RepositoryName: new("model")})
		}).ImageIds)
	}
	check := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	one := w.image(c, "model", "one", "a", "b", "c")
	gone, failures := remove(byTag("a"), byTag("a"), byTag("absent"), types.ImageIdentifier{}, byDigest("x"))
	check("a tag", gone, []string{one + " a"})
	check("what is none", failures, []string{"ImageNotFound", "MissingDigestAndTag", "InvalidImageDigest"})
	check("the image stays", left(), []string{one + " b", one + " c"})
	gone, _ = remove(byTag("b"), byTag("c"))
	check("the last tag", gone, []string{one + " b", one + " c"})
	check("takes the image", left(), nil)

	one = w.image(c, "model", "one", "a", "b")
	_, failures = remove(types.ImageIdentifier{ImageTag: new("a"), ImageDigest: new(digestOf("other"))})
	check("another image's tag", failures, []string{"ImageTagDoesNotMatchDigest"})
	gone, _ = remove(byDigest(one))
	check("a digest takes the tags", gone, []string{one + " a", one + " b"})
	one = w.image(c, "model", "one")
	gone, _ = remove(byDigest(one))
	check("an image without tags", gone, []string{one})

	one = w.image(c, "model", "one", "one")
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":"%s","size":1}]}`, ecr.OCIIndex, ecr.OCIManifest, one)
	must(t)(c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &index, ImageTag: new("index")}))
	_, failures = remove(byTag("one"))
	check("what an index needs", failures, []string{"ImageReferencedByManifestList"})
	gone, failures = remove(byDigest(one), byTag("index"))
	check("with its index", gone, []string{digestOf(index) + " index", one + " one"})
	check("with its index", failures, nil)
	check("nothing is left", left(), nil)
}

// TestTwoTakeTheLastTags has two requests take an image's last two tags at once: the image
// goes.
func TestTwoTakeTheLastTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	one := w.image(c, "model", "one", "a", "b")
	remove := func(tag string) {
		_, err := c.BatchDeleteImage(t.Context(), &sdk.BatchDeleteImageInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byTag(tag)}})
		w.wants(tag, err, "", "")
	}
	between := func() { remove("b") }
	w.between.Store(&between)
	remove("a")
	out := must2(t, func() (*sdk.BatchGetImageOutput, error) {
		return c.BatchGetImage(t.Context(), &sdk.BatchGetImageInput{RepositoryName: new("model"), ImageIds: []types.ImageIdentifier{byDigest(one)}})
	})
	if len(out.Failures) != 1 {
		t.Errorf("an image without tags is left: %+v", out)
	}
}

// TestListImageReferrers pages through what refers to an image, of some types.
func TestListImageReferrers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.private(w.roots[home])
	w.create("model")
	subject := w.image(c, "model", "one", "1.0")
	for _, kind := range []string{"application/a", "application/b", "application/c"} {
		for i := range 3 {
			m := manifest("one", fmt.Sprintf(`,"artifactType":%q,"annotations":{"n":"%d"},"subject":{"mediaType":%q,"digest":"%s","size":1}`, kind, i, ecr.OCIManifest, subject))
			must(t)(c.PutImage(t.Context(), &sdk.PutImageInput{RepositoryName: new("model"), ImageManifest: &m}))
		}
	}
	for _, kinds := range [][]string{nil, {"application/a"}, {"application/a", "application/c"}, {"application/none"}} {
		in := &sdk.ListImageReferrersInput{
			RepositoryName: new("model"), SubjectId: &types.SubjectIdentifier{ImageDigest: &subject}, MaxResults: new(int32(2)),
			Filter: &types.ListImageReferrersFilter{ArtifactTypes: kinds},
		}
		got := map[string]int{}
		for {
			out, err := c.ListImageReferrers(t.Context(), in)
			if err != nil || len(out.Referrers) > 2 {
				t.Fatal(out, err)
			}
			for _, r := range out.Referrers {
				got[*r.ArtifactType]++
				if r.Annotations["n"] == "" || *r.MediaType != ecr.OCIManifest || *r.Size == 0 || r.ArtifactStatus != types.ArtifactStatusActive {
					t.Errorf("%+v", r)
				}
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		want := map[string]int{}
		for _, kind := range []string{"application/a", "application/b", "application/c"} {
			if kinds == nil || slices.Contains(kinds, kind) {
				want[kind] = 3
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, want %v", kinds, got, want)
		}
	}
	out := must2(t, func() (*sdk.ListImageReferrersOutput, error) {
		return c.ListImageReferrers(t.Context(), &sdk.ListImageReferrersInput{RepositoryName: new("model"), SubjectId: &types.SubjectIdentifier{ImageDigest: new(digestOf("absent"))}})
	})
	if len(out.Referrers) != 0 {
		t.Errorf("%+v", out)
	}
}

// TestDownloadURL reads a layer at the URL that the API gives, without credentials, until
// it is over or who asked for it may no longer read.
func TestDownloadURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.private(w.roots[home])
	w.create("model")
	content := bytes.Repeat([]byte("layer"), 1000)
	d := w.layer(root, "model", content)
	key := w.user(home, "reader", allow(`"ecr:GetDownloadUrlForLayer"`))
	ask := func(key string) string {
		out := must2(t, func() (*sdk.GetDownloadUrlForLayerOutput, error) {
			return w.private(key).GetDownloadUrlForLayer(t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: new("model"), LayerDigest: &d})
		})
		if *out.LayerDigest != d {
			t.Errorf("%+v", out)
		}
		return *out.DownloadUrl
	}
	get := func(url, span string) (int, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if span != "" {
			r.Header.Set("Range", span)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, must2(t, func() ([]byte, error) { return io.ReadAll(resp.Body) })
	}
	url := ask(key)
	if !strings.HasPrefix(url, w.url+"/") {
		t.Errorf("the URL is %s", url)
	}
	if status, got := get(url, ""); status != 200 || !bytes.Equal(got, content) {
		t.Errorf("%d, %d bytes", status, len(got))
	}
	if status, got := get(url, "bytes=3-11"); status != 206 || !bytes.Equal(got, content[3:12]) {
		t.Errorf("%d %s", status, got)
	}
	other := w.layer(root, "model", []byte("other"))
	if status, _ := get(strings.Replace(url, d, other, 1), ""); status != 403 {
		t.Errorf("another layer: %d", status)
	}
	if status, _ := get(url+"x", ""); status != 403 {
		t.Errorf("a changed URL: %d", status)
	}
	w.advance(59 * time.Minute)
	if status, _ := get(url, ""); status != 200 {
		t.Errorf("after 59 minutes: %d", status)
	}
	w.advance(time.Minute)
	if status, _ := get(url, ""); status != 403 {
		t.Errorf("after an hour: %d", status)
	}
	_, err := root.GetDownloadUrlForLayer(t.Context(), &sdk.GetDownloadUrlForLayerInput{RepositoryName: new("model"), LayerDigest: new(digestOf("absent"))})
	w.wants("no layer", err, "LayersNotFoundException", "The layer with digest '"+digestOf("absent")+"' does not exist within the repository with name 'model' in the registry with id '"+home+"'")
}

// TestPublicImages does with ECR Public what it has operations for.
func TestPublicImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.public(w.roots[home])
	made := must2(t, func() (*sdkpublic.CreateRepositoryOutput, error) {
		return c.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{
			RepositoryName: new("model"), Tags: []public.Tag{{Key: new("modelwharf:image-tag-mutability"), Value: new("IMMUTABLE")}},
		})
	})
	alias := strings.Split(*made.Repository.RepositoryUri, "/")[1]
	config := strings.Repeat("c", 6<<20)
	begun := must2(t, func() (*sdkpublic.InitiateLayerUploadOutput, error) {
		return c.InitiateLayerUpload(t.Context(), &sdkpublic.InitiateLayerUploadInput{RepositoryName: new("model"), RegistryId: &alias})
	})
	for _, span := range [][2]int{{0, 5 << 20}, {5 << 20, 6 << 20}} {
		must(t)(c.UploadLayerPart(t.Context(), &sdkpublic.UploadLayerPartInput{
			RepositoryName: new("model"), UploadId: begun.UploadId, PartFirstByte: new(int64(span[0])), PartLastByte: new(int64(span[1] - 1)),
			LayerPartBlob: []byte(config[span[0]:span[1]]),
		}))
	}
	must(t)(c.CompleteLayerUpload(t.Context(), &sdkpublic.CompleteLayerUploadInput{RepositoryName: new("model"), UploadId: begun.UploadId, LayerDigests: []string{digestOf(config)}}))
	checked := must2(t, func() (*sdkpublic.BatchCheckLayerAvailabilityOutput, error) {
		return c.BatchCheckLayerAvailability(t.Context(), &sdkpublic.BatchCheckLayerAvailabilityInput{RepositoryName: new("model"), LayerDigests: []string{digestOf(config), digestOf("absent"), "", "x"}})
	})
	if len(checked.Layers) != 2 || checked.Layers[0].LayerAvailability != public.LayerAvailabilityAvailable || *checked.Layers[0].LayerSize != 6<<20 ||
		checked.Layers[1].LayerAvailability != public.LayerAvailabilityUnavailable || len(checked.Failures) != 2 {
		t.Errorf("%+v", checked)
	}
	m := manifest(config, "")
	put := &sdkpublic.PutImageInput{RepositoryName: new("model"), ImageManifest: &m, ImageTag: new("1.0")}
	must(t)(c.PutImage(t.Context(), put))
	put.ImageManifest = new(manifest(config, `,"annotations":{"a":"b"}`))
	_, err := c.PutImage(t.Context(), put)
	w.wants("another image", err, "ImageTagAlreadyExistsException", "immutable")
	put.ImageTag = new("1.1")
	must(t)(c.PutImage(t.Context(), put))
	list := must2(t, func() (*sdkpublic.DescribeImagesOutput, error) {
		return c.DescribeImages(t.Context(), &sdkpublic.DescribeImagesInput{RepositoryName: new("model"), ImageIds: []public.ImageIdentifier{{ImageTag: new("1.0")}}})
	})
	if d := list.ImageDetails; len(d) != 1 || *d[0].ImageDigest != digestOf(m) || *d[0].ImageSizeInBytes != 6<<20 || *d[0].ImageManifestMediaType != ecr.OCIManifest {
		t.Errorf("%+v", list)
	}
	var tags []string
	pages := sdkpublic.NewDescribeImageTagsPaginator(c, &sdkpublic.DescribeImageTagsInput{RepositoryName: new("model"), MaxResults: new(int32(1))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.ImageTagDetails {
			tags = append(tags, *d.ImageTag)
			if !d.CreatedAt.Equal(w.now()) || *d.ImageDetail.ImageDigest == "" || *d.ImageDetail.ImageSizeInBytes != 6<<20 {
				t.Errorf("%+v", d)
			}
		}
	}
	if !slices.Equal(tags, []string{"1.0", "1.1"}) {
		t.Errorf("%q", tags)
	}
	if status, body := w.http("", "GET", alias+"/model/manifests/1.0", nil); status != 200 || body != m {
		t.Errorf("a pull by nobody: %d %s", status, body)
	}
	out := must2(t, func() (*sdkpublic.BatchDeleteImageOutput, error) {
		return c.BatchDeleteImage(t.Context(), &sdkpublic.BatchDeleteImageInput{RepositoryName: new("model"), ImageIds: []public.ImageIdentifier{{ImageTag: new("1.0")}, {ImageTag: new("0.9")}}})
	})
	if len(out.ImageIds) != 1 || *out.ImageIds[0].ImageDigest != digestOf(m) || len(out.Failures) != 1 || out.Failures[0].FailureCode != public.ImageFailureCodeImageNotFound {
		t.Errorf("%+v", out)
	}
	_, err = c.PutImage(t.Context(), &sdkpublic.PutImageInput{RepositoryName: new("model"), RegistryId: new("nobody"), ImageManifest: &m})
	w.wants("a registry that nobody has", err, "RegistryNotFoundException", "nobody")
}
