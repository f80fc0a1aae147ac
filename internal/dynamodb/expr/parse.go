package expr

import (
	"slices"
	"strconv"
)

const (
	maxExpressionSize = 4096 // bytes
	maxOperators      = 300
	maxInOperands     = 100
	maxPathLength     = 32
	maxIndex          = 1<<31 - 1
)

// parser reads one expression, from left to right with one token of look-ahead.
// Its depth is bounded by the expression's size.
type parser struct {
	text              string
	words             keywords
	prev, token, next token
	tree              *tree
	operators         int
}

func newParser(text string, words keywords) *parser {
	p := &parser{text: text, words: words, tree: &tree{}}
	p.token = scan(text, 0, words)
	p.next = scan(text, p.token.end, words)
	return p
}

func (p *parser) advance() token {
	t := p.token
	p.prev, p.token = t, p.next
	p.next = scan(p.text, p.next.end, p.words)
	return t
}

func (p *parser) take(k kind) bool {
	if p.token.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(k kind) error {
	if !p.take(k) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) textOf(t token) string { return p.text[t.start:t.end] }

// unexpected is the fault of a token that cannot stand where it does. It is shown
// with the text from the token before it to the one after.
func (p *parser) unexpected() error {
	shown := p.textOf(p.token)
	if p.token.kind == tokenEnd {
		shown = "<EOF>"
	}
	return faultf("Syntax error; token: %s, near: %s", quoted(shown), quoted(p.text[p.prev.start:p.next.end]))
}

func quoted(s string) string { return `"` + s + `"` }

var errRedundantParentheses = fault("The expression has redundant parentheses;")

// condition reads a whole condition.
//
//	condition = and {OR and} .   and = not {AND not} .   not = {NOT} primary .
//	primary   = "(" condition ")" | operand [comparator operand |
//	            BETWEEN operand AND operand | IN "(" operand {"," operand} ")"] .
func (p *parser) condition() error {
	root, err := p.or(false)
	if err != nil {
		return err
	}
	if p.token.kind != tokenEnd {
		return p.unexpected()
	}
	p.tree.root = root
	return nil
}

// or, and, not and primary read a condition, or, if bare, an operand that a
// parenthesis follows: only then is it known what "(" began.
func (p *parser) or(bare bool) (*node, error) {
	return p.chain(bare, opOr, tokenOr, func(bare bool) (*node, error) {
		return p.chain(bare, opAnd, tokenAnd, p.not)
	})
}

func (p *parser) chain(bare bool, o op, k kind, part func(bare bool) (*node, error)) (*node, error) {
	first, err := part(bare)
	if err != nil || p.token.kind != k {
		return first, err
	}
	n := &node{op: o, args: []*node{first}}
	for p.take(k) {
		p.operators++
		arg, err := part(false)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, nil
}

func (p *parser) not(bare bool) (*node, error) {
	if !p.take(tokenNot) {
		return p.primary(bare)
	}
	p.operators++
	arg, err := p.not(false)
	if err != nil {
		return nil, err
	}
	return &node{op: opNot, args: []*node{arg}}, nil
}

func (p *parser) primary(bare bool) (*node, error) {
	var left *node
	var err error
	if p.token.kind == tokenOpen {
		left, err = p.parenthesised(func() (*node, error) { return p.or(true) })
	} else {
		left, err = p.operand()
	}
	if err != nil {
		return nil, err
	}
	isOperand := left.op == opPath || left.op == opValue
	if !isOperand && !left.op.isFunction() {
		return left, nil
	}
	switch k := p.token.kind; {
	case tokenEqual <= k && k <= tokenGreaterOrEqual:
		p.advance()
		return p.operation(opEqual+op(k-tokenEqual), left, p.operand)
	case k == tokenBetween:
		p.advance()
		return p.operation(opBetween, left, p.operand, func() (*node, error) {
			if err := p.expect(tokenAnd); err != nil {
				return nil, err
			}
			return p.operand()
		})
	case k == tokenIn:
		p.advance()
		p.operators++
		if err := p.expect(tokenOpen); err != nil {
			return nil, err
		}
		list, err := p.operands()
		if err != nil {
			return nil, err
		}
		return &node{op: opIn, args: append([]*node{left}, list...)}, nil
	case !isOperand, bare && k == tokenClose:
		return left, nil
	}
	return nil, p.unexpected()
}

// operation reads the operands of an operator after the first.
func (p *parser) operation(o op, first *node, rest ...func() (*node, error)) (*node, error) {
	p.operators++
	n := &node{op: o, args: append(make([]*node, 0, 1+len(rest)), first)}
	for _, read := range rest {
		arg, err := read()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, nil
}

func (p *parser) parenthesised(inside func() (*node, error)) (*node, error) {
	p.advance()
	n, err := inside()
	if err != nil {
		return nil, err
	}
	if err := p.expect(tokenClose); err != nil {
		return nil, err
	}
	if n.paren {
		return nil, errRedundantParentheses
	}
	n.paren = true
	return n, nil
}

// operand = value | path | function "(" operand {"," operand} ")" | "(" operand ")" .
func (p *parser) operand() (*node, error) {
	switch p.token.kind {
	case tokenValue:
		return p.value(), nil
	case tokenOpen:
		return p.parenthesised(p.operand)
	case tokenWord:
		if p.next.kind == tokenOpen {
			return p.call()
		}
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	return &node{op: opPath, path: path}, nil
}

func (p *parser) value() *node {
	return &node{op: opValue, slot: slotOf(&p.tree.values, p.textOf(p.advance()))}
}

// slotOf returns the place of a placeholder in list, and makes one if need be.
func slotOf(list *[]string, placeholder string) int {
	if i := slices.Index(*list, placeholder); i >= 0 {
		return i
	}
	*list = append(*list, placeholder)
	return len(*list) - 1
}

func (p *parser) call() (*node, error) {
	p.operators++
	name := p.textOf(p.advance())
	p.advance() // "("
	args, err := p.operands()
	if err != nil {
		return nil, err
	}
	o, ok := functions[name]
	if !ok {
		o = opUnknown
	}
	return &node{op: o, name: name, args: args}, nil
}

// operands reads a list and the parenthesis after it.
func (p *parser) operands() ([]*node, error) {
	var list []*node
	for {
		n, err := p.operand()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if !p.take(tokenComma) {
			return list, p.expect(tokenClose)
		}
	}
}

// path = name {"." name | "[" index "]"} .
func (p *parser) path() (path, error) {
	first, err := p.name()
	if err != nil {
		return nil, err
	}
	list := append(make(path, 0, 2), first)
	for {
		var s step
		switch {
		case p.take(tokenDot):
			s, err = p.name()
		case p.take(tokenOpenIndex):
			s, err = p.index()
		default:
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
}

func (p *parser) name() (step, error) {
	switch p.token.kind {
	case tokenWord:
		return step{kind: stepName, name: p.textOf(p.advance())}, nil
	case tokenName:
		return step{kind: stepPlaceholder, slot: slotOf(&p.tree.names, p.textOf(p.advance()))}, nil
	}
	return step{}, p.unexpected()
}

// index reads a list's index; one that is too large is kept as it is written.
func (p *parser) index() (step, error) {
	if p.token.kind != tokenIndex {
		return step{}, p.unexpected()
	}
	digits := p.textOf(p.advance())
	i, err := strconv.Atoi(digits)
	if err != nil || i > maxIndex {
		return step{kind: stepIndex, name: digits, index: maxIndex}, p.expect(tokenCloseIndex)
	}
	return step{kind: stepIndex, index: i}, p.expect(tokenCloseIndex)
}

// projection = path {"," path} .
func (p *parser) projection() error {
	for {
		path, err := p.path()
		if err != nil {
			return err
		}
		p.tree.paths = append(p.tree.paths, path)
		if !p.take(tokenComma) {
			break
		}
	}
	if p.token.kind != tokenEnd {
		return p.unexpected()
	}
	return nil
}

// update = section {section} .
// section = SET path "=" set {"," …} | REMOVE path {"," …} | (ADD | DELETE) path value {"," …} .
func (p *parser) update() error {
	for {
		clause := p.token.kind
		if clause < tokenSet || clause > tokenDelete {
			return p.unexpected()
		}
		p.advance()
		for {
			a := action{clause: clause, section: len(p.tree.clauses)}
			if err := p.action(&a); err != nil {
				return err
			}
			p.tree.actions = append(p.tree.actions, a)
			if !p.take(tokenComma) {
				break
			}
		}
		p.tree.clauses = append(p.tree.clauses, clause)
		if p.token.kind == tokenEnd {
			return nil
		}
	}
}

func (p *parser) action(a *action) (err error) {
	p.operators++
	if a.path, err = p.path(); err != nil {
		return err
	}
	switch a.clause {
	case tokenSet:
		p.operators-- // SET's is what its value is made of
		if err := p.expect(tokenEqual); err != nil {
			return err
		}
		a.value, err = p.set()
		return err
	case tokenAdd, tokenDelete:
		if p.token.kind != tokenValue {
			return p.unexpected()
		}
		a.value = p.value()
	}
	return nil
}

// set = operand [("+" | "-") operand] | "(" set ")" .
func (p *parser) set() (*node, error) {
	var left *node
	var err error
	if p.token.kind == tokenOpen {
		left, err = p.parenthesised(p.set)
	} else {
		left, err = p.operand()
	}
	if err != nil || left.op == opPlus || left.op == opMinus {
		return left, err
	}
	switch {
	case p.take(tokenPlus):
		return p.operation(opPlus, left, p.operand)
	case p.take(tokenMinus):
		return p.operation(opMinus, left, p.operand)
	}
	return left, nil
}
