package template

import (
	"maps"
	"slices"
	"strings"
)

// The functions of a template. Those of conditions are known in Conditions and Rules
// alone.
const (
	ref         = "Ref"
	condition   = "Condition"
	fnAnd       = "Fn::And"
	fnBase64    = "Fn::Base64"
	fnCidr      = "Fn::Cidr"
	fnContains  = "Fn::Contains"
	fnEachEqual = "Fn::EachMemberEquals"
	fnEachIn    = "Fn::EachMemberIn"
	fnEquals    = "Fn::Equals"
	fnFindInMap = "Fn::FindInMap"
	fnGetAtt    = "Fn::GetAtt"
	fnGetAZs    = "Fn::GetAZs"
	fnIf        = "Fn::If"
	fnImport    = "Fn::ImportValue"
	fnJoin      = "Fn::Join"
	fnNot       = "Fn::Not"
	fnOr        = "Fn::Or"
	fnRefAll    = "Fn::RefAll"
	fnSelect    = "Fn::Select"
	fnSplit     = "Fn::Split"
	fnSub       = "Fn::Sub"
	fnValueOf   = "Fn::ValueOf"
	fnValueAll  = "Fn::ValueOfAll"
)

// place is where in a template a function stands.
type place int

const (
	inValue     place = 1 << iota // of resources and outputs
	inCondition                   // in Conditions
	inRule                        // in Rules
	anywhere    = inValue | inCondition | inRule
)

// functions tells where each function may stand.
var functions = map[string]place{
	ref: anywhere, condition: inCondition,
	fnAnd: inCondition | inRule, fnOr: inCondition | inRule, fnNot: inCondition | inRule, fnEquals: inCondition | inRule,
	fnContains: inRule, fnEachEqual: inRule, fnEachIn: inRule, fnRefAll: inRule, fnValueOf: inRule, fnValueAll: inRule,
	fnIf: inValue | inCondition, fnFindInMap: inValue | inCondition, fnJoin: inValue | inCondition, fnSelect: inValue | inCondition,
	fnSub: inValue | inCondition, fnSplit: inValue | inCondition,
	fnBase64: inValue, fnCidr: inValue, fnGetAtt: inValue, fnGetAZs: inValue, fnImport: inValue,
}

// call returns the function that a map with one member stands for, and its argument.
// Condition is none here: policies of IAM have a member of that name.
func (n *Node) call() (name string, arg *Node, ok bool) {
	if n == nil || n.Kind != Map || len(n.Fields) != 1 {
		return "", nil, false
	}
	f := n.Fields[0]
	_, ok = functions[f.Name]
	return f.Name, f.Value, ok && f.Name != condition
}

// checkFunctions checks the form of all functions below a node; where says where that
// stands, path how to get there.
func checkFunctions(n *Node, where place, path string) error {
	var err error
	n.walk(func(n *Node) bool {
		if err != nil || n.Kind != Map || len(n.Fields) != 1 {
			return err == nil
		}
		name, arg := n.Fields[0].Name, n.Fields[0].Value
		at, known := functions[name]
		switch {
		case !known && strings.HasPrefix(name, "Fn::"):
			err = failed("Template error: Encountered unsupported function: %s Supported functions are: [%s]", name, strings.Join(supported(where), ", "))
		case !known || name == condition:
		case at&where == 0:
			err = failed("Template error: %s cannot be used in %s", name, path)
		case !wellFormed(name, arg):
			err = failed("Template error: %s", forms[name])
		}
		return err == nil
	})
	return err
}

func supported(where place) []string {
	names := slices.Sorted(maps.Keys(functions))
	return slices.DeleteFunc(names, func(n string) bool { return functions[n]&where == 0 || n == ref || n == condition })
}

// forms says what each function needs.
var forms = map[string]string{
	ref:         "every Ref object must have a single String value.",
	fnAnd:       "every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
	fnOr:        "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
	fnNot:       "every Fn::Not object requires one boolean parameter.",
	fnEquals:    "every Fn::Equals object requires a list of 2 string parameters.",
	fnIf:        "every Fn::If object requires a list of three parameters, the first of which is the name of a condition.",
	fnBase64:    "every Fn::Base64 object must have a String-typed value.",
	fnCidr:      "every Fn::Cidr object requires two or three parameters, (1) an address block, (2) how many blocks to make of it, and (3) the bits of each.",
	fnFindInMap: "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
	fnGetAtt:    "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
	fnGetAZs:    "every Fn::GetAZs object must have a String-typed value.",
	fnImport:    "every Fn::ImportValue object must have a String-typed value.",
	fnJoin:      "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
	fnSelect:    "every Fn::Select object requires two parameters, (1) an integer index and (2) a list of objects or a function that returns one.",
	fnSplit:     "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
	fnSub:       "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
	fnContains:  "every Fn::Contains object requires two parameters, (1) a list of strings and (2) a string.",
	fnEachEqual: "every Fn::EachMemberEquals object requires two parameters, (1) a list of strings and (2) a string.",
	fnEachIn:    "every Fn::EachMemberIn object requires two parameters, both of which are lists of strings.",
	fnRefAll:    "every Fn::RefAll object requires the type of parameters.",
	fnValueOf:   "Fn::ValueOf asks for attributes of resources of other services, which this version of Modelwharf does not have.",
	fnValueAll:  "Fn::ValueOfAll asks for attributes of resources of other services, which this version of Modelwharf does not have.",
}

