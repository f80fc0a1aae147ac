package template

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
)

// Kind is what a Node is.
type Kind int

// The kinds of nodes. A scalar is a text, whatever a YAML or JSON reader would make of
// it: what a number or a truth value is, the property that takes it decides.
const (
	Null Kind = iota
	Text
	List
	Map
)

// Node is a value of a template, before or after its functions were evaluated. It is not
// changed once it is made.
type Node struct {
	Kind   Kind
	Text   string
	Plain  bool // of a Text: it stood without quotes, so it may mean a number or a truth value
	Items  []*Node
	Fields []Field // in the order of the template
	Line   int     // from 1 on; 0 if it is in no text
}

// Field is a member of a Map.
type Field struct {
	Name  string
	Value *Node
}

// NewText returns a text.
func NewText(s string) *Node { return &Node{Kind: Text, Text: s} }

// NewList returns a list.
func NewList(items ...*Node) *Node { return &Node{Kind: List, Items: items} }

// NewTexts returns a list of texts.
func NewTexts(texts ...string) *Node {
	n := &Node{Kind: List, Items: make([]*Node, len(texts))}
	for i, t := range texts {
		n.Items[i] = NewText(t)
	}
	return n
}

// NewMap returns a map.
func NewMap(fields ...Field) *Node { return &Node{Kind: Map, Fields: fields} }

// Get returns a member of a map, nil if there is none. It may be called on nil.
func (n *Node) Get(name string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// number is how JSON writes one.
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// MarshalJSON writes the node as JSON. A text without quotes in the template becomes a
// number or a truth value if JSON writes that so: 0755, Yes and 2012-10-17 stay texts.
func (n *Node) MarshalJSON() ([]byte, error) { return n.appendJSON(nil) }

func (n *Node) appendJSON(dst []byte) ([]byte, error) {
	if n == nil {
		return append(dst, "null"...), nil
	}
	switch n.Kind {
	case Text:
		if n.Plain && (n.Text == "true" || n.Text == "false" || number.MatchString(n.Text)) {
			return append(dst, n.Text...), nil
		}
		b, err := json.Marshal(n.Text)
		return append(dst, b...), err
	case List:
		dst = append(dst, '[')
		for i, item := range n.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = item.appendJSON(dst); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case Map:
		dst = append(dst, '{')
		for i, f := range n.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			name, err := json.Marshal(f.Name)
			if err != nil {
				return nil, err
			}
			dst = append(append(dst, name...), ':')
			if dst, err = f.Value.appendJSON(dst); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return append(dst, "null"...), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *Node) UnmarshalJSON(b []byte) error {
	read, err := parseJSON(b)
	if err != nil {
		return err
	}
	*n = *read
	return nil
}

// Equal tells whether two nodes mean the same: the order of a map's members, and quotes,
// mean nothing.
func (n *Node) Equal(other *Node) bool {
	if n == nil || other == nil {
		return n == other
	}
	if n.Kind != other.Kind || n.Text != other.Text || len(n.Fields) != len(other.Fields) {
		return false
	}
	if !slices.EqualFunc(n.Items, other.Items, (*Node).Equal) {
		return false
	}
	for _, f := range n.Fields {
		if v := other.Get(f.Name); v == nil || !f.Value.Equal(v) {
			return false
		}
	}
	return true
}

// walk calls fn with the node and all below it, a map's members in order. What fn returns
// false for is not entered.
func (n *Node) walk(fn func(*Node) bool) {
	if n == nil || !fn(n) {
		return
	}
	for _, item := range n.Items {
		item.walk(fn)
	}
	for _, f := range n.Fields {
		f.Value.walk(fn)
	}
}

// isTrue tells whether a text says true, as a template's author may write that.
func (n *Node) isTrue() bool {
	b, err := strconv.ParseBool(n.Text)
	return n.Kind == Text && err == nil && b
}
