package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// fakeS3 is an S3 server with a bucket "models", and the settings of its use.
func fakeS3(t *testing.T) (*s3mem.Backend, server.Blobs) {
	t.Helper()
	store := s3mem.New()
	if err := store.CreateBucket("models"); err != nil {
		t.Fatal(err)
	}
	s3 := httptest.NewServer(gofakes3.New(store).Server())
	t.Cleanup(s3.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	return store, server.Blobs{URL: "s3://models/wharf", Endpoint: s3.URL, PathStyle: true}
}

// TestBlobsInBucket pushes and pulls with the bytes in a bucket.
func TestBlobsInBucket(t *testing.T) {
	store, blobs := fakeS3(t)
	s := servertest.Start(t, func(c *server.Config) { c.Blobs = blobs })
	p := newPusher(t, s)
	d := p.pushBlob("content", 201)
	if got := p.do("GET", "/blobs/"+d, nil, 200); string(got) != "content" {
		t.Errorf("%q", got)
	}
	list, err := store.ListBucket("models", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil || len(list.Contents) != 2 { // its name and its bytes
		t.Fatalf("%+v, %v", list, err)
	}
	for _, o := range list.Contents {
		if !strings.HasPrefix(o.Key, "wharf/images/") {
			t.Errorf("%s is not below the prefix", o.Key)
		}
	}
}

// TestBucketRefused does not start on a bucket that cannot be used, and says why.
func TestBucketRefused(t *testing.T) {
	_, blobs := fakeS3(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	for _, c := range []struct {
		blobs server.Blobs
		want  []string
	}{
		{server.Blobs{URL: "s3://absent", Endpoint: blobs.Endpoint, PathStyle: true}, []string{"--blobs s3://absent", "bucket absent cannot be reached"}},
		{server.Blobs{URL: "s3://models", Endpoint: gone.URL, PathStyle: true}, []string{"--blobs s3://models", "connection refused", "--blobs-endpoint"}},
		{server.Blobs{URL: "models"}, []string{`--blobs "models"`, "s3://models/wharf"}},
		{server.Blobs{URL: "s3://models", Endpoint: "localhost"}, []string{"--blobs-endpoint"}},
		{server.Blobs{PathStyle: true}, []string{"--blobs-path-style", "--blobs s3://BUCKET"}},
	} {
		_, err := server.Open(t.Context(), server.Config{
			Data: t.TempDir(), Listen: "127.0.0.1:0", Account: servertest.Account, Region: servertest.Region, Blobs: c.blobs,
		})
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v does not say %q", c.blobs, err, want)
			}
		}
	}
}
