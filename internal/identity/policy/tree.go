package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// object is a JSON object with its members in order; no name comes twice.
type object []member

type member struct {
	name  string
	value any // nil, bool, string, json.Number, []any or object
}

func (o object) get(name string) (any, bool) {
	for _, m := range o {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// maxDepth is deeper than any policy: document, statements, statement, block,
// operator, values.
const maxDepth = 8

var errTree = errors.New("not a JSON document without duplicate names")

// parseTree reads a JSON document. A name that comes twice is an error: which of
// two conditions holds must not depend on the reader.
func parseTree(doc []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errTree
	}
	return v, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth >= maxDepth {
		return nil, errTree
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	obj, seen := object{}, map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok || seen[name] {
			return nil, errTree
		}
		seen[name] = true
		v, err := parseValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		obj = append(obj, member{name, v})
	}
	_, err = d.Token()
	return obj, err
}

// stringsOf returns a string, or a list of strings, as a list.
func stringsOf(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
}
