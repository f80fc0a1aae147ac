package dynamodb_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestControlPlaneTags adds, replaces, removes and lists tags.
func TestControlPlaneTags(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	name := hashTable(t, c)
	arn := aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/" + name)
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	for _, tags := range [][]types.Tag{{tag("Environment", "test"), tag("Purpose", "ML Model Catalog")}, {tag("Environment", "production")}} {
		if _, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: tags}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want ...string) {
		t.Helper()
		out, err := c.ListTagsOfResource(ctx, &sdk.ListTagsOfResourceInput{ResourceArn: arn})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tag := range out.Tags {
			got = append(got, *tag.Key+"="+*tag.Value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	want("Environment=production", "Purpose=ML Model Catalog")
	if _, err := c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"Purpose", "absent"}}); err != nil {
		t.Fatal(err)
	}
	want("Environment=production")

	var many []types.Tag
	for i := range 50 {
		many = append(many, tag(fmt.Sprint("k", i), ""))
	}
	for _, test := range []struct {
		arn, message string
		tags         []types.Tag
	}{
		{*arn, "Number of Tags exceed the current limit for the provided ResourceArn", many},
		{*arn, "Duplicate Tag Keys provided as input: Duplicate Tag Key found a", []types.Tag{tag("a", ""), tag("a", "b")}},
		{*arn, "The Tag Key provided is invalid, Key: a*b", []types.Tag{tag("a*b", "")}},
		{"table/x", invalidOpen + "ARNs must start with 'arn:': table/x", many[:1]},
		{"arn:aws:s3:::bucket", invalidOpen + "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::bucket", many[:1]},
		{*arn + "/index/i", invalidOpen + "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " + *arn + "/index/i", many[:1]},
	} {
		_, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: &test.arn, Tags: test.tags})
		wantError(t, err, validation, test.message)
	}
	_, err := c.ListTagsOfResource(ctx, &sdk.ListTagsOfResourceInput{ResourceArn: aws.String(*arn + "x")})
	wantError(t, err, "ResourceNotFoundException", "Requested resource not found: ResourcArn: "+*arn+"x not found")
}
