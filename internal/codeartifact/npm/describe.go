package npm

import (
	"encoding/json"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// Describe returns what a manifest says of its version, for the API.
// Several of the members of a package.json have an old form too.
func Describe(manifest []byte) (*codeartifact.Description, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, malformed("The manifest is not an object: %s.", err)
	}
	d := &codeartifact.Description{
		DisplayName: text(m["name"]), Summary: text(m["description"]), HomePage: text(m["homepage"]), SourceCode: text(m["repository"], "url"),
	}
	licenses := []json.RawMessage{m["license"]}
	if m["license"] == nil {
		licenses = nil
		_ = json.Unmarshal(m["licenses"], &licenses) // what is no list of them is none
	}
	for _, one := range licenses {
		l := codeartifact.License{Name: text(one, "type", "name"), URL: textOf(one, "url")}
		if l != (codeartifact.License{}) {
			d.Licenses = append(d.Licenses, l)
		}
	}
	return d, nil
}

// Explain returns what a version says of itself at length.
func Explain(manifest []byte, readme string) (*codeartifact.Detail, error) {
	needs, err := Dependencies(manifest)
	if err != nil {
		return nil, malformed("The manifest is not an object: %s.", err)
	}
	d := &codeartifact.Detail{Readme: readme}
	for _, need := range needs {
		d.Dependencies = append(d.Dependencies, codeartifact.Dependency{
			Namespace: need.Name.Scope, Package: need.Name.Name, Type: need.Kind, Requirement: need.Range,
		})
	}
	return d, nil
}

// text is a value that is a text, or the first of the members of it that is one.
func text(value json.RawMessage, members ...string) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	for _, name := range members {
		if s := textOf(value, name); s != "" {
			return s
		}
	}
	return ""
}

// textOf is a member of an object that is a text, "" if there is none.
func textOf(value json.RawMessage, name string) (s string) {
	var m map[string]json.RawMessage
	if json.Unmarshal(value, &m) == nil {
		_ = json.Unmarshal(m[name], &s) // another kind of value is none
	}
	return s
}
