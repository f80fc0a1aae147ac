// Package codec reads and writes the JSON of AWS's JSON protocols for the generated
// packages. A value that is null is absent, a member that is not known is passed
// over, and a value of the wrong JSON type is a SerializationException in the words
// of DynamoDB.
//
// The input must be valid UTF-8: package awsjson sees to that once for a whole body.
package codec

import (
	"bytes"
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Shape is a structure that codec can read and write.
type Shape interface {
	DecodeJSON(d *jx.Decoder) error
	EncodeJSON(e *jx.Encoder)
}

// Decode is a function that reads a value of a type; a null leaves it as it is.
type Decode[T any] func(d *jx.Decoder, p *T) error

// Optional makes of a decoder of T one of *T.
func Optional[T any](decode Decode[T]) Decode[*T] {
	return func(d *jx.Decoder, p **T) error {
		if d.Next() == jx.Null {
			*p = nil
			return d.Null()
		}
		v := new(T)
		*p = v
		return decode(d, v)
	}
}

// String reads a string.
func String(d *jx.Decoder, p *string) (err error) {
	if t := d.Next(); t != jx.String {
		return mismatch(d, t, "String", "java.lang.String")
	}
	*p, err = d.Str()
	return err
}

// Boolean reads a boolean.
func Boolean(d *jx.Decoder, p *bool) (err error) {
	if t := d.Next(); t != jx.Bool {
		return mismatch(d, t, "Boolean", "java.lang.Boolean")
	}
	*p, err = d.Bool()
	return err
}

// Integer reads a number of 32 bits, Long one of 64. As at AWS, a fraction is cut
// off, and what is too large is held at the bound.
func Integer(d *jx.Decoder, p *int64) error {
	return whole(d, p, "Integer", math.MinInt32, math.MaxInt32)
}

// Long reads a number of 64 bits.
func Long(d *jx.Decoder, p *int64) error {
	return whole(d, p, "Long", math.MinInt64, math.MaxInt64)
}

func whole(d *jx.Decoder, p *int64, name string, low, high int64) error {
	if t := d.Next(); t != jx.Number {
		return mismatch(d, t, name, "java.lang."+name)
	}
	text, err := d.Num()
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(string(text), 64)
		switch {
		case ferr != nil && f == 0:
			return ferr
		case f >= math.MaxInt64:
			n = math.MaxInt64
		case f <= math.MinInt64:
			n = math.MinInt64
		default:
			n = int64(f)
		}
	}
	*p = min(max(n, low), high)
	return nil
}

// Double reads a number, and so does Float.
func Double(d *jx.Decoder, p *float64) (err error) {
	if t := d.Next(); t != jx.Number {
		return mismatch(d, t, "Double", "java.lang.Double")
	}
	*p, err = d.Float64()
	return err
}

// Float reads a number.
func Float(d *jx.Decoder, p *float64) error { return Double(d, p) }

// Timestamp reads seconds since 1970, with a fraction.
func Timestamp(d *jx.Decoder, p *time.Time) error {
	if t := d.Next(); t != jx.Number {
		return mismatch(d, t, "Date", "java.util.Date")
	}
	f, err := d.Float64()
	if err != nil {
		return err
	}
	if math.Abs(f) > 1e12 {
		return api.SerializationException("%g is not a timestamp", f)
	}
	*p = time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	return nil
}

// EncodeTimestamp writes a time as seconds since 1970, with milliseconds if it has
// any.
func EncodeTimestamp(e *jx.Encoder, t time.Time) {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		e.Int64(ms / 1000)
		return
	}
	e.Num(jx.Num(strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64)))
}

// Blob reads base64.
func Blob(d *jx.Decoder, p *[]byte) error {
	switch t := d.Next(); t {
	case jx.Null:
		return d.Null()
	case jx.String:
	case jx.Array, jx.Object:
		return mismatch(d, t, "ByteBuffer", "java.nio.ByteBuffer")
	default:
		return api.SerializationException("only base-64-encoded strings are convertible to bytes")
	}
	s, err := d.StrBytes()
	if err != nil {
		return err
	}
	b := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := Base64(b, s)
	*p = b[:n]
	return err
}

