// Package itemtest writes attributes the way tests like to read them:
//
//	{id: "x", n: 1.5, raw: b"bytes", ok: true, none: null, list: [1, "a"], map: {k: 1}, set: <"a", "b">}
//
// A number is any text that begins as one does, so that malformed ones can be
// written too; <> is an empty set of strings. Names may be quoted.
package itemtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// Parse reads attributes. It normalises nothing but the order of names.
func Parse(text string) (dynamodb.Attributes, error) {
	p := &parser{rest: text}
	v := p.value()
	if p.space(); p.err == nil && (p.rest != "" || v.Type != dynamodb.TypeM) {
		p.fail()
	}
	return v.M, p.err
}

// Must is Parse of text that is right.
func Must(text string) dynamodb.Attributes {
	a, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return a
}

type parser struct {
	rest string
	err  error
}

func (p *parser) fail() {
	if p.err == nil {
		p.err = fmt.Errorf("itemtest: malformed at %q", p.rest)
	}
	p.rest = ""
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " \t\n") }

func (p *parser) take(prefix string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

func (p *parser) quoted() string {
	q, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		p.fail()
		return ""
	}
	p.rest = p.rest[len(q):]
	s, _ := strconv.Unquote(q)
	return s
}

func (p *parser) word() string {
	p.space()
	if strings.HasPrefix(p.rest, `"`) {
		return p.quoted()
	}
	n := strings.IndexAny(p.rest, " ,]}>\t\n")
	if i := strings.Index(p.rest, ": "); i >= 0 && (n < 0 || i < n) {
		n = i
	}
	if n < 0 {
		n = len(p.rest)
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *parser) value() (v dynamodb.AttributeValue) {
	switch {
	case p.take("{"):
		v = dynamodb.AttributeValue{Type: dynamodb.TypeM, M: dynamodb.Attributes{}}
		for !p.take("}") && p.err == nil {
			name := p.word()
			if !p.take(":") {
				p.fail()
			}
			v.M = v.M.Set(name, p.value())
			p.take(",")
		}
	case p.take("["):
		v = dynamodb.AttributeValue{Type: dynamodb.TypeL, L: p.list("]")}
	case p.take("<"):
		v = dynamodb.AttributeValue{Type: dynamodb.TypeSS, L: p.list(">")}
		if len(v.L) > 0 {
			v.Type = setOf[v.L[0].Type]
			if slices.ContainsFunc(v.L, func(m dynamodb.AttributeValue) bool { return setOf[m.Type] != v.Type }) {
				p.fail()
			}
		}
	case strings.HasPrefix(p.rest, `"`):
		v = dynamodb.AttributeValue{Type: dynamodb.TypeS, S: p.quoted()}
	case strings.HasPrefix(p.rest, `b"`):
		p.rest = p.rest[1:]
		v = dynamodb.AttributeValue{Type: dynamodb.TypeB, S: p.quoted()}
	default:
		switch w := p.word(); w {
		case "true", "false":
			v = dynamodb.AttributeValue{Type: dynamodb.TypeBOOL, Bool: w == "true"}
		case "null":
			v = dynamodb.AttributeValue{Type: dynamodb.TypeNULL, Bool: true}
		case "":
			p.fail()
		default:
			v = dynamodb.AttributeValue{Type: dynamodb.TypeN, S: w}
		}
	}
	return v
}

var setOf = map[dynamodb.Type]dynamodb.Type{
	dynamodb.TypeS: dynamodb.TypeSS, dynamodb.TypeN: dynamodb.TypeNS, dynamodb.TypeB: dynamodb.TypeBS,
}

func (p *parser) list(end string) []dynamodb.AttributeValue {
	list := []dynamodb.AttributeValue{}
	for !p.take(end) && p.err == nil {
		list = append(list, p.value())
		p.take(",")
	}
	return list
}

// String writes attributes as Parse reads them.
func String(a dynamodb.Attributes) string {
	parts := make([]string, len(a))
	for i, m := range a {
		parts[i] = m.Name + ": " + Value(m.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Value writes a value.
func Value(v dynamodb.AttributeValue) string {
	switch v.Type {
	case dynamodb.TypeNone:
		return "none"
	case dynamodb.TypeS:
		return strconv.Quote(v.S)
	case dynamodb.TypeB:
		return "b" + strconv.Quote(v.S)
	case dynamodb.TypeN:
		return v.S
	case dynamodb.TypeBOOL:
		return strconv.FormatBool(v.Bool)
	case dynamodb.TypeNULL:
		return "null"
	case dynamodb.TypeM:
		return String(v.M)
	}
	var parts []string
	for e := range slices.Values(v.L) {
		parts = append(parts, Value(e))
	}
	list := strings.Join(parts, ", ")
	if v.Type == dynamodb.TypeL {
		return "[" + list + "]"
	}
	return "<" + list + ">"
}
