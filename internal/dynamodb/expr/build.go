package expr

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Builder makes conditions and updates of their parts instead of a text, for a
// language that has one of its own: PartiQL. What it makes is checked and runs as
// what is written as an expression; its errors do not name a parameter.
type Builder struct {
	env
	actions   []action
	operators int
}

// Node is an operand, or a condition or value made of others, of one Builder.
type Node struct{ n *node }

// operators are the operators and functions by their names.
var operators = func() map[string]op {
	m := map[string]op{}
	for o := opAnd; o < opUnknown; o++ {
		m[o.String()] = o
	}
	return m
}()

// Path is what a document path leads to.
func (b *Builder) Path(p item.Path) Node { return Node{&node{op: opPath, path: b.path(p)}} }

// path keeps names as placeholders do, so that any name is one, reserved or not.
func (b *Builder) path(p item.Path) path {
	list := make(path, len(p))
	for i, s := range p {
		if s.InList {
			list[i] = step{kind: stepIndex, index: s.Index}
			continue
		}
		list[i] = step{kind: stepPlaceholder, slot: len(b.names)}
		b.names = append(b.names, s.Name)
	}
	return list
}

// Value is a normalised value.
func (b *Builder) Value(v dynamodb.AttributeValue) Node {
	b.values = append(b.values, v)
	return Node{&node{op: opValue, slot: len(b.values) - 1}}
}

// Call applies an operator or function, by the name that it has in expressions:
// "AND", "BETWEEN", "size". The first argument of "IN" is what is looked for.
func (b *Builder) Call(name string, args ...Node) Node {
	o, ok := operators[name]
	if !ok {
		o = opUnknown
	}
	switch o {
	case opAnd, opOr:
		b.operators += len(args) - 1
	default:
		b.operators++
	}
	n := &node{op: o, name: name, args: make([]*node, len(args))}
	for i, arg := range args {
		n.args[i] = arg.n
	}
	return Node{n}
}

// Condition checks a condition, and returns the ValidationException of a wrong one.
func (b *Builder) Condition(root Node) (*Condition, error) {
	t := &tree{root: root.n}
	err := t.vet()
	if err == nil {
		err = b.count()
	}
	if err == nil {
		var c *Condition
		if c, err = b.binder(t).condition("WHERE clause"); err == nil {
			return c, nil
		}
	}
	return nil, api.ValidationException("%s", err.Error())
}

// Set, Remove, Add and Delete are the actions of an update, in their order. The
// operand of Add and Delete is a value.
func (b *Builder) Set(p item.Path, value Node)    { b.act(tokenSet, p, value.n) }
func (b *Builder) Remove(p item.Path)             { b.act(tokenRemove, p, nil) }
func (b *Builder) Add(p item.Path, value Node)    { b.act(tokenAdd, p, value.n) }
func (b *Builder) Delete(p item.Path, value Node) { b.act(tokenDelete, p, value.n) }

func (b *Builder) act(clause kind, p item.Path, value *node) {
	section := 0
	if n := len(b.actions); n > 0 {
		if section = b.actions[n-1].section; b.actions[n-1].clause != clause {
			section++
		}
	}
	if clause != tokenSet {
		b.operators++ // SET's is what its value is made of
	}
	b.actions = append(b.actions, action{clause, section, b.path(p), value})
}

// Update checks the actions and makes them an update, or returns the
// ValidationException of wrong ones.
func (b *Builder) Update() (*Update, error) {
	for _, a := range b.actions {
		if a.value != nil {
			if err := a.value.vet(inUpdate); err != nil {
				return nil, api.ValidationException("%s", err.Error())
			}
		}
	}
	if err := b.count(); err != nil {
		return nil, api.ValidationException("%s", err.Error())
	}
	u, err := b.binder(&tree{actions: b.actions}).update()
	if err != nil {
		return nil, api.ValidationException("%s", err.Error())
	}
	return u, nil
}

// count bounds what evaluating costs, as that of an expression is.
func (b *Builder) count() error { return checkOperators(b.operators) }

func (b *Builder) binder(t *tree) *binder { return &binder{env: b.env, tree: t} }
