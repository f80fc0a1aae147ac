package identity

import "sync"

// cache is a bounded map that is safe for concurrent use. When it is full, some
// entry makes room for the new one: what is in use comes back at once.
type cache[K comparable, V any] struct {
	mu  sync.RWMutex
	m   map[K]V
	cap int
}

func newCache[K comparable, V any](capacity int) *cache[K, V] {
	return &cache[K, V]{m: map[K]V{}, cap: capacity}
}

func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	v, ok := c.m[k]
	c.mu.RUnlock()
	return v, ok
}

func (c *cache[K, V]) set(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[k]; !ok && len(c.m) >= c.cap {
		for old := range c.m {
			delete(c.m, old)
			break
		}
	}
	c.m[k] = v
}
