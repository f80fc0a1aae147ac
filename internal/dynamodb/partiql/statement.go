// Package partiql is DynamoDB's dialect of PartiQL. It reads a statement and
// compiles it into what the operations on items are made of: conditions, updates
// and projections of package expr, an item, a key. It knows no storage; what a
// statement means is therefore what those mean, and there is nothing here by which
// a statement could differ from a request.
//
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html.
// The words of errors that AWS does not document are those that its service is
// known to answer with.
package partiql

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/expr"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Kind is what a statement does.
type Kind uint8

// The statements.
const (
	Select Kind = iota
	Insert
	Update
	Delete
	Exists // EXISTS(SELECT …), a condition among the writes of a transaction
)

// MaxLength is how long a statement may be, in bytes.
const MaxLength = 4 * 8192 // the service model counts 8,192 characters

// Statement is a statement that is well formed, with its parameters in place.
// What depends on a table's key is asked of it when the table is known. It is
// never changed once compiled.
type Statement struct {
	Kind  Kind
	Table string
	Index string // "" for none
	// Projection is what a SELECT returns of an item; nil for all.
	Projection *item.Projection
	// Item is what an INSERT puts.
	Item dynamodb.Attributes
	// Condition is the whole WHERE clause, nil if there is none.
	Condition *expr.Condition
	// Update is what an UPDATE changes.
	Update *expr.Update
	// ReturnValues is what RETURNING asks for, as UpdateItem has it; "" for nothing.
	ReturnValues string

	where   *node
	order   []ordering
	actions []action
}

// ordering is one of the keys of ORDER BY.
type ordering struct {
	name       string
	descending bool
}

// Compile reads a statement and puts the parameters, which it normalises, in the
// place of its question marks.
func Compile(text string, params []dynamodb.AttributeValue) (*Statement, error) {
	if len(text) > MaxLength {
		return nil, malformed("Statement is too long")
	}
	for i := range params {
		if err := item.NormaliseValue(&params[i]); err != nil {
			return nil, err
		}
	}
	s := &Statement{}
	p := &parser{text: text, params: params, statement: s}
	if err := p.parse(); err != nil {
		return nil, err
	}
	if s.where != nil {
		var err error
		if s.Condition, err = condition([]*node{s.where}); err != nil {
			return nil, err
		}
	}
	if s.Kind == Update {
		return s, s.compileUpdate()
	}
	return s, nil
}

// Writes reports whether the statement is one of those that write, with which no
// SELECT may go together.
func (s *Statement) Writes() bool { return s.Kind != Select }

// condition makes a condition of several that must all hold; nil of none.
func condition(all []*node) (*expr.Condition, error) {
	var b expr.Builder
	var nodes []expr.Node
	for _, n := range all {
		nodes = append(nodes, build(&b, n))
	}
	switch len(nodes) {
	case 0:
		return nil, nil
	case 1:
		return b.Condition(nodes[0])
	}
	return b.Condition(b.Call("AND", nodes...))
}

// conjuncts are the conditions that must all hold for the WHERE clause to.
func (s *Statement) conjuncts() []*node {
	var all []*node
	var add func(*node)
	add = func(n *node) {
		if n.op != "AND" {
			all = append(all, n)
			return
		}
		for _, arg := range n.args {
			add(arg)
		}
	}
	if s.where != nil {
		add(s.where)
	}
	return all
}

// on returns the name of the attribute that a condition compares with values, the
// operator, as it is with the attribute on its left, and the values; ok is false
// if it is no such condition.
func (n *node) on() (name, op string, values []dynamodb.AttributeValue, ok bool) {
	switch n.op {
	case "=", "<", "<=", ">", ">=", "BETWEEN", "IN", "begins_with":
	default:
		return "", "", nil, false
	}
	args, op := n.args, n.op
	if len(args) == 2 && args[0].op == opValue && op != "begins_with" {
		args, op = []*node{args[1], args[0]}, mirrored[op]
	}
	if args[0].op != opPath || len(args[0].path) > 1 {
		return "", "", nil, false
	}
	for _, arg := range args[1:] {
		if arg.op != opValue {
			return "", "", nil, false
		}
		values = append(values, arg.value)
	}
	return args[0].path[0].Name, op, values, true
}

// mirrored is the comparator of operands that change sides.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// Key is the primary key that the WHERE clause of an UPDATE or DELETE names, or
// the ValidationException of one that does not name one item.
func (s *Statement) Key(schema item.Schema) (dynamodb.Attributes, error) {
	key := make(dynamodb.Attributes, 0, 2)
	for _, n := range s.conjuncts() {
		name, op, values, ok := n.on()
		if !ok || !schema.Has(name) {
			continue
		}
		if _, twice := key.Get(name); twice || op == "IN" && len(values) > 1 {
			return nil, api.ValidationException("Multiple conditions on same key %s. Only single item Update/Insert/Delete are supported", name)
		}
		if op == "=" || op == "IN" {
			if err := checkType(schema, name, values); err != nil {
				return nil, err
			}
			key = key.Set(name, values[0])
		}
	}
	if len(key) != len(schema.Names()) {
		return nil, errIncompleteKey()
	}
	return key, nil
}

func errIncompleteKey() error {
	return api.ValidationException("Where clause does not contain a mandatory equality on all key attributes")
}

// checkType checks that values are of the type of a key's attribute.
func checkType(schema item.Schema, name string, values []dynamodb.AttributeValue) error {
	k, _ := schema.Find(name)
	for _, v := range values {
		if v.Type != k.Type {
			return api.ValidationException("Key attribute's data type should match its data type in table's schema: Key %s", name)
		}
		if err := item.CheckKeyNotEmpty(name, v); err != nil {
			return err
		}
	}
	return nil
}

// CheckItem returns the ValidationException of an INSERT whose item has not the
// attributes of a key, or has others of their names.
func (s *Statement) CheckItem(schema item.Schema) error {
	for _, name := range schema.Names() {
		v, ok := s.Item.Get(name)
		if !ok {
			return api.ValidationException("Key attribute should be present in the item: Key %s", name)
		}
		if err := checkType(schema, name, []dynamodb.AttributeValue{v}); err != nil {
			return err
		}
	}
	return nil
}
