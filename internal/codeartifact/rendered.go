package codeartifact

import (
	"container/list"
	"sync"
)

// rendered keeps documents in memory that were made of packages, those used last, up to a
// number of bytes.
type rendered struct {
	mu    sync.Mutex
	most  int64
	size  int64
	order *list.List // of *renderedDocument, the last used one first
	at    map[string]*list.Element
}

type renderedDocument struct {
	name string
	tag  string // of what it was made of
	body []byte
}

func newRendered(most int64) *rendered {
	return &rendered{most: most, order: list.New(), at: map[string]*list.Element{}}
}

func (r *rendered) get(name, tag string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.at[name]
	if e == nil || e.Value.(*renderedDocument).tag != tag {
		return nil, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*renderedDocument).body, true
}

func (r *rendered) put(name, tag string, body []byte) {
	if int64(len(body)) > r.most/2 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.at[name]; e != nil {
		r.drop(e)
	}
	r.at[name] = r.order.PushFront(&renderedDocument{name, tag, body})
	r.size += int64(len(body) + len(name))
	for r.size > r.most {
		r.drop(r.order.Back())
	}
}

func (r *rendered) drop(e *list.Element) {
	d := r.order.Remove(e).(*renderedDocument)
	delete(r.at, d.name)
	r.size -= int64(len(d.body) + len(d.name))
}
