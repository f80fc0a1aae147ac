package restjson

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
)

// route is where an operation is asked for: a method and a template of a URI, such as
// /2015-03-31/functions/{FunctionName}/code or /v1/asset/{path+}?find=Asset.
type route struct {
	name      string
	operation *api.Operation // nil if the operation is not there yet
	streams   bool           // its input is a stream
	method    string
	segments  []segment
	query     []pair // what the query must have
}

// segment is a part of a path: a word, or a label that stands for a part or, if it is
// greedy, for one or more.
type segment struct {
	word, label string
	greedy      bool
}

type pair struct{ name, value string }

// newRoute reads a template. The models are ours, so one that is wrong is a defect.
func newRoute(name string, op *api.Operation, at api.HTTP) *route {
	r := &route{name: name, operation: op, method: at.Method}
	if op != nil {
		shape := planOf(reflect.TypeOf(op.NewInput()).Elem())
		r.streams = shape.payload != nil && shape.payloadType == readerType
	}
	path, query, _ := strings.Cut(at.URI, "?")
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		s := segment{word: part}
		if label, ok := strings.CutPrefix(part, "{"); ok {
			label = strings.TrimSuffix(label, "}")
			s.word = ""
			s.label, s.greedy = strings.CutSuffix(label, "+")
		}
		r.segments = append(r.segments, s)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		panic(fmt.Sprintf("restjson: the URI of %s: %v", name, err))
	}
	for _, name := range slices.Sorted(keysOf(values)) {
		r.query = append(r.query, pair{name, values.Get(name)})
	}
	return r
}

func keysOf(values url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}
}

// closer orders routes such that of two that fit, the one that says more comes first: a
// word before a label, a label before a greedy one, more of the query before less.
func closer(a, b *route) int {
	rank := func(s segment) int {
		switch {
		case s.greedy:
			return 2
		case s.label != "":
			return 1
		}
		return 0
	}
	for i := range min(len(a.segments), len(b.segments)) {
		if c := cmp.Compare(rank(a.segments[i]), rank(b.segments[i])); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(b.segments), len(a.segments)), cmp.Compare(len(b.query), len(a.query)), strings.Compare(a.name, b.name))
}

// path is the path of a request in its parts, which are no longer escaped.
type path struct {
	parts []string
	slash bool // something like "/" follows the last part
}

// pathOf takes a path apart, as it is on the wire. It is not ok if it is not one that
// UTF-8 was escaped to.
func pathOf(escaped string) (p path, ok bool) {
	escaped = strings.TrimPrefix(escaped, "/")
	escaped, p.slash = strings.CutSuffix(escaped, "/")
	for part := range strings.SplitSeq(escaped, "/") {
		text, err := url.PathUnescape(part)
		if err != nil || !utf8.ValidString(text) {
			return path{}, false
		}
		p.parts = append(p.parts, text)
	}
	return p, true
}

// match returns the values of the labels if a path and a query are of the route.
func (r *route) match(p path, query url.Values) (labels map[string]string, ok bool) {
	extra := len(p.parts) - len(r.segments)
	if extra < 0 {
		return nil, false
	}
	i := 0
	for n, s := range r.segments {
		switch {
		case s.greedy:
			text := strings.Join(p.parts[i:i+extra+1], "/")
			if p.slash && n == len(r.segments)-1 {
				text += "/"
			}
			labels = with(labels, s.label, text)
			i += extra
			extra = 0
		case s.label != "":
			labels = with(labels, s.label, p.parts[i])
		case s.word != p.parts[i]:
			return nil, false
		}
		if s.label != "" && labels[s.label] == "" {
			return nil, false
		}
		i++
	}
	if extra > 0 {
		return nil, false
	}
	for _, q := range r.query {
		if !query.Has(q.name) || query.Get(q.name) != q.value {
			return nil, false
		}
	}
	return labels, true
}

func with(m map[string]string, name, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}
