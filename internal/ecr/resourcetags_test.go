package ecr_test

import (
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	sdkpublic "github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	publictypes "github.com/aws/aws-sdk-go-v2/service/ecrpublic/types"
)

func tag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

// TestTags sets, lists and takes away tags of a repository, within their limits.
func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("model")
	c := w.private(w.roots[home])
	arn := "arn:aws:ecr:" + region + ":" + home + ":repository/model"
	set := func(tags ...types.Tag) error {
		_, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: &arn, Tags: tags})
		return err
	}
	list := func() string {
		t.Helper()
		out := must2(t, func() (*sdk.ListTagsForResourceOutput, error) {
			return c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &arn})
		})
		var b strings.Builder
		for _, x := range out.Tags {
			fmt.Fprintf(&b, "%s=%s ", *x.Key, *x.Value)
		}
		return b.String()
	}
	w.wants("set", set(tag("team", "vision"), tag("empty", "")), "", "")
	w.wants("replace", set(tag("team", "speech")), "", "")
	if got := list(); got != "empty= team=speech " {
		t.Errorf("%q", got)
	}
	must(t)(c.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"empty", "absent"}}))
	if got := list(); got != "team=speech " {
		t.Errorf("%q", got)
	}
	w.wants("no key", set(tag("", "x")), "InvalidTagParameterException", "")
	w.wants("a long key", set(tag(strings.Repeat("k", 129), "x")), "InvalidTagParameterException", "")
	w.wants("the longest", set(tag(strings.Repeat("k", 128), strings.Repeat("é", 256))), "", "")
	w.wants("a long value", set(tag("k", strings.Repeat("v", 257))), "InvalidTagParameterException", "")
	w.wants("a reserved key", set(tag("AWS:x", "x")), "InvalidTagParameterException", "")
	w.wants("a sign", set(tag("k", "<")), "InvalidTagParameterException", "")
	w.wants("one twice", set(tag("k", "1"), tag("k", "2")), "InvalidTagParameterException", "")
	many := make([]types.Tag, 49)
	for i := range many {
		many[i] = tag(fmt.Sprint("key", i), "x")
	}
	w.wants("51 with those that are there", set(many...), "TooManyTagsException", "")
	w.wants("50", set(many[:48]...), "", "")
	for _, bad := range []string{"model", "arn:aws:ecr:" + region + ":" + home + ":image/model", "arn:aws:ecr:us-west-2:" + home + ":repository/model", "arn:aws:s3:::model"} {
		_, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: &bad})
		w.wants(bad, err, "InvalidParameterException", "")
	}
	_, err := c.ListTagsForResource(t.Context(), &sdk.ListTagsForResourceInput{ResourceArn: new(arn + "s")})
	w.wants("no repository", err, "RepositoryNotFoundException", "")
}

