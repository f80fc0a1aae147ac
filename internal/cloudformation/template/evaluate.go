package template

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Scope is what a template's functions see beside the template.
type Scope struct {
	Account, Region, StackID, StackName string
	NotificationARNs                    []string
	// Parameters are the values that Template.Values returned.
	Parameters map[string]string
	// Ref returns what Ref gives of a resource, its physical ID as a rule.
	Ref func(id string) (string, error)
	// Attribute returns what Fn::GetAtt gives of a resource.
	Attribute func(id, name string) (*Node, error)
	// Import returns the value of another stack's export.
	Import func(name string) (string, error)
	// Zones returns the availability zones of a region.
	Zones func(region string) []string
}

// Evaluation is a template with values for its parameters.
type Evaluation struct {
	t          *Template
	scope      Scope
	conditions map[string]bool
}

// Masked is the evaluation as it may be shown: without the values of parameters that have
// NoEcho. It is nil if there are none.
func (e *Evaluation) Masked() *Evaluation {
	parameters := maps.Clone(e.scope.Parameters)
	secret := false
	for _, p := range e.t.Parameters {
		if p.NoEcho {
			parameters[p.Name], secret = Masked, true
		}
	}
	if !secret {
		return nil
	}
	m := *e // with the conditions as they are
	m.scope.Parameters = parameters
	return &m
}

// Evaluate decides the conditions of a template. The error is of a condition, of a rule
// that does not hold, or that a resource which is made needs one that is not.
func (t *Template) Evaluate(scope Scope) (*Evaluation, error) {
	e := &Evaluation{t, scope, map[string]bool{}}
	for _, c := range t.Conditions {
		if _, err := e.condition(c.Name); err != nil {
			return nil, err
		}
	}
	if err := e.CheckRules(t.Rules); err != nil {
		return nil, err
	}
	return e, e.checkActive()
}

// condition decides one condition; those that it needs come first. There are no circles:
// Parse saw to that.
func (e *Evaluation) condition(name string) (bool, error) {
	if yes, ok := e.conditions[name]; ok {
		return yes, nil
	}
	n := e.t.conditionNamed(name)
	if n == nil {
		return false, failed("Template format error: Unresolved condition dependency %s in the Conditions block of the template", name)
	}
	yes, err := e.truth(n)
	if err == nil {
		e.conditions[name] = yes
	}
	return yes, err
}

// holds tells whether a condition holds; "" always does.
func (e *Evaluation) holds(name string) bool { return name == "" || e.conditions[name] }

// checkActive checks that nothing that is made needs a resource that is not.
func (e *Evaluation) checkActive() error {
	left := map[string]bool{}
	for _, r := range e.t.Resources {
		if !e.holds(r.Condition) {
			left[r.ID] = true
		}
	}
	check := func(n *Node, block string) error {
		return references(n, e.holds, func(r reference) error {
			if left[r.resource] {
				return unresolved([]string{r.resource}, block)
			}
			return nil
		})
	}
	for _, r := range e.Resources() {
		if err := check(r.Properties, "Resources"); err != nil {
			return err
		}
	}
	for _, o := range e.Outputs() {
		if err := check(o.Value, "Outputs"); err != nil {
			return err
		}
	}
	return nil
}

// Resources are the resources that are made.
func (e *Evaluation) Resources() []*Resource {
	return slices.DeleteFunc(slices.Clone(e.t.Resources), func(r *Resource) bool { return !e.holds(r.Condition) })
}

// Outputs are the outputs that there are.
func (e *Evaluation) Outputs() []*Output {
	return slices.DeleteFunc(slices.Clone(e.t.Outputs), func(o *Output) bool { return !e.holds(o.Condition) })
}

// Imports returns the names of the exports that resources and outputs import, sorted.
func (e *Evaluation) Imports() (names []string, err error) {
	for _, r := range e.Resources() {
		if names, err = e.imports(names, r.Properties); err != nil {
			return nil, err
		}
	}
	for _, o := range e.Outputs() {
		if names, err = e.imports(names, o.Value); err != nil {
			return nil, err
		}
	}
	return unique(names), nil
}

