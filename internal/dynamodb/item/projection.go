package item

import "github.com/modelwharf/modelwharf/internal/api/dynamodb"

// Path leads to a value inside an item: a.b[3].c. The first step is a name.
type Path []Step

// Step is one step of a path: to the member of a map that is called Name, or, if
// InList, to the element of a list at Index.
type Step struct {
	Name   string
	Index  int
	InList bool
}

// Lookup returns the value that p leads to.
func (p Path) Lookup(a dynamodb.Attributes) (dynamodb.AttributeValue, bool) {
	return dynamodb.AttributeValue{}, false
}

// Projection is a set of paths, none of which leads into another.
type Projection struct {
	paths []Path
}

// NewProjection makes a projection of paths.
func NewProjection(paths []Path) *Projection { return &Projection{paths} }

// Apply returns the parts of an item that the projection names. Elements of a
// list close up. A nil Projection takes everything.
func (p *Projection) Apply(a dynamodb.Attributes) dynamodb.Attributes { return a }

// Names returns the top-level attributes that the projection reads, or nil, if
// it is nil, for all.
func (p *Projection) Names() []string { return nil }
