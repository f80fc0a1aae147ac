package sagemaker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// fleet is the sets of containers that this machine runs.
type fleet struct {
	s *Service

	mu          sync.Mutex
	deployments map[string]*deployment // by the ID of the release
}

// deployment is the set of containers of a release.
type deployment struct {
	s       *Service
	at      endpointName
	release *release
	ctx     context.Context // of its containers
	cancel  context.CancelFunc
	work    sync.WaitGroup // of its instances

	mu      sync.Mutex
	groups  map[string]*group // by the name of the variant
	changed chan struct{}     // is closed, and another one, when anything below changes
	retired bool              // nothing more is asked of it
	asked   int               // how much is being asked of it now

	sessions map[string]session // by their IDs
}

// group is the instances of a variant.
type group struct {
	d         *deployment
	index     int
	variant   variant
	instances []*instance
	next      int // the instance that is looked at first, so that all have their turn
	asked     int
	made      int // instances, ever
}

// drainTime is how long what has been asked of containers may take until they are ended:
// longer than an answer may.
const drainTime = answerTime + 5*time.Second

// start starts a release, unless it has been.
func (f *fleet) start(n endpointName, r *release) *deployment {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.deployments[r.ID]; d != nil {
		return d
	}
	d := &deployment{s: f.s, at: n, release: r, groups: map[string]*group{}, changed: make(chan struct{}), sessions: map[string]session{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	f.deployments[r.ID] = d
	for i, v := range r.Variants {
		d.groups[v.Name] = &group{d: d, index: i}
	}
	d.scale(r.Variants, false)
	return d
}

// get returns a deployment that runs here, nil if there is none.
func (f *fleet) get(id string) *deployment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.deployments[id]
}

// take takes deployments out of the fleet.
func (f *fleet) take(which func(*deployment) bool) (taken []*deployment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, d := range f.deployments {
		if which(d) {
			taken = append(taken, d)
			delete(f.deployments, id)
		}
	}
	return taken
}

// stop ends a deployment, at once.
func (f *fleet) stop(id string) {
	for _, d := range f.take(func(d *deployment) bool { return d.release.ID == id }) {
		d.end()
	}
}

// retire ends a deployment when what has been asked of it is answered, or at the latest when
// ctx ends. Nobody waits for that.
func (f *fleet) retire(ctx context.Context, id string) {
	for _, d := range f.take(func(d *deployment) bool { return d.release.ID == id }) {
		f.s.keepers.work.Go(func() { d.drain(ctx) })
	}
}

// stopOthers ends all deployments of an endpoint.
func (f *fleet) stopOthers(n endpointName) {
	for _, d := range f.take(func(d *deployment) bool { return d.at == n }) {
		d.end()
	}
}

// close ends all.
func (f *fleet) close() {
	var ending sync.WaitGroup
	for _, d := range f.take(func(*deployment) bool { return true }) {
		ending.Go(d.end)
	}
	ending.Wait()
}

// ready is how many instances of a variant answer.
func (f *fleet) ready(id, variant string) int64 {
	d := f.get(id)
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := int64(0)
	if g := d.groups[variant]; g != nil {
		for _, i := range g.instances {
			if i.ready {
				n++
			}
		}
	}
	return n
}

// notify tells who waits that something has changed. The lock is held.
func (d *deployment) notify() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// scale brings the variants to what is wanted. With more, no instance is taken away yet.
func (d *deployment) scale(wanted []variant, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range wanted {
		g := d.groups[v.Name]
		if g == nil || d.retired {
			continue
		}
		g.variant = v
		for int64(len(g.instances)) < max(1, v.Count) {
			i := &instance{group: g, number: g.made}
			g.made++
			g.instances = append(g.instances, i)
			ctx, cancel := context.WithCancel(d.ctx)
			i.cancel = cancel
			d.work.Go(func() { i.run(ctx) })
		}
		for int64(len(g.instances)) > max(1, v.Count) && !more {
			last := g.instances[len(g.instances)-1]
			g.instances = g.instances[:len(g.instances)-1]
			d.work.Go(func() { d.dismiss(last) })
		}
	}
	d.notify()
}

// dismiss ends an instance when what has been asked of it is answered.
func (d *deployment) dismiss(i *instance) {
	d.wait(d.ctx, func() bool { return i.asked == 0 })
	i.cancel()
}

// wait waits until something is so, which it asks under the lock, or ctx ends.
func (d *deployment) wait(ctx context.Context, so func() bool) bool {
	for {
		d.mu.Lock()
		ok, changed := so(), d.changed
		d.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// await waits until every instance answers. The error says why one does not.
func (d *deployment) await(ctx context.Context) error {
	var failed error
	ready := d.wait(ctx, func() bool {
		all := true
		for _, g := range d.groups {
			for _, i := range g.instances {
				if i.failed != nil {
					failed = fmt.Errorf("the production variant %s: %w", g.variant.Name, i.failed)
					return true
				}
				all = all && i.ready
			}
		}
		return all
	})
	if !ready {
		return ctx.Err()
	}
	return failed
}

// drain ends a deployment when what has been asked of it is answered.
func (d *deployment) drain(ctx context.Context) {
	d.mu.Lock()
	d.retired = true
	d.notify()
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	d.wait(ctx, func() bool { return d.asked == 0 })
	d.end()
}

// end ends a deployment.
func (d *deployment) end() {
	d.mu.Lock()
	d.retired = true
	d.notify()
	d.mu.Unlock()
	d.cancel()
	d.work.Wait()
}
