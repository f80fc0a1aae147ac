package partiql

import (
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// maxDepth is how many parentheses, lists, maps and NOTs may lie in one another.
const maxDepth = 64

// parser reads one statement, from left to right with one token of look-ahead.
type parser struct {
	text        string
	params      []dynamodb.AttributeValue
	used        int // of the parameters
	token, next token
	failed      error // of the scanner; it is what is reported then
	depth       int
	statement   *Statement
}

func (p *parser) advance() token {
	t := p.token
	p.token = p.next
	if p.next.kind != tokenEnd {
		var err error
		if p.next, err = scan(p.text, p.next.end); err != nil {
			p.failed = err
			p.next = token{kind: tokenEnd, start: len(p.text), end: len(p.text)}
		}
	}
	return t
}

func (p *parser) take(k kind) bool {
	if p.token.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(k kind, reason string) error {
	if !p.take(k) {
		return malformed(reason)
	}
	return nil
}

// takeWord takes an identifier that is a keyword in its place alone.
func (p *parser) takeWord(word string) bool {
	if p.token.kind != tokenWord || !strings.EqualFold(p.token.text, word) {
		return false
	}
	p.advance()
	return true
}

// deeper counts what lies inside of something; leave with p.depth--.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return malformed("Expression is nested too deeply")
	}
	return nil
}

// statement reads a whole statement.
func (p *parser) parse() error {
	p.advance()
	p.advance()
	var err error
	switch {
	case p.take("SELECT"):
		err = p.selection()
	case p.take("INSERT"):
		err = p.insert()
	case p.take("UPDATE"):
		err = p.update()
	case p.take("DELETE"):
		err = p.delete()
	case p.token.kind == "EXISTS" && p.next.kind == "(":
		err = p.exists()
	default:
		err = malformed("Expected data manipulation")
	}
	if err == nil {
		err = p.finish()
	}
	if p.failed != nil {
		return p.failed
	}
	return err
}

func (p *parser) finish() error {
	p.take(";")
	switch k := p.token.kind; k {
	case tokenEnd:
	case "GROUP", "HAVING", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "ON":
		return api.ValidationException("Unsupported clause: %s", k)
	case "RETURNING":
		if p.statement.Kind == Insert {
			return api.ValidationException("RETURNING is not supported in INSERT")
		}
		return api.ValidationException("Unsupported clause: %s", k)
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return api.ValidationException("Only one operation is allowed in a statement.")
	default:
		return malformed("Unexpected token after expression")
	}
	if p.used != len(p.params) {
		return errParameters()
	}
	return nil
}

func errParameters() error {
	return api.ValidationException("Number of parameters in request and statement don't match.")
}

// selection reads what follows SELECT.
//
//	"*" | path {"," path}  FROM source [WHERE condition] [ORDER BY key {"," key}] .
func (p *parser) selection() error {
	s := p.statement
	s.Kind = Select
	if k := p.token.kind; k == "VALUE" || k == "PIVOT" {
		return api.ValidationException("Select projection doesn't support value or pivot keywords")
	}
	if err := p.projection(); err != nil {
		return err
	}
	if err := p.expect("FROM", "Expected FROM"); err != nil {
		return err
	}
	if err := p.source(); err != nil {
		return err
	}
	if p.token.kind == "," {
		return api.ValidationException("Only select from a single table or index is supported.")
	}
	if err := p.where(); err != nil {
		return err
	}
	if p.take("ORDER") {
		return p.order()
	}
	return nil
}

func (p *parser) projection() error {
	var columns []item.Path
	star, labels := false, map[string]bool{}
	for first := true; first || p.take(","); first = false {
		if p.take("*") {
			star = true
			continue
		}
		if (p.token.kind == tokenWord || p.token.kind == "EXISTS") && p.next.kind == "(" || p.isLiteral() {
			return p.refused(p.token, "Unexpected path component")
		}
		path, err := p.path()
		if err != nil {
			return err
		}
		label := path.Label()
		if labels[label] {
			return api.ValidationException("Duplicate identifiers in select clause: %s", label)
		}
		labels[label] = true
		columns = append(columns, path)
		if p.token.kind == "AS" || isName(p.token) {
			return api.ValidationException("Aliasing is not supported")
		}
	}
	switch {
	case !star:
		p.statement.Projection = item.NewColumns(columns)
	case len(columns) > 0:
		return api.ValidationException("Other attributes should not be present in the projection when '*' is used.")
	}
	return nil
}

func isName(t token) bool { return t.kind == tokenWord || t.kind == tokenQuoted }

// isLiteral reports whether a literal value begins here.
func (p *parser) isLiteral() bool {
	switch p.token.kind {
	case tokenString, tokenNumber, "?", "[", "{", "<<", "-", "+", "TRUE", "FALSE", "NULL":
		return true
	}
	return false
}

// source reads the name of a table, or of a table and its index.
func (p *parser) source() error {
	var names []string
	for {
		if !isName(p.token) {
			if k := p.token.kind; k == "(" || k == "<<" || k == "[" {
				return api.ValidationException("Unexpected from source")
			}
			return p.unexpected()
		}
		names = append(names, p.advance().text)
		if !p.take(".") {
			break
		}
	}
	switch {
	case len(names) > 2:
		return api.ValidationException("A path may contain at most 2 components in the FROM clause")
	case slices.Contains(names, ""):
		return api.ValidationException("Path component cannot be an empty string")
	case len(names) == 2 && p.statement.Kind != Select:
		return api.ValidationException("This operation is not supported on an index")
	case len(names) == 2:
		p.statement.Index = names[1]
	}
	p.statement.Table = names[0]
	if p.token.kind == "AS" || isName(p.token) {
		return api.ValidationException("Aliasing is not supported")
	}
	return nil
}

