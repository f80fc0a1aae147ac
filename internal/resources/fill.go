package resources

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// fill sets the members of an operation's input that are named like properties. Scalars
// become what the member is: a text that says 5 is the number 5 where one is wanted. What
// the input has no member for is left to the handler, but below a property it is an error.
func fill(in any, properties *template.Node) error {
	v := reflect.ValueOf(in).Elem()
	for _, f := range properties.Fields {
		member := v.FieldByName(f.Name)
		if !member.IsValid() || f.Name == "Tags" {
			continue
		}
		if err := set(member, f.Value, f.Name); err != nil {
			return err
		}
	}
	return nil
}

// set sets a value to what a property says. The path of the property is for errors.
func set(v reflect.Value, n *template.Node, path string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.Kind != template.Map {
			return wrongType(path, "Object")
		}
		for _, f := range n.Fields {
			member := v.FieldByName(f.Name)
			if !member.IsValid() {
				return wrong("Encountered unsupported property %s", f.Name)
			}
			if err := set(member, f.Value, path+"/"+f.Name); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		if n.Kind != template.Map {
			return wrongType(path, "Object")
		}
		v.Set(reflect.MakeMap(v.Type()))
		for _, f := range n.Fields {
			value := reflect.New(v.Type().Elem()).Elem()
			if err := set(value, f.Value, path+"/"+f.Name); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(f.Name), value)
		}
		return nil
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b, err := base64.StdEncoding.DecodeString(n.Text)
			if n.Kind != template.Text || err != nil {
				return wrongType(path, "Base64")
			}
			v.SetBytes(b)
			return nil
		}
		if n.Kind != template.List {
			return wrongType(path, "List")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
		for i, item := range n.Items {
			if err := set(v.Index(i), item, path+"/"+strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	}
	return setScalar(v, n, path)
}

func setScalar(v reflect.Value, n *template.Node, path string) error {
	text := n.Text
	switch v.Kind() {
	case reflect.String:
		if n.Kind != template.Text {
			return wrongType(path, "String")
		}
		v.SetString(text)
	case reflect.Int64:
		i, err := strconv.ParseInt(text, 10, 64)
		if n.Kind != template.Text || err != nil {
			return wrongType(path, "Integer")
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if n.Kind != template.Text || err != nil {
			return wrongType(path, "Number")
		}
		v.SetFloat(f)
	case reflect.Bool:
		switch text {
		case "true", "True", "TRUE":
			v.SetBool(true)
		case "false", "False", "FALSE":
			v.SetBool(false)
		default:
			return wrongType(path, "Boolean")
		}
	default:
		return fmt.Errorf("resources: a property of the kind %s", v.Kind())
	}
	return nil
}

// wrong returns an error of a template, in AWS's words.
func wrong(format string, args ...any) error {
	return &template.Error{Message: fmt.Sprintf(format, args...)}
}

func wrongType(path, want string) error {
	return wrong("Properties validation failed for resource with message: #/%s: expected type: %s", path, want)
}
