package dynamodb

import (
	"sync"
	"sync/atomic"
)

// hints wake those in this process who wait for changes of tables. A hint may be
// missing, as of what another server writes, or be for nothing.
type hints struct {
	waiting atomic.Int64 // so that a write of a table for which nobody waits costs nothing
	mu      sync.Mutex
	tables  map[tableName]map[chan struct{}]struct{}
}

// StreamChanged returns a channel that gets a value soon after this process has
// written records to a stream of the table that an ARN of a table or stream names. It
// is a hint that lets a reader of the stream wait longer between looks: what was there
// before the call, and what others wrote, is seen by looking alone. The reader calls
// stop when it is done.
func (s *Service) StreamChanged(arn string) (changed <-chan struct{}, stop func()) {
	n := tableOfARN(arn)
	ch := make(chan struct{}, 1)
	h := &s.hints
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tables == nil {
		h.tables = map[tableName]map[chan struct{}]struct{}{}
	}
	if h.tables[n] == nil {
		h.tables[n] = map[chan struct{}]struct{}{}
	}
	h.tables[n][ch] = struct{}{}
	h.waiting.Add(1)
	return ch, sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.waiting.Add(-1)
		if delete(h.tables[n], ch); len(h.tables[n]) == 0 {
			delete(h.tables, n)
		}
	})
}

// changed is to be called after a commit that changed items of a table.
func (h *hints) changed(t *table) {
	if h.waiting.Load() == 0 || !t.Stream.On {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.tables[t.tableName] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