// TestTagConditions asks policy with the tags of a repository and of a request.
func TestTagConditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t)(w.private(w.roots[home]).CreateRepository(t.Context(), &sdk.CreateRepositoryInput{
		RepositoryName: new("mine"), Tags: []types.Tag{tag("team", "vision")},
	}))
	w.create("theirs")
	c := w.private(w.user(home, "ann", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["ecr:TagResource","ecr:UntagResource"],"Resource":"*","Condition":{
			"StringEquals":{"aws:ResourceTag/team":"vision"},
			"ForAllValues:StringEquals":{"aws:TagKeys":["stage"]},
			"StringEqualsIfExists":{"aws:RequestTag/stage":["test","live"]}}}]}`))
	set := func(name string, tags ...types.Tag) error {
		_, err := c.TagResource(t.Context(), &sdk.TagResourceInput{ResourceArn: new("arn:aws:ecr:" + region + ":" + home + ":repository/" + name), Tags: tags})
		return err
	}
	w.wants("mine", set("mine", tag("stage", "live")), "", "")
	w.wants("another value", set("mine", tag("stage", "none")), "AccessDeniedException", "")
	w.wants("another key", set("mine", tag("team", "speech")), "AccessDeniedException", "")
	w.wants("not mine", set("theirs", tag("stage", "live")), "AccessDeniedException", "")
	untag := func(key string) error {
		_, err := c.UntagResource(t.Context(), &sdk.UntagResourceInput{ResourceArn: new("arn:aws:ecr:" + region + ":" + home + ":repository/mine"), TagKeys: []string{key}})
		return err
	}
	w.wants("untag", untag("stage"), "", "")
	w.wants("untag another", untag("team"), "AccessDeniedException", "")
}

// TestPublicMutabilityTag changes by a tag which tags of a public repository move.
func TestPublicMutabilityTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	c := w.public(root)
	const key = "modelwharf:image-tag-mutability"
	made := must2(t, func() (*sdkpublic.CreateRepositoryOutput, error) {
		return c.CreateRepository(t.Context(), &sdkpublic.CreateRepositoryInput{RepositoryName: new("model")})
	})
	arn := made.Repository.RepositoryArn
	_, repository, _ := strings.Cut(*made.Repository.RepositoryUri, "/")
	push := func(config string, want int) {
		t.Helper()
		if _, status := w.push(root, repository, config, "1.0"); status != want {
			t.Errorf("%s: %d, want %d", config, status, want)
		}
	}
	set := func(value string) error {
		_, err := c.TagResource(t.Context(), &sdkpublic.TagResourceInput{ResourceArn: arn, Tags: []publictypes.Tag{{Key: new(key), Value: &value}}})
		return err
	}
	push("one", 201)
	push("two", 201)
	w.wants("immutable", set("IMMUTABLE"), "", "")
	push("three", 400)
	w.wants("no mode", set("FIXED"), "InvalidParameterException", "")
	push("three", 400)
	w.wants("mutable", set("MUTABLE"), "", "")
	push("three", 201)
	w.wants("immutable again", set("IMMUTABLE"), "", "")
	must(t)(c.UntagResource(t.Context(), &sdkpublic.UntagResourceInput{ResourceArn: arn, TagKeys: []string{key}}))
	push("four", 201)
	if out, err := c.ListTagsForResource(t.Context(), &sdkpublic.ListTagsForResourceInput{ResourceArn: arn}); err != nil || len(out.Tags) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestPublicMutabilityField creates a public repository with the field that AWS has not.
func TestPublicMutabilityField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.roots[home]
	ask := func(body string) (int, string) {
		t.Helper()
		return w.post(root, "SpencerFrontendService.CreateRepository", body)
	}
	status, body := ask(`{"repositoryName":"fixed","imageTagMutability":"IMMUTABLE"}`)
	if status != 200 || !strings.Contains(body, `"imageTagMutability":"IMMUTABLE"`) {
		t.Fatalf("%d %s", status, body)
	}
	if status, body := ask(`{"repositoryName":"b2","imageTagMutability":"FIXED"}`); status != 400 || !strings.Contains(body, "enum value set") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask(`{"repositoryName":"b2","imageTagMutability":"IMMUTABLE","tags":[{"Key":"modelwharf:image-tag-mutability","Value":"MUTABLE"}]}`); status != 400 || !strings.Contains(body, "InvalidParameterException") {
		t.Errorf("%d %s", status, body)
	}
	c := w.public(root)
	tags := must2(t, func() (*sdkpublic.ListTagsForResourceOutput, error) {
		return c.ListTagsForResource(t.Context(), &sdkpublic.ListTagsForResourceInput{ResourceArn: new("arn:aws:ecr-public::" + home + ":repository/fixed")})
	})
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "IMMUTABLE" {
		t.Errorf("%+v", tags)
	}
	registries := must2(t, func() (*sdkpublic.DescribeRegistriesOutput, error) {
		return c.DescribeRegistries(t.Context(), &sdkpublic.DescribeRegistriesInput{})
	})
	_, alias, _ := strings.Cut(*registries.Registries[0].RegistryUri, "/")
	if _, status := w.push(root, alias+"/fixed", "one", "1.0"); status != 201 {
		t.Error(status)
	}
	if _, status := w.push(root, alias+"/fixed", "two", "1.0"); status != 400 {
		t.Error(status)
	}
}
