package blob

import "sync"

// Claims see to it that an upload has one writer in this process. The zero value
// is ready.
type Claims struct {
	mu    sync.Mutex
	taken map[string]bool
}

// Take takes an upload, or returns ErrBusy.
func (c *Claims) Take(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken[id] {
		return ErrBusy
	}
	if c.taken == nil {
		c.taken = map[string]bool{}
	}
	c.taken[id] = true
	return nil
}

// Release gives an upload back.
func (c *Claims) Release(id string) {
	c.mu.Lock()
	delete(c.taken, id)
	c.mu.Unlock()
}
