// Package template reads CloudFormation's templates and evaluates them.
//
// It works in two passes. Parse reads a text and checks all that can be known from it
// alone: sections, forms of functions, references, limits. Then parameters get their
// values, conditions follow from those, and Resolve evaluates a resource's properties
// against what the resources before it have become.
//
// Nothing here knows a stack, a resource type or a store: types come in through Types,
// live values through Scope.
package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is what is wrong with a template or its parameters, in CloudFormation's words.
// The API answers it as ValidationError.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func failed(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// The limits of a template, as AWS documents them.
const (
	MaxBody        = 1 << 20 // bytes of a template that lies in a store
	MaxInlineBody  = 51_200  // bytes of one that a request carries
	maxResources   = 500
	maxParameters  = 200
	maxOutputs     = 200
	maxMappings    = 200
	maxMappingKeys = 200
	maxDescription = 1024 // bytes
	maxParameter   = 4096 // bytes of a parameter's value
	maxName        = 255  // of a logical ID
)

// Template is a template whose text alone is right.
type Template struct {
	Description string
	Metadata    *Node
	Parameters  []*Parameter
	Rules       []*Rule
	Mappings    map[string]map[string]map[string]*Node
	Conditions  []Field // the expression of each, in order
	Resources   []*Resource
	Outputs     []*Output

	root *Node
}

// Equal tells whether two templates say the same, however they are written.
func (t *Template) Equal(other *Template) bool { return t.root.Equal(other.root) }

// Resource is a resource as a template declares it.
type Resource struct {
	ID, Type            string
	Properties          *Node // a Map, or nil
	DependsOn           []string
	Condition           string // "" if it is always made
	DeletionPolicy      string // Delete if the template does not say
	UpdateReplacePolicy string // Delete if the template does not say
	Metadata            *Node
}

// Output is an output as a template declares it.
type Output struct {
	ID, Description, Condition string
	Value                      *Node
	Export                     *Node // the export's name, nil if it is not exported
}

// The policies of a resource that its stack gives up.
const (
	Delete               = "Delete"
	Retain               = "Retain"
	RetainExceptOnCreate = "RetainExceptOnCreate"
	Snapshot             = "Snapshot"
)

// Parse reads a template, in JSON or YAML. Every error is an *Error.
func Parse(body []byte) (*Template, error) {
	if len(body) > MaxBody {
		return nil, failed("Template may not exceed %d bytes in size.", MaxBody)
	}
	root, err := read(body)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			err = failed("Template format error: %s", err)
		}
		return nil, err
	}
	if root.Kind != Map {
		return nil, failed("Template format error: unsupported structure.")
	}
	t := &Template{root: root}
	if err := t.readSections(root); err != nil {
		return nil, err
	}
	if err := t.checkReferences(); err != nil {
		return nil, err
	}
	return t, nil
}

