package dynamodb

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/codec"
)

// maxDepth is how deep values may nest to be read at all. It is far above the 32
// levels that an item may have, so that the service can say which one has more.
const maxDepth = 200

func decodeAttributeValue(d *jx.Decoder, p *AttributeValue) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return p.decode(d, 0)
}

func decodeAttributes(d *jx.Decoder, p *Attributes) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	return p.decode(d, 0)
}

func decodeRawAttributes(d *jx.Decoder, p *RawAttributes) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	raw, err := d.Raw()
	*p = RawAttributes(slices.Clone(raw))
	return err
}

// DecodeRawAttributes reads an object for another package whose answers carry items.
func DecodeRawAttributes(d *jx.Decoder, p *RawAttributes) error { return decodeRawAttributes(d, p) }

// DecodeJSON reads a value, {"S": "text"}. One without any type is of TypeNone, one
// with several of TypeMany: what is wrong with them is the service's to say, in its
// own order.
func (v *AttributeValue) DecodeJSON(d *jx.Decoder) error { return v.decode(d, 0) }

// DecodeJSON reads an object whose members are attribute values.
func (a *Attributes) DecodeJSON(d *jx.Decoder) error { return a.decode(d, 0) }

func tooDeep() error {
	return api.ValidationException("Nesting Levels have exceeded supported limits")
}

func (v *AttributeValue) decode(d *jx.Decoder, depth int) error {
	if depth > maxDepth {
		return tooDeep()
	}
	*v = AttributeValue{}
	found := false
	many := false
	err := codec.Members(d, "AttributeValue", func(d *jx.Decoder, name []byte) error {
		t := typeNamed(name)
		if t == TypeNone || d.Next() == jx.Null {
			return d.Skip()
		}
		many = many || found && v.Type != t
		found = true
		*v = AttributeValue{Type: t}
		return v.decodeAs(d, depth)
	})
	if many {
		*v = AttributeValue{Type: TypeMany}
	}
	return err
}

func typeNamed(name []byte) Type {
	switch string(name) {
	case "S":
		return TypeS
	case "N":
		return TypeN
	case "B":
		return TypeB
	case "BOOL":
		return TypeBOOL
	case "NULL":
		return TypeNULL
	case "SS":
		return TypeSS
	case "NS":
		return TypeNS
	case "BS":
		return TypeBS
	case "L":
		return TypeL
	case "M":
		return TypeM
	}
	return TypeNone
}

// decodeAs reads what follows the name of v's type.
func (v *AttributeValue) decodeAs(d *jx.Decoder, depth int) error {
	switch v.Type {
	case TypeS, TypeN:
		return codec.String(d, &v.S)
	case TypeB:
		return decodeBinary(d, &v.S)
	case TypeBOOL, TypeNULL:
		return codec.Boolean(d, &v.Bool)
	case TypeSS:
		return v.decodeSet(d, TypeS, codec.String)
	case TypeNS:
		return v.decodeSet(d, TypeN, codec.String)
	case TypeBS:
		return v.decodeSet(d, TypeB, decodeBinary)
	case TypeL:
		return codec.List(func(d *jx.Decoder, x *AttributeValue) error { return x.decode(d, depth+1) })(d, &v.L)
	default:
		return v.M.decode(d, depth+1)
	}
}

func (v *AttributeValue) decodeSet(d *jx.Decoder, t Type, decode codec.Decode[string]) error {
	return codec.List(func(d *jx.Decoder, x *AttributeValue) error {
		x.Type = t
		return decode(d, &x.S)
	})(d, &v.L)
}

func decodeBinary(d *jx.Decoder, s *string) error {
	var b []byte
	err := codec.Blob(d, &b)
	*s = string(b)
	return err
}

func (a *Attributes) decode(d *jx.Decoder, depth int) error {
	switch t := d.Next(); t {
	case jx.Object:
	case jx.Array:
		return api.SerializationException("Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")
	case jx.Invalid:
		return d.Skip()
	default:
		return api.SerializationException("Unexpected field type")
	}
	list := make(Attributes, 0, 8)
	sorted := true
	err := d.Obj(func(d *jx.Decoder, name string) error {
		list = append(list, Attribute{Name: name})
		n := len(list)
		sorted = sorted && (n == 1 || list[n-2].Name < name)
		if d.Next() == jx.Null {
			return d.Null()
		}
		return list[n-1].Value.decode(d, depth)
	})
	if !sorted {
		list = arranged(list)
	}
	*a = list
	return err
}

// arranged sorts attributes by name; of those of one name, the last stays.
func arranged(list Attributes) Attributes {
	slices.SortStableFunc(list, func(x, y Attribute) int { return cmp.Compare(x.Name, y.Name) })
	kept := list[:0]
	for _, x := range list {
		if n := len(kept); n > 0 && kept[n-1].Name == x.Name {
			kept[n-1] = x
		} else {
			kept = append(kept, x)
		}
	}
	return kept
}

// EncodeJSON writes the items as they are.
func (r RawAttributes) EncodeJSON(e *jx.Encoder) { e.Raw(r) }

// EncodeJSON writes an object whose members are attribute values.
func (a Attributes) EncodeJSON(e *jx.Encoder) {
	e.ObjStart()
	for i := range a {
		e.FieldStart(a[i].Name)
		a[i].Value.EncodeJSON(e)
	}
	e.ObjEnd()
}

// EncodeJSON writes the value, {"S": "text"}.
func (v *AttributeValue) EncodeJSON(e *jx.Encoder) {
	e.ObjStart()
	if v.Type != TypeNone && v.Type != TypeMany {
		e.FieldStart(v.Type.String())
	}
	switch v.Type {
	case TypeNone, TypeMany:
	case TypeS, TypeN, TypeB:
		v.encodeScalar(e)
	case TypeBOOL, TypeNULL:
		e.Bool(v.Bool)
	case TypeM:
		v.M.EncodeJSON(e)
	default:
		e.ArrStart()
		for i := range v.L {
			if v.Type == TypeL {
				v.L[i].EncodeJSON(e)
			} else {
				v.L[i].encodeScalar(e)
			}
		}
		e.ArrEnd()
	}
	e.ObjEnd()
}

func (v *AttributeValue) encodeScalar(e *jx.Encoder) {
	if v.Type == TypeB {
		e.Base64([]byte(v.S))
		return
	}
	e.Str(v.S)
}

// String is the attributes as AWS's error messages print them, except that those
// show an address of each value.
func (a Attributes) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range a {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a[i].Name + "=" + a[i].Value.String())
	}
	b.WriteByte('}')
	return b.String()
}

// String is the value as AWS's error messages print it.
func (v AttributeValue) String() string {
	switch v.Type {
	case TypeNone:
		return "AttributeValue()"
	case TypeBOOL, TypeNULL:
		return "{" + v.Type.String() + ":" + strconv.FormatBool(v.Bool) + "}"
	}
	return "{" + v.Type.String() + ":" + v.S + "}"
}
