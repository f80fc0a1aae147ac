package expr

import "strings"

// The checks of an expression by itself, in the order in which it is written:
// reserved words, indexes, and which functions are called where and with how many
// operands. What depends on a request's names and values is checked in bind.go.

// place is where in an expression a node stands.
type place uint8

const (
	asCondition place = iota // where something must hold
	asOperand                // inside of an operator or function of a condition
	inUpdate                 // what a SET writes
)

var arity = map[op]int{
	opExists: 1, opNotExists: 1, opType: 2, opBeginsWith: 2, opContains: 2, opSize: 1, opIfNotExists: 2, opListAppend: 2,
}

func (t *tree) vet() error {
	if t.root != nil {
		return t.root.vet(asCondition)
	}
	for _, p := range t.paths {
		if err := p.vet(); err != nil {
			return err
		}
	}
	return t.vetUpdate()
}

// vetUpdate goes through an update's sections in the order in which each first
// appears; a section that appears again is a fault after those inside of it.
func (t *tree) vetUpdate() error {
	seen := map[kind]bool{}
	for _, clause := range t.clauses {
		if seen[clause] {
			continue
		}
		seen[clause] = true
		sections := map[int]bool{}
		for _, a := range t.actions {
			if a.clause != clause {
				continue
			}
			sections[a.section] = true
			if err := a.path.vet(); err != nil {
				return err
			}
			if a.value != nil {
				if err := a.value.vet(inUpdate); err != nil {
					return err
				}
			}
		}
		if len(sections) > 1 {
			return faultf("The %s section can only be used once in an update expression;", quoted(clauseNames[clause]))
		}
	}
	return nil
}

var clauseNames = map[kind]string{tokenSet: "SET", tokenRemove: "REMOVE", tokenAdd: "ADD", tokenDelete: "DELETE"}

func (p path) vet() error {
	for i := range p {
		switch s := &p[i]; {
		case s.kind == stepName && isReserved(s.name):
			return faultf("Attribute name is a reserved keyword; reserved keyword: %s", s.name)
		case s.kind == stepIndex && s.name != "":
			return faultf("List index is not within the allowable range; index: [%s]", s.name)
		}
	}
	return nil
}

func (n *node) vet(where place) error {
	inside := asOperand
	switch {
	case n.op == opPath:
		return n.path.vet()
	case n.op.isFunction():
		if err := n.vetFunction(where); err != nil {
			return err
		}
	case n.op <= opNot:
		inside = asCondition
	}
	if where == inUpdate {
		inside = inUpdate
	}
	for _, arg := range n.args {
		if err := arg.vet(inside); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) vetFunction(where place) error {
	belongsInUpdate := n.op == opIfNotExists || n.op == opListAppend
	switch {
	case n.op == opUnknown:
		return faultf("Invalid function name; function: %s", n.name)
	case where == inUpdate && !belongsInUpdate:
		return faultf("The function is not allowed in an update expression; function: %s", n.name)
	case where != inUpdate && belongsInUpdate:
		return faultf("The function is not allowed in a condition expression; function: %s", n.name)
	case where == asCondition && n.op == opSize, where == asOperand && n.op != opSize:
		return faultf("The function is not allowed to be used this way in an expression; function: %s", n.name)
	case len(n.args) != arity[n.op]:
		return faultf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.name, len(n.args))
	}
	return nil
}

func isReserved(word string) bool {
	const longest = len("LOCALTIMESTAMP")
	if len(word) > longest {
		return false
	}
	_, ok := reserved[strings.ToUpper(word)]
	return ok
}