// Resource returns the resource of a logical ID, nil if there is none.
func (t *Template) Resource(id string) *Resource {
	for _, r := range t.Resources {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Parameter returns the parameter of a name, nil if there is none.
func (t *Template) Parameter(name string) *Parameter {
	for _, p := range t.Parameters {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func (t *Template) readSections(root *Node) error {
	read := map[string]func(*Node) error{
		"AWSTemplateFormatVersion": checkVersion,
		"Description":              t.readDescription,
		"Metadata":                 func(n *Node) error { t.Metadata = n; return nil },
		"Parameters":               t.readParameters,
		"Rules":                    t.readRules,
		"Mappings":                 t.readMappings,
		"Conditions":               t.readConditions,
		"Transform":                refuseTransform,
		"Resources":                t.readResources,
		"Outputs":                  t.readOutputs,
		"Hooks": func(*Node) error {
			return failed("Template error: the section Hooks is not supported by this version of Modelwharf")
		},
	}
	var unknown []string
	for _, f := range root.Fields {
		if read[f.Name] == nil {
			unknown = append(unknown, f.Name)
		}
	}
	if len(unknown) > 0 {
		return failed("Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	if r := root.Get("Resources"); r == nil || r.Kind == Map && len(r.Fields) == 0 {
		return failed("Template format error: At least one Resources member must be defined.")
	}
	for _, f := range root.Fields {
		if f.Value.Kind == Null {
			return failed("Template format error: [/%s] 'null' values are not allowed in templates", f.Name)
		}
		if err := read[f.Name](f.Value); err != nil {
			return err
		}
	}
	return nil
}

func checkVersion(n *Node) error {
	if n.Kind != Text || n.Text != "2010-09-09" {
		return failed("Template format error: unsupported value for AWSTemplateFormatVersion.")
	}
	return nil
}

func (t *Template) readDescription(n *Node) error {
	switch {
	case n.Kind != Text:
		return failed("Template format error: [/Description] Every Description must be a string.")
	case len(n.Text) > maxDescription:
		return failed("Template format error: 'Description' length is greater than %d", maxDescription)
	}
	t.Description = n.Text
	return nil
}

func refuseTransform(*Node) error {
	return failed("Template error: transforms and macros are not supported by this version of Modelwharf. Process the template first, then send its result.")
}

// members returns the members of a section, each of which has a logical ID.
func members(section, one string, n *Node, most int) ([]Field, error) {
	if n.Kind != Map {
		return nil, failed("Template format error: [/%s] Every %s section must be a map.", section, section)
	}
	if len(n.Fields) > most {
		return nil, failed("Template format error: Number of %s, %d, is greater than maximum allowed, %d", strings.ToLower(section), len(n.Fields), most)
	}
	for _, f := range n.Fields {
		switch {
		case !alphanumeric(f.Name):
			return nil, failed("Template format error: %s name %s is non alphanumeric.", one, f.Name)
		case len(f.Name) > maxName:
			return nil, failed("Template format error: %s name %s is longer than %d characters.", one, f.Name, maxName)
		case f.Value.Kind == Null:
			return nil, failed("Template format error: [/%s/%s] 'null' values are not allowed in templates", section, f.Name)
		}
	}
	return n.Fields, nil
}

func alphanumeric(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	})
}

func (t *Template) readMappings(n *Node) error {
	maps, err := members("Mappings", "Mappings", n, maxMappings)
	if err != nil {
		return err
	}
	t.Mappings = map[string]map[string]map[string]*Node{}
	for _, m := range maps {
		if m.Value.Kind != Map || len(m.Value.Fields) == 0 {
			return failed("Template format error: Every Mappings member %s must be a map", m.Name)
		}
		if len(m.Value.Fields) > maxMappingKeys {
			return failed("Template format error: Number of attributes of mapping %s, %d, is greater than maximum allowed, %d", m.Name, len(m.Value.Fields), maxMappingKeys)
		}
		keys := map[string]map[string]*Node{}
		for _, k := range m.Value.Fields {
			if k.Value.Kind != Map || len(k.Value.Fields) == 0 {
				return failed("Template format error: Every Mappings member %s must be a map", k.Name)
			}
			keys[k.Name] = map[string]*Node{}
			for _, v := range k.Value.Fields {
				ok := v.Value.Kind == Text || v.Value.Kind == List && !slices.ContainsFunc(v.Value.Items, func(i *Node) bool { return i.Kind != Text })
				if !ok {
					return failed("Template format error: Every Mappings attribute must be a String or a List.")
				}
				keys[k.Name][v.Name] = v.Value
			}
		}
		t.Mappings[m.Name] = keys
	}
	return nil
}

func (t *Template) readConditions(n *Node) error {
	conditions, err := members("Conditions", "Condition", n, maxResources)
	if err != nil {
		return err
	}
	for _, c := range conditions {
		if c.Value.Kind != Map {
			return failed("Template format error: Any Conditions member must be a map.")
		}
	}
	t.Conditions = conditions
	return nil
}

// attributesOfResource are the attributes that a resource may have beside its type. The
// last three steer services that are not here: they are accepted, and change nothing.
var attributesOfResource = []string{"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "CreationPolicy", "UpdatePolicy"}

func (t *Template) readResources(n *Node) error {
	resources, err := members("Resources", "Resource", n, maxResources)
	if err != nil {
		return err
	}
	for _, f := range resources {
		r := &Resource{ID: f.Name, Properties: f.Value.Get("Properties"), Metadata: f.Value.Get("Metadata")}
		if f.Value.Kind != Map {
			return failed("Template format error: [/Resources/%s] resource definition is malformed", f.Name)
		}
		for _, a := range f.Value.Fields {
			if !slices.Contains(attributesOfResource, a.Name) {
				return failed("Invalid template resource property '%s'", a.Name)
			}
		}
		if typ := f.Value.Get("Type"); typ == nil || typ.Kind != Text || typ.Text == "" {
			return failed("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", f.Name)
		} else {
			r.Type = typ.Text
		}
		if r.Properties != nil && r.Properties.Kind == Null {
			r.Properties = nil
		}
		if r.Properties != nil && r.Properties.Kind != Map {
			return failed("Template format error: [/Resources/%s/Properties] Every Properties member must be a map.", f.Name)
		}
		if r.DependsOn, err = dependsOn(f.Value.Get("DependsOn")); err != nil {
			return err
		}
		if r.Condition, err = conditionOf(f.Value); err != nil {
			return err
		}
		if r.DeletionPolicy, err = policy(r, f.Value, "DeletionPolicy", "deletion policy", RetainExceptOnCreate); err != nil {
			return err
		}
		if r.UpdateReplacePolicy, err = policy(r, f.Value, "UpdateReplacePolicy", "update replace policy"); err != nil {
			return err
		}
		t.Resources = append(t.Resources, r)
	}
	return nil
}

func dependsOn(n *Node) ([]string, error) {
	var on []string
	switch {
	case n == nil || n.Kind == Null:
		return nil, nil
	case n.Kind == Text:
		return []string{n.Text}, nil
	case n.Kind == List:
		for _, item := range n.Items {
			if item.Kind != Text {
				return nil, failed("Template format error: Every DependsOn value must be a string.")
			}
			on = append(on, item.Text)
		}
		return on, nil
	}
	return nil, failed("Template format error: Every DependsOn value must be a string.")
}

func conditionOf(n *Node) (string, error) {
	c := n.Get("Condition")
	switch {
	case c == nil:
		return "", nil
	case c.Kind != Text:
		return "", failed("Template format error: Every Condition member must be a string.")
	}
	return c.Text, nil
}

// policy is what shall become of a resource that its stack gives up. No resource type here
// can take a snapshot.
func policy(r *Resource, n *Node, name, called string, also ...string) (string, error) {
	p := n.Get(name)
	switch {
	case p == nil:
		return Delete, nil
	case p.Kind != Text:
		return "", failed("Template format error: Every %s member must be a string.", name)
	case p.Text == Delete, p.Text == Retain, slices.Contains(also, p.Text):
		return p.Text, nil
	case p.Text == Snapshot:
		return "", failed("Template error: resource type %s does not support %s Snapshot", r.Type, called)
	}
	return "", failed("Template format error: Unrecognized %s %s for resource %s", name, p.Text, r.ID)
}

func (t *Template) readOutputs(n *Node) error {
	outputs, err := members("Outputs", "Output", n, maxOutputs)
	if err != nil {
		return err
	}
	for _, f := range outputs {
		o := &Output{ID: f.Name, Value: f.Value.Get("Value")}
		if f.Value.Kind != Map {
			return failed("Template format error: Every Outputs member must be a map.")
		}
		for _, a := range f.Value.Fields {
			if !slices.Contains([]string{"Description", "Value", "Export", "Condition"}, a.Name) {
				return failed("Invalid template output property '%s'", a.Name)
			}
		}
		if o.Value == nil || o.Value.Kind == Null {
			return failed("Template format error: Every Outputs member must contain a Value object")
		}
		if o.Condition, err = conditionOf(f.Value); err != nil {
			return err
		}
		if d := f.Value.Get("Description"); d != nil {
			if d.Kind != Text {
				return failed("Template format error: Every Description member of an output must be a string.")
			}
			o.Description = d.Text
		}
		if e := f.Value.Get("Export"); e != nil {
			if o.Export = e.Get("Name"); o.Export == nil || len(e.Fields) != 1 {
				return failed("Template format error: Output %s is malformed. The Export object must contain a Name member, and nothing else.", o.ID)
			}
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}

// unique sorts texts, and keeps one of each.
func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
