package main

import (
	"fmt"
	"slices"
)

// decoder is the expression of the function that reads a shape into a *T, where T
// is its type as a member (optional) or as an element.
func (g *generator) decoder(name string, optional, raw bool) string {
	s := g.Shapes[name]
	kind := map[string]string{
		"string": "String", "character": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double",
		"boolean": "Boolean", "timestamp": "Timestamp",
	}[s.Type]
	switch {
	case kind != "" && optional:
		return "codec.Optional(codec." + kind + ")"
	case kind != "":
		return "codec." + kind
	case s.Type == "blob":
		return "codec.Blob"
	case s.Type == "list":
		return fmt.Sprintf("codec.List(%s)", g.decoder(s.Member.Shape, false, raw))
	case s.Type == "map" && g.attributes(s) && raw && g.Values != "":
		return g.Values + ".DecodeRawAttributes"
	case s.Type == "map" && g.attributes(s) && raw:
		return "decodeRawAttributes"
	case s.Type == "map" && g.attributes(s):
		return "decodeAttributes"
	case s.Type == "map":
		return fmt.Sprintf("codec.Map(%s)", g.decoder(s.Value.Shape, false, raw))
	case g.Go[name] != "" && optional:
		return "codec.Optional(decode" + g.Go[name] + ")"
	case g.Go[name] != "":
		return "decode" + g.Go[name]
	}
	return "codec.Structure[" + name + "]"
}

// encode writes the statements that encode the value of an expression.
func (g *generator) encode(name, value string, depth int, raw bool) {
	s := g.Shapes[name]
	switch s.Type {
	case "string", "character":
		g.printf("e.Str(%s)\n", value)
	case "integer", "long":
		g.printf("e.Int64(%s)\n", value)
	case "float", "double":
		g.printf("e.Float64(%s)\n", value)
	case "boolean":
		g.printf("e.Bool(%s)\n", value)
	case "timestamp":
		g.printf("codec.EncodeTimestamp(e, %s)\n", value)
	case "blob":
		g.printf("e.Base64(%s)\n", value)
	case "list":
		g.printf("e.ArrStart()\nfor _, x%d := range %s {\n", depth, value)
		g.encode(s.Member.Shape, fmt.Sprintf("x%d", depth), depth+1, raw)
		g.printf("}\ne.ArrEnd()\n")
	case "map":
		if g.attributes(s) {
			g.printf("%s.EncodeJSON(e)\n", value)
			return
		}
		g.printf("e.ObjStart()\nfor k%d, x%[1]d := range api.Sorted(%s) {\ne.FieldStart(k%[1]d)\n", depth, value)
		g.encode(s.Value.Shape, fmt.Sprintf("x%d", depth), depth+1, raw)
		g.printf("}\ne.ObjEnd()\n")
	default:
		g.printf("%s.EncodeJSON(e)\n", value)
	}
}

func (g *generator) writeCodecs() {
	g.each(func(name string, s *shape) {
		body := slices.DeleteFunc(slices.Clone(s.Members), func(x member) bool { return g.binding(s, x) != "" })
		g.printf("// DecodeJSON reads x from d.\nfunc (x *%s) DecodeJSON(d *jx.Decoder) error {\n", name)
		g.printf("return codec.Members(d, %q, func(d *jx.Decoder, name []byte) error {\n", name)
		if len(body) > 0 {
			g.printf("switch string(name) {\n")
			for _, x := range body {
				g.printf("case %q:\nreturn %s(d, &x.%s)\n", g.wireName(x), g.decoder(x.Shape, true, g.raw(name, x.Name)), x.field())
			}
			g.printf("}\n")
		}
		g.printf("return d.Skip()\n})\n}\n\n")

		g.printf("// EncodeJSON writes x to e.\nfunc (x *%s) EncodeJSON(e *jx.Encoder) {\ne.ObjStart()\n", name)
		for _, x := range body {
			value := "x." + x.field()
			switch g.fieldType(x.Shape, false)[0] {
			case '*':
				if m := g.Shapes[x.Shape]; m.Type != "structure" {
					value = "*" + value
				}
			}
			g.printf("if x.%s != nil {\ne.FieldStart(%q)\n", x.field(), g.wireName(x))
			g.encode(x.Shape, value, 0, g.raw(name, x.Name))
			g.printf("}\n")
		}
		g.printf("e.ObjEnd()\n}\n\n")
	})
}
