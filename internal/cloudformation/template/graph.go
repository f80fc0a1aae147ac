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
	if cycle := findCycle(after); cycle != nil {
		return nil, failed("Circular dependency between resources: [%s]", strings.Join(cycle, ", "))
	}
	return after, nil
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
