package query

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// timestampLayout is ISO 8601, to the second, as IAM and STS write it.
const timestampLayout = "2006-01-02T15:04:05Z"

// encodeResult writes an output as an element called name, also one without members: some
// clients look for the element wherever the service model has an output (ExecuteChangeSet),
// and none is disturbed where it has not.
func encodeResult(b *bytes.Buffer, name string, out any) error {
	v := reflect.Indirect(reflect.ValueOf(out))
	if v.Kind() != reflect.Struct {
		return fmt.Errorf("%T is not a structure", out)
	}
	return encode(b, name, v)
}

// encode writes v as an element, or nothing if it is nil.
func encode(b *bytes.Buffer, name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return nil
		}
	}
	if v.Kind() == reflect.Pointer {
		return encode(b, name, v.Elem())
	}
	if v.Type() == timeType {
		element(b, name, v.Interface().(time.Time).UTC().Format(timestampLayout))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		element(b, name, v.String())
		return nil
	case reflect.Bool:
		element(b, name, strconv.FormatBool(v.Bool()))
		return nil
	case reflect.Int64:
		element(b, name, strconv.FormatInt(v.Int(), 10))
		return nil
	case reflect.Float64:
		element(b, name, strconv.FormatFloat(v.Float(), 'g', -1, 64))
		return nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			element(b, name, base64.StdEncoding.EncodeToString(v.Bytes()))
			return nil
		}
	}
	b.WriteString("<" + name + ">")
	if err := encodeInside(b, v); err != nil {
		return err
	}
	b.WriteString("</" + name + ">")
	return nil
}

// encodeInside writes the members, elements or entries of v.
func encodeInside(b *bytes.Buffer, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if err := encode(b, wireName(v.Type().Field(i)), v.Field(i)); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := encode(b, "member", v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		for _, k := range keys {
			b.WriteString("<entry>")
			element(b, "key", k.String())
			if err := encode(b, "value", v.MapIndex(k)); err != nil {
				return err
			}
			b.WriteString("</entry>")
		}
	default:
		return fmt.Errorf("%s has no XML form", v.Type())
	}
	return nil
}
