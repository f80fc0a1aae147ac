package oci_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/ecr/oci"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// actor is who makes a step, in a context: the collector or a client.
type actor struct{}

func as(ctx context.Context, who string) context.Context { return context.WithValue(ctx, actor{}, who) }

// moments are the moments at which another may come in between the steps of an actor:
// before each of its commits, when all is read and decided, and before and after what it
// does to bytes. At one of them something else is done.
type moments struct {
	of     string
	at     int // which one
	passed int
	do     func() error // its error ends the actor there
	refuse func()       // called when a transaction of the other actor fails
}

func (m *moments) pass(ctx context.Context) error {
	if ctx.Value(actor{}) != m.of {
		return nil
	}
	if m.passed++; m.passed == m.at {
		return m.do()
	}
	return nil
}

// steppedStore and steppedBlobs are the stores beneath a service under test.
type steppedStore struct {
	kv.Store
	now **moments
}

func (s steppedStore) Update(ctx context.Context, fn func(kv.Txn) error) (kv.Stamp, error) {
	m, again := *s.now, false
	if m == nil {
		return s.Store.Update(ctx, fn)
	}
	stamp, err := s.Store.Update(ctx, func(tx kv.Txn) error {
		err := fn(tx)
		if err == nil && !again {
			err = m.pass(ctx)
		}
		again = true
		return err
	})
	if err != nil && ctx.Value(actor{}) != m.of {
		m.refuse()
	}
	return stamp, err
}

type steppedBlobs struct {
	blob.Store
	now **moments
}

func (s steppedBlobs) Delete(ctx context.Context, d blob.Digest) error {
	return s.step(ctx, func() error { return s.Store.Delete(ctx, d) })
}

func (s steppedBlobs) step(ctx context.Context, do func() error) error {
	m := *s.now
	if m == nil {
		return do()
	}
	if err := m.pass(ctx); err != nil {
		return err
	}
	return errors.Join(do(), m.pass(ctx))
}

func (s steppedBlobs) Create(ctx context.Context, label string, algorithms ...digest.Algorithm) (blob.Upload, error) {
	u, err := s.Store.Create(ctx, label, algorithms...)
	return steppedUpload{u, s}, err
}

type steppedUpload struct {
	blob.Upload
	store steppedBlobs
}

func (u steppedUpload) Publish(ctx context.Context, d blob.Digest) error {
	return u.store.step(ctx, func() error { return u.Upload.Publish(ctx, d) })
}

// told are the ways in which a client comes to rely on a blob of a repository. Each returns
// whether it may.
var told = map[string]func(ctx context.Context, reg *registry, d blob.Digest) (bool, error){
	"head": func(ctx context.Context, reg *registry, d blob.Digest) (bool, error) {
		_, err := reg.images.Layer(ctx, reg.find(private), d)
		return err == nil, nil
	},
	"mount": func(ctx context.Context, reg *registry, d blob.Digest) (bool, error) {
		_, err := reg.images.Mount(ctx, reg.find(private), reg.find(other), d)
		return err == nil, nil
	},
	"manifest at once": func(ctx context.Context, reg *registry, _ blob.Digest) (bool, error) {
		_, err := reg.images.PutManifest(ctx, reg.find(private), steppedPush())
		return err == nil, nil
	},
	"upload": func(ctx context.Context, reg *registry, d blob.Digest) (bool, error) {
		u, err := reg.images.BeginUpload(ctx, reg.find(private), "")
		if err != nil {
			return false, err
		}
		defer u.Close()
		if _, err := u.Append(ctx, reader(stepped)); err != nil {
			return false, err
		}
		return true, u.Finish(ctx, d)
	},
}

const stepped = "config"

func steppedPush() ecr.Push {
	image := imageOf(stepped)
	return ecr.Push{Digest: digest.FromBytes(image), MediaType: ecr.OCIManifest, Bytes: image, Tags: []string{"v1"}}
}

