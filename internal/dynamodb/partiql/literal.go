package partiql

import (
	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
)

// value reads a literal or parameter as an operand, in its canonical form.
func (p *parser) value() (*node, error) {
	n := &node{op: opValue, token: p.token}
	var err error
	if n.value, err = p.literal(); err != nil {
		return nil, err
	}
	return n, item.NormaliseValue(&n.value)
}

// literal reads a value.
//
//	literal = string | number | TRUE | FALSE | NULL | "?" | "[" [literal {"," literal}] "]" |
//	          "<<" literal {"," literal} ">>" | "{" [string ":" literal {"," …}] "}" .
func (p *parser) literal() (v dynamodb.AttributeValue, err error) {
	at := p.token
	switch at.kind {
	case tokenString:
		v = dynamodb.AttributeValue{Type: dynamodb.TypeS, S: at.text}
	case tokenNumber:
		v = dynamodb.AttributeValue{Type: dynamodb.TypeN, S: at.text}
	case "-", "+":
		if p.next.kind != tokenNumber {
			return v, p.unexpected()
		}
		p.advance()
		v = dynamodb.AttributeValue{Type: dynamodb.TypeN, S: string(at.kind) + p.token.text}
	case "TRUE", "FALSE":
		v = dynamodb.AttributeValue{Type: dynamodb.TypeBOOL, Bool: at.kind == "TRUE"}
	case "NULL":
		v = dynamodb.AttributeValue{Type: dynamodb.TypeNULL, Bool: true}
	case "?":
		if p.used == len(p.params) {
			return v, errParameters()
		}
		v = p.params[p.used]
		p.used++
	case "[":
		v.Type = dynamodb.TypeL
		v.L, err = p.elements("]")
		return v, err
	case "<<":
		return p.bag()
	case "{":
		return p.tuple()
	case "MISSING":
		return v, p.refused(at, "MISSING must be compared using IS operator")
	case tokenWord:
		if p.next.kind == "(" {
			return v, p.refused(at, "Unsupported data type: %s under key root", at.text)
		}
		return v, p.refused(at, "Unsupported token in expression: %s", at.text)
	default:
		return v, p.unexpected()
	}
	p.advance()
	return v, nil
}

// elements reads the literals of a list or bag up to its end.
func (p *parser) elements(closing kind) ([]dynamodb.AttributeValue, error) {
	p.advance()
	if err := p.deeper(); err != nil {
		return nil, err
	}
	list := []dynamodb.AttributeValue{}
	for p.token.kind != closing {
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		if list = append(list, v); !p.take(",") {
			break
		}
	}
	p.depth--
	return list, p.expect(closing, "Expected "+closers[closing])
}

// bag reads a set.
func (p *parser) bag() (v dynamodb.AttributeValue, err error) {
	at := p.token
	if v.L, err = p.elements(">>"); err != nil {
		return v, err
	}
	if len(v.L) == 0 {
		return v, api.ValidationException("Empty bags are not supported")
	}
	of, name := v.L[0].Type, ""
	switch of {
	case dynamodb.TypeS:
		v.Type, name = dynamodb.TypeSS, "String"
	case dynamodb.TypeN:
		v.Type, name = dynamodb.TypeNS, "Number"
	case dynamodb.TypeB:
		v.Type, name = dynamodb.TypeBS, "Binary"
	default:
		return v, api.ValidationException("Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags")
	}
	for _, member := range v.L {
		if member.Type != of {
			return v, p.refused(at, "Unexpected data type %s in %s Set under key root", member.Type, name)
		}
	}
	return v, nil
}

// tuple reads a map.
func (p *parser) tuple() (dynamodb.AttributeValue, error) {
	v := dynamodb.AttributeValue{Type: dynamodb.TypeM, M: dynamodb.Attributes{}}
	p.advance()
	if err := p.deeper(); err != nil {
		return v, err
	}
	var members []dynamodb.Attribute
	for p.token.kind != "}" {
		key := p.token
		if key.kind != tokenString {
			if !isName(key) {
				return v, p.unexpected()
			}
			return v, p.refused(key, "Tuple keys must be of type String. Actual type: %s under root", key.text)
		}
		p.advance()
		if err := p.expect(":", "Expected COLON"); err != nil {
			return v, err
		}
		member, err := p.literal()
		if err != nil {
			return v, err
		}
		if members = append(members, dynamodb.Attribute{Name: key.text, Value: member}); !p.take(",") {
			break
		}
	}
	p.depth--
	if err := p.expect("}", "Expected RIGHT_CURLY"); err != nil {
		return v, err
	}
	var duplicate string
	var ok bool
	if v.M, duplicate, ok = sorted(members); !ok {
		return v, api.ValidationException("Duplicate keys in tuple. Key: %s under root", duplicate)
	}
	return v, nil
}
