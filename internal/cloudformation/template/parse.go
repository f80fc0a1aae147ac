package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep a template may be nested.
const maxDepth = 100

// read reads a document: JSON if it begins as JSON does, else YAML.
func read(body []byte) (*Node, error) {
	if text := bytes.TrimLeft(body, " \t\r\n\ufeff"); len(text) > 0 && text[0] == '{' {
		n, err := parseJSON(body)
		if err == nil {
			return n, nil
		}
		// A flow mapping of YAML begins so too.
		if y, yerr := parseYAML(body); yerr == nil {
			return y, nil
		}
		return nil, err
	}
	return parseYAML(body)
}

// parseJSON reads one JSON value.
func parseJSON(body []byte) (*Node, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	p := jsonReader{d, body}
	n, err := p.value(0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
		line, column := p.position()
		return nil, failed("Template format error: JSON not well-formed. (line %d, column %d)", line, column)
	}
	return n, err
}

type jsonReader struct {
	*json.Decoder
	body []byte
}

// position is where the reader is, counted from 1 on.
func (r jsonReader) position() (line, column int) {
	read := r.body[:min(r.InputOffset(), int64(len(r.body)))]
	return 1 + bytes.Count(read, []byte{'\n'}), len(read) - bytes.LastIndexByte(read, '\n')
}

func (r jsonReader) value(depth int) (*Node, error) {
	t, err := r.Token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errDeep
	}
	switch t := t.(type) {
	case json.Delim:
		n := &Node{Kind: List}
		if t == '{' {
			n.Kind = Map
		}
		seen := map[string]bool{}
		for r.More() {
			var name string
			if t == '{' {
				k, err := r.Token()
				if err != nil {
					return nil, err
				}
				if name = k.(string); seen[name] {
					line, _ := r.position()
					return nil, duplicate(name, line)
				}
				seen[name] = true
			}
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			if t == '{' {
				n.Fields = append(n.Fields, Field{name, v})
			} else {
				n.Items = append(n.Items, v)
			}
		}
		_, err := r.Token()
		return n, err
	case string:
		return NewText(t), nil
	case json.Number:
		return &Node{Kind: Text, Text: t.String(), Plain: true}, nil
	case bool:
		return &Node{Kind: Text, Text: fmt.Sprint(t), Plain: true}, nil
	}
	return &Node{}, nil
}

var errAlias = failed("Template error: YAML aliases are not allowed in CloudFormation templates")

var errDeep = failed("Template format error: the template is nested deeper than %d levels", maxDepth)

func duplicate(name string, line int) error {
	return failed("Template format error: the key '%s' is defined twice. (line %d)", name, line)
}

// parseYAML reads one YAML document.
func parseYAML(body []byte) (*Node, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return &Node{}, nil
		}
		return nil, failed("Template format error: YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, failed("Template format error: YAML not well-formed. (more than one document)")
	}
	if len(doc.Content) != 1 {
		return &Node{}, nil
	}
	return fromYAML(doc.Content[0], 0)
}

func fromYAML(y *yaml.Node, depth int) (*Node, error) {
	switch {
	case depth > maxDepth:
		return nil, errDeep
	case y.Kind == yaml.AliasNode:
		return nil, errAlias
	}
	n, err := structure(y, depth)
	if err != nil {
		return nil, err
	}
	tag := y.Tag
	if tag == "!" || !strings.HasPrefix(tag, "!") || strings.HasPrefix(tag, "!!") {
		return n, nil
	}
	return short(strings.TrimPrefix(tag, "!"), n)
}

// structure is a YAML node without its tag.
func structure(y *yaml.Node, depth int) (*Node, error) {
	n := &Node{Line: y.Line}
	switch y.Kind {
	case yaml.ScalarNode:
		plain := y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
		if plain && y.ShortTag() == "!!null" {
			return n, nil
		}
		n.Kind, n.Text, n.Plain = Text, y.Value, plain && y.Tag != "!!str"
	case yaml.SequenceNode:
		n.Kind = List
		for _, item := range y.Content {
			v, err := fromYAML(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, v)
		}
	case yaml.MappingNode:
		n.Kind = Map
		seen := map[string]bool{}
		for i := 0; i+1 < len(y.Content); i += 2 {
			k := y.Content[i]
			switch {
			case k.Kind == yaml.AliasNode:
				return nil, errAlias
			case k.ShortTag() == "!!merge":
				return nil, failed("Template error: YAML merge keys are not allowed in CloudFormation templates")
			case k.Kind != yaml.ScalarNode:
				return nil, failed("Template format error: map keys must be strings; received a %s instead. (line %d)", kindName(k.Kind), k.Line)
			case seen[k.Value]:
				return nil, duplicate(k.Value, k.Line)
			}
			seen[k.Value] = true
			v, err := fromYAML(y.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			n.Fields = append(n.Fields, Field{k.Value, v})
		}
	}
	return n, nil
}

func kindName(k yaml.Kind) string {
	if k == yaml.SequenceNode {
		return "list"
	}
	return "map"
}

// short is the long form of a function that a tag names.
func short(tag string, arg *Node) (*Node, error) {
	name := tag
	if tag != "Ref" && tag != "Condition" {
		name = "Fn::" + tag
	}
	if _, ok := functions[name]; !ok {
		return nil, failed("Template format error: the YAML tag !%s is no function of CloudFormation. (line %d)", tag, arg.Line)
	}
	return &Node{Kind: Map, Line: arg.Line, Fields: []Field{{name, arg}}}, nil
}
