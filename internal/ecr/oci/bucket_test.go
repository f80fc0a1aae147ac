package oci_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/s3"
)

// TestInBucket runs what is about blobs once more, with the bytes in a bucket.
func TestInBucket(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"collect": TestCollect, "collect a deleted repository": TestCollectDeletedRepository, "collect beside pushes": TestCollectBesidePushes,
		"pull": TestPullBlob, "pull a range": TestPullRange, "pull ranges at once": TestPullParallelRanges,
		"push": TestPushPostThenPut, "push by one POST": TestPushSinglePost, "push in chunks": TestPushChunked,
		"push a stream": TestPushStreamed, "wrong digest": TestPushWrongDigest, "cancel": TestPushCancel, "one writer": TestPushOneWriter,
		"resume after a kill": TestPushResumesAfterKill, "sha512": TestPushSHA512, "mount": TestMount,
		"visibility": TestVisibilityIsPerRepository, "tags that race": TestImmutableTagRace,
	} {
		t.Run(name, test)
	}
}

// inBucket returns what opens a store in a bucket, if that is what the test is about, and
// otherwise nil.
func inBucket(t testing.TB) func(testing.TB) (blob.Store, error) {
	if !strings.HasPrefix(t.Name(), "TestInBucket/") {
		return nil
	}
	server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(server.Close)
	client := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &server.URL, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider("key", "secret", ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	bucket := "images"
	if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB) (blob.Store, error) {
		return s3.Open(t.Context(), s3.Options{Client: client, Bucket: bucket, PartSize: 5 << 20})
	}
}
