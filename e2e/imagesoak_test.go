package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/opencontainers/go-digest"
)

// TestImageSoak pushes, pushes again, mounts, pulls and deletes images that share a few
// layers, while the collector runs every second, leases are short, and the server is killed
// now and then. Whoever is told that a blob is there can push an image with it; an image
// that was acknowledged can be pulled until it is deleted; an upload goes on where it was
// acknowledged; and when all is deleted, not a byte is left.
//
// MODELWHARF_IMAGE_PUSHES and MODELWHARF_IMAGE_KILLS make it longer.
func TestImageSoak(t *testing.T) {
	t.Parallel()
	const workers, lease = 8, 3 * time.Second
	pushes, kills := setting(t, "MODELWHARF_IMAGE_PUSHES", 400), setting(t, "MODELWHARF_IMAGE_KILLS", 3)
	data := filepath.Join(t.TempDir(), "data")
	flags := []string{
		"--image-lease", lease.String(), "--image-upload-expiry", lease.String(), "--image-collect-every", "1s",
	}
	s := startOn(t, data, flags...)
	repositories := []string{"soak/a", "soak/b", "soak/c"}
	soak := &imageSoak{
		client: s.images(t, types.ImageTagMutabilityMutable, repositories...), repositories: repositories,
		promise: lease / 2,
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 24 {
		soak.contents = append(soak.contents, noise(rng, 1000+rng.IntN(100_000)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := make([]*imageWorker, workers)
	var working sync.WaitGroup
	for i := range all {
		all[i] = &imageWorker{soak: soak, id: i, rng: rand.New(rand.NewPCG(3, uint64(i)))}
		working.Go(func() {
			for soak.pushes.Add(1) <= int64(pushes) {
				if err := all[i].turn(ctx); err != nil {
					if ctx.Err() == nil {
						t.Errorf("worker %d: %v", i, err)
					}
					cancel()
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { working.Wait(); close(done) }()
	for kill := range kills {
		at := int64((kill + 1) * pushes / (kills + 1))
		for soak.pushes.Load() < at && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(rand.N(20 * time.Millisecond))
		s.kill()
		s = startOn(t, data, flags...)
		soak.client.follow(s)
	}
	<-done
	for _, w := range all {
		for len(w.live) > 0 && !t.Failed() {
			if err := w.pull(ctx, w.live[0]); err != nil {
				t.Error(err)
			}
			if err := w.delete(ctx, 0); err != nil {
				t.Error(err)
			}
		}
	}
	t.Logf("%d pushes, %d images acknowledged, %d refused after their leases, %d pulls, %d uploads resumed, %d kills",
		pushes, soak.acknowledged.Load(), soak.late.Load(), soak.pulls.Load(), soak.resumed.Load(), kills)
	if t.Failed() {
		return
	}
	if soak.acknowledged.Load() < int64(pushes)/2 {
		t.Error("too few images were acknowledged")
	}
	var left []string
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if left = files(t, filepath.Join(data, "images")); len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	if len(left) > 0 {
		t.Errorf("%d files are left: %s", len(left), left[:min(10, len(left))])
	}
}

// files are the files below a folder.
func files(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone
		}
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// imageSoak is what all workers have in common.
type imageSoak struct {
	client       *imageClient
	repositories []string
	contents     [][]byte
	promise      time.Duration // how long a blob stays at least that a client was told of

	pushes, acknowledged, late, pulls, resumed atomic.Int64
}

// pushedImage is an image that was acknowledged.
type pushedImage struct {
	repository, tag string
	manifest        []byte
	blobs           [][]byte
}

func (im *pushedImage) digest() digest.Digest { return digest.FromBytes(im.manifest) }

// imageWorker is a client with images of its own, of layers that others have too.
type imageWorker struct {
	soak *imageSoak
	id   int
	n    int
	rng  *rand.Rand
	live []*pushedImage
}

// try sends a request. ok is false if the server went away with it: then there is another
// one, and what became of the request is not known.
func (w *imageWorker) try(ctx context.Context, method, path string, body []byte, headers ...string) (a *said, ok bool, err error) {
	url := w.soak.client.server()
	a, err = w.soak.client.do(ctx, method, path, body, headers...)
	if err == nil {
		return a, true, nil
	}
	return nil, false, w.soak.client.await(ctx, url)
}

// turn pushes an image, and then pulls, pushes again or deletes one of its own.
func (w *imageWorker) turn(ctx context.Context) error {
	if err := w.push(ctx); err != nil {
		return err
	}
	if len(w.live) == 0 {
		return nil
	}
	i := w.rng.IntN(len(w.live))
	im := w.live[i]
	switch n := w.rng.IntN(4); {
	case n < 2 || len(w.live) > 10:
		if err := w.pull(ctx, im); err != nil {
			return err
		}
		return w.delete(ctx, i)
	case n == 2:
		return w.pull(ctx, im)
	}
	a, ok, err := w.try(ctx, "PUT", imagePath(im.repository)+"/manifests/"+im.tag, im.manifest, "Content-Type", manifestType)
	if ok && a.status != 201 {
		return fmt.Errorf("an image that is there is pushed again: %v", a)
	}
	return err
}

func (w *imageWorker) push(ctx context.Context) error {
	w.n++
	im := &pushedImage{repository: w.soak.repositories[w.rng.IntN(len(w.soak.repositories))], tag: fmt.Sprintf("w%d-%d", w.id, w.n%5)}
	for range 1 + w.rng.IntN(3) {
		im.blobs = append(im.blobs, w.soak.contents[w.rng.IntN(len(w.soak.contents))])
	}
	im.manifest = manifest(fmt.Sprintf("%d/%d", w.id, w.n), im.blobs...)
	told := time.Now()
	for _, b := range im.blobs {
		ok, err := w.bring(ctx, im.repository, b)
		if err != nil || !ok {
			return err // an upload or two may be left, and blobs without an image
		}
	}
	asked := time.Since(told)
	a, ok, err := w.try(ctx, "PUT", imagePath(im.repository)+"/manifests/"+im.tag, im.manifest, "Content-Type", manifestType)
	switch {
	case err != nil:
		return err
	case !ok: // it may be there or not: it is ours to delete
		w.live = append(w.live, im)
		return w.delete(ctx, len(w.live)-1)
	case a.status == 201:
		w.soak.acknowledged.Add(1)
		w.live = append(w.live, im)
	case a.code() == "MANIFEST_BLOB_UNKNOWN" && max(asked, time.Since(told)) > w.soak.promise:
		w.soak.late.Add(1)
	default:
		return fmt.Errorf("an image whose blobs are there, told %v before, is refused: %v", asked, a)
	}
	return nil
}

// bring sees to it that a repository has a blob, and returns whether the client was told so.
func (w *imageWorker) bring(ctx context.Context, repository string, content []byte) (bool, error) {
	d := digest.FromBytes(content)
	uploads := imagePath(repository) + "/blobs/uploads/"
	switch w.rng.IntN(4) {
	case 0:
		a, ok, err := w.try(ctx, "HEAD", imagePath(repository)+"/blobs/"+d.String(), nil)
		if err != nil || ok && a.status == 200 {
			return ok, err
		}
		if ok && a.status != 404 {
			return false, fmt.Errorf("HEAD of a blob: %v", a)
		}
	case 1:
		from := w.soak.repositories[w.rng.IntN(len(w.soak.repositories))]
		uploads += "?mount=" + d.String() + "&from=" + strings.TrimPrefix(imagePath(from), "/v2/")
	case 2:
		a, ok, err := w.try(ctx, "POST", uploads+"?digest="+d.String(), content)
		if ok && a.status != 201 {
			err = fmt.Errorf("a blob in one request: %v", a)
		}
		return ok && err == nil, err
	}
	a, ok, err := w.try(ctx, "POST", uploads, nil)
	if !ok || err != nil {
		return false, err
	}
	switch a.status {
	case 201:
		return true, nil
	case 202:
		return w.upload(ctx, uploadPath(a), d, content)
	}
	return false, fmt.Errorf("an upload is begun: %v", a)
}

// upload brings a blob in two chunks, which go on after a kill where the server says that
// they are. Some are left.
func (w *imageWorker) upload(ctx context.Context, at string, d digest.Digest, content []byte) (bool, error) {
	began, have := time.Now(), 0
	for have < len(content) {
		to := min(len(content), have+max(1, len(content)/2))
		a, ok, err := w.try(ctx, "PATCH", at, content[have:to], "Content-Range", fmt.Sprintf("%d-%d", have, to-1))
		if err != nil {
			return false, err
		}
		if ok {
			if a.status != 202 {
				return false, w.unlessLate(began, fmt.Errorf("a chunk: %v", a))
			}
			have = to
			if w.rng.IntN(50) == 0 {
				return false, nil
			}
			continue
		}
		w.soak.resumed.Add(1)
		if a, ok, err = w.try(ctx, "GET", at, nil); !ok || err != nil {
			return false, err
		}
		_, last, _ := strings.Cut(a.header.Get("Range"), "-")
		n, err := strconv.Atoi(last)
		if a.status != 204 || err != nil || n+1 < have {
			return false, w.unlessLate(began, fmt.Errorf("an upload acknowledged up to %d goes on: %v, %s", have, a, a.header.Get("Range")))
		}
		if n > 0 { // of none and of one byte the range is the same
			have = n + 1
		}
	}
	a, ok, err := w.try(ctx, "PUT", at+"?digest="+d.String(), nil)
	if ok && a.status != 201 {
		err = w.unlessLate(began, fmt.Errorf("the end of an upload: %v", a))
		ok = false
	}
	return ok, err
}

// unlessLate is an error, unless the upload had the time to expire.
func (w *imageWorker) unlessLate(began time.Time, err error) error {
	if time.Since(began) > w.soak.promise {
		w.soak.late.Add(1)
		return nil
	}
	return err
}

// pull pulls an image with all its blobs, by its digest.
func (w *imageWorker) pull(ctx context.Context, im *pushedImage) error {
	a, ok, err := w.try(ctx, "GET", imagePath(im.repository)+"/manifests/"+im.digest().String(), nil)
	if !ok || err != nil {
		return err
	}
	if a.status != 200 || !slices.Equal(a.body, im.manifest) {
		return fmt.Errorf("an image that was acknowledged: %v", a)
	}
	for _, b := range im.blobs {
		a, ok, err := w.try(ctx, "GET", imagePath(im.repository)+"/blobs/"+digest.FromBytes(b).String(), nil)
		if !ok || err != nil {
			return err
		}
		if a.status != 200 || !slices.Equal(a.body, b) {
			return fmt.Errorf("a blob of an image that was acknowledged: %d, %d bytes of %d", a.status, len(a.body), len(b))
		}
	}
	w.soak.pulls.Add(1)
	return nil
}

// delete deletes an image, however often the server goes away with it.
func (w *imageWorker) delete(ctx context.Context, i int) error {
	im := w.live[i]
	w.live = slices.Delete(w.live, i, i+1)
	for {
		a, ok, err := w.try(ctx, "DELETE", imagePath(im.repository)+"/manifests/"+im.digest().String(), nil)
		switch {
		case err != nil:
			return err
		case !ok:
		case a.status == 202 || a.status == 404 && a.code() == "MANIFEST_UNKNOWN":
			return nil
		default:
			return fmt.Errorf("an image is deleted: %v", a)
		}
	}
}
