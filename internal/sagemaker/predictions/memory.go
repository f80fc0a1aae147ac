package predictions

import (
	"container/heap"
	"container/list"
	"sync"
	"time"
)

// memory holds rows of tables, up to a number of bytes. What does not fit leaves at the cost
// of the account that uses most, its longest unused row first: an account loses nothing to the
// others as long as it uses no more than its equal share.
type memory struct {
	limit int64

	mu       sync.Mutex
	used     int64
	entries  map[Key]*list.Element // of *entry
	accounts map[string]*share
	order    shares // by use, the greatest first
}

// entry is a row in memory. It is never changed.
type entry struct {
	key Key
	row *Row
	of  *tier
	// confirmed is when the table last said that the row is there.
	confirmed time.Time
	size      int64
	share     *share
}

// share is what an account uses.
type share struct {
	account string
	used    int64
	rows    list.List // of *entry, the last used first
	place   int       // in the order
}

// overhead is about what an entry takes beside its texts.
const overhead = 512

func newMemory(limit int64) *memory {
	return &memory{limit: limit, entries: map[Key]*list.Element{}, accounts: map[string]*share{}}
}

// get is the entry of a key, which is used thereby.
func (m *memory) get(k Key) *entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := m.entries[k]
	if at == nil {
		return nil
	}
	e := at.Value.(*entry)
	e.share.rows.MoveToFront(at)
	return e
}

// put holds a row under a key. A row of more than an eighth of all that fits is not held.
func (m *memory) put(k Key, row *Row, of *tier, confirmed time.Time) {
	e := &entry{key: k, row: row, of: of, confirmed: confirmed}
	e.size = overhead + int64(len(row.Body)+len(row.ID)+len(row.ContentType)+len(row.CustomAttributes)+
		len(row.Variant)+len(row.Model)+len(row.ImageDigest))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.entries[k])
	if e.size > m.limit/8 {
		return
	}
	s := m.accounts[of.Account]
	if s == nil {
		s = &share{account: of.Account}
		m.accounts[of.Account] = s
		heap.Push(&m.order, s)
	}
	e.share = s
	m.entries[k] = s.rows.PushFront(e)
	m.grow(s, e.size)
	for m.used > m.limit {
		m.remove(m.order[0].rows.Back())
	}
}

// drop forgets what a key stands for.
func (m *memory) drop(k Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.entries[k])
}

func (m *memory) bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

func (m *memory) remove(at *list.Element) {
	if at == nil {
		return
	}
	e := at.Value.(*entry)
	delete(m.entries, e.key)
	e.share.rows.Remove(at)
	m.grow(e.share, -e.size)
	if e.share.rows.Len() == 0 {
		heap.Remove(&m.order, e.share.place)
		delete(m.accounts, e.share.account)
	}
}

func (m *memory) grow(s *share, n int64) {
	m.used += n
	s.used += n
	heap.Fix(&m.order, s.place)
}

// shares is a heap of them.
type shares []*share

func (h shares) Len() int           { return len(h) }
func (h shares) Less(i, j int) bool { return h[i].used > h[j].used }
func (h shares) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *shares) Push(x any) {
	s := x.(*share)
	s.place = len(*h)
	*h = append(*h, s)
}

func (h *shares) Pop() any {
	old := *h
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return s
}
