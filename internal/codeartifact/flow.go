package codeartifact

import (
	"context"
	"errors"
	"sync"
)

// What a flow keeps in memory of the bytes that go through it, and how much of their end it
// keeps back until they are verified: so much at least a client misses of other bytes than
// were promised.
const (
	flowKept = 1 << 20
	flowHeld = 64 << 10
)

// flow is an asset on its way from an external repository into the store. Clients that want
// it read it as it comes. The way into the store waits for nobody: who falls behind by more
// than is kept waits until the asset is stored, and reads on there.
type flow struct {
	done chan struct{} // closed at the end; err is read after that

	mu   sync.Mutex
	more chan struct{} // closed when there is more, and made anew
	ring []byte
	n    int64 // bytes that have come
	size int64 // -1 until it is known
	err  error
}

func newFlow() *flow { return &flow{done: make(chan struct{}), more: make(chan struct{}), size: -1} }

// begin says how many bytes there will be.
func (f *flow) begin(size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size, f.ring = size, make([]byte, min(size, flowKept))
}

// Write takes bytes that have come. It never fails.
func (f *flow) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ring) > 0 {
		// Of more than is kept only the end stays.
		at := f.n
		tail := p
		if len(tail) > len(f.ring) {
			at += int64(len(tail) - len(f.ring))
			tail = tail[len(tail)-len(f.ring):]
		}
		for len(tail) > 0 {
			c := copy(f.ring[at%int64(len(f.ring)):], tail)
			at, tail = at+int64(c), tail[c:]
		}
	}
	f.n += int64(len(p))
	close(f.more)
	f.more = make(chan struct{})
	return len(p), nil
}

// end says what became of it: nil if the asset is stored, and is the one that was promised.
func (f *flow) end(err error) {
	f.err = err
	close(f.done)
}

// wait waits until the asset is stored. The error is why it is not.
func (f *flow) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flowing waits until there is something to read, and returns how large the asset is; -1 if
// all of it has come, or its size is not known: then it is to be waited for.
func (f *flow) flowing(ctx context.Context) (size int64, err error) {
	for {
		f.mu.Lock()
		size, n, more := f.size, f.n, f.more
		f.mu.Unlock()
		if size >= 0 && n > flowHeld && size > flowHeld {
			return size, nil
		}
		if n > 0 && size < 0 {
			return -1, nil
		}
		select {
		case <-more:
		case <-f.done:
			return -1, f.err
		case <-ctx.Done():
			return -1, ctx.Err()
		}
	}
}

// read reads bytes at a place as they come. It returns errStored when they are to be read in
// the store, and why the asset will never be there otherwise.
func (f *flow) read(ctx context.Context, p []byte, at int64) (int, error) {
	for {
		f.mu.Lock()
		kept, most := f.n-int64(len(f.ring)), min(f.n, f.size-flowHeld)
		if at < most && at >= kept {
			n := 0
			for p = p[:min(int64(len(p)), most-at)]; n < len(p); {
				n += copy(p[n:], f.ring[(at+int64(n))%int64(len(f.ring)):])
			}
			f.mu.Unlock()
			return n, nil
		}
		more := f.more
		f.mu.Unlock()
		if at < kept {
			more = nil // it will not come again
		}
		select {
		case <-more:
		case <-f.done:
			if f.err != nil {
				return 0, f.err
			}
			return 0, errStored
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// errStored says that an asset has come, and is in the store.
var errStored = errors.New("codeartifact: the asset is stored")

// flows are those under way.
type flows struct {
	mu  sync.Mutex
	all map[string]*flow
}

// join returns the flow of an asset that is under way, or begins one: then run is to be
// called with it. It goes on without who began it.
func (f *flows) join(k string, run func(*flow)) *flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one := f.all[k]; one != nil {
		return one
	}
	if f.all == nil {
		f.all = map[string]*flow{}
	}
	one := newFlow()
	f.all[k] = one
	go func() {
		run(one)
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.all, k)
	}()
	return one
}
