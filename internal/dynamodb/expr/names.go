package expr

import (
	"slices"
)

// Names returns the top-level attributes that the update writes or reads, sorted;
// nil, of a nil update, for none.
func (u *Update) Names() []string {
	if u == nil {
		return nil
	}
	names := make([]string, 0, len(u.actions))
	for _, p := range u.paths {
		names = append(names, p[0].Name)
	}
	for _, a := range u.actions {
		if a.value != nil {
			names = append(names, (&Condition{env: u.env, root: a.value}).Names()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
