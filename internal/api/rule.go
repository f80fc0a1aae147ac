package api

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Rule is what a service model demands of a value. Min and Max are bounds of a
// number, or of a length in UTF-16 units, elements or bytes.
type Rule struct {
	HasMin, HasMax bool
	Min, Max       int64
	Pattern        string // as the model writes it, for messages
	Match          func(string) bool
	Enum           []string
}

// Only returns a matcher of strings that consist of some ASCII characters.
func Only(characters string) func(string) bool {
	var in [256]bool
	for i := range len(characters) {
		in[characters[i]] = true
	}
	return func(s string) bool {
		for i := range len(s) {
			if !in[s[i]] {
				return false
			}
		}
		return true
	}
}

// Some returns a matcher of strings of at least one of some ASCII characters, and of
// no others.
func Some(characters string) func(string) bool {
	only := Only(characters)
	return func(s string) bool { return s != "" && only(s) }
}

// Hyphenated matches ASCII letters and digits with hyphens between them, as most names of
// SageMaker are.
func Hyphenated(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Matching returns a matcher of a regular expression, compiled at its first use.
func Matching(pattern string) func(string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(s string) bool { return compiled().MatchString(s) }
}

// broken tells whether a string breaks the rule.
func (r *Rule) broken(s string) bool {
	return len(r.Enum) > 0 && !slices.Contains(r.Enum, s) || r.length(lengthOf(s)) != "" || r.Match != nil && !r.Match(s)
}

func (r *Rule) brokenValue(x any) bool {
	if s, ok := x.(string); ok {
		return r.broken(s)
	}
	if v := reflect.ValueOf(x); v.Kind() == reflect.Slice {
		return r.length(v.Len()) != ""
	}
	return false
}

// violated lists the constraints that a string breaks.
func (r *Rule) violated(s string) (list []string) {
	if len(r.Enum) > 0 && !slices.Contains(r.Enum, s) {
		list = append(list, r.enum())
	}
	if r.Match != nil && !r.Match(s) {
		list = append(list, r.pattern())
	}
	if c := r.length(lengthOf(s)); c != "" {
		list = append(list, c)
	}
	return list
}

// all lists every constraint, in the order in which AWS prints them for the
// elements of a list or map.
func (r *Rule) all() (list []string) {
	if r.HasMax {
		list = append(list, fmt.Sprintf("Member must have length less than or equal to %d", r.Max))
	}
	if r.HasMin {
		list = append(list, fmt.Sprintf("Member must have length greater than or equal to %d", r.Min))
	}
	if len(r.Enum) > 0 {
		list = append(list, r.enum())
	}
	if r.Pattern != "" {
		list = append(list, r.pattern())
	}
	return list
}

// length returns the constraint that a length breaks, or "".
func (r *Rule) length(n int) string {
	switch {
	case r.HasMax && int64(n) > r.Max:
		return fmt.Sprintf("Member must have length less than or equal to %d", r.Max)
	case r.HasMin && int64(n) < r.Min:
		return fmt.Sprintf("Member must have length greater than or equal to %d", r.Min)
	}
	return ""
}

func (r *Rule) enum() string {
	return "Member must satisfy enum value set: [" + strings.Join(r.Enum, ", ") + "]"
}

func (r *Rule) pattern() string {
	return "Member must satisfy regular expression pattern: " + r.Pattern
}

// lengthOf counts as Java does, in UTF-16 units.
func lengthOf(s string) int {
	n := 0
	for _, c := range s {
		if c == utf8.RuneError {
			n++
		} else {
			n += utf16.RuneLen(c)
		}
	}
	return n
}
