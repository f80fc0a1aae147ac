package expr

import (
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

// Update is an UpdateExpression, or AttributeUpdates.
type Update struct {
	env
	actions []action
	paths   []item.Path // of the actions
	touched *item.Projection
	legacy  bool // it is AttributeUpdates, whose errors differ
}

// update checks an update's actions: first their paths, and then, as AWS does,
// from the last to the first, all names and then all values.
func (b *binder) update() (*Update, error) {
	t := b.tree
	paths := make([]path, len(t.actions))
	for i, a := range t.actions {
		if err := b.namesOf(a.path); err != nil {
			return nil, err
		}
		paths[i] = a.path
	}
	if err := b.overlap(paths); err != nil {
		return nil, err
	}
	for _, a := range slices.Backward(t.actions) {
		if a.value != nil {
			if err := b.namesIn(a.value); err != nil {
				return nil, err
			}
		}
	}
	for _, a := range slices.Backward(t.actions) {
		if err := b.action(a); err != nil {
			return nil, err
		}
	}
	return newUpdate(b.env, t.actions), nil
}

func newUpdate(e env, actions []action) *Update {
	u := &Update{env: e, actions: actions, paths: make([]item.Path, len(actions))}
	for i, a := range actions {
		u.paths[i] = e.resolve(a.path)
	}
	u.touched = item.NewProjection(u.paths)
	return u
}

func (b *binder) namesIn(n *node) error {
	if n.op == opPath {
		return b.namesOf(n.path)
	}
	for _, arg := range n.args {
		if err := b.namesIn(arg); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) action(a action) error {
	if err := b.path(a.path); err != nil {
		return err
	}
	if a.value == nil {
		return nil
	}
	if err := b.node(a.value); err != nil {
		return err
	}
	allowed := addable
	switch a.clause {
	case tokenSet:
		return nil
	case tokenDelete:
		allowed = sets
	}
	if t := b.values[a.value.slot].Type; !allowed.has(t) {
		clause := clauseNames[a.clause]
		return faultf("Incorrect operand type for operator or function; operator: %s, operand type: %s, typeSet: ALLOWED_FOR_%s_OPERAND",
			clause, longNames[t], clause)
	}
	return nil
}

// longNames are what the operand errors of ADD and DELETE call the types.
var longNames = map[dynamodb.Type]string{
	dynamodb.TypeS: "STRING", dynamodb.TypeN: "NUMBER", dynamodb.TypeB: "BINARY", dynamodb.TypeBOOL: "BOOLEAN",
	dynamodb.TypeNULL: "NULL", dynamodb.TypeL: "LIST", dynamodb.TypeM: "MAP",
}

// CheckKey returns the ValidationException of an update of a key's attribute, or
// of a value that looks inside of one.
func (u *Update) CheckKey(s item.Schema) error {
	if u == nil {
		return nil
	}
	for _, a := range u.actions {
		if a.value != nil {
			c := Condition{env: u.env, root: a.value}
			if err := c.CheckKey(s); err != nil {
				return err
			}
		}
	}
	for _, name := range s.Names() {
		if slices.ContainsFunc(u.paths, func(p item.Path) bool { return p[0].Name == name }) {
			return api.ValidationException("One or more parameter values were invalid: "+
				"Cannot update attribute %s. This attribute is part of the key", name)
		}
	}
	return nil
}

// Touched returns the parts of an item that the update names: of the old item
// for UPDATED_OLD, of the new one for UPDATED_NEW. A nil Update touches nothing.
func (u *Update) Touched(a dynamodb.Attributes) dynamodb.Attributes {
	if u == nil {
		return nil
	}
	return u.touched.Apply(a)
}

// Apply returns the item that the update makes of old, or a ValidationException.
// It does not change old, but the result may share its values. An item that does
// not exist yet is given as the attributes of its key. A nil Update changes
// nothing.
//
// All values are made of the old item. What is wrong is reported in AWS's order:
// a path through something that is not a map or list, a type, then from the last
// section to the first a path that leads nowhere and an attribute that is missing.
func (u *Update) Apply(old dynamodb.Attributes) (dynamodb.Attributes, error) {
	if u == nil {
		return old, nil
	}
	for _, p := range u.paths {
		if parent, ok := parentOf(p, old); ok && !holdsStep(parent, p[len(p)-1]) {
			return nil, errPath()
		}
	}
	writes := make([]write, len(u.actions))
	missing := make([]bool, len(u.actions))
	for i, a := range u.actions {
		w, ok, err := u.write(a, u.paths[i], old)
		if err != nil {
			return nil, err
		}
		writes[i], missing[i] = w, !ok
	}
	if err := u.unwritable(old, missing); err != nil {
		return nil, err
	}
	next := slices.Clone(old)
	var nested writeTree
	for i, w := range writes {
		switch p := u.paths[i]; {
		case w.kind == keep:
		case len(p) > 1:
			nested.add(p, w)
		case w.kind == remove:
			next = next.Remove(p[0].Name)
		default:
			next = next.Set(p[0].Name, w.value)
		}
	}
	for _, n := range nested.next {
		if v, ok := next.Get(n.step.Name); ok {
			next = next.Set(n.step.Name, n.apply(v))
		}
	}
	if err := item.CheckNesting(next); err != nil {
		return nil, err
	}
	return next, nil
}

// unwritable reports, from the last section to the first, a path whose parent is
// not there, or a value that reads an attribute that is not there.
func (u *Update) unwritable(old dynamodb.Attributes, missing []bool) error {
	for end := len(u.actions); end > 0; {
		start := end
		for start > 0 && u.actions[start-1].section == u.actions[end-1].section {
			start--
		}
		for _, p := range u.paths[start:end] {
			if _, ok := parentOf(p, old); !ok {
				return errPath()
			}
		}
		if slices.Contains(missing[start:end], true) {
			return api.ValidationException("The provided expression refers to an attribute that does not exist in the item")
		}
		end = start
	}
	return nil
}

// parentOf returns the map or list that p writes into; of a path with one step it
// is the item, for which a map stands.
func parentOf(p item.Path, a dynamodb.Attributes) (dynamodb.AttributeValue, bool) {
	if len(p) == 1 {
		return dynamodb.AttributeValue{Type: dynamodb.TypeM}, true
	}
	return p[:len(p)-1].Lookup(a)
}

func holdsStep(parent dynamodb.AttributeValue, s item.Step) bool {
	if s.InList {
		return parent.Type == dynamodb.TypeL
	}
	return parent.Type == dynamodb.TypeM
}

func errPath() error {
	return api.ValidationException("The document path provided in the update expression is invalid for update")
}

func (u *Update) errType() error {
	if u.legacy {
		return api.ValidationException("Type mismatch for attribute to update")
	}
	return api.ValidationException("An operand in the update expression has an incorrect data type")
}

// write is what an action does to the value at its path.
type write struct {
	kind  writeKind
	value dynamodb.AttributeValue
}

type writeKind uint8

const (
	keep writeKind = iota
	set
	remove
)

// write returns what an action does; ok is false if its value reads an attribute
// that is not there.
func (u *Update) write(a action, p item.Path, old dynamodb.Attributes) (w write, ok bool, err error) {
	switch a.clause {
	case tokenSet:
		v, ok, err := u.value(a.value, old)
		return write{set, v}, ok, err
	case tokenRemove:
		return write{kind: remove}, true, nil
	}
	operand := u.values[a.value.slot]
	current, there := p.Lookup(old)
	if !there {
		if a.clause == tokenDelete {
			return write{}, true, nil
		}
		return write{set, operand}, true, nil
	}
	if current.Type != operand.Type {
		return write{}, false, u.errType()
	}
	if a.clause == tokenDelete {
		left := difference(current, operand)
		if len(left.L) == 0 {
			return write{kind: remove}, true, nil
		}
		return write{set, left}, true, nil
	}
	switch operand.Type {
	case dynamodb.TypeN:
		sum, err := number.Add(current.S, operand.S)
		return write{set, dynamodb.AttributeValue{Type: dynamodb.TypeN, S: sum}}, true, err
	case dynamodb.TypeL: // of AttributeUpdates only
		return write{set, concat(current, operand)}, true, nil
	}
	return write{set, union(current, operand)}, true, nil
}

// value returns what a SET writes; ok is false if it reads an attribute that is
// not there.
func (u *Update) value(n *node, old dynamodb.Attributes) (v dynamodb.AttributeValue, ok bool, err error) {
	switch n.op {
	case opValue:
		return u.values[n.slot], true, nil
	case opPath:
		v, ok = u.lookup(n.path, old)
		return v, ok, nil
	case opIfNotExists:
		if v, ok := u.lookup(n.args[0].path, old); ok {
			return v, true, nil
		}
		return u.value(n.args[1], old)
	}
	want := dynamodb.TypeN
	if n.op == opListAppend {
		want = dynamodb.TypeL
	}
	var operands [2]dynamodb.AttributeValue
	for i, arg := range n.args {
		var there bool
		operands[i], there, err = u.value(arg, old)
		if err != nil {
			return v, false, err
		}
		if there && operands[i].Type != want {
			return v, false, u.errType()
		}
		if !there {
			operands[i].Type = dynamodb.TypeNone
		}
	}
	left, right := operands[0], operands[1]
	if left.Type == dynamodb.TypeNone || right.Type == dynamodb.TypeNone {
		return v, false, nil
	}
	var result string
	switch n.op {
	case opListAppend:
		return concat(left, right), true, nil
	case opPlus:
		result, err = number.Add(left.S, right.S)
	case opMinus:
		result, err = number.Subtract(left.S, right.S)
	}
	return dynamodb.AttributeValue{Type: dynamodb.TypeN, S: result}, true, err
}

func concat(a, b dynamodb.AttributeValue) dynamodb.AttributeValue {
	return dynamodb.AttributeValue{Type: dynamodb.TypeL, L: slices.Concat(a.L, b.L)}
}

// union merges two sets, both sorted as normalised sets are.
func union(a, b dynamodb.AttributeValue) dynamodb.AttributeValue {
	merged := make([]dynamodb.AttributeValue, 0, len(a.L)+len(b.L))
	x, y := a.L, b.L
	for len(x) > 0 && len(y) > 0 {
		order := item.CompareMembers(x[0], y[0])
		if order <= 0 {
			merged = append(merged, x[0])
			x = x[1:]
		} else {
			merged = append(merged, y[0])
		}
		if order >= 0 {
			y = y[1:]
		}
	}
	merged = append(append(merged, x...), y...)
	return dynamodb.AttributeValue{Type: a.Type, L: merged}
}

// difference returns the members of a that are not in b.
func difference(a, b dynamodb.AttributeValue) dynamodb.AttributeValue {
	left := make([]dynamodb.AttributeValue, 0, len(a.L))
	for _, member := range a.L {
		if _, ok := slices.BinarySearchFunc(b.L, member, item.CompareMembers); !ok {
			left = append(left, member)
		}
	}
	return dynamodb.AttributeValue{Type: a.Type, L: left}
}
