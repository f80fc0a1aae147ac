package modeltest

import (
	"fmt"
	"regexp"
	"strings"
)

// text writes an expression: of DynamoDB with placeholders, or of PartiQL with
// parameters.
type text struct {
	partiql bool
	names   map[string]any
	values  map[string]any
	params  []any
}

func newText() *text { return &text{names: map[string]any{}, values: map[string]any{}} }

// plain are names that need no placeholder. None of those that the generator uses is
// a reserved word.
var plain = regexp.MustCompile(`^[a-z][a-z0-9]+$`)

func (t *text) path(p path) string {
	var b strings.Builder
	for i, s := range p {
		if s.index >= 0 {
			fmt.Fprintf(&b, "[%d]", s.index)
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(t.name(s.name))
	}
	return b.String()
}

func (t *text) name(name string) string {
	if t.partiql {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	if plain.MatchString(name) {
		return name
	}
	for placeholder, known := range t.names {
		if known == name {
			return placeholder
		}
	}
	placeholder := fmt.Sprintf("#n%d", len(t.names))
	t.names[placeholder] = name
	return placeholder
}

func (t *text) value(v value) string {
	if t.partiql {
		t.params = append(t.params, v.json())
		return "?"
	}
	placeholder := fmt.Sprintf(":v%d", len(t.values))
	t.values[placeholder] = v.json()
	return placeholder
}

func (t *text) list(paths []path) string {
	var all []string
	for _, p := range paths {
		all = append(all, t.path(p))
	}
	return strings.Join(all, ", ")
}

// into adds the placeholders to a request.
func (t *text) into(request map[string]any) {
	if len(t.names) > 0 {
		request["ExpressionAttributeNames"] = t.names
	}
	if len(t.values) > 0 {
		request["ExpressionAttributeValues"] = t.values
	}
}
