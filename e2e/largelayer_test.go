package e2e

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// TestLargeLayer pushes a layer in chunks through a kill in the middle of one, and pulls it
// by eight ranges at once. The server's memory does not grow with the layer, and the last
// request of the upload costs what it costs for a layer of 1 MiB.
//
// MODELWHARF_LAYER_MIB makes it larger.
func TestLargeLayer(t *testing.T) {
	t.Parallel()
	const chunk, ranges, grown = 64 << 20, 8, 64 << 20
	size := int64(setting(t, "MODELWHARF_LAYER_MIB", 256)) << 20
	folder := t.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err == nil && int64(disk.Bavail)*int64(disk.Bsize) < size+size/4 {
		t.Skipf("no room for a layer of %d bytes", size)
	}
	data := filepath.Join(folder, "data")
	s := startOn(t, data)
	c := s.images(t, types.ImageTagMutabilityMutable, "large")
	blobs := imagePath("large") + "/blobs/"
	ctx := t.Context()

	// finish ends an upload and returns how long that took.
	finish := func(at string, d digest.Digest) time.Duration {
		began := time.Now()
		c.must(t, 201, "PUT", at+"?digest="+d.String(), nil)
		return time.Since(began)
	}
	patch := func(at string, layer noiseOf, from, to int64) error {
		res, err := c.open(ctx, "PATCH", at, layer.section(from, to), "Content-Range", fmt.Sprintf("%d-%d", from, to-1))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if said, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 202 {
			return fmt.Errorf("a chunk: %d %s: %w", res.StatusCode, said, err)
		}
		return nil
	}

	var smalls []time.Duration
	for i := range 9 {
		layer := noiseOf{byte(i + 1)}
		at := uploadPath(c.must(t, 202, "POST", blobs+"uploads/", nil))
		if err := patch(at, layer, 0, 1<<20); err != nil {
			t.Fatal(err)
		}
		smalls = append(smalls, finish(at, layer.digest(1<<20)))
	}
	small := slices.Sorted(slices.Values(smalls))[len(smalls)/2]

	layer := noiseOf{0}
	at := uploadPath(c.must(t, 202, "POST", blobs+"uploads/", nil))
	watch := s.watchMemory(t)
	half := size / 2 / chunk * chunk
	var sent int64
	for ; sent < half; sent += chunk {
		if err := patch(at, layer, sent, sent+chunk); err != nil {
			t.Fatal(err)
		}
	}
	// The server is killed under a chunk, when part of it was read.
	gone := make(chan error, 1)
	through := make(chan struct{})
	go func() {
		to := min(size, sent+chunk)
		body := &signal{r: layer.section(sent, to), after: (to - sent) / 2, reached: through}
		res, err := c.open(ctx, "PATCH", at, io.MultiReader(body), "Content-Range", fmt.Sprintf("%d-%d", sent, to-1))
		if err == nil {
			res.Body.Close()
			err = errors.New("a chunk was answered by a server that is dead")
		}
		gone <- err
	}()
	<-through
	s.kill()
	<-gone
	peak := watch()
	s = startOn(t, data)
	c.follow(s)
	watch = s.watchMemory(t)
	_, last, _ := strings.Cut(c.must(t, 204, "GET", at, nil).header.Get("Range"), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil || n+1 < sent || n+1 > size {
		t.Fatalf("an upload that was acknowledged up to %d goes on after %s", sent, last)
	}
	if c.must(t, 416, "PATCH", at, []byte("x"), "Content-Range", "0-0").code() != "BLOB_UPLOAD_INVALID" {
		t.Error("a chunk that overlaps is not refused as such")
	}
	for sent = n + 1; sent < size; sent = min(size, sent+chunk) {
		if err := patch(at, layer, sent, min(size, sent+chunk)); err != nil {
			t.Fatal(err)
		}
	}
	d := layer.digest(size)
	large := finish(at, d)

	var pulling sync.WaitGroup
	began := time.Now()
	for i := range int64(ranges) {
		from, to := size/ranges*i, size/ranges*(i+1)
		pulling.Go(func() {
			if err := c.pullRange(ctx, blobs+d.String(), layer, from, to); err != nil {
				t.Error(err)
			}
		})
	}
	pulling.Wait()
	took := time.Since(began)
	if after := watch(); after > 0 {
		peak = max(peak, after)
	}
	if peak > grown {
		t.Errorf("the server's memory grew by %d MiB", peak>>20)
	}
	t.Logf("%d MiB: the last request took %v, and %v for 1 MiB; memory grew by %.1f MiB at most; %d ranges came at %.0f MiB/s",
		size>>20, large, small, float64(peak)/(1<<20), ranges, float64(size>>20)/took.Seconds())
	if size > 1<<30 && large > 10*small+50*time.Millisecond {
		t.Errorf("the last request took %v, and %v for a layer of 1 MiB", large, small)
	}
}

// pullRange pulls the bytes [from, to) of a layer and compares them.
func (c *imageClient) pullRange(ctx context.Context, path string, layer noiseOf, from, to int64) error {
	res, err := c.open(ctx, "GET", path, nil, "Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != 206 || res.ContentLength != to-from {
		return fmt.Errorf("a range: %s, %d bytes", res.Status, res.ContentLength)
	}
	want := layer.section(from, to)
	got, expected := make([]byte, 256<<10), make([]byte, 256<<10)
	for from < to {
		n := min(int64(len(got)), to-from)
		if _, err := io.ReadFull(res.Body, got[:n]); err != nil {
			return err
		}
		if _, err := io.ReadFull(want, expected[:n]); err != nil {
			return err
		}
		if !bytes.Equal(got[:n], expected[:n]) {
			return fmt.Errorf("other bytes came in [%d, %d)", from, from+n)
		}
		from += n
	}
	return nil
}

// signal is a reader that tells when so many bytes were read.
type signal struct {
	r       io.Reader
	after   int64
	reached chan struct{}
}

func (s *signal) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.after > 0 && s.after <= int64(n) {
		close(s.reached)
	}
	s.after -= int64(n)
	return n, err
}

// noiseOf is an endless layer, any part of which can be made again.
type noiseOf struct{ seed byte }

// section reads the bytes [from, to).
func (n noiseOf) section(from, to int64) io.Reader {
	block, err := aes.NewCipher(bytes.Repeat([]byte{n.seed}, 16))
	if err != nil {
		panic(err) // the key has the length of one
	}
	iv := big.NewInt(from / 16).FillBytes(make([]byte, 16))
	r := cipher.StreamReader{S: cipher.NewCTR(block, iv), R: zeroes{}}
	_, _ = io.CopyN(io.Discard, r, from%16)
	return io.LimitReader(r, to-from)
}

func (n noiseOf) digest(size int64) digest.Digest {
	h := sha256.New()
	_, _ = io.Copy(h, n.section(0, size))
	return digest.NewDigest(digest.SHA256, h)
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// watchMemory begins to look at the server's memory, of which files that it maps are no
// part. The function that it returns ends that and returns by how many bytes it grew at
// most; 0 where the system does not tell.
func (s *server) watchMemory(t *testing.T) (stop func() int64) {
	t.Helper()
	pid := s.cmd.Process.Pid
	idle := anonymous(pid)
	var peak atomic.Int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			peak.Store(max(peak.Load(), anonymous(pid)))
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return max(0, peak.Load()-idle)
	}
}

// anonymous is a process's resident memory that is no file's, in bytes.
func anonymous(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}
