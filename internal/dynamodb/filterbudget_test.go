package dynamodb

import "testing"

// TestFilterBudget knows tables until there is no memory for another, and for one that has grown.
func TestFilterBudget(t *testing.T) {
	t.Parallel()
	const keys = 8 << 20 // 16 MiB
	a := newAbsences()
	for id := range uint64(4) {
		a.begin(id, keys)
	}
	a.begin(4, keys)
	a.begin(6, 1<<40)
	if a.bytes != maxFilterBytes || a.of(3).Filter == nil || a.of(4) == nil || a.of(4).Filter != nil || a.of(6).Filter != nil {
		t.Errorf("of six tables %d bytes are kept", a.bytes)
	}
	a.begin(3, 2*keys)
	if a.bytes != maxFilterBytes-16<<20 || a.of(3).Filter != nil {
		t.Errorf("of a table that has grown %d bytes are kept", a.bytes)
	}
	a.begin(5, keys)
	a.drop(0)
	a.drop(4)
	a.drop(77)
	if a.bytes != 48<<20 || a.of(5).Filter == nil || a.of(0) != nil || a.of(3) != nil {
		t.Errorf("after some were dropped %d bytes are kept, and what was too large is not tried again", a.bytes)
	}
	for id := range uint64(7) {
		a.drop(id)
	}
	if a.bytes != 0 || a.followed.Load() != 0 {
		t.Errorf("of no table %d bytes are kept", a.bytes)
	}
}

// Filters is how many tables have a filter of their keys, for the tests from outside.
func Filters(s *Service) int { return int(s.absences.followed.Load()) }
