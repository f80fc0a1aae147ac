package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// rest tells whether the service speaks a REST protocol.
func (g *generator) rest() bool { return strings.HasPrefix(g.Metadata.Protocol, "rest-") }

// at is the Go form of where an operation is asked for.
func (g *generator) at(op string) string {
	h := g.model.Operations[op].HTTP
	return fmt.Sprintf("%q, %q, %d", h.Method, h.RequestURI, cmp.Or(h.ResponseCode, 200))
}

// binding says where a member of a structure travels if that is not in a JSON body: the
// content of its tag "rest", which package restjson reads. For a timestamp the format
// follows, if it is not the place's own; for a parameter that is as good as absent when it
// is empty, "empty".
func (g *generator) binding(s *shape, x member) string {
	if !g.rest() {
		return ""
	}
	if x.Name == s.Payload {
		return "payload"
	}
	place := map[string]string{
		"uri": "uri", "querystring": "query", "header": "header", "headers": "headers", "statusCode": "status",
	}[x.Location]
	if place == "" {
		return ""
	}
	tag := place + "," + cmp.Or(x.LocationName, x.Name)
	if place == "query" && g.EmptyAbsent[cmp.Or(x.LocationName, x.Name)] {
		return tag + ",empty"
	}
	if target := g.Shapes[x.Shape]; target.Type == "timestamp" {
		if format := cmp.Or(x.TimestampFormat, target.TimestampFormat); format != "" {
			tag += "," + format
		}
	}
	return tag
}

// streamed tells whether a member is a body that is not to be held in memory.
func (g *generator) streamed(x member) bool {
	return g.rest() && (x.Streaming || g.Shapes[x.Shape].Streaming || g.Shapes[x.Shape].EventStream)
}

// wireName is what a member is called in JSON.
func (g *generator) wireName(x member) string {
	if g.rest() {
		return cmp.Or(x.LocationName, x.Name)
	}
	return x.Name
}

// fault is the value of the member Type of Lambda's errors, which tells whose fault an
// error is; "" for an error without one.
func (g *generator) fault(s *shape) string {
	if !g.rest() || !slices.ContainsFunc(s.Members, func(x member) bool { return x.Name == "Type" && len(g.Shapes[x.Shape].Enum) == 0 }) {
		return ""
	}
	if s.Fault || s.Error.Fault {
		return "Service"
	}
	return "User"
}

// plainREST reports what of a REST model package restjson does not know.
func (m *model) plainREST(structures []string) error {
	if !strings.HasPrefix(m.Metadata.Protocol, "rest-") {
		return nil
	}
	for _, name := range structures {
		s := m.Shapes[name]
		for _, x := range s.Members {
			target := m.Shapes[x.Shape]
			format := cmp.Or(x.TimestampFormat, target.TimestampFormat)
			switch {
			case x.JSONValue:
				return fmt.Errorf("%s.%s is JSON in a header", name, x.Name)
			case target.Type == "timestamp" && x.Location == "" && format != "" && format != "unixTimestamp":
				return fmt.Errorf("%s.%s is a timestamp in the format %s", name, x.Name, format)
			}
		}
	}
	return nil
}
