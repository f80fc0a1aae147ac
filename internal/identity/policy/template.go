package policy

import "strings"

// template is a text of a policy that may have variables in it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type template struct {
	text      string // a pattern, or a plain text; if there are no variables
	variables []part // otherwise: literal and variable parts in turn
}

type part struct {
	literal    string
	key        string // in lower case; "" for a literal
	name       string // the key as written
	fallback   string
	hasDefault bool
}

// templateOf compiles a text. wild says that '*' and '?' are wildcards; variables
// exist in version 2012-10-17 only. It reports false if a variable is malformed.
func templateOf(s string, wild, variables bool) (t template, ok bool) {
	literal := func(s string) string {
		if wild {
			return patternOf(s)
		}
		return s
	}
	if !variables || !strings.Contains(s, "${") {
		return template{text: literal(s)}, true
	}
	var parts []part
	text := ""
	for s != "" {
		before, rest, found := strings.Cut(s, "${")
		text += literal(before)
		if !found {
			break
		}
		name, after, closed := cutVariable(rest)
		if !closed {
			return template{}, false
		}
		s = after
		if name == "*" || name == "?" || name == "$" {
			text += name
			continue
		}
		v, ok := variableOf(name)
		if !ok {
			return template{}, false
		}
		if text != "" {
			parts = append(parts, part{literal: text})
			text = ""
		}
		parts = append(parts, v)
	}
	if parts == nil {
		return template{text: text}, true
	}
	if text != "" {
		parts = append(parts, part{literal: text})
	}
	return template{variables: parts}, true
}

// cutVariable splits after the '}' that ends a variable; a default may contain one.
func cutVariable(s string) (name, after string, ok bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case s[i] == '}' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

// variableOf parses "key" or "key, 'default'".
func variableOf(s string) (part, bool) {
	key, rest, hasDefault := strings.Cut(s, ",")
	key = strings.TrimSpace(key)
	v := part{key: strings.ToLower(key), name: key, hasDefault: hasDefault}
	if v.key == "" || strings.ContainsAny(v.key, "${}'*?") {
		return part{}, false
	}
	if hasDefault {
		rest = strings.TrimSpace(rest)
		if len(rest) < 2 || rest[0] != '\'' || rest[len(rest)-1] != '\'' {
			return part{}, false
		}
		v.fallback = rest[1 : len(rest)-1]
	}
	return v, true
}

// expand returns the text with the values of its variables, which stand for
// themselves even if they look like wildcards. It reports false if a variable has
// no value, or several, and no default.
func (t *template) expand(e *evaluation) (string, bool) {
	if t.variables == nil {
		return t.text, true
	}
	var b strings.Builder
	for i := range t.variables {
		v := &t.variables[i]
		if v.key == "" {
			b.WriteString(v.literal)
			continue
		}
		switch values := e.key(v.key, v.name); {
		case len(values) == 1 && strings.IndexByte(values[0], many) < 0 && strings.IndexByte(values[0], one) < 0:
			b.WriteString(values[0])
		case len(values) == 0 && v.hasDefault:
			b.WriteString(v.fallback)
		default:
			return "", false
		}
	}
	return b.String(), true
}
