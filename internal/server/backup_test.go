package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/folder"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestBackupOfImages takes backups while images come, go and are collected. A server that
// is restored from any of them serves every image that it lists.
func TestBackupOfImages(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t, func(c *server.Config) {
		c.ImageLease, c.ImageCollectEvery = 50*time.Millisecond, 5*time.Millisecond
	})
	p := newPusher(t, s)
	// The lease is so short that bytes may be collected before the manifest comes.
	for kept := false; !kept; {
		content, manifest := contentOf(9, 0), manifestOf(9, 0)
		resp, err := p.send("POST", "/blobs/uploads/?digest="+digest.FromString(content).String(), strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		resp, err = p.send("PUT", "/manifests/kept", bytes.NewReader(manifest))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		kept = resp.StatusCode == http.StatusCreated
	}
	var pushed atomic.Int64
	enough := make(chan struct{})
	var working sync.WaitGroup
	for worker := range 3 {
		working.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-enough:
					return
				default:
				}
				tag := fmt.Sprintf("w%d-%d", worker, i%5)
				if i >= 5 { // the image of five ago goes, and its bytes with it
					resp, err := p.send("DELETE", "/manifests/"+digestOf(worker, i-5), nil)
					if err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
				}
				content := contentOf(worker, i)
				resp, err := p.send("POST", "/blobs/uploads/?digest="+digest.FromString(content).String(), bytes.NewReader([]byte(content)))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				resp, err = p.send("PUT", "/manifests/"+tag, bytes.NewReader(manifestOf(worker, i)))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
				pushed.Add(1)
			}
		})
	}
	var backups []*bytes.Buffer
	for n := range 3 {
		for pushed.Load() < int64(40*n) { // something has happened since the last one
			time.Sleep(time.Millisecond)
		}
		out := &bytes.Buffer{}
		taken, err := control.NewClient(s.Data).Backup(t.Context(), out)
		if err != nil || taken.Blobs == 0 || taken.Bytes == 0 {
			t.Fatalf("%+v, %v", taken, err)
		}
		backups = append(backups, out)
	}
	close(enough)
	working.Wait()
	for n, b := range backups {
		data := filepath.Join(t.TempDir(), "restored")
		key := filepath.Join(s.Data, "secret.key")
		if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, bytes.NewReader(b.Bytes())); err != nil {
			t.Fatal(err)
		}
		restored := newPusher(t, servertest.Start(t, func(c *server.Config) { c.Data, c.RootKey = data, folder.AccessKey{} }))
		var list struct{ Tags []string }
		if err := json.Unmarshal(restored.do("GET", "/tags/list", nil, 200), &list); err != nil || len(list.Tags) == 0 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, tag := range list.Tags {
			var m struct {
				Config struct{ Digest digest.Digest }
			}
			if err := json.Unmarshal(restored.do("GET", "/manifests/"+tag, nil, 200), &m); err != nil {
				t.Fatal(err)
			}
			if got := restored.do("GET", "/blobs/"+string(m.Config.Digest), nil, 200); digest.FromBytes(got) != m.Config.Digest {
				t.Errorf("%s of backup %d has other bytes", tag, n)
			}
		}
	}
}

func contentOf(worker, i int) string {
	return fmt.Sprintf("image %d of worker %d %s", i, worker, bytes.Repeat([]byte("x"), 10_000))
}

func manifestOf(worker, i int) []byte {
	content := contentOf(worker, i)
	return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[]}`,
		digest.FromString(content), len(content))
}

func digestOf(worker, i int) string { return digest.FromBytes(manifestOf(worker, i)).String() }

// TestRestoreRefusesOtherBytes does not restore a backup in which a blob was changed.
func TestRestoreRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	newPusher(t, s).pushImage("the very bytes of it", "1.0", 201)
	var out bytes.Buffer
	if _, err := control.NewClient(s.Data).Backup(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(out.Bytes(), []byte("the very bytes"), []byte("The very bytes"), 1)
	if bytes.Equal(changed, out.Bytes()) {
		t.Fatal("the bytes are not in the backup")
	}
	data := filepath.Join(t.TempDir(), "restored")
	key := filepath.Join(s.Data, "secret.key")
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, bytes.NewReader(changed)); err == nil {
		t.Error("it is restored")
	}
	if _, err := server.Restore(t.Context(), data, key, server.Blobs{}, bytes.NewReader(out.Bytes())); err != nil {
		t.Errorf("after it the sound one: %v", err)
	}
}
