package template

import (
	"maps"
	"slices"
	"strings"
)

// Dependencies returns, for each resource that is made, those that must be there first,
// sorted: what its properties refer to, and what it says that it depends on. The error
// names the resources of a circle.
func (e *Evaluation) Dependencies() (map[string][]string, error) {
	made := map[string]bool{}
	for _, r := range e.Resources() {
		made[r.ID] = true
	}
	after := map[string][]string{}
	for _, r := range e.Resources() {
		var on []string
		_ = references(r.Properties, e.holds, func(ref reference) error {
			if made[ref.resource] {
				on = append(on, ref.resource)
			}
			return nil
		})
		for _, id := range r.DependsOn {
			if made[id] { // one that its condition leaves out is not waited for
				on = append(on, id)
			}
		}
		after[r.ID] = unique(on)
	}
	return after, noCircle(after)
}

// CheckCircles refuses resources that need each other whatever the parameters are: which
// neither a condition nor a branch of Fn::If may leave out.
func (t *Template) CheckCircles() error {
	after := map[string][]string{}
	for _, r := range t.Resources {
		if r.Condition != "" {
			continue
		}
		on := slices.Clone(r.DependsOn)
		_ = references(withoutBranches(r.Properties), nil, func(ref reference) error {
			on = append(on, ref.resource)
			return nil
		})
		after[r.ID] = unique(on)
	}
	return noCircle(after)
}

// withoutBranches is a value with nothing where a condition decides.
func withoutBranches(n *Node) *Node {
	if n == nil || n.Kind != Map && n.Kind != List {
		return n
	}
	if name, _, ok := n.call(); ok && name == fnIf {
		return NewText("")
	}
	left := *n
	left.Fields, left.Items = slices.Clone(n.Fields), slices.Clone(n.Items)
	for i := range left.Fields {
		left.Fields[i].Value = withoutBranches(n.Fields[i].Value)
	}
	for i := range left.Items {
		left.Items[i] = withoutBranches(n.Items[i])
	}
	return &left
}

func noCircle(after map[string][]string) error {
	if cycle := findCycle(after); cycle != nil {
		return failed("Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	return nil
}

// findCycle returns the members of a circle, sorted, or nil.
func findCycle(after map[string][]string) []string {
	const (
		open = 1
		done = 2
	)
	state := map[string]int{}
	var path []string
	var visit func(string) []string
	visit = func(id string) []string {
		switch state[id] {
		case done:
			return nil
		case open:
			return unique(slices.Clone(path[slices.Index(path, id):]))
		}
		state[id] = open
		path = append(path, id)
		for _, next := range after[id] {
			if cycle := visit(next); cycle != nil {
				return cycle
			}
		}
		path = path[:len(path)-1]
		state[id] = done
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if cycle := visit(id); cycle != nil {
			return cycle
		}
	}
	return nil
}
