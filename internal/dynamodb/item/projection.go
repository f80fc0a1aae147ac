package item

import (
	"cmp"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// Path leads to a value inside an item: a.b[3].c. The first step is a name.
type Path []Step

// Step is one step of a path: to the member of a map that is called Name, or, if
// InList, to the element of a list at Index.
type Step struct {
	Name   string
	Index  int
	InList bool
}

// Of returns the value that s leads to inside of v.
func (s Step) Of(v dynamodb.AttributeValue) (dynamodb.AttributeValue, bool) {
	switch {
	case !s.InList && v.Type == dynamodb.TypeM:
		return v.M.Get(s.Name)
	case s.InList && v.Type == dynamodb.TypeL && s.Index < len(v.L):
		return v.L[s.Index], true
	}
	return dynamodb.AttributeValue{}, false
}

// Lookup returns the value that p leads to.
func (p Path) Lookup(a dynamodb.Attributes) (dynamodb.AttributeValue, bool) {
	if len(p) == 0 {
		return dynamodb.AttributeValue{}, false
	}
	v, ok := a.Get(p[0].Name)
	for _, s := range p[1:] {
		if !ok {
			break
		}
		v, ok = s.Of(v)
	}
	return v, ok
}

// Projection is a set of paths, none of which leads into another.
type Projection struct {
	roots   []branch
	names   []string
	columns []column // of NewColumns
}

// branch is the step of one or several paths, and where those go on from there;
// a path ends where there are none.
type branch struct {
	step Step
	next []branch
}

// NewProjection makes a projection of paths.
func NewProjection(paths []Path) *Projection {
	p := &Projection{}
	for _, path := range paths {
		at := &p.roots
		for _, step := range path {
			i, ok := slices.BinarySearchFunc(*at, step, func(b branch, s Step) int { return compareSteps(b.step, s) })
			if !ok {
				*at = slices.Insert(*at, i, branch{step: step})
			}
			at = &(*at)[i].next
		}
	}
	for _, b := range p.roots {
		p.names = append(p.names, b.step.Name)
	}
	return p
}

func compareSteps(a, b Step) int {
	switch {
	case a.InList != b.InList:
		if b.InList {
			return -1
		}
		return 1
	case a.InList:
		return cmp.Compare(a.Index, b.Index)
	}
	return strings.Compare(a.Name, b.Name)
}

// Apply returns the parts of an item that the projection names. Elements of a
// list close up. A nil Projection takes everything.
func (p *Projection) Apply(a dynamodb.Attributes) dynamodb.Attributes {
	switch {
	case p == nil:
		return a
	case p.columns != nil:
		return lift(p.columns, a)
	}
	return members(p.roots, a)
}

func members(branches []branch, a dynamodb.Attributes) dynamodb.Attributes {
	part := make(dynamodb.Attributes, 0, min(len(branches), len(a)))
	for _, b := range branches {
		if b.step.InList {
			continue
		}
		if v, ok := a.Get(b.step.Name); ok {
			if v, ok = b.of(v); ok {
				part = append(part, dynamodb.Attribute{Name: b.step.Name, Value: v})
			}
		}
	}
	return part
}

// of returns what of v, the value that the branch's step leads to, is on a path.
func (b branch) of(v dynamodb.AttributeValue) (dynamodb.AttributeValue, bool) {
	if len(b.next) == 0 {
		return v, true
	}
	switch v.Type {
	case dynamodb.TypeM:
		part := members(b.next, v.M)
		return dynamodb.AttributeValue{Type: dynamodb.TypeM, M: part}, len(part) > 0
	case dynamodb.TypeL:
		var part []dynamodb.AttributeValue
		for _, n := range b.next {
			if e, ok := n.step.Of(v); ok {
				if e, ok = n.of(e); ok {
					part = append(part, e)
				}
			}
		}
		return dynamodb.AttributeValue{Type: dynamodb.TypeL, L: part}, len(part) > 0
	}
	return dynamodb.AttributeValue{}, false
}

// Names returns the top-level attributes that the projection reads, sorted, or
// nil, if it is nil, for all.
func (p *Projection) Names() []string {
	if p == nil {
		return nil
	}
	return p.names
}

// CheckKey returns the ValidationException of a projection that looks inside of a
// key's attribute, which is always a scalar.
func (p *Projection) CheckKey(s Schema) error {
	if p == nil {
		return nil
	}
	for _, b := range p.roots {
		if len(b.next) > 0 && s.Has(b.step.Name) {
			return NotDocument(b.step.Name)
		}
	}
	return nil
}
