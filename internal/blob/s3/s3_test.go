package s3_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/s3"
)

// TestStore runs the suite against an S3 server in this process.
func TestStore(t *testing.T) {
	t.Parallel()
	suite(t, inProcess(t))
}

// TestStoreOnRealServer runs the suite against a real one.
func TestStoreOnRealServer(t *testing.T) {
	t.Parallel()
	suite(t, gateway(t))
}

func suite(t *testing.T, e endpoint) {
	client := e.client(1)
	blobtest.Run(t, func(t *testing.T) blobtest.Instance {
		bucket := makeBucket(t, client)
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

// makeBucket makes a bucket that is named after the test.
func makeBucket(t *testing.T, client *sdk.Client) string {
	t.Helper()
	_, name, _ := strings.Cut(t.Name(), "/")
	bucket := "wharf-" + strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name)), "-") + "-b"
	if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return bucket
}
