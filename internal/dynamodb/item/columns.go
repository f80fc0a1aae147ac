package item

import (
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// column is a path whose value a projection returns at the top of the item.
type column struct {
	name string
	path Path
}

// Label is what the value at the end of a path is called when it is lifted to the
// top of an item: the path's last name, with the indexes after it.
func (p Path) Label() string {
	last := len(p) - 1
	for last > 0 && p[last].InList {
		last--
	}
	name := p[last].Name
	for _, s := range p[last+1:] {
		name += "[" + strconv.Itoa(s.Index) + "]"
	}
	return name
}

// NewColumns makes a projection that returns the value of each path under its
// label, as PartiQL's SELECT does, instead of inside of the maps and lists that
// lead to it. No two paths have the same label.
func NewColumns(paths []Path) *Projection {
	paths = slices.SortedFunc(slices.Values(paths), func(a, b Path) int { return compareSteps(a[0], b[0]) })
	p := NewProjection(paths)
	for _, path := range paths {
		p.columns = append(p.columns, column{path.Label(), path})
	}
	slices.SortFunc(p.columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	return p
}

// lift makes an item of columns, which are sorted.
func lift(columns []column, a dynamodb.Attributes) dynamodb.Attributes {
	row := make(dynamodb.Attributes, 0, len(columns))
	for _, c := range columns {
		if v, ok := c.path.Lookup(a); ok {
			row = append(row, dynamodb.Attribute{Name: c.name, Value: v})
		}
	}
	return row
}
