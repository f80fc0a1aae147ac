package template

import (
	"slices"
	"strings"
)

// checkConditions checks the section Conditions: each follows from parameters, mappings
// and other conditions, and not from itself.
func (t *Template) checkConditions() error {
	for _, c := range t.Conditions {
		if err := checkFunctions(c.Value, inCondition, "/Conditions/"+c.Name); err != nil {
			return err
		}
		err := references(c.Value, nil, func(r reference) error {
			switch {
			case r.condition != "":
				return t.checkCondition(r.condition, "Conditions")
			case r.mapping != "" && t.Mappings[r.mapping] == nil:
				return failed("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", r.mapping)
			case r.resource != "" && t.Parameter(r.resource) == nil && !slices.Contains(pseudo, r.resource):
				return failed("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", r.resource)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, other := range needs(c.Value) {
			if err := t.checkCondition(other, "Conditions"); err != nil {
				return err
			}
		}
	}
	return t.checkConditionCycles()
}

// needs are the conditions that a condition names.
func needs(n *Node) (names []string) {
	n.walk(func(n *Node) bool {
		if c := n.Get(condition); c != nil && len(n.Fields) == 1 {
			names = append(names, c.Text)
		}
		if name, arg, ok := n.call(); ok && name == fnIf {
			names = append(names, arg.Items[0].Text)
		}
		return true
	})
	return names
}

func (t *Template) checkConditionCycles() error {
	after := map[string][]string{}
	for _, c := range t.Conditions {
		after[c.Name] = needs(c.Value)
	}
	if cycle := findCycle(after); cycle != nil {
		return failed("Template error: Found circular condition dependency between: [%s]", strings.Join(cycle, ", "))
	}
	return nil
}

func (t *Template) checkCondition(name, block string) error {
	if name == "" || t.conditionNamed(name) != nil {
		return nil
	}
	return failed("Template format error: Unresolved condition dependency %s in the %s block of the template", name, block)
}

func (t *Template) conditionNamed(name string) *Node {
	for _, c := range t.Conditions {
		if c.Name == name {
			return c.Value
		}
	}
	return nil
}

// Rule is a rule that the values of parameters must keep.
type Rule struct {
	Name       string
	condition  *Node // when it applies, nil if always
	assertions []assertion
}

type assertion struct {
	assert      *Node
	description string
}

func (t *Template) readRules(n *Node) (err error) {
	t.Rules, err = readRules(n)
	return err
}

func readRules(n *Node) ([]*Rule, error) {
	fields, err := members("Rules", "Rule", n, maxResources)
	if err != nil {
		return nil, err
	}
	var rules []*Rule
	for _, f := range fields {
		r := &Rule{Name: f.Name, condition: f.Value.Get("RuleCondition")}
		list := f.Value.Get("Assertions")
		if f.Value.Kind != Map || list == nil || list.Kind != List || len(list.Items) == 0 {
			return nil, failed("Template format error: Every Rules member must contain Assertions, a list of at least one.")
		}
		for _, a := range f.Value.Fields {
			if !slices.Contains([]string{"RuleCondition", "Assertions"}, a.Name) {
				return nil, failed("Invalid template rule property '%s'", a.Name)
			}
		}
		for _, item := range list.Items {
			a := assertion{assert: item.Get("Assert")}
			if a.assert == nil {
				return nil, failed("Template format error: Every assertion of a rule must contain an Assert member.")
			}
			if d := item.Get("AssertDescription"); d != nil {
				a.description = d.Text
			}
			r.assertions = append(r.assertions, a)
		}
		path := "/Rules/" + f.Name
		if r.condition != nil {
			if err := checkFunctions(r.condition, inRule, path); err != nil {
				return nil, err
			}
		}
		if err := checkFunctions(list, inRule, path); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// ParseRules reads rules that stand in a document of their own, {"Rules": {…}}, as a
// constraint of Service Catalog does.
func ParseRules(body []byte) ([]*Rule, error) {
	root, err := read(body)
	if err != nil {
		return nil, err
	}
	n := root.Get("Rules")
	if n == nil || len(root.Fields) != 1 {
		return nil, failed("Template format error: the document must contain the section Rules, and nothing else.")
	}
	return readRules(n)
}

// Allows returns the values that the rule allows a parameter, if it always applies and says
// so by Fn::Contains alone.
func (r *Rule) Allows(parameter string) (values []string, ok bool) {
	if r.condition != nil {
		return nil, false
	}
	for _, a := range r.assertions {
		name, arg, call := a.assert.call()
		if !call || name != fnContains || len(arg.Items) != 2 || arg.Items[0].Kind != List {
			continue
		}
		if of := arg.Items[1].Get("Ref"); of == nil || of.Text != parameter {
			continue
		}
		for _, v := range arg.Items[0].Items {
			values = append(values, v.Text)
		}
		return values, true
	}
	return nil, false
}

// CheckRules returns an error for the first assertion of rules that does not hold.
func (e *Evaluation) CheckRules(rules []*Rule) error {
	for _, r := range rules {
		if r.condition != nil {
			applies, err := e.truth(r.condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		for _, a := range r.assertions {
			holds, err := e.truth(a.assert)
			if err != nil {
				return err
			}
			if !holds {
				return failed("Rule %s failed: %s", r.Name, orElse(a.description, "an assertion does not hold"))
			}
		}
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// truth evaluates a condition.
func (e *Evaluation) truth(n *Node) (bool, error) {
	if n.Kind == Text && n.Plain && (n.Text == "true" || n.Text == "false") {
		return n.Text == "true", nil
	}
	if c := n.Get(condition); c != nil && len(n.Fields) == 1 {
		return e.condition(c.Text)
	}
	name, arg, ok := n.call()
	if !ok {
		return false, failed("Template error: a condition must be one of Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition")
	}
	switch name {
	case fnAnd, fnOr:
		for _, item := range arg.Items {
			if yes, err := e.truth(item); err != nil || yes == (name == fnOr) {
				return yes, err
			}
		}
		return name == fnAnd, nil
	case fnNot:
		yes, err := e.truth(arg.Items[0])
		return !yes, err
	case fnEquals:
		a, err := e.Resolve(arg.Items[0])
		if err != nil {
			return false, err
		}
		b, err := e.Resolve(arg.Items[1])
		return err == nil && a.Equal(b), err
	case fnContains, fnEachEqual, fnEachIn:
		return e.membership(name, arg)
	}
	return false, failed("Template error: %s gives no truth value", name)
}

// membership evaluates the functions of rules that compare with the members of a list.
func (e *Evaluation) membership(name string, arg *Node) (bool, error) {
	a, err := e.Resolve(arg.Items[0])
	if err != nil {
		return false, err
	}
	b, err := e.Resolve(arg.Items[1])
	if err != nil {
		return false, err
	}
	if a == nil || b == nil || a.Kind != List {
		return false, failed("Template error: %s", forms[name])
	}
	in := func(list []*Node, n *Node) bool { return slices.ContainsFunc(list, n.Equal) }
	switch name {
	case fnContains:
		return in(a.Items, b), nil
	case fnEachEqual:
		return !slices.ContainsFunc(a.Items, func(n *Node) bool { return !n.Equal(b) }), nil
	}
	return !slices.ContainsFunc(a.Items, func(n *Node) bool { return !in(b.Items, n) }), nil
}
