package s3_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/s3"
)

// TestStore runs the suite against an S3 server of its own, or against that of
// MODELWHARF_S3_ENDPOINT with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
func TestStore(t *testing.T) {
	t.Parallel()
	key, secret, url := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("MODELWHARF_S3_ENDPOINT")
	if url == "" {
		server := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
		t.Cleanup(server.Close)
		key, secret, url = "key", "secret", server.URL
	}
	client := sdk.New(sdk.Options{
		Region: "us-east-1", BaseEndpoint: &url, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials:                credentials.NewStaticCredentialsProvider(key, secret, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
	blobtest.Run(t, func(t *testing.T) blobtest.Instance {
		bucket := "wharf-" + strings.Trim(strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, strings.ToLower(t.Name()[len("TestStore/"):])), "-")
		if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
		open := func(t *testing.T) blob.Store {
			s, err := s3.Open(t.Context(), s3.Options{Client: client, Bucket: bucket, Prefix: "images/", PartSize: 5 << 20})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return blobtest.Instance{Store: open(t), Restart: open}
	})
}