// unexpected is the error of a token that cannot stand where it does.
func (p *parser) unexpected() error {
	switch _, isKeyword := keywords[string(p.token.kind)]; {
	case p.token.kind == tokenEnd:
		return malformed("Unexpected end of statement")
	case isKeyword:
		return malformed("Unexpected keyword")
	}
	return malformed("Unexpected term")
}

// where reads the condition of any statement that has one.
func (p *parser) where() (err error) {
	if !p.take("WHERE") {
		return nil
	}
	p.statement.where, err = p.condition()
	return err
}

func (p *parser) order() error {
	if err := p.expect("BY", "Expected BY"); err != nil {
		return err
	}
	for first := true; first || p.take(","); first = false {
		if p.isLiteral() {
			return api.ValidationException("Argument to ORDER BY must be of type VariableReference. Type: Literal")
		}
		path, err := p.path()
		if err != nil {
			return err
		}
		if len(path) > 1 {
			return api.ValidationException("Argument to ORDER BY must be of type VariableReference. Type: Path")
		}
		by := ordering{name: path[0].Name}
		if !p.take("ASC") {
			by.descending = p.take("DESC")
		}
		p.statement.order = append(p.statement.order, by)
	}
	return nil
}

// exists reads EXISTS "(" SELECT … ")".
func (p *parser) exists() error {
	p.advance()
	p.advance()
	if err := p.expect("SELECT", "Expected SELECT"); err != nil {
		return err
	}
	if err := p.selection(); err != nil {
		return err
	}
	p.statement.Kind = Exists
	return p.expect(")", "Expected RIGHT_PAREN")
}

// insert reads what follows INSERT: INTO source VALUE item.
func (p *parser) insert() error {
	s := p.statement
	s.Kind = Insert
	if err := p.expect("INTO", "Expected INTO"); err != nil {
		return err
	}
	if err := p.source(); err != nil {
		return err
	}
	switch {
	case p.token.kind == "VALUES", p.token.kind == "<<":
		return api.ValidationException(`Unsupported operation: Inserting multiple items in a single statement is not supported, use "INSERT INTO tableName VALUE item" instead`)
	case p.token.kind == "SELECT":
		return api.ValidationException("Unsupported FROM ... WHERE ... clause in INSERT statement.")
	case !p.take("VALUE"):
		return p.unexpected()
	}
	if p.token.kind != "{" {
		return api.ValidationException("Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.")
	}
	v, err := p.literal()
	if err != nil {
		return err
	}
	if p.token.kind == "AT" {
		return api.ValidationException("AT is not supported in insert statements.")
	}
	s.Item = v.M
	return item.Normalise(s.Item)
}

// update reads what follows UPDATE.
//
//	source (SET path "=" value {"," …} | REMOVE path {"," …}) {…} [WHERE condition] [RETURNING …] .
func (p *parser) update() error {
	s := p.statement
	s.Kind = Update
	if err := p.source(); err != nil {
		return err
	}
	for {
		var read func() error
		switch {
		case p.take("SET"):
			read = p.assignment
		case p.take("REMOVE"):
			read = p.removal
		case len(s.actions) == 0:
			return malformed("Expected data manipulation")
		default:
			if err := p.where(); err != nil {
				return err
			}
			return p.returning()
		}
		for first := true; first || p.take(","); first = false {
			if err := read(); err != nil {
				return err
			}
		}
	}
}

// delete reads what follows DELETE: FROM source [WHERE condition] [RETURNING …].
func (p *parser) delete() error {
	p.statement.Kind = Delete
	if err := p.expect("FROM", "Expected FROM"); err != nil {
		return err
	}
	if err := p.source(); err != nil {
		return err
	}
	if err := p.where(); err != nil {
		return err
	}
	return p.returning()
}

// returning reads [RETURNING (ALL | MODIFIED) (OLD | NEW) "*"].
func (p *parser) returning() error {
	if !p.take("RETURNING") {
		return nil
	}
	var which, when string
	switch {
	case p.takeWord("ALL"):
		which = "ALL"
	case p.takeWord("MODIFIED"):
		which = "MODIFIED"
	default:
		return p.unexpected()
	}
	switch {
	case p.takeWord("OLD"):
		when = "OLD"
	case p.takeWord("NEW"):
		when = "NEW"
	default:
		return p.unexpected()
	}
	if !p.take("*") {
		return api.ValidationException("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")
	}
	if p.token.kind == "," {
		return api.ValidationException("Invalid syntax with multiple returning elements in RETURNING clause")
	}
	s := p.statement
	if s.Kind == Delete && (which != "ALL" || when != "OLD") {
		return api.ValidationException("Invalid returning clause: RETURNING %s %s *. Only RETURNING ALL OLD * is allowed in DELETE statements.", which, when)
	}
	s.ReturnValues = strings.Replace(which, "MODIFIED", "UPDATED", 1) + "_" + when
	return nil
}
