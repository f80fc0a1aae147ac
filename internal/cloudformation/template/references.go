package template

import (
	"slices"
	"strings"
)

// reference is what a value needs of elsewhere.
type reference struct {
	resource  string // Ref or Fn::GetAtt of it
	attribute string // "" for a Ref, and if only evaluation tells it
	condition string // of Fn::If
	mapping   string // of Fn::FindInMap
	imports   bool   // Fn::ImportValue
}

// pseudo are the parameters that every template has.
var pseudo = []string{"AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

// references calls fn with all that the functions below a node refer to. Names of
// parameters and pseudo parameters are resources to it, since Ref does not tell.
// Branches of Fn::If which choose says are not taken are left out; a nil choose takes
// both.
func references(n *Node, choose func(condition string) bool, fn func(reference) error) error {
	if n == nil {
		return nil
	}
	if name, arg, ok := n.call(); ok {
		switch name {
		case ref:
			return fn(reference{resource: arg.Text})
		case fnGetAtt:
			id, attr, _ := attribute(arg)
			if err := fn(reference{resource: id, attribute: attr.Text}); err != nil {
				return err
			}
			return references(attr, choose, fn)
		case fnSub:
			parts, own, err := sub(arg)
			if err != nil {
				return err
			}
			for _, p := range parts {
				if p.name == "" || own.Get(p.name) != nil {
					continue
				}
				r := reference{resource: p.name}
				if !strings.HasPrefix(p.name, "AWS::") {
					r.resource, r.attribute, _ = strings.Cut(p.name, ".")
				}
				if err := fn(r); err != nil {
					return err
				}
			}
			if own == nil {
				return nil
			}
			for _, f := range own.Fields {
				if err := references(f.Value, choose, fn); err != nil {
					return err
				}
			}
			return nil
		case fnIf:
			if err := fn(reference{condition: arg.Items[0].Text}); err != nil {
				return err
			}
			for i, branch := range arg.Items[1:] {
				if choose != nil && choose(arg.Items[0].Text) != (i == 0) {
					continue
				}
				if err := references(branch, choose, fn); err != nil {
					return err
				}
			}
			return nil
		case fnFindInMap:
			if arg.Items[0].Kind == Text {
				if err := fn(reference{mapping: arg.Items[0].Text}); err != nil {
					return err
				}
			}
		case fnImport:
			if err := fn(reference{imports: true}); err != nil {
				return err
			}
		}
	}
	for _, item := range n.Items {
		if err := references(item, choose, fn); err != nil {
			return err
		}
	}
	for _, f := range n.Fields {
		if err := references(f.Value, choose, fn); err != nil {
			return err
		}
	}
	return nil
}

// checkReferences checks the functions of a template, and that there is what they refer
// to.
func (t *Template) checkReferences() error {
	ids := map[string]bool{}
	for _, p := range t.Parameters {
		ids[p.Name] = false
	}
	for _, r := range t.Resources {
		if _, taken := ids[r.ID]; taken {
			return failed("Template format error: the logical ID %s is used by a parameter and a resource", r.ID)
		}
		ids[r.ID] = true
	}
	if err := t.checkConditions(); err != nil {
		return err
	}
	var missing []string
	for _, r := range t.Resources {
		path := "/Resources/" + r.ID + "/Properties"
		if err := noNulls(r.Properties, path); err != nil {
			return err
		}
		if err := t.checkCondition(r.Condition, "Resources"); err != nil {
			return err
		}
		some, err := t.checkValue(r.Properties, ids, "Resources", path)
		if err != nil {
			return err
		}
		missing = append(missing, some...)
		for _, on := range r.DependsOn {
			if !ids[on] {
				missing = append(missing, on)
			}
		}
	}
	if missing != nil {
		return unresolved(missing, "Resources")
	}
	for _, o := range t.Outputs {
		path := "/Outputs/" + o.ID
		if err := t.checkCondition(o.Condition, "Outputs"); err != nil {
			return err
		}
		for _, v := range []*Node{o.Value, o.Export} {
			some, err := t.checkValue(v, ids, "Outputs", path)
			if err != nil {
				return err
			}
			missing = append(missing, some...)
		}
	}
	if missing != nil {
		return unresolved(missing, "Outputs")
	}
	return nil
}

func unresolved(names []string, block string) error {
	return failed("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(unique(names), ", "), block)
}

func noNulls(n *Node, path string) error {
	if n == nil {
		return nil
	}
	if n.Kind == Null {
		return failed("Template format error: [%s] 'null' values are not allowed in templates", path)
	}
	for _, item := range n.Items {
		if err := noNulls(item, path); err != nil {
			return err
		}
	}
	for _, f := range n.Fields {
		if err := noNulls(f.Value, path+"/"+f.Name); err != nil {
			return err
		}
	}
	return nil
}

// checkValue checks a value of a resource or an output, and returns the resources that it
// refers to and that the template does not have. ids tells of each logical ID whether it
// is a resource's.
func (t *Template) checkValue(n *Node, ids map[string]bool, block, path string) (missing []string, err error) {
	if err := checkFunctions(n, inValue, path); err != nil {
		return nil, err
	}
	err = references(n, nil, func(r reference) error {
		switch {
		case r.condition != "":
			return t.checkCondition(r.condition, block)
		case r.mapping != "":
			if t.Mappings[r.mapping] == nil {
				return failed("Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", r.mapping)
			}
		case r.attribute != "":
			if !ids[r.resource] {
				return failed("Template error: instance of Fn::GetAtt references undefined resource %s", r.resource)
			}
		case r.resource != "" && !slices.Contains(pseudo, r.resource):
			if _, known := ids[r.resource]; !known {
				missing = append(missing, r.resource)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return missing, checkImports(n, ids)
}

// checkImports checks that the names of imports follow from parameters alone, so that
// what a stack imports is known before it begins.
func checkImports(n *Node, ids map[string]bool) (err error) {
	n.walk(func(n *Node) bool {
		name, arg, ok := n.call()
		if err != nil || !ok || name != fnImport {
			return err == nil
		}
		err = references(arg, nil, func(r reference) error {
			if ids[r.resource] || r.imports {
				return errImportName
			}
			return nil
		})
		arg.walk(func(n *Node) bool {
			if inner, _, ok := n.call(); ok && inner == fnGetAZs {
				err = errImportName
			}
			return err == nil
		})
		return false
	})
	return err
}

var errImportName = failed("Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")

// Types knows the resource types.
type Types interface {
	// Attributes returns the names of the attributes that Fn::GetAtt may ask for; one
	// that ends in "*" stands for all that begin so. ok is false if there is no such
	// type.
	Attributes(resourceType string) (names []string, ok bool)
}

// CheckTypes checks that there are the resource types of the template, with the attributes
// that it asks for.
func (t *Template) CheckTypes(types Types) error {
	var unknown []string
	attributes := map[string][]string{}
	for _, r := range t.Resources {
		names, ok := types.Attributes(r.Type)
		if !ok {
			unknown = append(unknown, r.Type)
		}
		attributes[r.ID] = names
	}
	if unknown != nil {
		return failed("Template format error: Unrecognized resource types: [%s]", strings.Join(unique(unknown), ", "))
	}
	check := func(r reference) error {
		if r.attribute == "" || slices.ContainsFunc(attributes[r.resource], func(known string) bool {
			prefix, open := strings.CutSuffix(known, "*")
			return known == r.attribute || open && strings.HasPrefix(r.attribute, prefix)
		}) {
			return nil
		}
		return failed("Template error: resource %s does not support attribute type %s in Fn::GetAtt", r.resource, r.attribute)
	}
	for _, r := range t.Resources {
		if err := references(r.Properties, nil, check); err != nil {
			return err
		}
	}
	for _, o := range t.Outputs {
		if err := references(o.Value, nil, check); err != nil {
			return err
		}
	}
	return nil
}
