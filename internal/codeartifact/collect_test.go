package codeartifact_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/audit"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/generic"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// bare is a service without a server, whose root asks it.
type bare struct {
	*codeartifact.Service
	t     testing.TB
	ctx   context.Context
	blobs blob.Store
	store *kv.DB
	mu    sync.Mutex
	time  time.Time
}

func (b *bare) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.time
}

func (b *bare) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.time = b.time.Add(d)
}

// newBare makes a service with a domain and a repository, and with the format generic unless
// others are given.
func newBare(t testing.TB, formats ...codeartifact.Format) *bare {
	t.Helper()
	b := &bare{t: t, time: time.Now().UTC()}
	var err error
	if b.store, err = kv.Open(mem.New(), kv.Options{Now: b.now}); err != nil {
		t.Fatal(err)
	}
	seal, err := identity.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	who, err := identity.New(identity.Config{Store: b.store, Seal: seal, Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	if b.blobs, err = dir.Open(t.TempDir(), dir.Options{}); err != nil {
		t.Fatal(err)
	}
	if len(formats) == 0 {
		formats = []codeartifact.Format{generic.Format{}}
	}
	b.Service = codeartifact.New(codeartifact.Config{
		Store: b.store, Blobs: b.blobs, Identity: who, Seal: seal.Pages(), Now: b.now, Formats: formats,
	})
	const account = "111111111111"
	root := "arn:aws:iam::" + account + ":root"
	key, err := who.EnsureRoot(t.Context(), account, "", "")
	if err != nil {
		t.Fatal(err)
	}
	b.ctx = wharf.WithRequest(t.Context(), &wharf.Request{
		Service: "codeartifact", Operation: "Test", Region: "eu-west-1", Time: b.now(),
		Caller: wharf.Caller{Account: account, ARN: root, UserID: account, Type: wharf.RootCaller, Principal: root, AccessKeyID: key.AccessKeyID},
	})
	t.Cleanup(func() {
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := b.CreateDomain(b.ctx, &api.CreateDomainInput{Domain: new("models")}); err != nil {
		t.Fatal(err)
	}
	b.repository("main")
	return b
}

func (b *bare) repository(name string) *codeartifact.Repository {
	b.t.Helper()
	if _, err := b.CreateRepository(b.ctx, &api.CreateRepositoryInput{Domain: new("models"), Repository: &name}); err != nil {
		b.t.Fatal(err)
	}
	return b.find(name)
}

func (b *bare) find(name string) *codeartifact.Repository {
	b.t.Helper()
	r, err := b.Repository(b.ctx, codeartifact.RepositoryName{Domain: codeartifact.DomainName{Owner: "111111111111", Region: "eu-west-1", Name: "models"}, Name: name})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bare) stage(content string) *codeartifact.Staged {
	b.t.Helper()
	staged, err := b.Stage(b.ctx, strings.NewReader(content), codeartifact.MaxAsset)
	if err != nil {
		b.t.Fatal(err)
	}
	return staged
}

var weights = codeartifact.PackageName{Format: "generic", Name: "weights"}

func (b *bare) put(r *codeartifact.Repository, version string, staged *codeartifact.Staged) error {
	_, err := b.Publish(b.ctx, r, weights, codeartifact.Publication{Version: version, Assets: []codeartifact.NewAsset{{Name: "a", Staged: staged}}})
	return err
}

func (b *bare) collect() (blobs int) {
	b.t.Helper()
	done, err := b.Collect(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return done.Blobs
}

// TestCollection deletes the bytes that no version needs, when their lease is over, and none
// that one needs.
func TestCollection(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	main := b.find("main")
	other := b.repository("other")
	kept, shared, refused := b.stage("kept"), b.stage("shared"), b.stage("refused")
	for _, err := range []error{b.put(main, "1", kept), b.put(main, "2", shared), b.put(other, "2", shared)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := b.collect(); n != 0 {
		t.Errorf("%d blobs were deleted within their lease", n)
	}
	b.advance(13 * time.Hour)
	if n := b.collect(); n != 1 {
		t.Errorf("%d blobs were deleted, want the one that was never published", n)
	}
	if err := b.put(main, "3", refused); !errors.Is(err, &wharf.Error{Code: "ServiceUnavailable"}) {
		t.Errorf("bytes that are gone were published: %v", err)
	}
	// A deleted repository gives back what it had, and only that.
	if _, err := b.DeleteRepository(b.ctx, &api.DeleteRepositoryInput{Domain: new("models"), Repository: new("main")}); err != nil {
		t.Fatal(err)
	}
	if n := b.collect(); n != 1 {
		t.Errorf("%d blobs were deleted, want the one that the other repository has not", n)
	}
	view, err := b.View(b.ctx, other, weights)
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := view.Open(b.ctx, "2", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if content, err := io.ReadAll(r); err != nil || string(content) != "shared" {
		t.Errorf("%q, %v", content, err)
	}
	out, err := b.DescribeDomain(b.ctx, &api.DescribeDomainInput{Domain: new("models")})
	if err != nil || *out.Domain.AssetSizeBytes != int64(len("shared")) {
		t.Errorf("%d bytes, %v", *out.Domain.AssetSizeBytes, err)
	}
}

// TestStagingNeedsLittleMemory stages a large asset in bounded memory, and refuses more than
// is allowed without keeping it.
func TestStagingNeedsLittleMemory(t *testing.T) {
	b := newBare(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const size = 256 << 20
	staged, err := b.Stage(b.ctx, io.LimitReader(rand.Reader, size), codeartifact.MaxAsset)
	if err != nil || staged.Size != size || len(staged.SHA512) != 128 || len(staged.MD5) != 32 {
		t.Fatalf("%+v, %v", staged, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated to stage %d", grown, size)
	}
	_, err = b.Stage(b.ctx, strings.NewReader("12345"), 4)
	if !errors.Is(err, &wharf.Error{Code: "ServiceQuotaExceededException"}) {
		t.Error(err)
	}
	for u, err := range b.blobs.Uploads(b.ctx) {
		t.Errorf("an upload is left: %+v, %v", u, err)
	}
}

// TestReaderAt reads staged bytes at any place.
func TestReaderAt(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	content := make([]byte, 300_000)
	rand.Read(content)
	staged := b.stage(string(content))
	r := b.ReaderAt(b.ctx, staged.Hashes, staged.Size)
	for _, at := range []struct{ off, n int }{{0, 10}, {65_530, 20}, {0, 300_000}, {299_990, 10}, {131_072, 1}, {10, 65_536}} {
		p := make([]byte, at.n)
		if n, err := r.ReadAt(p, int64(at.off)); n != at.n || err != nil && err != io.EOF || string(p) != string(content[at.off:at.off+at.n]) {
			t.Errorf("%v: %d, %v", at, n, err)
		}
	}
	if n, err := r.ReadAt(make([]byte, 20), 299_990); n != 10 || err != io.EOF {
		t.Error(n, err)
	}
	if _, err := r.ReadAt(make([]byte, 1), 300_000); err != io.EOF {
		t.Error(err)
	}
}

// TestChangesAreRecorded leaves an audit record of each change, in its own transaction.
func TestChangesAreRecorded(t *testing.T) {
	t.Parallel()
	b := newBare(t)
	if err := b.put(b.find("main"), "1", b.stage("x")); err != nil {
		t.Fatal(err)
	}
	found, err := audit.Search(b.ctx, b.store, audit.Query{Account: "111111111111", Resource: "*weights"})
	if err != nil || len(found.Events) != 1 || !strings.Contains(string(found.Events[0].Parameters), `"packageVersions":["1"]`) {
		t.Errorf("%+v, %v", found, err)
	}
}