func (e *Evaluation) imports(names []string, n *Node) ([]string, error) {
	if n == nil {
		return names, nil
	}
	below := n.Items
	switch name, arg, _ := n.call(); name {
	case fnImport:
		export, err := e.text(arg, name)
		return append(names, export), err
	case fnIf: // the branch that is not taken imports nothing
		below = arg.Items[2:]
		if e.conditions[arg.Items[0].Text] {
			below = arg.Items[1:2]
		}
	default:
		for _, f := range n.Fields {
			below = append(below[:len(below):len(below)], f.Value)
		}
	}
	var err error
	for _, v := range below {
		if names, err = e.imports(names, v); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// Resolve evaluates the functions below a node. What is AWS::NoValue is left out; nil is
// returned if that is all.
func (e *Evaluation) Resolve(n *Node) (*Node, error) {
	if n == nil {
		return nil, nil
	}
	if name, arg, ok := n.call(); ok {
		return e.function(name, arg)
	}
	switch n.Kind {
	case List:
		out := &Node{Kind: List, Line: n.Line}
		for _, item := range n.Items {
			v, err := e.Resolve(item)
			if err != nil {
				return nil, err
			}
			if v != nil {
				out.Items = append(out.Items, v)
			}
		}
		return out, nil
	case Map:
		out := &Node{Kind: Map, Line: n.Line}
		for _, f := range n.Fields {
			v, err := e.Resolve(f.Value)
			if err != nil {
				return nil, err
			}
			if v != nil {
				out.Fields = append(out.Fields, Field{f.Name, v})
			}
		}
		return out, nil
	}
	return n, nil
}

func (e *Evaluation) function(name string, arg *Node) (*Node, error) {
	switch name {
	case ref:
		return e.ref(arg.Text)
	case fnGetAtt:
		id, attr, _ := attribute(arg)
		text, err := e.text(attr, name)
		if err != nil {
			return nil, err
		}
		return e.scope.Attribute(id, text)
	case fnSub:
		return e.sub(arg)
	case fnIf:
		if e.conditions[arg.Items[0].Text] {
			return e.Resolve(arg.Items[1])
		}
		return e.Resolve(arg.Items[2])
	case fnJoin:
		parts, err := e.texts(arg.Items[1], name)
		return NewText(strings.Join(parts, arg.Items[0].Text)), err
	case fnSplit:
		text, err := e.text(arg.Items[1], name)
		return NewTexts(strings.Split(text, arg.Items[0].Text)...), err
	case fnSelect:
		return e.choose(arg)
	case fnFindInMap:
		return e.findInMap(arg)
	case fnBase64:
		text, err := e.text(arg, name)
		return NewText(base64.StdEncoding.EncodeToString([]byte(text))), err
	case fnGetAZs:
		region, err := e.text(arg, name)
		if err != nil {
			return nil, err
		}
		return NewTexts(e.scope.Zones(orElse(region, e.scope.Region))...), nil
	case fnImport:
		export, err := e.text(arg, name)
		if err != nil {
			return nil, err
		}
		v, err := e.scope.Import(export)
		return NewText(v), err
	case fnCidr:
		return e.cidr(arg)
	case fnRefAll:
		var all []*Node
		for _, p := range e.t.Parameters {
			if p.Type == arg.Text {
				all = append(all, NewText(e.scope.Parameters[p.Name]))
			}
		}
		return NewList(all...), nil
	}
	return nil, failed("Template error: %s cannot be used as a value", name)
}

func (e *Evaluation) ref(name string) (*Node, error) {
	switch name {
	case "AWS::AccountId":
		return NewText(e.scope.Account), nil
	case "AWS::NotificationARNs":
		return NewTexts(e.scope.NotificationARNs...), nil
	case "AWS::NoValue":
		return nil, nil
	case "AWS::Partition":
		return NewText("aws"), nil
	case "AWS::Region":
		return NewText(e.scope.Region), nil
	case "AWS::StackId":
		return NewText(e.scope.StackID), nil
	case "AWS::StackName":
		return NewText(e.scope.StackName), nil
	case "AWS::URLSuffix":
		return NewText("amazonaws.com"), nil
	}
	if p := e.t.Parameter(name); p != nil {
		return p.value(e.scope.Parameters[name]), nil
	}
	id, err := e.scope.Ref(name)
	return NewText(id), err
}

func (e *Evaluation) sub(arg *Node) (*Node, error) {
	parts, own, err := sub(arg)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, p := range parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		value := own.Get(p.name)
		if value == nil {
			fn := ref
			if strings.Contains(p.name, ".") && !strings.HasPrefix(p.name, "AWS::") {
				fn = fnGetAtt
			}
			value = NewMap(Field{fn, NewText(p.name)})
		}
		text, err := e.text(value, fnSub)
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
	}
	return NewText(b.String()), nil
}

// choose evaluates Fn::Select.
func (e *Evaluation) choose(arg *Node) (*Node, error) {
	text, err := e.text(arg.Items[0], fnSelect)
	if err != nil {
		return nil, err
	}
	list, err := e.Resolve(arg.Items[1])
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(text)
	if err != nil || list == nil || list.Kind != List {
		return nil, failed("Template error: %s", forms[fnSelect])
	}
	if i < 0 || i >= len(list.Items) {
		return nil, failed("Template error: Fn::Select cannot select nonexistent value at index %s", text)
	}
	return list.Items[i], nil
}

func (e *Evaluation) findInMap(arg *Node) (*Node, error) {
	var keys []string
	for _, item := range arg.Items {
		k, err := e.text(item, fnFindInMap)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	v := e.t.Mappings[keys[0]][keys[1]][keys[2]]
	if v == nil {
		return nil, failed("Template error: Unable to get mapping for %s", strings.Join(keys, "::"))
	}
	return v, nil
}

// text evaluates an argument of a function that must be a text.
func (e *Evaluation) text(n *Node, function string) (string, error) {
	v, err := e.Resolve(n)
	if err != nil {
		return "", err
	}
	if v == nil || v.Kind != Text {
		return "", failed("Template error: %s", forms[function])
	}
	return v.Text, nil
}

// texts evaluates an argument of a function that must be a list of texts.
func (e *Evaluation) texts(n *Node, function string) ([]string, error) {
	v, err := e.Resolve(n)
	if err != nil {
		return nil, err
	}
	if v == nil || v.Kind != List {
		return nil, failed("Template error: %s", forms[function])
	}
	texts := make([]string, 0, len(v.Items))
	for _, item := range v.Items {
		if item.Kind != Text {
			return nil, failed("Template error: %s", forms[function])
		}
		texts = append(texts, item.Text)
	}
	return texts, nil
}
