// Package expr is DynamoDB's expression languages: conditions and filters, key
// conditions, updates and projections, and the parameters that did their work
// before there were expressions, which are compiled into the same forms.
//
// A request's parameters are checked and compiled before any item is read, so
// that a malformed expression is a ValidationException whatever the table holds.
package expr

import (
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// Parameters are those of one request; nil means absent.
type Parameters struct {
	Update       *string
	Condition    *string
	Filter       *string
	KeyCondition *string
	Projection   *string
	Names        map[string]string
	Values       dynamodb.Attributes // by ":name"; Compile normalises them

	Legacy *Legacy
}

// Legacy are the parameters that expressions replace.
type Legacy struct {
	AttributeUpdates    map[string]AttributeUpdate
	Expected            map[string]Expected
	KeyConditions       map[string]Comparison
	QueryFilter         map[string]Comparison
	ScanFilter          map[string]Comparison
	ConditionalOperator *string
	AttributesToGet     []string
}

// AttributeUpdate is one of AttributeUpdates.
type AttributeUpdate struct {
	Action *string // PUT (the default), ADD or DELETE
	Value  *dynamodb.AttributeValue
}

// Expected is one of the conditions of Expected.
type Expected struct {
	Exists             *bool
	Value              *dynamodb.AttributeValue
	ComparisonOperator *string
	AttributeValueList []dynamodb.AttributeValue // nil if absent
}

// Comparison is one of KeyConditions, QueryFilter and ScanFilter.
type Comparison struct {
	ComparisonOperator *string
	AttributeValueList []dynamodb.AttributeValue
}

// Check returns the ValidationException of parameters that do not go together:
// expressions mixed with older parameters, names or values without an expression.
// DynamoDB reports those before it looks at the values of an item or key.
func (p *Parameters) Check() error { return nil }

// Compile checks and compiles the parameters; it includes Check. Values and the
// values of Legacy are normalised in place.
func (p *Parameters) Compile() (Compiled, error) { return Compiled{}, nil }

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

// Condition is a ConditionExpression or FilterExpression.
type Condition struct{}

// Holds evaluates the condition. A nil condition holds for every item, and a nil
// item is one that does not exist.
func (c *Condition) Holds(a dynamodb.Attributes) bool { return true }

// Names returns the top-level attributes that the condition reads, sorted; nil,
// of a nil condition, for none.
func (c *Condition) Names() []string { return nil }

// CheckFilter returns the ValidationException of a Query's filter that names an
// attribute of the key that is queried.
func (c *Condition) CheckFilter(s item.Schema) error { return nil }

// KeyExpression is a KeyConditionExpression that is not yet bound to a schema.
type KeyExpression struct{}

// Bind returns the key condition that the expression states for a schema, or the
// ValidationException of one that does not fit it.
func (k *KeyExpression) Bind(s item.Schema) (KeyCondition, error) { return KeyCondition{}, nil }

// KeyCondition is which items a Query reads: those of one hash key, and of the
// range keys that Op and its operands select.
type KeyCondition struct {
	Hash dynamodb.AttributeValue
	Op   RangeOp
	// Low is the operand; of Between the lower one.
	Low dynamodb.AttributeValue
	// High is the upper operand of Between, which is included.
	High dynamodb.AttributeValue
}

// RangeOp is the condition on a range key.
type RangeOp uint8

// The conditions on a range key.
const (
	Any RangeOp = iota // there is none
	Equal
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	Between
	BeginsWith
)

// Bounds returns the range of the order-preserving bytes of range keys that the
// condition selects: from <= key < to, nil for no bound.
func (k KeyCondition) Bounds() (from, to []byte) { return nil, nil }

// Update is an UpdateExpression.
type Update struct{}

// CheckKey returns the ValidationException of an update of a key's attribute.
func (u *Update) CheckKey(s item.Schema) error { return nil }

// Apply returns the item that the update makes of old, or a ValidationException.
// It does not change old, but the result may share its values. An item that does
// not exist yet is given as the attributes of its key. A nil Update changes
// nothing.
func (u *Update) Apply(old dynamodb.Attributes) (dynamodb.Attributes, error) { return old, nil }

// Touched returns the parts of an item that the update names: of the old item
// for UPDATED_OLD, of the new one for UPDATED_NEW.
func (u *Update) Touched(a dynamodb.Attributes) dynamodb.Attributes { return nil }
