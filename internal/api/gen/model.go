package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is what gen reads of a service model.
type model struct {
	Metadata struct {
		EndpointPrefix string
		SigningName    string
		JSONVersion    string
		Protocol       string
		TargetPrefix   string
		XMLNamespace   string
		APIVersion     string
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output *reference
	Errors        []reference
}

type reference struct {
	Shape           string
	Location        string // of a REST protocol: "" for the body
	LocationName    string
	Flattened       bool
	Streaming       bool
	JSONValue       bool
	TimestampFormat string
}

type shape struct {
	Type            string
	Members         members
	Member          reference // of a list
	Key, Value      reference // of a map
	Required        []string
	Enum            []string
	Min, Max        *float64
	Pattern         string
	Exception       bool
	Flattened       bool
	Streaming       bool
	EventStream     bool
	Payload         string // of a structure: the member that is the whole body
	TimestampFormat string
	Fault           bool
	Error           struct {
		Code           string
		HTTPStatusCode int
		Fault          bool
	}
}

// members keeps the order in which a model lists a structure's members.
type members []member

type member struct {
	Name string
	reference
}

// field is the member's name in Go; where it differs from the one on the wire, the
// field has a tag.
func (m member) field() string { return strings.ToUpper(m.Name[:1]) + m.Name[1:] }

func (m *members) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		one := member{Name: name.(string)}
		if err := d.Decode(&one.reference); err != nil {
			return err
		}
		*m = append(*m, one)
	}
	return nil
}

// reachable returns the names of the structures that the operations named use,
// sorted, and of their errors.
func (m *model) reachable(operations []string) (structures, errors []string, err error) {
	seen := map[string]bool{}
	failures := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		s := m.Shapes[name]
		if s == nil || seen[name] || s.EventStream { // of which the service makes the frames
			return
		}
		seen[name] = true
		for _, x := range s.Members {
			visit(x.Shape)
		}
		visit(s.Member.Shape)
		visit(s.Key.Shape)
		visit(s.Value.Shape)
	}
	for _, name := range operations {
		op := m.Operations[name]
		if op == nil {
			return nil, nil, fmt.Errorf("the model has no operation %s", name)
		}
		for _, r := range []*reference{op.Input, op.Output} {
			if r != nil {
				visit(r.Shape)
			}
		}
		for _, e := range op.Errors {
			failures[e.Shape] = true
			for _, x := range m.Shapes[e.Shape].Members {
				visit(x.Shape)
			}
		}
	}
	for name := range seen {
		if m.Shapes[name].Type == "structure" {
			structures = append(structures, name)
		}
	}
	slices.Sort(structures)
	return structures, slices.Sorted(maps.Keys(failures)), nil
}

// plainQuery reports a Query model that renames or flattens members, which package
// query does not know how to do.
func (m *model) plainQuery(structures []string) error {
	if m.Metadata.Protocol != "query" {
		return nil
	}
	for _, name := range structures {
		for _, x := range m.Shapes[name].Members {
			s := m.Shapes[x.Shape]
			renamed := x.LocationName != "" && x.LocationName != x.Name
			if renamed || x.Flattened || s.Flattened || s.Member.LocationName != "" || s.Key.LocationName != "" || s.Value.LocationName != "" {
				return fmt.Errorf("%s.%s has a form that package query does not know", name, x.Name)
			}
		}
	}
	return nil
}

// input and output name the shapes of an operation, also where the model has none.
func (m *model) input(name string) string {
	if r := m.Operations[name].Input; r != nil {
		return r.Shape
	}
	return name + "Input"
}

func (m *model) output(name string) string {
	if r := m.Operations[name].Output; r != nil {
		return r.Shape
	}
	return name + "Output"
}

// rename calls the shapes of the operations named, whatever the model calls them,
// <operation>Input and <operation>Output.
func (m *model) rename(operations []string) {
	for _, name := range operations {
		op := m.Operations[name]
		if op == nil {
			continue
		}
		if op.Input != nil {
			m.Shapes[name+"Input"] = m.Shapes[op.Input.Shape]
			op.Input = &reference{Shape: name + "Input"}
		}
		if op.Output != nil {
			m.Shapes[name+"Output"] = m.Shapes[op.Output.Shape]
			op.Output = &reference{Shape: name + "Output"}
		}
	}
}

// extend adds the members that a model has not.
func (m *model) extend(extensions map[string]map[string]extension) error {
	for name, added := range extensions {
		s := m.Shapes[name]
		if s == nil {
			return fmt.Errorf("the model has no shape %s", name)
		}
		for _, x := range slices.Sorted(maps.Keys(added)) {
			if slices.ContainsFunc(s.Members, func(old member) bool { return old.Name == x }) {
				return fmt.Errorf("the model has %s.%s by now", name, x)
			}
			one := member{Name: x}
			one.Shape = strings.ToUpper(x[:1]) + x[1:]
			if added[x].Header != "" {
				one.Location, one.LocationName = "header", added[x].Header
			}
			s.Members = append(s.Members, one)
			m.Shapes[one.Shape] = &shape{Type: "string", Enum: added[x].Enum}
		}
	}
	return nil
}

// lowerCamel is a member's name as AWS's error messages write it.
func lowerCamel(name string) string {
	n := 0
	for n < len(name) && name[n] >= 'A' && name[n] <= 'Z' {
		n++
	}
	switch {
	case n == 0:
		return name
	case n == 1 || n == len(name):
		return strings.ToLower(name[:n]) + name[n:]
	}
	return strings.ToLower(name[:n-1]) + name[n-1:]
}
