package e2e

import (
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// objects is a client of the server's objects.
func (s *server) objects() *s3.Client {
	o := s.tables().Options()
	return s3.New(s3.Options{BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials, Region: o.Region, HTTPClient: o.HTTPClient, Retryer: o.Retryer, UsePathStyle: true})
}

// TestAWSCommandObjects keeps files with the aws command: a large one in parts, folders,
// streams, and by URLs.
func TestAWSCommandObjects(t *testing.T) {
	t.Parallel()
	s := start(t)
	aws := s.aws(t)
	text := func(args ...string) string {
		t.Helper()
		stdout, stderr, err := aws.try(args...)
		if err != nil {
			t.Fatalf("aws %q: %v\n%s", args, err, stderr)
		}
		return stdout
	}
	dir := t.TempDir()
	big := make([]byte, 20<<20+1)
	_, _ = rand.Read(big)
	file := filepath.Join(dir, "weights")
	if err := os.WriteFile(file, big, 0o600); err != nil {
		t.Fatal(err)
	}
	text("s3", "mb", "s3://models")
	text("s3", "cp", file, "s3://models/llm/weights", "--no-progress")
	text("s3", "cp", "s3://models/llm/weights", "s3://models/copy of weights", "--no-progress")
	text("s3", "cp", "s3://models/copy of weights", file+".back", "--no-progress")
	if back, err := os.ReadFile(file + ".back"); err != nil || !bytes.Equal(back, big) {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
	if etag := at(t, aws.run("s3api", "head-object", "--bucket", "models", "--key", "llm/weights"), "ETag").(string); !strings.HasSuffix(etag, `-3"`) {
		t.Errorf("the ETag of three parts is %s", etag)
	}
	tree := filepath.Join(dir, "tree", "a")
	if err := os.MkdirAll(tree, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a/one": "1", "two ü+": "2"} {
		if err := os.WriteFile(filepath.Join(dir, "tree", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := text("s3", "sync", filepath.Join(dir, "tree"), "s3://models/tree", "--no-progress"); strings.Count(out, "upload:") != 2 {
		t.Errorf("sync: %s", out)
	}
	if out := text("s3", "sync", filepath.Join(dir, "tree"), "s3://models/tree", "--no-progress"); out != "" {
		t.Errorf("sync again: %s", out)
	}
	if out := text("s3", "ls", "s3://models/tree/"); !strings.Contains(out, "PRE a/") || !strings.Contains(out, "two ü+") {
		t.Errorf("ls: %s", out)
	}
	url := strings.TrimSpace(text("s3", "presign", "s3://models/tree/two ü+"))
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, _ := io.ReadAll(res.Body); string(got) != "2" {
		t.Errorf("by URL: %s", got)
	}
	text("s3", "rb", "--force", "s3://models")
	if out := text("s3", "ls"); out != "" {
		t.Errorf("left: %s", out)
	}
}

// TestTerraformObjects makes a bucket with an object, changes it in place and takes it away.
func TestTerraformObjects(t *testing.T) {
	t.Parallel()
	s := start(t)
	tf := newTerraform(t, s, "../deploy/terraform/provider.tf", "testdata/objects/*.tf")
	tf.run("init", "-no-color")
	tf.run("apply", "-no-color", "-auto-approve")
	tf.empty("after apply")
	changed := []string{"-var", "text=two"}
	tf.run(append([]string{"apply", "-no-color", "-auto-approve"}, changed...)...)
	tf.empty("after a change", changed...)
	aws := s.aws(t)
	if got := at(t, aws.run("s3api", "get-bucket-tagging", "--bucket", "tf-models"), "TagSet", 0, "Value"); got != "two" {
		t.Errorf("the tag is %v", got)
	}
	tf.run(append([]string{"destroy", "-no-color", "-auto-approve"}, changed...)...)
	if got, _ := aws.run("s3api", "list-buckets")["Buckets"].([]any); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

// TestObjectsSurviveKills kills the server in the middle of writes: what was answered is
// there, whole, and what was not is there whole or not at all.
func TestObjectsSurviveKills(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	c := s.objects()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: new("kill")}); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for range setting(t, "MODELWHARF_KILLS", 3) {
		c := s.objects()
		written := make(chan int)
		go func(n int) {
			defer close(written)
			for {
				n++
				body := bytes.Repeat([]byte{byte(n)}, 300_000)
				if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: new("kill"), Key: new("k"), Body: bytes.NewReader(body)}); err != nil {
					return
				}
				written <- n
			}
		}(acknowledged)
		for range 20 {
			acknowledged = <-written
		}
		go s.kill()
		for n := range written {
			acknowledged = n
		}
		s = startOn(t, data)
		out, err := s.objects().GetObject(t.Context(), &s3.GetObjectInput{Bucket: new("kill"), Key: new("k")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || len(got) != 300_000 || bytes.Count(got, got[:1]) != len(got) {
			t.Fatalf("%d bytes, %v: not whole", len(got), err)
		}
		if n := got[0]; n != byte(acknowledged) && n != byte(acknowledged+1) {
			t.Fatalf("write %d is there, %d was acknowledged", n, byte(acknowledged))
		}
	}
}
