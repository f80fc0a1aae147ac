package api

import (
	"fmt"
	"strconv"
	"strings"
)

// Violations collects the ways in which an input breaks its service model and
// reports them together in AWS's words:
//
//	2 validation errors detected: Value 'x' at 'tableName' failed to satisfy
//	constraint: …; Value null at 'key' failed to satisfy constraint: Member must
//	not be null
//
// It knows where in the input the checks are, so that a path is written only when
// something is wrong there.
type Violations struct {
	list  []string
	first Violation
	path  []segment
}

// Violation is one way in which an input breaks its service model.
type Violation struct {
	Path       string // as AWS writes it, "attributeDefinitions.1.member.attributeName"
	Constraint string // "Member must not be null"
	Text       bool   // it is about a text, not a list, a number or something missing
}

// segment is a step down an input: to a member, an element of a list (counted from
// 1), or a value of a map.
type segment struct {
	name    string
	element int
	value   bool
}

// Add notes that the value at path breaks a constraint. value is written as AWS
// writes it: quoted, or null.
func (v *Violations) Add(path, value, constraint string) {
	if len(v.list) == 0 {
		v.first = Violation{Path: path, Constraint: constraint}
	}
	v.list = append(v.list, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, path, constraint))
}

// First is the first violation, for services that tell no more than one.
func (v *Violations) First() Violation { return v.first }

// Err returns the ValidationException that names all violations, or nil.
func (v *Violations) Err() error {
	if len(v.list) == 0 {
		return nil
	}
	return ValidationException("%s", v.Message())
}

// Message names all violations, or is "" if there are none.
func (v *Violations) Message() string {
	switch n := len(v.list); n {
	case 0:
		return ""
	case 1:
		return "1 validation error detected: " + v.list[0]
	default:
		return fmt.Sprintf("%d validation errors detected: %s", n, strings.Join(v.list, "; "))
	}
}

// Enter goes down to a member, EnterElement to an element of a list (counted from
// 0), and EnterValue to a value of a map; Leave goes back up.
func (v *Violations) Enter(name string) { v.path = append(v.path, segment{name: name}) }

// EnterElement goes down to the i-th element of a list, counted from 0.
func (v *Violations) EnterElement(i int) { v.path = append(v.path, segment{element: i + 1}) }

// EnterValue goes down to the value of a key of a map.
func (v *Violations) EnterValue(key string) {
	v.path = append(v.path, segment{name: key, value: true})
}

// Leave goes back up.
func (v *Violations) Leave() { v.path = v.path[:len(v.path)-1] }

// here is the path in AWS's form, attributeDefinitions.1.member.attributeName.
func (v *Violations) here() string {
	var b strings.Builder
	for i, s := range v.path {
		if i > 0 {
			b.WriteByte('.')
		}
		switch {
		case s.element > 0:
			b.WriteString(strconv.Itoa(s.element) + ".member")
		case s.value:
			b.WriteString(s.name + ".member")
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

// Null notes that a required member is missing.
func (v *Violations) Null(name string) {
	v.Enter(name)
	v.Add(v.here(), "null", "Member must not be null")
	v.Leave()
}

// String checks the string that was entered.
func (v *Violations) String(s string, r *Rule) {
	if r.broken(s) {
		known := len(v.list)
		for _, c := range r.violated(s) {
			v.Add(v.here(), "'"+s+"'", c)
		}
		v.first.Text = v.first.Text || known == 0
	}
}

// Number checks the number that was entered.
func (v *Violations) Number(n int64, r *Rule) {
	switch {
	case r.HasMax && n > r.Max:
		v.Add(v.here(), "'"+strconv.FormatInt(n, 10)+"'", fmt.Sprintf("Member must have value less than or equal to %d", r.Max))
	case r.HasMin && n < r.Min:
		v.Add(v.here(), "'"+strconv.FormatInt(n, 10)+"'", fmt.Sprintf("Member must have value greater than or equal to %d", r.Min))
	}
}

// Length checks the length of the list, map or blob that was entered.
func (v *Violations) Length(n int, value any, r *Rule) {
	if c := r.length(n); c != "" {
		v.Add(v.here(), "'"+printed(value)+"'", c)
	}
}

// Elements checks the scalar elements of the list that was entered. AWS reports
// the list, once, with all that its elements have to satisfy.
func (v *Violations) Elements(list []string, r *Rule) {
	for _, s := range list {
		if r.broken(s) {
			v.Add(v.here(), "'"+printed(list)+"'", "Member must satisfy constraint: ["+strings.Join(r.all(), ", ")+"]")
			return
		}
	}
}

// Keys checks the keys of the map that was entered, which AWS reports as a whole.
func Keys[T any](v *Violations, m map[string]T, r *Rule) {
	for k := range m {
		if r.broken(k) {
			v.Add(v.here(), "'"+printed(m)+"'", "Map keys must satisfy constraint: ["+strings.Join(r.all(), ", ")+"]")
			return
		}
	}
}

// Values checks the values of the map that was entered, strings or lists.
func Values[T any](v *Violations, m map[string]T, r *Rule) {
	for _, x := range m {
		if r.brokenValue(x) {
			v.Add(v.here(), "'"+printed(m)+"'", "Map value must satisfy constraint: ["+strings.Join(r.all(), ", ")+"]")
			return
		}
	}
}
