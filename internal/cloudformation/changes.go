package cloudformation

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// change is what would become of a resource.
type change struct {
	ID, Type, Action string           // Add, Modify or Remove
	PhysicalID       string           `json:",omitzero"`
	Replacement      string           `json:",omitzero"` // of Modify: True, False or Conditional
	Properties       []propertyChange `json:",omitempty"`
	Tags             bool             `json:",omitzero"` // the stack's tags change
	Policy           string           `json:",omitzero"` // of Remove: what becomes of it
}

// propertyChange is a property that would change.
type propertyChange struct {
	Name    string
	Replace string // Never, Conditionally or Always
	// Unknown says that the new value is only known when it is made, and may be the old.
	Unknown bool   `json:",omitzero"`
	Before  string `json:",omitzero"`
	After   string `json:",omitzero"`
}

// afterApply stands for a value that is only known when its resource is made, as on AWS.
const afterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// changes finds out what bringing a stack to a proposal would change, by logical ID.
func (s *Service) changes(ctx context.Context, st *stack, p *proposal) ([]change, error) {
	has := map[string]*resource{}
	err := s.store.View(ctx, func(tx kv.Reader) error {
		for rec, err := range resourcesIn(ctx, tx, st.UUID) {
			if err != nil {
				return err
			}
			if rec.Now != nil {
				has[rec.ID] = rec
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	another := map[string]bool{} // resources that will be others
	touched := map[string]bool{} // and those whose attributes may change
	e, err := p.template.Evaluate(template.Scope{
		Account: st.Account, Region: st.Region, StackID: st.arn(), StackName: st.Name, NotificationARNs: p.side.Notifications, Parameters: p.side.Parameters,
		Ref: func(id string) (string, error) {
			if rec := has[id]; rec != nil && !another[id] {
				return rec.Now.ID, nil
			}
			return afterApply, nil
		},
		Attribute: func(id, name string) (*template.Node, error) {
			if rec := has[id]; rec != nil && !another[id] && !touched[id] && rec.Now.Attributes[name] != nil {
				return rec.Now.Attributes[name], nil
			}
			return template.NewText(afterApply), nil
		},
		Import: func(string) (string, error) { return afterApply, nil },
		Zones:  func(region string) []string { return []string{region + "a"} },
	})
	if err != nil {
		return nil, err
	}
	after, err := e.Dependencies()
	if err != nil {
		return nil, err
	}
	var list []change
	stays := map[string]bool{}
	for _, decl := range inOrder(e.Resources(), after) {
		stays[decl.ID] = true
		rec := has[decl.ID]
		if rec == nil {
			list = append(list, change{ID: decl.ID, Type: decl.Type, Action: "Add"})
			continue
		}
		properties, err := e.Resolve(decl.Properties)
		if err != nil {
			return nil, err
		}
		if properties == nil {
			properties = template.NewMap()
		}
		c := s.modification(rec, decl, properties)
		c.Tags = !maps.Equal(rec.Now.Tags, p.side.Tags)
		if c.Properties == nil && !c.Tags {
			continue
		}
		touched[decl.ID], another[decl.ID] = true, c.Replacement != "False"
		list = append(list, c)
	}
	for id, rec := range has {
		if !stays[id] {
			list = append(list, change{ID: id, Type: rec.Type, Action: "Remove", PhysicalID: rec.Now.ID, Policy: rec.Now.Deletion})
		}
	}
	slices.SortFunc(list, func(a, b change) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

// modification compares a resource with what it would be.
func (s *Service) modification(rec *resource, decl *template.Resource, properties *template.Node) change {
	c := change{ID: decl.ID, Type: decl.Type, Action: "Modify", PhysicalID: rec.Now.ID, Replacement: "False"}
	names := map[string]bool{}
	for _, n := range []*template.Node{rec.Now.Properties, properties} {
		for _, f := range n.Fields {
			names[f.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := rec.Now.Properties.Get(name), properties.Get(name)
		if before.Equal(after) {
			continue
		}
		pc := propertyChange{Name: name, Replace: "Never", Before: shownValue(before), After: shownValue(after)}
		pc.Unknown = strings.Contains(pc.After, afterApply)
		if s.types[decl.Type].Properties[name].Replace {
			pc.Replace = "Always"
			switch {
			case !pc.Unknown:
				c.Replacement = "True"
			case c.Replacement == "False":
				c.Replacement = "Conditional"
			}
		}
		c.Properties = append(c.Properties, pc)
	}
	return c
}

func shownValue(n *template.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Kind == template.Text:
		return n.Text
	}
	return string(encode(n))
}

// inOrder sorts resources so that each comes after those that it depends on.
func inOrder(resources []*template.Resource, after map[string][]string) []*template.Resource {
	byID := map[string]*template.Resource{}
	for _, r := range resources {
		byID[r.ID] = r
	}
	var sorted []*template.Resource
	var visit func(id string)
	visit = func(id string) {
		r := byID[id]
		if r == nil {
			return
		}
		delete(byID, id)
		for _, other := range after[id] {
			visit(other)
		}
		sorted = append(sorted, r)
	}
	for _, r := range resources {
		visit(r.ID)
	}
	return sorted
}

// describe is a change as the API shows it.
func (c *change) describe() *cloudformation.Change {
	rc := &cloudformation.ResourceChange{
		Action: &c.Action, LogicalResourceId: &c.ID, ResourceType: &c.Type, PhysicalResourceId: optional(c.PhysicalID), Replacement: optional(c.Replacement),
	}
	if c.Action == "Remove" {
		rc.PolicyAction = new("Delete")
		if c.Policy != template.Delete {
			rc.PolicyAction = new("Retain")
		}
	}
	for _, p := range c.Properties {
		evaluation := "Static"
		if p.Unknown {
			evaluation = "Dynamic"
		}
		rc.Details = append(rc.Details, &cloudformation.ResourceChangeDetail{
			Target: &cloudformation.ResourceTargetDefinition{
				Attribute: new("Properties"), Name: &p.Name, RequiresRecreation: &p.Replace, Path: new("/Properties/" + p.Name),
				BeforeValue: optional(p.Before), AfterValue: optional(p.After),
			},
			Evaluation: &evaluation, ChangeSource: new("DirectModification"),
		})
	}
	if len(c.Properties) > 0 {
		rc.Scope = append(rc.Scope, "Properties")
	}
	if c.Tags {
		rc.Scope = append(rc.Scope, "Tags")
		rc.Details = append(rc.Details, &cloudformation.ResourceChangeDetail{
			Target:     &cloudformation.ResourceTargetDefinition{Attribute: new("Tags"), RequiresRecreation: new("Never")},
			Evaluation: new("Static"), ChangeSource: new("DirectModification"),
		})
	}
	return &cloudformation.Change{Type: new("Resource"), ResourceChange: rc}
}
