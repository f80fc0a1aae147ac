package server_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestLargestLayerPart sends parts of 20 MiB, of which base 64 makes more than other
// requests may have.
func TestLargestLayerPart(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	c := ecr.NewFromConfig(s.AWS())
	if _, err := c.CreateRepository(t.Context(), &ecr.CreateRepositoryInput{RepositoryName: new("model")}); err != nil {
		t.Fatal(err)
	}
	begun, err := c.InitiateLayerUpload(t.Context(), &ecr.InitiateLayerUploadInput{RepositoryName: new("model")})
	if err != nil {
		t.Fatal(err)
	}
	const size = 20 << 20
	layer := bytes.Repeat([]byte("layer"), 2*size/5)
	send := func(first, n int) error {
		_, err := c.UploadLayerPart(t.Context(), &ecr.UploadLayerPartInput{
			RepositoryName: new("model"), UploadId: begun.UploadId, PartFirstByte: new(int64(first)), PartLastByte: new(int64(first + n - 1)),
			LayerPartBlob: layer[first:][:n],
		})
		return err
	}
	for _, first := range []int{0, size} {
		if err := send(first, min(size, len(layer)-first)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.CompleteLayerUpload(t.Context(), &ecr.CompleteLayerUploadInput{
		RepositoryName: new("model"), UploadId: begun.UploadId, LayerDigests: []string{digest.FromBytes(layer).String()},
	}); err != nil {
		t.Error(err)
	}
	if err := send(0, 2*size-8); err == nil || !strings.Contains(err.Error(), "RequestEntityTooLargeException") {
		t.Errorf("more than a part: %v", err)
	}
	_, err = c.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: new("model"), ImageManifest: new(strings.Repeat(" ", 17<<20))})
	if err == nil || !strings.Contains(err.Error(), "HTTP content length exceeded 16777216 bytes") {
		t.Errorf("a manifest as long as a part: %v", err)
	}
	// Who is not known is not read that far.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.UploadLayerPart")
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode >= 500 {
			t.Errorf("a stranger: %s", resp.Status)
		}
	}
}
