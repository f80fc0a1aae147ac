package oci_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob/ledger"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
)

// collect collects, and returns how many blobs there are afterwards.
func (reg *registry) collect() (c ecr.Collected, left int) {
	reg.t.Helper()
	c, err := reg.images.Collect(reg.t.Context())
	if err != nil {
		reg.t.Fatal(err)
	}
	for _, err := range reg.blobs.List(reg.t.Context()) {
		if err != nil {
			reg.t.Fatal(err)
		}
		left++
	}
	return c, left
}

// took is what a collection did: the layers, blobs, bytes and uploads that it took away, and
// the uploads that it left.
func took(layers, blobs, bytes, uploads, open int) ecr.Collected {
	return ecr.Collected{Layers: layers, Collected: ledger.Collected{Blobs: blobs, Bytes: int64(bytes), Uploads: uploads, Open: open}}
}

// What nobody needs goes when its lease is over; what someone was told of stays.
func TestCollect(t *testing.T) {
	t.Parallel()
	reg := start(t)
	image := reg.pushImage(private, "config", "v1")
	reg.push(private, []byte("loose"))
	reg.push(other, []byte("config"))
	abandoned := reg.begin(private)
	if c, left := reg.collect(); c != took(0, 0, 0, 0, 1) || left != 2 {
		t.Errorf("at once: %+v, %d left", c, left)
	}
	reg.clock.advance(11 * time.Hour)
	reg.root = reg.tokenOf(reg.rootKey())
	// A HEAD leases again.
	reg.do("HEAD", "/v2/"+private+"/blobs/"+digest.FromString("loose").String(), nil).want(200)
	reg.clock.advance(2 * time.Hour)
	if c, left := reg.collect(); c != took(1, 0, 0, 0, 1) || left != 2 {
		t.Errorf("after the lease: %+v, %d left", c, left)
	}
	reg.clock.advance(12 * time.Hour)
	if c, left := reg.collect(); c != took(1, 1, len("loose"), 0, 1) || left != 1 {
		t.Errorf("after the second lease: %+v, %d left", c, left)
	}
	reg.root = reg.tokenOf(reg.rootKey())
	reg.do("HEAD", "/v2/"+other+"/blobs/"+digest.FromString("config").String(), nil).want(404)
	reg.do("GET", "/v2/"+private+"/blobs/"+digest.FromString("config").String(), nil).want(200)
	reg.do("DELETE", "/v2/"+private+"/manifests/"+image.String(), nil).want(202)
	if c, left := reg.collect(); c != took(1, 1, len("config"), 0, 1) || left != 0 {
		t.Errorf("after the image: %+v, %d left", c, left)
	}
	reg.do("GET", abandoned, nil).want(204)
	reg.clock.advance(7 * 24 * time.Hour)
	if c, _ := reg.collect(); c != took(0, 0, 0, 1, 0) {
		t.Errorf("after a week: %+v", c)
	}
	reg.root = reg.tokenOf(reg.rootKey())
	reg.pushImage(private, "config", "v1") // all of it comes back
}

func (reg *registry) rootKey() string {
	key, err := reg.identity.EnsureRoot(reg.t.Context(), account, "", "")
	if err != nil {
		reg.t.Fatal(err)
	}
	return key.AccessKeyID
}

// A deleted repository leaves nothing.
func TestCollectDeletedRepository(t *testing.T) {
	t.Parallel()
	reg := start(t)
	reg.pushImage(private, "config", "v1")
	n := reg.name(private)
	if _, err := reg.images.DeleteRepository(reg.rootContext(), n, false); err == nil {
		t.Error("a repository with images is deleted without force")
	}
	location := reg.begin(private)
	if _, err := reg.images.DeleteRepository(reg.rootContext(), n, true); err != nil {
		t.Fatal(err)
	}
	reg.do("GET", "/v2/"+private+"/manifests/v1", nil).fails(404, "NAME_UNKNOWN")
	reg.create(private, ecr.Mutability{})
	reg.do("GET", "/v2/"+private+"/manifests/v1", nil).fails(404, "MANIFEST_UNKNOWN")
	reg.do("GET", location, nil).fails(404, "BLOB_UPLOAD_UNKNOWN")
	reg.collect()
	reg.clock.advance(13 * time.Hour)
	if _, left := reg.collect(); left != 0 {
		t.Errorf("%d blobs are left", left)
	}
}

