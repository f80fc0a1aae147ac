package s3_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	objects "github.com/modelwharf/modelwharf/internal/s3"
)

// TestBucketNames: AWS's rules, and no first word of a path that others answer.
func TestBucketNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"models": true, "a.b-c": true, "123": true, "v2": false, "token": false, "codeartifact": false, "console": false, "healthz": false,
		"readyz": false, "metrics": false, "ab": false, "Models": false, "a..b": false, "-ab": false, "ab-": false, "10.0.0.1": false,
		"xn--abc": false, "abc-s3alias": false, "a_b": false, "": false,
	} {
		if objects.ValidBucket(name) != valid {
			t.Errorf("%q: want %v", name, valid)
		}
	}
}

// TestBuckets: a bucket's life; names are everybody's.
func TestBuckets(t *testing.T) {
	w := start(t)
	for _, name := range []string{"models-a", "models-b", "other"} {
		w.bucket(name)
	}
	w.bucket("models-a") // of one's own, in us-east-1
	page, err := w.ListBuckets(t.Context(), &s3.ListBucketsInput{Prefix: aws.String("models"), MaxBuckets: aws.Int32(1)})
	if err != nil || len(page.Buckets) != 1 || *page.Buckets[0].Name != "models-a" || page.ContinuationToken == nil {
		t.Fatalf("%+v %v", page, err)
	}
	page, err = w.ListBuckets(t.Context(), &s3.ListBucketsInput{Prefix: aws.String("models"), ContinuationToken: page.ContinuationToken})
	if err != nil || len(page.Buckets) != 1 || *page.Buckets[0].Name != "models-b" || page.ContinuationToken != nil {
		t.Fatalf("%+v %v", page, err)
	}
	head, err := w.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("other")})
	if err != nil || *head.BucketRegion != "us-east-1" {
		t.Fatalf("%+v %v", head, err)
	}
	_, err = w.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("Bad")})
	w.refused(err, "InvalidBucketName", 400)

	elsewhere := func(o *s3.Options) { o.Region = "eu-west-1" }
	in := &s3.CreateBucketInput{Bucket: aws.String("far"), CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}
	if _, err := w.CreateBucket(t.Context(), in, elsewhere); err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateBucket(t.Context(), in, elsewhere)
	w.refused(err, "BucketAlreadyOwnedByYou", 409)
	_, err = w.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("far2")}, elsewhere)
	w.refused(err, "IllegalLocationConstraintException", 400)
	where, err := w.GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: aws.String("far")})
	if err != nil || where.LocationConstraint != "eu-west-1" {
		t.Fatalf("%+v %v", where, err)
	}

	w.put("other", "k", "x")
	_, err = w.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("other")})
	w.refused(err, "BucketNotEmpty", 409)
	if _, err := w.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("other"), Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("other")}); err != nil {
		t.Fatal(err)
	}
	_, err = w.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("other")})
	w.refused(err, "NoSuchBucket", 404)
}

// TestListing: prefixes, delimiters and pages, in both versions of the operation.
func TestListing(t *testing.T) {
	w := start(t)
	b := w.bucket("listed")
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "b0", "d e+ü/x", "z"} {
		w.put(b, k, k)
	}
	list := func(prefix, delimiter, after string, max int32) (all []string) {
		p := s3.NewListObjectsV2Paginator(w.Client, &s3.ListObjectsV2Input{Bucket: &b, Prefix: &prefix, Delimiter: &delimiter, StartAfter: &after, MaxKeys: &max, EncodingType: "url"})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				all = append(all, *o.Key)
			}
			for _, c := range page.CommonPrefixes {
				all = append(all, *c.Prefix)
			}
		}
		return all
	}
	v1 := func(prefix, delimiter string, max int32) (all []string) {
		in := &s3.ListObjectsInput{Bucket: &b, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &max}
		for {
			page, err := w.ListObjects(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				all, in.Marker = append(all, *o.Key), o.Key
			}
			for _, c := range page.CommonPrefixes {
				all = append(all, *c.Prefix)
			}
			if !*page.IsTruncated {
				return all
			}
			if page.NextMarker != nil {
				in.Marker = page.NextMarker
			}
		}
	}
	for _, c := range []struct {
		prefix, delimiter, after string
		want                     []string
	}{
		{"", "", "", []string{"a", "b/1", "b/2", "b/c/3", "b0", "d%20e%2B%C3%BC/x", "z"}},
		{"", "/", "", []string{"a", "b/", "b0", "d%20e%2B%C3%BC/", "z"}},
		{"b/", "/", "", []string{"b/1", "b/2", "b/c/"}},
		{"b", "", "b/2", []string{"b/c/3", "b0"}},
		{"nothing", "", "", nil},
		{"", "", "zz", nil},
	} {
		for _, max := range []int32{1, 2, 1000} {
			got := list(c.prefix, c.delimiter, c.after, max)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v by %d: %q", c, max, got)
			}
			if c.after == "" && c.prefix != "" {
				got := v1(c.prefix, c.delimiter, max)
				slices.Sort(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("version 1 of %+v by %d: %q", c, max, got)
				}
			}
		}
	}
	_, err := w.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b, ContinuationToken: aws.String("forged")})
	w.refused(err, "InvalidArgument", 400)
}
