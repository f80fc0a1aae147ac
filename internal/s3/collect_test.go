package s3_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	objects "github.com/modelwharf/modelwharf/internal/s3"
)

// bare is a service without a server, whose root asks it.
type bare struct {
	*objects.Service
	*testing.T
	ctx   context.Context
	blobs blob.Store
	time  time.Time
}

func newBare(t *testing.T) *bare {
	t.Helper()
	t.Parallel()
	b := &bare{T: t, time: time.Now().UTC()}
	now := func() time.Time { return b.time }
	store, err := kv.Open(mem.New(), kv.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	who, err := identity.New(identity.Config{Store: store, Seal: seal, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if b.blobs, err = dir.Open(t.TempDir(), dir.Options{}); err != nil {
		t.Fatal(err)
	}
	b.Service = objects.New(objects.Config{
		Store: store, Blobs: b.blobs, Identity: who, Seal: seal.Pages(), Now: now,
		BaseURL: func(context.Context) string { return "http://wharf.example.com:4780" }, Hosts: []string{"wharf.example.com"},
	})
	const account = "111111111111"
	root := "arn:aws:iam::" + account + ":root"
	key, err := who.EnsureRoot(t.Context(), account, "", "")
	if err != nil {
		t.Fatal(err)
	}
	b.ctx = api.WithRequest(t.Context(), &api.Request{
		Service: "s3", Operation: "Test", Region: "us-east-1", Time: b.time,
		Caller: api.Caller{Account: account, ARN: root, UserID: account, Type: api.RootCaller, Principal: root, AccessKeyID: key.AccessKeyID},
	})
	if _, err := b.CreateBucket(b.ctx, "models", "", nil); err != nil {
		t.Fatal(err)
	}
	return b
}

func content(text string) objects.Content {
	return objects.Content{Body: strings.NewReader(text), Length: int64(len(text))}
}

func (b *bare) put(key, text string) {
	b.Helper()
	if _, err := b.PutObject(b.ctx, objects.Put{Name: objects.Name{Bucket: "models", Key: key}, Content: content(text)}); err != nil {
		b.Fatal(err)
	}
}

// collected collects, some time later, and returns how many blobs are left.
func (b *bare) collected(later time.Duration) (left int) {
	b.Helper()
	b.time = b.time.Add(later)
	if _, err := b.Collect(b.ctx); err != nil {
		b.Fatal(err)
	}
	for _, err := range b.blobs.List(b.ctx) {
		if err != nil {
			b.Fatal(err)
		}
		left++
	}
	return left
}

// TestCollection: bytes go when the last object that has them is gone and nobody can be
// reading them any more.
func TestCollection(t *testing.T) {
	b := newBare(t)
	b.put("one", "same")
	b.put("two", "same")
	b.put("three", "other")
	if n := b.collected(24 * time.Hour); n != 2 {
		t.Errorf("%d blobs, want 2: the same bytes once", n)
	}
	read, err := b.GetObject(b.ctx, objects.Name{Bucket: "models", Key: "three"})
	if err != nil {
		t.Fatal(err)
	}
	b.put("three", "new")
	if n := b.collected(30 * time.Minute); n != 3 {
		t.Errorf("%d blobs, want 3: the replaced one may be read", n)
	}
	r, err := read.Open(b.ctx, 0, read.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "other" {
		t.Errorf("who had begun reads %q %v", text, err)
	}
	if n := b.collected(3 * time.Hour); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	for _, key := range []string{"one", "two", "three"} {
		if err := b.DeleteObject(b.ctx, objects.Name{Bucket: "models", Key: key}, objects.Conditions{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.collected(3 * time.Hour); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

// TestAbandonedUploads: an upload to which nothing comes ends, and one of a deleted bucket
// does; parts that a completion leaves out go.
func TestAbandonedUploads(t *testing.T) {
	b := newBare(t)
	n := objects.Name{Bucket: "models", Key: "k"}
	begin := func() string {
		u, err := b.CreateMultipartUpload(b.ctx, objects.NewUpload{Name: n})
		if err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	part := func(id string, number int, text string) objects.CompletedPart {
		_, p, err := b.UploadPart(b.ctx, n, id, number, content(text))
		if err != nil {
			t.Fatal(err)
		}
		return objects.CompletedPart{Number: number, ETag: p.MD5}
	}
	id := begin()
	part(id, 1, "left")
	if n := b.collected(6 * 24 * time.Hour); n != 1 {
		t.Errorf("%d blobs, want 1", n)
	}
	part(id, 2, "still going on")
	if n := b.collected(6 * 24 * time.Hour); n != 2 {
		t.Errorf("%d blobs, want 2", n)
	}
	b.collected(24 * time.Hour)
	if n := b.collected(3 * time.Hour); n != 0 {
		t.Errorf("%d blobs of an abandoned upload are left", n)
	}
	if _, _, err := b.UploadPart(b.ctx, n, id, 3, content("x")); api.AsError(err).Code != "NoSuchUpload" {
		t.Error(err)
	}

	id = begin()
	one := part(id, 1, "kept")
	part(id, 2, "not kept")
	none := func(objects.Algorithm) string { return "" }
	if _, err := b.CompleteMultipartUpload(b.ctx, objects.Completion{Name: n, ID: id, Parts: []objects.CompletedPart{one}, Checksum: none, Size: -1}); err != nil {
		t.Fatal(err)
	}
	if n := b.collected(3 * time.Hour); n != 1 {
		t.Errorf("%d blobs, want that of the object", n)
	}
	if err := b.DeleteObject(b.ctx, n, objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	part(begin(), 1, "of a bucket that goes")
	if err := b.DeleteBucket(b.ctx, "models"); err != nil {
		t.Fatal(err)
	}
	b.collected(0)
	if n := b.collected(3 * time.Hour); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

// TestLocate: which objects URLs name.
func TestLocate(t *testing.T) {
	b := newBare(t)
	for text, want := range map[string]objects.Name{
		"http://wharf.example.com:4780/models/a/b%20c":         {Bucket: "models", Key: "a/b c"},
		"http://models.wharf.example.com:4780/a/b":             {Bucket: "models", Key: "a/b"},
		"https://models.s3.us-east-1.amazonaws.com/t.yaml?x=1": {Bucket: "models", Key: "t.yaml"},
		"https://s3.eu-west-1.amazonaws.com/models/t.yaml":     {Bucket: "models", Key: "t.yaml"},
		"https://s3.amazonaws.com/models/t.yaml":               {Bucket: "models", Key: "t.yaml"},
		"s3://models/t.yaml":                                   {Bucket: "models", Key: "t.yaml"},
	} {
		if n, ok := b.Locate(b.ctx, text); !ok || n != want {
			t.Errorf("%s: %v %v", text, n, ok)
		}
	}
	for _, text := range []string{"http://elsewhere.example.com/models/t", "https://models.s3.example.net/t", "file:///models/t", "http://wharf.example.com:4780/models", "s3://models", "::"} {
		if n, ok := b.Locate(b.ctx, text); ok {
			t.Errorf("%s: %v", text, n)
		}
	}
}
