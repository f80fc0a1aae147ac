package cloudformation

import "slices"

// doomedName tells apart what is doomed of one resource.
func doomedName(rec *resource, p *physical) string { return rec.ID + "\x00" + p.ID }

// removal says for each that is doomed which others must be gone before it: those that depend
// on it, also through resources that stay. (What was launched in a role needs that until it is
// gone, though only the constraint names it.) Those that stay may depend on something else by
// now than when the others were made, so that such an order counts only where it contradicts no
// other.
func (r *run) removal() map[string][]string {
	before := map[string][]string{}
	var indirect [][2]string
	for _, rec := range r.resources {
		for _, p := range rec.Doomed {
			for _, other := range r.resources {
				for _, q := range other.Doomed {
					switch name := doomedName(rec, p); {
					case other == rec:
					case slices.Contains(q.DependsOn, rec.ID):
						before[name] = append(before[name], doomedName(other, q))
					case r.leads(q.DependsOn, rec.ID, map[string]bool{}):
						indirect = append(indirect, [2]string{name, doomedName(other, q)})
					}
				}
			}
		}
	}
	slices.SortFunc(indirect, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, e := range indirect {
		if !waits(before, e[1], e[0], map[string]bool{}) {
			before[e[0]] = append(before[e[0]], e[1])
		}
	}
	return before
}

// leads tells whether some of the resources that stay lead to another.
func (r *run) leads(from []string, to string, seen map[string]bool) bool {
	return slices.ContainsFunc(from, func(id string) bool {
		rec := r.resources[id]
		if seen[id] || rec == nil || rec.Now == nil || len(rec.Doomed) > 0 {
			return false
		}
		seen[id] = true
		return slices.Contains(rec.Now.DependsOn, to) || r.leads(rec.Now.DependsOn, to, seen)
	})
}

// waits tells whether one of a removal waits for another.
func waits(before map[string][]string, one, other string, seen map[string]bool) bool {
	return slices.ContainsFunc(before[one], func(id string) bool {
		if id == other {
			return true
		}
		if seen[id] {
			return false
		}
		seen[id] = true
		return waits(before, id, other, seen)
	})
}
