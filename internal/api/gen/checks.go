package main

import (
	"fmt"
	"slices"
	"strings"
)

// constraints is the Go expression of a shape's own constraints, or "" if it has
// none.
func (g *generator) constraints(name string) string {
	s := g.Shapes[name]
	var parts []string
	if s.Max != nil {
		parts = append(parts, fmt.Sprintf("HasMax: true, Max: %d", int64(min(*s.Max, 1<<53))))
	}
	if s.Min != nil {
		parts = append(parts, fmt.Sprintf("HasMin: true, Min: %d", int64(*s.Min)))
	}
	if s.Pattern != "" && !matchesAll(s.Pattern) {
		parts = append(parts, fmt.Sprintf("Pattern: %q, Match: %s", s.Pattern, matcher(s.Pattern)))
	}
	if values := s.Enum; len(values) > 0 {
		if known := g.EnumOrder[name]; known != nil {
			rest := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(known, v) })
			values = append(slices.Clone(known), rest...)
		}
		parts = append(parts, fmt.Sprintf("Enum: []string{%s}", quoted(values)))
	}
	return strings.Join(parts, ", ")
}

func quoted(values []string) string {
	q := make([]string, len(values))
	for i, v := range values {
		q[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(q, ", ")
}

// checked tells whether anything in a shape can be violated.
func (g *generator) checked(name string, seen map[string]bool) bool {
	s := g.Shapes[name]
	if s == nil || seen[name] || g.Go[name] != "" {
		return false
	}
	if len(s.Required) > 0 || g.constraints(name) != "" {
		return true
	}
	if seen == nil {
		seen = map[string]bool{}
	}
	seen[name] = true
	for _, x := range s.Members {
		if g.checked(x.Shape, seen) {
			return true
		}
	}
	return !g.attributes(s) && (g.checked(s.Member.Shape, seen) || g.checked(s.Key.Shape, seen) || g.checked(s.Value.Shape, seen))
}

func (g *generator) rule(name string) string { return "check" + name }

func (g *generator) writeChecks() {
	used := map[string]bool{}
	inputs := map[string]bool{}
	for _, op := range g.service.Operations {
		inputs[g.input(op)] = true
	}
	g.each(func(name string, s *shape) {
		if !g.inputs[name] {
			return
		}
		if !inputs[name] && !g.checked(name, nil) {
			return
		}
		g.printf("// Validate reports what of x breaks the service model.\nfunc (x *%s) Validate(v *api.Violations) {\n", name)
		ordered := slices.Clone(s.Members)
		order := g.Order[name]
		rank := func(m member) int {
			if i := slices.Index(order, m.Name); i >= 0 {
				return i
			}
			return len(order)
		}
		slices.SortStableFunc(ordered, func(a, b member) int { return rank(a) - rank(b) })
		for _, x := range ordered {
			required := slices.Contains(s.Required, x.Name)
			checked := g.checked(x.Shape, nil) && !g.streamed(x)
			switch {
			case required && !checked:
				g.printf("if x.%s == nil {\nv.Null(%q)\n}\n", x.field(), lowerCamel(x.Name))
			case required:
				g.printf("if x.%s == nil {\nv.Null(%q)\n} else {\n", x.field(), lowerCamel(x.Name))
				g.member(x, used)
				g.printf("}\n")
			case checked:
				g.printf("if x.%s != nil {\n", x.field())
				g.member(x, used)
				g.printf("}\n")
			}
		}
		g.printf("}\n\n")
	})
	for _, name := range slices.Sorted(keys(used)) {
		g.printf("var %s = api.Rule{%s}\n", g.rule(name), g.constraints(name))
	}
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// member writes the check of a structure's member that is not nil.
func (g *generator) member(x member, used map[string]bool) {
	g.printf("v.Enter(%q)\n", lowerCamel(x.Name))
	value := "x." + x.field()
	switch g.Shapes[x.Shape].Type {
	case "list", "map", "blob", "structure":
	default:
		value = "*" + value
	}
	g.check(x.Shape, value, 0, used)
	g.printf("v.Leave()\n")
}

// check writes the checks of a value whose path is entered.
func (g *generator) check(name, value string, depth int, used map[string]bool) {
	s := g.Shapes[name]
	own := g.constraints(name) != ""
	if own {
		used[name] = true
	}
	switch s.Type {
	case "string", "character":
		g.printf("v.String(%s, &%s)\n", value, g.rule(name))
	case "integer", "long":
		g.printf("v.Number(%s, &%s)\n", value, g.rule(name))
	case "float", "double":
		g.printf("v.Number(int64(%s), &%s)\n", value, g.rule(name))
	case "blob":
		g.printf("v.Length(len(%s), %s, &%s)\n", value, value, g.rule(name))
	case "structure":
		g.printf("%s.Validate(v)\n", value)
	case "list":
		if own {
			g.printf("v.Length(len(%s), %s, &%s)\n", value, value, g.rule(name))
		}
		if element := s.Member.Shape; g.checked(element, nil) {
			if g.scalar(element) {
				used[element] = true
				g.printf("v.Elements(%s, &%s)\n", value, g.rule(element))
				return
			}
			g.printf("for i%d, x%[1]d := range %s {\nv.EnterElement(i%[1]d)\n", depth, value)
			g.check(element, fmt.Sprintf("x%d", depth), depth+1, used)
			g.printf("v.Leave()\n}\n")
		}
	case "map":
		if own {
			g.printf("v.Length(len(%s), %s, &%s)\n", value, value, g.rule(name))
		}
		if g.attributes(s) {
			return
		}
		if g.constraints(s.Key.Shape) != "" {
			used[s.Key.Shape] = true
			g.printf("api.Keys(v, %s, &%s)\n", value, g.rule(s.Key.Shape))
		}
		element := s.Value.Shape
		if !g.checked(element, nil) {
			return
		}
		inner := g.Shapes[element]
		if g.constraints(element) != "" {
			used[element] = true
			g.printf("api.Values(v, %s, &%s)\n", value, g.rule(element))
			if g.scalar(element) {
				return
			}
		}
		g.printf("for k%d, x%[1]d := range api.Sorted(%s) {\nv.EnterValue(k%[1]d)\n", depth, value)
		if inner.Type == "list" && g.constraints(element) != "" {
			g.printf("for i%d, x%[1]d := range x%d {\nv.EnterElement(i%[1]d)\n", depth+1, depth)
			g.check(inner.Member.Shape, fmt.Sprintf("x%d", depth+1), depth+2, used)
			g.printf("v.Leave()\n}\n")
		} else {
			g.check(element, fmt.Sprintf("x%d", depth), depth+1, used)
		}
		g.printf("v.Leave()\n}\n")
	}
}

func (g *generator) scalar(name string) bool {
	switch g.Shapes[name].Type {
	case "list", "map", "structure":
		return false
	}
	return true
}