// TestCollectBetweenSteps lets the collector run between any two steps of a push, and a push
// between any two steps of the collector, over a blob that nobody needed until then and
// whose leases are over: whoever is told that a blob is there can push an image with it,
// whatever the collector does before and after, and in the end nothing is left.
func TestCollectBetweenSteps(t *testing.T) {
	t.Parallel()
	for name, tell := range told {
		for _, paused := range []string{"collector", "client"} {
			t.Run(name+" and a stopped "+paused, func(t *testing.T) {
				t.Parallel()
				var now *moments
				reg := start(t, func(c *ecr.Config, _ *oci.Config) {
					c.Store, c.Blobs = steppedStore{c.Store, &now}, steppedBlobs{c.Blobs, &now}
				})
				d := digest.FromString(stepped)
				push := steppedPush()
				// An image that comes while the collector is stopped, and one that comes when
				// it has ended: both count on what they were told.
				for _, late := range []bool{false, true} {
					for at := 1; ; at++ {
						reg.push(private, []byte(stepped))
						reg.push(other, []byte(stepped))
						reg.clock.advance(13 * time.Hour)
						reg.root = reg.tokenOf(reg.rootKey())

						m := &moments{of: paused, at: at}
						put := func(ctx context.Context) error {
							_, err := reg.images.PutManifest(ctx, reg.find(private), push)
							return err
						}
						client := func() error {
							ctx := as(reg.rootContext(), "client")
							ok, err := tell(ctx, reg, d)
							if !ok && err == nil {
								_, err = told["upload"](ctx, reg, d)
							}
							if err == nil && !late {
								err = put(ctx)
							}
							return err
						}
						collector := func() error {
							_, err := reg.images.Collect(as(t.Context(), "collector"))
							return err
						}
						first, second := collector, client
						if paused == "client" {
							first, second = client, collector
						}
						ended, waits := make(chan error, 1), make(chan struct{}, 1000)
						m.refuse = func() { waits <- struct{}{} } // the client waits until a blob has gone
						m.do = func() error {
							go func() { ended <- second() }()
							select {
							case err := <-ended:
								ended <- err
							case <-waits:
							}
							return nil
						}
						now = m
						if err := first(); err != nil {
							t.Fatalf("moment %d: %v", at, err)
						}
						if m.passed >= at {
							if err := <-ended; err != nil {
								t.Fatalf("moment %d: %v", at, err)
							}
						} else if err := second(); err != nil { // there was no such moment
							t.Fatal(err)
						}
						now = nil
						if late {
							reg.collect()
							if err := put(reg.rootContext()); err != nil {
								t.Fatalf("moment %d: who was told of a blob cannot use it: %v", at, err)
							}
						}
						reg.clock.advance(13 * time.Hour)
						reg.root = reg.tokenOf(reg.rootKey())
						reg.collect()
						if got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil).want(200); string(got.body) != stepped {
							t.Fatalf("moment %d: the blob is %q", at, got.body)
						}
						reg.do("DELETE", "/v2/"+private+"/manifests/"+push.Digest.String(), nil).want(202)
						if _, left := reg.collect(); left != 0 {
							t.Fatalf("moment %d: %d blobs are left", at, left)
						}
						if m.passed < at {
							if at < 2 {
								t.Errorf("only %d moments", at)
							}
							break
						}
					}
				}
			})
		}
	}
}

// TestCollectAfterCrash ends the process between any two steps of the collector or of a
// push. Another one over the same stores takes a push of the same bytes, and in the end
// nothing is left.
func TestCollectAfterCrash(t *testing.T) {
	t.Parallel()
	crash := errors.New("the process has ended")
	for _, who := range []string{"collector", "client"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			var now *moments
			var config ecr.Config
			reg := start(t, func(c *ecr.Config, _ *oci.Config) {
				c.Store, c.Blobs = steppedStore{c.Store, &now}, steppedBlobs{c.Blobs, &now}
				config = *c
			})
			d := digest.FromString(stepped)
			for at := 1; ; at++ {
				reg.push(private, []byte(stepped))
				reg.clock.advance(13 * time.Hour)
				reg.root = reg.tokenOf(reg.rootKey())

				m := &moments{of: who, at: at, do: func() error { return crash }, refuse: func() {}}
				now = m
				var err error
				if who == "collector" {
					_, err = reg.images.Collect(as(t.Context(), who))
				} else {
					_, err = told["upload"](as(reg.rootContext(), who), reg, d)
				}
				now = nil
				if !errors.Is(err, crash) && (err != nil || m.passed >= at) {
					t.Fatalf("moment %d: %v", at, err)
				}
				reg.images = ecr.New(config)

				// The collector that begins anew ends what was begun: until then a push waits.
				pushed := make(chan error, 1)
				go func() {
					_, err := told["upload"](reg.rootContext(), reg, d)
					if err == nil {
						_, err = reg.images.PutManifest(reg.rootContext(), reg.find(private), steppedPush())
					}
					pushed <- err
				}()
				reg.collect()
				if err := <-pushed; err != nil {
					t.Fatalf("moment %d: a push after the crash: %v", at, err)
				}
				reg.clock.advance(13 * time.Hour)
				reg.root = reg.tokenOf(reg.rootKey())
				reg.collect()
				if got := reg.do("GET", "/v2/"+private+"/blobs/"+d.String(), nil).want(200); string(got.body) != stepped {
					t.Fatalf("moment %d: the blob is %q", at, got.body)
				}
				reg.do("DELETE", "/v2/"+private+"/manifests/"+steppedPush().Digest.String(), nil).want(202)
				reg.clock.advance(8 * 24 * time.Hour)
				reg.root = reg.tokenOf(reg.rootKey())
				if _, left := reg.collect(); left != 0 {
					t.Fatalf("moment %d: %d blobs are left", at, left)
				}
				for u, err := range reg.blobs.Uploads(t.Context()) {
					t.Fatalf("moment %d: an upload is left: %+v, %v", at, u, err)
				}
				if m.passed < at {
					if at < 4 {
						t.Errorf("only %d moments", at)
					}
					return
				}
			}
		})
	}
}