// wellFormed tells whether a function has the arguments that it needs, as far as that is
// known before they are evaluated.
func wellFormed(name string, arg *Node) bool {
	textual := func(n *Node) bool { _, _, fn := n.call(); return n.Kind == Text || fn }
	listed := func(n *Node) bool { _, _, fn := n.call(); return n.Kind == List || fn }
	many := func(least, most int) bool {
		return arg.Kind == List && len(arg.Items) >= least && len(arg.Items) <= most
	}
	switch name {
	case ref:
		return arg.Kind == Text && arg.Text != ""
	case fnAnd, fnOr:
		return many(2, 10)
	case fnNot:
		return many(1, 1)
	case fnEquals:
		return many(2, 2)
	case fnIf:
		return many(3, 3) && arg.Items[0].Kind == Text
	case fnBase64, fnGetAZs, fnImport:
		return textual(arg)
	case fnCidr:
		return many(2, 3) && textual(arg.Items[0]) && textual(arg.Items[1])
	case fnFindInMap:
		return many(3, 3) && !slices.ContainsFunc(arg.Items, func(n *Node) bool { return !textual(n) })
	case fnGetAtt:
		_, _, ok := attribute(arg)
		return ok
	case fnJoin:
		return many(2, 2) && arg.Items[0].Kind == Text && listed(arg.Items[1])
	case fnSelect:
		return many(2, 2) && textual(arg.Items[0]) && listed(arg.Items[1])
	case fnSplit:
		return many(2, 2) && arg.Items[0].Kind == Text && arg.Items[0].Text != "" && textual(arg.Items[1])
	case fnSub:
		return arg.Kind == Text || many(2, 2) && arg.Items[0].Kind == Text && arg.Items[1].Kind == Map
	case fnContains, fnEachEqual:
		return many(2, 2) && listed(arg.Items[0]) && textual(arg.Items[1])
	case fnEachIn:
		return many(2, 2) && listed(arg.Items[0]) && listed(arg.Items[1])
	case fnRefAll:
		return arg.Kind == Text
	}
	return false
}

// attribute is what Fn::GetAtt asks for: of which resource, and what, a text or a Ref.
func attribute(arg *Node) (id string, name *Node, ok bool) {
	if arg.Kind == Text {
		id, attr, dotted := strings.Cut(arg.Text, ".")
		return id, NewText(attr), dotted && id != "" && attr != ""
	}
	if arg.Kind != List || len(arg.Items) != 2 || arg.Items[0].Kind != Text || arg.Items[0].Text == "" {
		return "", nil, false
	}
	name = arg.Items[1]
	fn, _, called := name.call()
	return arg.Items[0].Text, name, name.Kind == Text && name.Text != "" || called && fn == ref
}

// substitution is a part of Fn::Sub's text: text as it is, or a name to put in.
type substitution struct {
	text string
	name string // "" if the part is text
}

// substitutions are the parts of Fn::Sub's text. ${!Name} stands for ${Name}.
func substitutions(text string) ([]substitution, error) {
	var parts []substitution
	for text != "" {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 {
			parts = append(parts, substitution{text: text[:i]})
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			text = text[i:]
			break
		}
		name := text[i+2 : i+end]
		text = text[i+end+1:]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, substitution{text: "${" + literal + "}"})
			continue
		}
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !alphanumeric(string(r)) && !strings.ContainsRune("_.:", r) }) {
			return nil, failed("Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
		}
		parts = append(parts, substitution{name: name})
	}
	if text != "" {
		parts = append(parts, substitution{text: text})
	}
	return parts, nil
}

// sub are the parts of Fn::Sub's argument, and the values that it brings along.
func sub(arg *Node) ([]substitution, *Node, error) {
	text, own := arg, (*Node)(nil)
	if arg.Kind == List {
		text, own = arg.Items[0], arg.Items[1]
	}
	parts, err := substitutions(text.Text)
	return parts, own, err
}