// TestCollectBesidePushes pushes, mounts and deletes the same few blobs while the collector
// runs without a pause and leases are short: no push may find that a blob is gone of which
// its client was told, and in the end nothing is left.
func TestCollectBesidePushes(t *testing.T) {
	t.Parallel()
	const lease, configs = time.Hour, 8
	reg := start(t, func(c *ecr.Config, _ *oci.Config) { c.Lease = lease })
	stop := make(chan struct{})
	var collecting, pushing sync.WaitGroup
	var turn sync.RWMutex // held for reading by a client from its push's begin to its end
	collected, rounds := 0, make(chan struct{})
	collecting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := reg.images.Collect(t.Context())
			if err != nil {
				t.Error(err)
			}
			collected += c.Blobs
			select {
			case rounds <- struct{}{}:
			default:
			}
		}
	})
	ctx := reg.rootContext()
	repositories := []*ecr.Repository{reg.find(private), reg.find(other), reg.find(public)}
	for worker := range 4 {
		rng := rand.New(rand.NewPCG(1, uint64(worker)))
		pushing.Go(func() {
			for i := range 60 {
				jump := rng.IntN(4) == 0
				if jump { // leases end, but never while a client relies on one
					turn.Lock()
					reg.clock.advance(2 * lease)
					turn.Unlock()
				}
				turn.RLock()
				config := fmt.Sprint("config ", rng.IntN(configs))
				d := digest.FromString(config)
				r, from := repositories[rng.IntN(3)], repositories[rng.IntN(3)]
				have := false
				switch rng.IntN(3) {
				case 0:
					_, err := reg.images.Layer(ctx, r, d)
					have = err == nil
				case 1:
					_, err := reg.images.Mount(ctx, r, from, d)
					have = err == nil
				}
				if !have {
					u, err := reg.images.BeginUpload(ctx, r, "")
					if err != nil {
						t.Error(err)
						turn.RUnlock()
						return
					}
					if _, err := u.Append(ctx, reader(config)); err != nil {
						t.Error(err)
					}
					if err := u.Finish(ctx, d); err != nil {
						t.Errorf("finish: %v", err)
					}
					u.Close()
				}
				if jump { // a whole collection comes in between
					<-rounds
					<-rounds
				}
				m := imageOf(config)
				md := digest.FromBytes(m)
				if _, err := reg.images.PutManifest(ctx, r, ecr.Push{Digest: md, MediaType: ecr.OCIManifest, Bytes: m, Tags: []string{fmt.Sprint("t", worker)}}); err != nil {
					t.Errorf("round %d: %v", i, err)
				}
				body, err := reg.images.OpenLayer(ctx, d, 0, -1)
				if err != nil {
					t.Errorf("a blob of an image is gone: %v", err)
				} else {
					body.Close()
				}
				if rng.IntN(2) == 0 {
					_ = reg.images.DeleteManifest(ctx, r, md, false) // another may have
				}
				turn.RUnlock()
			}
		})
	}
	pushing.Wait()
	close(stop)
	collecting.Wait()
	for _, r := range repositories {
		for i := range configs {
			_ = reg.images.DeleteManifest(ctx, r, digest.FromBytes(imageOf(fmt.Sprint("config ", i))), false)
		}
	}
	reg.clock.advance(2 * lease)
	reg.collect()
	if _, left := reg.collect(); left != 0 {
		t.Errorf("%d blobs are left", left)
	}
	if collected == 0 {
		t.Error("nothing was collected beside the pushes")
	}
	t.Logf("%d blobs were collected beside the pushes", collected)
}