// Base64 decodes src into dst and says what is wrong with it in AWS's words.
func Base64(dst, src []byte) (int, error) {
	n, err := base64.StdEncoding.Decode(dst, src)
	// The decoder passes over line ends; AWS does not.
	if i := bytes.IndexAny(src, "\r\n"); err == nil && i >= 0 {
		err = base64.CorruptInputError(i)
	}
	if err == nil {
		return n, nil
	}
	if len(src)%4 != 0 {
		return 0, api.SerializationException("Base64 encoded length is expected a multiple of 4 bytes but found: %d", len(src))
	}
	for i, c := range src {
		valid := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=' && i >= len(src)-2
		if !valid {
			return 0, api.SerializationException("Invalid Base64 character: '%c'", rune(c))
		}
	}
	return 0, api.SerializationException("Invalid last non-pad Base64 character dectected")
}

// List makes of a decoder of elements one of lists. No element may be null: nothing
// behind the codec expects one.
func List[T any](decode Decode[T]) Decode[[]T] {
	return func(d *jx.Decoder, p *[]T) error {
		switch t := d.Next(); t {
		case jx.Null:
			return d.Null()
		case jx.Array:
		case jx.Object:
			return api.SerializationException("Start of structure or map found where not expected")
		default:
			if t == jx.Invalid {
				return d.Skip()
			}
			return api.SerializationException("Unexpected field type")
		}
		*p = []T{}
		return d.Arr(func(d *jx.Decoder) error {
			if d.Next() == jx.Null {
				return api.SerializationException("Null found as an element of a list where not expected")
			}
			// It is read where it will lie: a variable of its own would be allocated.
			var zero T
			*p = append(*p, zero)
			return decode(d, &(*p)[len(*p)-1])
		})
	}
}

// Map makes of a decoder of values one of maps. Values that are null are left out.
func Map[T any](decode Decode[T]) Decode[map[string]T] {
	return func(d *jx.Decoder, p *map[string]T) error {
		switch t := d.Next(); t {
		case jx.Null:
			return d.Null()
		case jx.Object:
		case jx.Array:
			return api.SerializationException("Unrecognized collection type java.util.Map<java.lang.String, java.lang.Object>")
		default:
			if t == jx.Invalid {
				return d.Skip()
			}
			return api.SerializationException("Unexpected field type")
		}
		*p = map[string]T{}
		return d.Obj(func(d *jx.Decoder, key string) error {
			if d.Next() == jx.Null {
				return d.Null()
			}
			var x T
			if err := decode(d, &x); err != nil {
				return err
			}
			(*p)[key] = x
			return nil
		})
	}
}

// Structure reads a structure.
func Structure[T any, P interface {
	*T
	DecodeJSON(*jx.Decoder) error
}](d *jx.Decoder, p **T) error {
	if d.Next() == jx.Null {
		return d.Null()
	}
	x := new(T)
	*p = x
	return P(x).DecodeJSON(d)
}

// Members calls fn with each member of the structure that d is at. name is the
// structure's, for messages.
func Members(d *jx.Decoder, name string, fn func(d *jx.Decoder, member []byte) error) error {
	switch t := d.Next(); t {
	case jx.Object:
	case jx.Array:
		return api.SerializationException("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.%s", name)
	default:
		if t == jx.Invalid {
			return d.Skip()
		}
		return api.SerializationException("Unexpected value type in payload")
	}
	return d.ObjBytes(fn)
}

// mismatch says that a value of JSON type t stands where a scalar is expected.
func mismatch(d *jx.Decoder, t jx.Type, want, class string) error {
	found := ""
	switch t {
	case jx.Array:
		return api.SerializationException("Unrecognized collection type class %s", class)
	case jx.Object:
		return api.SerializationException("Start of structure or map found where not expected")
	case jx.String:
		found = "STRING_VALUE"
		if want == "Boolean" {
			return api.SerializationException("Unexpected token received from parser")
		}
	case jx.Null:
		return d.Null()
	case jx.Bool:
		b, err := d.Bool()
		if err != nil {
			return err
		}
		found = strings.ToUpper(strconv.FormatBool(b)) + "_VALUE"
	case jx.Number:
		n, err := d.Num()
		if err != nil {
			return err
		}
		found = "NUMBER_VALUE"
		if !n.IsInt() {
			found = "DECIMAL_VALUE"
		}
	default:
		return d.Skip()
	}
	return api.SerializationException("%s cannot be converted to %s", found, want)
}
