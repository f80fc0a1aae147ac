package partiql

import (
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// action is one change of an UPDATE.
type action struct {
	verb  string // SET or REMOVE; ADD or DELETE of SET_ADD and SET_DELETE
	path  item.Path
	value *node
}

// assignment reads path "=" value.
//
//	value = term {("+" | "-") term} .
//	term  = literal | path | "(" value ")" | list_append "(" value "," value ")" |
//	        if_not_exists "(" path "," value ")" | (set_add | set_delete) "(" path "," set ")" .
func (p *parser) assignment() error {
	path, err := p.path()
	if err != nil {
		return err
	}
	if err := p.expect("=", "Expected EQ"); err != nil {
		return err
	}
	a := action{verb: "SET", path: path}
	if at := p.token; at.kind == tokenWord && p.next.kind == "(" {
		switch name := strings.ToUpper(at.text); name {
		case "SET_ADD", "SET_DELETE":
			a.verb = strings.TrimPrefix(name, "SET_")
			a.value, err = p.setOperand(at, name, path)
			p.statement.actions = append(p.statement.actions, a)
			return err
		}
	}
	a.value, err = p.sum()
	p.statement.actions = append(p.statement.actions, a)
	return err
}

func (p *parser) removal() error {
	path, err := p.path()
	p.statement.actions = append(p.statement.actions, action{verb: "REMOVE", path: path})
	return err
}

// setOperand reads a call of SET_ADD or SET_DELETE, and returns the set.
func (p *parser) setOperand(at token, name string, target item.Path) (*node, error) {
	args, err := p.arguments(p.leaf)
	switch {
	case err != nil:
		return nil, err
	case len(args) != 2:
		return nil, p.refused(at, "%s must have exactly two arguments", name)
	case args[0].op != opPath || !slices.Equal(args[0].path, target):
		return nil, p.refused(at, "The first argument to %s must equal the assignment value", name)
	}
	switch args[1].value.Type {
	case dynamodb.TypeSS, dynamodb.TypeNS, dynamodb.TypeBS:
		return args[1], nil
	}
	return nil, p.refused(args[0].token, "The second argument to %s must be a value with type SET", name)
}

func (p *parser) sum() (*node, error) {
	n, err := p.term()
	for err == nil {
		at := p.token
		switch at.kind {
		case "+", "-":
			p.advance()
			var right *node
			if right, err = p.term(); err == nil {
				n = &node{op: string(at.kind), token: at, args: []*node{n, right}}
			}
		case "*", "/", "%", "||":
			return nil, api.ValidationException("Unsupported operator in Update Expression. Operator: %s", at.kind)
		case "IS":
			return nil, api.ValidationException("IS operator is not supported in update expressions")
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) term() (*node, error) {
	switch at := p.token; {
	case at.kind == "(":
		p.advance()
		if err := p.deeper(); err != nil {
			return nil, err
		}
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		p.depth--
		return n, p.expect(")", "Expected RIGHT_PAREN")
	case at.kind == "MISSING":
		return nil, p.refused(at, "MISSING must be compared using IS operator")
	case at.kind == tokenWord && p.next.kind == "(":
		name := strings.ToLower(at.text)
		if name != "list_append" && name != "if_not_exists" {
			return nil, p.refused(at, "Unrecognized function: %s", name)
		}
		args, err := p.arguments(p.sum)
		return &node{op: name, token: at, args: args}, err
	}
	return p.leaf()
}

// compileUpdate makes the actions an update.
func (s *Statement) compileUpdate() (err error) {
	var b expr.Builder
	for _, a := range s.actions {
		switch a.verb {
		case "SET":
			b.Set(a.path, build(&b, a.value))
		case "REMOVE":
			b.Remove(a.path)
		case "ADD":
			b.Add(a.path, build(&b, a.value))
		case "DELETE":
			b.Delete(a.path, build(&b, a.value))
		}
	}
	s.Update, err = b.Update()
	return err
}

// build makes a node one of package expr.
func build(b *expr.Builder, n *node) expr.Node {
	switch n.op {
	case opPath:
		return b.Path(n.path)
	case opValue:
		return b.Value(n.value)
	}
	args := make([]expr.Node, len(n.args))
	for i, arg := range n.args {
		args[i] = build(b, arg)
	}
	return b.Call(n.op, args...)
}

// sorted makes attributes of members in any order, or returns a name that two of
// them have.
func sorted(members []dynamodb.Attribute) (a dynamodb.Attributes, duplicate string, ok bool) {
	slices.SortStableFunc(members, func(a, b dynamodb.Attribute) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(members); i++ {
		if members[i-1].Name == members[i].Name {
			return nil, members[i].Name, false
		}
	}
	return append(dynamodb.Attributes{}, members...), "", true
}
