package pypi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	api "github.com/modelwharf/modelwharf/internal/api/codeartifact"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/codeartifact/pypi"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
	"github.com/modelwharf/modelwharf/internal/wire/native"
)

// counting is an engine that counts the keys that are read.
type counting struct {
	kv.Engine
	reads *atomic.Int64
}

func (c counting) Snapshot() (kv.Snapshot, error) {
	s, err := c.Engine.Snapshot()
	return countingSnapshot{s, c.reads}, err
}

type countingSnapshot struct {
	kv.Snapshot
	reads *atomic.Int64
}

func (s countingSnapshot) Get(ctx context.Context, key []byte) ([]byte, error) {
	s.reads.Add(1)
	return s.Snapshot.Get(ctx, key)
}

func (s countingSnapshot) GetMany(ctx context.Context, keys [][]byte) ([][]byte, error) {
	s.reads.Add(int64(len(keys)))
	return s.Snapshot.GetMany(ctx, keys)
}

func (s countingSnapshot) Scan(ctx context.Context, r kv.Range) iter.Seq2[kv.KV, error] {
	return func(yield func(kv.KV, error) bool) {
		for p, err := range s.Snapshot.Scan(ctx, r) {
			s.reads.Add(1)
			if !yield(p, err) {
				return
			}
		}
	}
}

// shelf serves a project "large" of a number of files, 50 in a version, and counts what is
// read of the store.
type shelf struct {
	reads atomic.Int64
	get   func(accept, etag string) *http.Response
}

func newShelf(t testing.TB, files int) *shelf {
	t.Helper()
	s := &shelf{}
	now := time.Now().UTC()
	clock := func() time.Time { return now }
	store, err := kv.Open(counting{mem.New(), &s.reads}, kv.Options{Now: clock})
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
	who, err := identity.New(identity.Config{Store: store, Seal: seal, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := dir.Open(t.TempDir(), dir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	service := codeartifact.New(codeartifact.Config{
		Store: store, Blobs: blobs, Identity: who, Seal: seal.Pages(), Now: clock, Formats: []codeartifact.Format{pypi.Format{}},
	})
	const account = "111111111111"
	root := "arn:aws:iam::" + account + ":root"
	key, err := who.EnsureRoot(t.Context(), account, "", "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := wharf.WithRequest(t.Context(), &wharf.Request{
		Service: "codeartifact", Operation: "Test", Region: "eu-west-1", Time: now,
		Caller: wharf.Caller{Account: account, ARN: root, UserID: account, Type: wharf.RootCaller, Principal: root, AccessKeyID: key.AccessKeyID},
	})
	if _, err := service.CreateDomain(ctx, &api.CreateDomainInput{Domain: new("models")}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.CreateRepository(ctx, &api.CreateRepositoryInput{Domain: new("models"), Repository: new("main")}); err != nil {
		t.Fatal(err)
	}
	r, err := service.Repository(ctx, codeartifact.RepositoryName{Domain: codeartifact.DomainName{Owner: account, Region: "eu-west-1", Name: "models"}, Name: "main"})
	if err != nil {
		t.Fatal(err)
	}
	staged, err := service.Stage(ctx, strings.NewReader("every file"), codeartifact.MaxAsset)
	if err != nil {
		t.Fatal(err)
	}
	page := &pypi.Project{Name: "large"}
	for i := range files {
		page.Files = append(page.Files, pypi.File{
			Filename: fmt.Sprintf("large-1.%d-cp3%d-cp3%d-linux_x86_64.whl", i/50, i%50, i%50), URL: "http://index.test/f",
			MetadataSHA256: strings.Repeat("cd", 32), RequiresPython: ">=3.9", Size: 1 << 20, Uploaded: now,
		})
	}
	err = service.Change(ctx, r, codeartifact.PublishPackageVersion, codeartifact.PackageName{Format: "pypi", Name: "large"}, func(e *codeartifact.Edit) error {
		for _, v := range page.Known() {
			v.Remote = false
			for i := range v.Assets {
				v.Assets[i].Remote, v.Assets[i].Hashes = "", staged.Hashes
			}
			if err := e.Put(v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := service.GetAuthorizationToken(ctx, &api.GetAuthorizationTokenInput{Domain: new("models")})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(service.Handler(native.Door{Begin: func(*http.Request) *wharf.Request { return &wharf.Request{Time: now} }}))
	t.Cleanup(server.Close)
	s.get = func(accept, etag string) *http.Response {
		q, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/codeartifact/models-"+account+"/pypi/main/simple/large/", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.SetBasicAuth("aws", *token.AuthorizationToken)
		q.Header.Set("Accept", accept)
		q.Header.Set("If-None-Match", etag)
		answer, err := server.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	return s
}

// TestReadsOfTheIndexAreConstant reads as many keys for an index of 10,000 files as for one
// of 10, once it has been made.
func TestReadsOfTheIndexAreConstant(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	t.Parallel()
	reads := func(files int, again bool) int64 {
		s := newShelf(t, files)
		answer := s.get(pypi.TypeJSON, "")
		var page struct{ Files []json.RawMessage }
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || len(page.Files) != files {
			t.Fatal(err, len(page.Files))
		}
		answer.Body.Close()
		etag, status := "", 200
		if again {
			etag, status = answer.Header.Get("Etag"), 304
		}
		before := s.reads.Load()
		answer = s.get(pypi.TypeJSON, etag)
		defer answer.Body.Close()
		if n, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != status || again != (n == 0) {
			t.Fatal(answer.Status, n, err)
		}
		return s.reads.Load() - before
	}
	for _, again := range []bool{false, true} {
		if few, many := reads(10, again), reads(10_000, again); few != many || many > 12 {
			t.Errorf("%d keys are read for 10 files, %d for 10,000", few, many)
		}
	}
}

// BenchmarkIndex asks for an index of 10,000 files that has been made before, and of 100 files
// to compare it with.
func BenchmarkIndex(b *testing.B) {
	for _, files := range []int{100, 10_000} {
		s := newShelf(b, files)
		for name, accept := range map[string]string{"json": pypi.TypeJSON, "html": pypi.TypeHTML, "304": pypi.TypeJSON} {
			etag := ""
			if name == "304" {
				answer := s.get(accept, "")
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				etag = answer.Header.Get("Etag")
			}
			b.Run(fmt.Sprintf("%s/%d", name, files), func(b *testing.B) {
				for b.Loop() {
					answer := s.get(accept, etag)
					n, err := io.Copy(io.Discard, answer.Body)
					if err != nil {
						b.Fatal(err)
					}
					answer.Body.Close()
					b.SetBytes(n)
				}
			})
		}
	}
}
