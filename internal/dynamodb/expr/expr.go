// Package expr is DynamoDB's expression languages: conditions and filters, key
// conditions, updates and projections, and the parameters that did their work
// before there were expressions, which are compiled into the same forms.
//
// A request's parameters are checked and compiled before any item is read, so
// that a malformed expression is a ValidationException whatever the table holds.
package expr

import (
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Parameters are those of one request; nil means absent.
type Parameters struct {
	// Operation is what is asked, "PutItem", as api.Request.Operation has it. It
	// decides which parameters an error speaks of; a Query must have a condition
	// on its key.
	Operation string

	Update       *string
	Condition    *string
	Filter       *string
	KeyCondition *string
	Projection   *string
	Names        map[string]string
	Values       dynamodb.Attributes // by ":name"; Compile normalises them

	Legacy *Legacy
}

// Compiled are a request's parameters in executable form. A part that the request
// has not is nil, and the methods of a nil part do what its absence means.
// A Compiled may be used by many goroutines at once.
type Compiled struct {
	Update     *Update          // also of AttributeUpdates
	Condition  *Condition       // also of Expected
	Filter     *Condition       // also of QueryFilter and ScanFilter
	Key        *KeyExpression   // also of KeyConditions
	Projection *item.Projection // also of AttributesToGet
}

// The names of the parameters, as errors show them.
const (
	updateExpression       = "UpdateExpression"
	conditionExpression    = "ConditionExpression"
	filterExpression       = "FilterExpression"
	keyConditionExpression = "KeyConditionExpression"
	projectionExpression   = "ProjectionExpression"
)

// Check returns the ValidationException of parameters that do not go together:
// expressions mixed with older parameters, names or values without an expression.
// DynamoDB reports those before it looks at the values of an item or key.
func (p *Parameters) Check() error {
	given := func(e *string, name string) string {
		if e == nil {
			return ""
		}
		return name
	}
	hasValues := p.Condition != nil || p.Update != nil || p.Filter != nil || p.KeyCondition != nil
	if p.Legacy != nil && (hasValues || p.Projection != nil) {
		if older := p.Legacy.given(p.KeyCondition != nil); len(older) > 0 {
			newer := nonEmpty(given(p.Projection, projectionExpression), given(p.Update, updateExpression),
				given(p.Condition, conditionExpression), given(p.Filter, filterExpression), given(p.KeyCondition, keyConditionExpression))
			return api.ValidationException("Can not use both expression and non-expression parameters in the same request: "+
				"Non-expression parameters: {%s} Expression parameters: {%s}", strings.Join(older, ", "), strings.Join(newer, ", "))
		}
	}
	if p.Names != nil && !hasValues && p.Projection == nil {
		return api.ValidationException("ExpressionAttributeNames can only be specified when using expressions")
	}
	if p.Values != nil && !hasValues {
		takers := valueTakers[p.Operation]
		verb := " is null"
		if len(takers) > 1 {
			verb = " are null"
		}
		if len(takers) == 0 {
			return api.ValidationException("ExpressionAttributeValues can only be specified when using expressions")
		}
		return api.ValidationException("ExpressionAttributeValues can only be specified when using expressions: %s%s",
			strings.Join(takers, " and "), verb)
	}
	return nil
}

// valueTakers are the expressions with values that each operation takes.
var valueTakers = map[string][]string{
	"PutItem":    {conditionExpression},
	"DeleteItem": {conditionExpression},
	"UpdateItem": {updateExpression, conditionExpression},
	"Query":      {filterExpression, keyConditionExpression},
	"Scan":       {filterExpression},
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// Compile checks and compiles the parameters; it includes Check. Values and the
// values of Legacy are normalised in place.
func (p *Parameters) Compile() (c Compiled, err error) {
	if err := p.Check(); err != nil {
		return Compiled{}, err
	}
	if p.Legacy != nil {
		if err := p.Legacy.compile(&c); err != nil {
			return Compiled{}, err
		}
	}
	if p.Operation == "Query" && p.KeyCondition == nil && c.Key == nil {
		return Compiled{}, api.ValidationException("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	if err := p.compileExpressions(&c); err != nil {
		return Compiled{}, err
	}
	return c, nil
}

func (p *Parameters) compileExpressions(c *Compiled) error {
	if err := p.checkPlaceholders(); err != nil {
		return err
	}
	var key *binder
	var trees [5]*tree
	for i, e := range [...]struct {
		name    string
		text    *string
		grammar grammar
	}{
		{updateExpression, p.Update, updateGrammar},
		{conditionExpression, p.Condition, conditionGrammar},
		{filterExpression, p.Filter, conditionGrammar},
		{projectionExpression, p.Projection, projectionGrammar},
		{keyConditionExpression, p.KeyCondition, conditionGrammar},
	} {
		if e.text == nil {
			continue
		}
		t, err := parse(e.grammar, *e.text)
		if err != nil {
			return api.ValidationException("Invalid %s: %s", e.name, err.Error())
		}
		trees[i] = t
		b := newBinder(t, p.Names, p.Values)
		switch e.name {
		case updateExpression:
			c.Update, err = b.update()
		case conditionExpression:
			c.Condition, err = b.condition("Condition Expression")
		case filterExpression:
			c.Filter, err = b.condition("Filter Expression")
		case projectionExpression:
			c.Projection, err = b.projection()
		default:
			key, err = b, b.node(t.root)
		}
		if err != nil {
			return api.ValidationException("Invalid %s: %s", e.name, err.Error())
		}
	}
	if err := p.checkUnused(trees[:]); err != nil {
		return err
	}
	if key == nil {
		return nil
	}
	var err error
	c.Key, err = newKeyExpression(key.env, key.tree.root)
	return err
}

// checkPlaceholders checks the names and values by themselves.
func (p *Parameters) checkPlaceholders() error {
	if p.Names != nil {
		if len(p.Names) == 0 {
			return api.ValidationException("ExpressionAttributeNames must not be empty")
		}
		for placeholder, name := range p.Names {
			if !isPlaceholder(placeholder, '#') || name == "" {
				return p.errNames()
			}
		}
	}
	if p.Values == nil {
		return nil
	}
	if len(p.Values) == 0 {
		return api.ValidationException("ExpressionAttributeValues must not be empty")
	}
	for _, v := range p.Values {
		if !isPlaceholder(v.Name, ':') {
			return api.ValidationException("ExpressionAttributeValues contains invalid key: %s", placeholderFault(v.Name))
		}
	}
	for i := range p.Values {
		if err := item.NormaliseValue(&p.Values[i].Value); err != nil {
			return api.ValidationException("ExpressionAttributeValues contains invalid value: %s for key %s",
				api.AsError(err).Message, p.Values[i].Name)
		}
	}
	return nil
}

// errNames reports the first of the names that are not right.
func (p *Parameters) errNames() error {
	for _, placeholder := range slices.Sorted(maps.Keys(p.Names)) {
		if !isPlaceholder(placeholder, '#') {
			return api.ValidationException("ExpressionAttributeNames contains invalid key: %s", placeholderFault(placeholder))
		}
		if p.Names[placeholder] == "" {
			return api.ValidationException("ExpressionAttributeNames contains invalid value: Empty attribute name for key %s", placeholder)
		}
	}
	return nil
}

const maxPlaceholder = 255 // bytes

func isPlaceholder(s string, sigil byte) bool {
	if len(s) < 2 || len(s) > maxPlaceholder || s[0] != sigil {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isWordPart(s[i]) {
			return false
		}
	}
	return true
}

func placeholderFault(s string) error {
	switch {
	case s == "":
		return fault("The expression attribute map contains an empty key;")
	case len(s) > maxPlaceholder:
		return faultf("The expression attribute map contains a key that is too long; size of key: %d", len(s))
	}
	return faultf("Syntax error; key: %s", quoted(s))
}

// checkUnused reports the names, else the values, that no expression contains.
func (p *Parameters) checkUnused(trees []*tree) error {
	var unused []string
	for placeholder := range p.Names {
		if !slices.ContainsFunc(trees, func(t *tree) bool { return t != nil && slices.Contains(t.names, placeholder) }) {
			unused = append(unused, placeholder)
		}
	}
	if len(unused) > 0 {
		slices.Sort(unused)
		return api.ValidationException("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	for i := range p.Values {
		placeholder := p.Values[i].Name
		if !slices.ContainsFunc(trees, func(t *tree) bool { return t != nil && slices.Contains(t.values, placeholder) }) {
			unused = append(unused, placeholder)
		}
	}
	if len(unused) > 0 {
		return api.ValidationException("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(unused, ", "))
	}
	return nil
}

// projection makes a projection of the tree's paths.
func (b *binder) projection() (*item.Projection, error) {
	paths := make([]item.Path, len(b.tree.paths))
	for i, p := range b.tree.paths {
		if err := b.path(p); err != nil {
			return nil, err
		}
		paths[i] = b.resolve(p)
	}
	if err := b.overlap(b.tree.paths); err != nil {
		return nil, err
	}
	return item.NewProjection(paths), nil
}
