package partiql

import (
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// node is a part of a condition, or of a value that SET writes.
type node struct {
	// op is an operator or function by the name that it has in DynamoDB's
	// expressions, or opPath or opValue.
	op    string
	token token // it stands at
	path  item.Path
	value dynamodb.AttributeValue
	args  []*node
}

const (
	opPath  = "path"
	opValue = "value"
)

// functions are those that a condition may call.
var functions = map[string]bool{
	"attribute_exists": true, "attribute_not_exists": true, "attribute_type": true,
	"begins_with": true, "contains": true, "size": true,
}

// holds reports whether n is something that is true or false.
func (n *node) holds() bool {
	switch n.op {
	case opPath, opValue, "size", "+", "-":
		return false
	}
	return true
}

// condition reads a whole condition.
//
//	condition = and {OR and} .   and = not {AND not} .   not = {NOT} comparison .
//	comparison = operand [operator operand | [NOT] BETWEEN operand AND operand |
//	             [NOT] IN sequence | IS [NOT] type] .
//	operand = literal | path | function "(" [operand {"," operand}] ")" | "(" condition ")" .
func (p *parser) condition() (*node, error) {
	n, err := p.or()
	if err == nil && !n.holds() {
		return nil, api.ValidationException("WHERE clause must contain an expression that resolves to a boolean")
	}
	return n, err
}

func (p *parser) or() (*node, error) { return p.chain("OR", p.and) }

func (p *parser) and() (*node, error) { return p.chain("AND", p.not) }

func (p *parser) chain(op kind, part func() (*node, error)) (*node, error) {
	first, err := part()
	if err != nil || p.token.kind != op {
		return first, err
	}
	n := &node{op: string(op), token: p.token, args: []*node{first}}
	for p.take(op) {
		arg, err := part()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	for _, arg := range n.args {
		if !arg.holds() {
			return nil, api.ValidationException("The arguments to AND/OR must be Expressions")
		}
	}
	return n, nil
}

func (p *parser) not() (*node, error) {
	if p.token.kind != "NOT" {
		return p.comparison()
	}
	at := p.advance()
	if err := p.deeper(); err != nil {
		return nil, err
	}
	arg, err := p.not()
	if err != nil {
		return nil, err
	}
	p.depth--
	if !arg.holds() {
		return nil, api.ValidationException("The argument to NOT must be a Type or Expression")
	}
	return negated(at, arg), nil
}

func negated(at token, n *node) *node { return &node{op: "NOT", token: at, args: []*node{n}} }

var comparators = map[kind]string{"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

func (p *parser) comparison() (*node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	at := p.token
	if op, ok := comparators[at.kind]; ok {
		p.advance()
		right, err := p.operand()
		if err != nil {
			return nil, err
		}
		return p.operation(at, op, left, right)
	}
	not := at.kind == "NOT" && (p.next.kind == "IN" || p.next.kind == "BETWEEN")
	if not {
		p.advance()
	}
	var n *node
	switch op := p.token; op.kind {
	case "BETWEEN":
		p.advance()
		n, err = p.between(op, left)
	case "IN":
		p.advance()
		n, err = p.in(op, left)
	case "IS":
		p.advance()
		return p.is(op, left)
	case "LIKE", "||", "*", "/", "%", "+", "-":
		return nil, api.ValidationException("Unsupported operator in Condition Expression. Operator: %s", op.kind)
	default:
		return left, nil
	}
	if err == nil && not {
		n = negated(at, n)
	}
	return n, err
}

// operation is an operator on operands, none of which is a condition.
func (p *parser) operation(at token, op string, args ...*node) (*node, error) {
	for _, arg := range args {
		if arg.holds() {
			return nil, p.refused(arg.token, "Unsupported token in expression: %s", arg.op)
		}
	}
	return &node{op: op, token: at, args: args}, nil
}

func (p *parser) between(at token, left *node) (*node, error) {
	low, err := p.operand()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND", "Expected AND"); err != nil {
		return nil, err
	}
	high, err := p.operand()
	if err != nil {
		return nil, err
	}
	return p.operation(at, "BETWEEN", left, low, high)
}

// in reads the sequence after IN: (1, 2), [1, 2] or <<1, 2>>.
func (p *parser) in(at token, left *node) (*node, error) {
	closing := map[kind]kind{"(": ")", "[": "]", "<<": ">>"}[p.token.kind]
	if left.op != opPath || closing == "" || p.next.kind == closing {
		return nil, api.ValidationException("IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member")
	}
	p.advance()
	n := &node{op: "IN", token: at, args: []*node{left}}
	for first := true; first || p.take(","); first = false {
		arg, err := p.value()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, p.expect(closing, "Expected "+closers[closing])
}

var closers = map[kind]string{")": "RIGHT_PAREN", "]": "RIGHT_BRACKET", "}": "RIGHT_CURLY", ">>": "RIGHT_DOUBLE_ANGLE_BRACKET"}

// isTypes are the types that IS takes, and what attribute_type calls them.
var isTypes = map[string]string{
	"NULL": "NULL", "BOOLEAN": "BOOL", "BLOB": "B", "STRING": "S", "NUMERIC": "N", "STRUCT": "M", "TUPLE": "M", "LIST": "L",
}

// is reads what follows IS: [NOT] MISSING, or a type.
func (p *parser) is(at token, left *node) (*node, error) {
	not := p.take("NOT")
	if left.op != opPath {
		return nil, api.ValidationException("The left hand side argument to IS must be a Variable Reference, Literal, or Path")
	}
	t := p.advance()
	if t.kind == "MISSING" {
		op := "attribute_not_exists"
		if not {
			op = "attribute_exists"
		}
		return &node{op: op, token: at, args: []*node{left}}, nil
	}
	name, ok := isTypes[strings.ToUpper(p.text[t.start:t.end])]
	if !ok {
		return nil, api.ValidationException("Unsupported data type for IS operator: %s. Supported data types are "+
			"[MISSING, NULL, BOOLEAN, BLOB, STRING, NUMERIC, STRUCT, TUPLE, LIST]", strings.ToUpper(p.text[t.start:t.end]))
	}
	n := &node{op: "attribute_type", token: at, args: []*node{left,
		{op: opValue, token: t, value: dynamodb.AttributeValue{Type: dynamodb.TypeS, S: name}}}}
	if not {
		n = negated(at, n)
	}
	return n, nil
}

func (p *parser) operand() (*node, error) {
	switch at := p.token; {
	case at.kind == "(":
		p.advance()
		if err := p.deeper(); err != nil {
			return nil, err
		}
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		p.depth--
		return n, p.expect(")", "Expected RIGHT_PAREN")
	case at.kind == "MISSING":
		return nil, p.refused(at, "MISSING must be compared using IS operator")
	case (at.kind == tokenWord || at.kind == "EXISTS" || at.kind == "CAST") && p.next.kind == "(":
		name := strings.ToLower(at.text)
		if !functions[name] {
			return nil, p.refused(at, "Unrecognized function: %s", name)
		}
		args, err := p.arguments(p.operand)
		return &node{op: name, token: at, args: args}, err
	}
	return p.leaf()
}

// leaf reads a literal or a path.
func (p *parser) leaf() (*node, error) {
	if p.isLiteral() {
		return p.value()
	}
	at := p.token
	path, err := p.path()
	return &node{op: opPath, token: at, path: path}, err
}

// arguments reads a function's name and arguments.
func (p *parser) arguments(argument func() (*node, error)) ([]*node, error) {
	p.advance()
	p.advance() // "("
	if err := p.deeper(); err != nil {
		return nil, err
	}
	var args []*node
	for p.token.kind != ")" {
		arg, err := argument()
		if err != nil {
			return nil, err
		}
		if args = append(args, arg); !p.take(",") {
			break
		}
	}
	p.depth--
	return args, p.expect(")", "Expected RIGHT_PAREN")
}

// path = name {"." name | "[" index "]"} .
func (p *parser) path() (item.Path, error) {
	if !isName(p.token) {
		return nil, p.unexpected()
	}
	path := item.Path{{Name: p.advance().text}}
	for {
		switch {
		case p.take("."):
			switch {
			case p.token.kind == "*":
				return nil, api.ValidationException("Unpivot path component like a.*.b are not supported")
			case !isName(p.token):
				return nil, malformed("Invalid path dot component")
			}
			path = append(path, item.Step{Name: p.advance().text})
		case p.take("["):
			s, err := p.index()
			if err != nil {
				return nil, err
			}
			path = append(path, s)
		default:
			return path, p.checkNames(path)
		}
	}
}

func (p *parser) checkNames(path item.Path) error {
	for _, s := range path {
		if !s.InList && s.Name == "" {
			return api.ValidationException("Path component cannot be an empty string")
		}
	}
	return nil
}

const maxIndex = 1<<31 - 1

func (p *parser) index() (item.Step, error) {
	at := p.token
	if at.kind == "-" && p.next.kind == tokenNumber {
		p.advance()
		return item.Step{}, p.refused(at, "List index is not within the allowable range; index: [-%s]", p.token.text)
	}
	s := item.Step{InList: true}
	switch p.advance(); at.kind {
	case tokenString:
		s = item.Step{Name: at.text}
	case tokenNumber:
		var err error
		if s.Index, err = strconv.Atoi(at.text); err != nil || s.Index > maxIndex {
			return s, p.refused(at, "List index is not within the allowable range; index: [%s]", at.text)
		}
	case "*":
		return s, api.ValidationException("Wildcard path component like a[*].b are not supported")
	default:
		return s, p.refused(at, "Unexpected path component")
	}
	return s, p.expect("]", "Expected RIGHT_BRACKET")
}
