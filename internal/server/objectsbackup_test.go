package server_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestBackupOfObjects: a restored server has the objects with their bytes.
func TestBackupOfObjects(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	c := s3.NewFromConfig(s.AWS())
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("models")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("models"), Key: new("k"), Body: strings.NewReader("kept")}); err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	if b, err := control.NewClient(s.Data).Backup(t.Context(), &backup); err != nil || b.Blobs != 1 {
		t.Fatal(b, err)
	}
	data := filepath.Join(t.TempDir(), "restored")
	key := filepath.Join(s.Data, "secret.key")
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, &backup); err != nil {
		t.Fatal(err)
	}
	restored := servertest.Start(t, func(c *server.Config) { c.Data = data })
	out, err := s3.NewFromConfig(restored.AWS()).GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("models"), Key: new("k")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	if b, err := io.ReadAll(out.Body); err != nil || string(b) != "kept" {
		t.Errorf("%q %v", b, err)
	}
}
