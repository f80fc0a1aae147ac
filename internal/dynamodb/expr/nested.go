package expr

import (
	"cmp"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// writeTree holds the writes inside of an attribute, by the steps that lead to
// them, so that each map and list on the way is copied once, and all indexes of a
// list mean its old elements.
type writeTree struct {
	step  item.Step
	write write // of a leaf
	next  []*writeTree
}

func (t *writeTree) add(p item.Path, w write) {
	at := t
	for _, step := range p {
		i := slices.IndexFunc(at.next, func(n *writeTree) bool { return n.step == step })
		if i < 0 {
			i = len(at.next)
			at.next = append(at.next, &writeTree{step: step})
		}
		at = at.next[i]
	}
	at.write = w
}

// apply returns v with the writes inside of it done; v itself does not change.
func (t *writeTree) apply(v dynamodb.AttributeValue) dynamodb.AttributeValue {
	switch v.Type {
	case dynamodb.TypeM:
		v.M = slices.Clone(v.M)
		for _, n := range t.next {
			old, there := v.M.Get(n.step.Name)
			switch {
			case len(n.next) > 0:
				if there {
					v.M = v.M.Set(n.step.Name, n.apply(old))
				}
			case n.write.kind == set:
				v.M = v.M.Set(n.step.Name, n.write.value)
			case n.write.kind == remove:
				v.M = v.M.Remove(n.step.Name)
			}
		}
	case dynamodb.TypeL:
		v.L = t.applyToList(v.L)
	}
	return v
}

// applyToList returns the list with its elements written: what is set past its
// end follows it, in the order of the indexes, and what is removed goes last.
func (t *writeTree) applyToList(old []dynamodb.AttributeValue) []dynamodb.AttributeValue {
	slices.SortFunc(t.next, func(a, b *writeTree) int { return cmp.Compare(a.step.Index, b.step.Index) })
	list := make([]dynamodb.AttributeValue, len(old), len(old)+len(t.next))
	copy(list, old)
	for _, n := range t.next {
		i := n.step.Index
		switch {
		case i >= len(old):
			if n.write.kind == set {
				list = append(list, n.write.value)
			}
		case len(n.next) > 0:
			list[i] = n.apply(old[i])
		case n.write.kind == set:
			list[i] = n.write.value
		case n.write.kind == remove:
			list[i] = dynamodb.AttributeValue{}
		}
	}
	return slices.DeleteFunc(list, func(v dynamodb.AttributeValue) bool { return v.Type == dynamodb.TypeNone })
}
