package query

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// node is a form as a tree: Tags.member.1.Key is four steps down.
type node struct {
	text     string
	children map[string]*node
}

// maxSteps bounds how deep a name of a form goes; no shape of a service is near.
const maxSteps = 32

// decode fills a structure from a form. Parameters that it does not know are passed
// over.
func decode(form url.Values, into any) error {
	root := &node{}
	for name, values := range form {
		if strings.Count(name, ".") >= maxSteps {
			return malformed("The parameter %.100s nests too deeply", name)
		}
		n := root
		for step := range strings.SplitSeq(name, ".") {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			if n.children[step] == nil {
				n.children[step] = &node{}
			}
			n = n.children[step]
		}
		n.text = values[0]
	}
	return root.structure(reflect.ValueOf(into).Elem())
}

func malformed(format string, args ...any) error {
	return api.Errorf("MalformedInput", http.StatusBadRequest, format, args...)
}

// wireName is what a field is called on the wire.
func wireName(f reflect.StructField) string {
	if name, ok := f.Tag.Lookup("wire"); ok {
		return name
	}
	return f.Name
}

var timeType = reflect.TypeFor[time.Time]()

func (n *node) structure(v reflect.Value) error {
	for i := range v.NumField() {
		child := n.children[wireName(v.Type().Field(i))]
		if child == nil {
			continue
		}
		if err := child.fill(v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

// fill sets v to what a part of a form says.
func (n *node) fill(v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return n.fill(v.Elem())
	}
	if v.Type() == timeType {
		t, err := time.Parse(time.RFC3339Nano, n.text)
		if err != nil {
			return malformed("Timestamp format is invalid: %.100s", n.text)
		}
		v.Set(reflect.ValueOf(t.UTC()))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.text)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(n.text))
		if err != nil {
			return malformed("STRING_VALUE can not be converted to a Boolean")
		}
		v.SetBool(b)
	case reflect.Int64:
		i, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			return malformed("STRING_VALUE can not be converted to an Integer")
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return malformed("STRING_VALUE can not be converted to a Double")
		}
		v.SetFloat(f)
	case reflect.Struct:
		return n.structure(v)
	case reflect.Slice:
		return n.slice(v)
	case reflect.Map:
		return n.dictionary(v)
	}
	return nil
}

func (n *node) slice(v reflect.Value) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := base64.StdEncoding.DecodeString(n.text)
		if err != nil {
			return malformed("Blob is not valid base64")
		}
		v.SetBytes(b)
		return nil
	}
	elements, err := n.numbered("member")
	if err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, e := range elements {
		if err := e.fill(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) dictionary(v reflect.Value) error {
	entries, err := n.numbered("entry")
	if err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range entries {
		key, value := e.children["key"], e.children["value"]
		if key == nil || value == nil {
			return malformed("A map's entry has a key and a value")
		}
		x := reflect.New(v.Type().Elem()).Elem()
		if err := value.fill(x); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.text), x)
	}
	return nil
}

// numbered returns the parts n.NAME.1, n.NAME.2 …, in the order of their numbers;
// numbers may be left out.
func (n *node) numbered(name string) ([]*node, error) {
	parts := n.children[name]
	if parts == nil {
		return nil, nil
	}
	byNumber := map[int]*node{}
	for step, part := range parts.children {
		i, err := strconv.Atoi(step)
		if err != nil || i < 1 {
			return nil, malformed("%.100s is not a valid index", step)
		}
		byNumber[i] = part
	}
	list := make([]*node, 0, len(byNumber))
	for _, i := range slices.Sorted(maps.Keys(byNumber)) {
		list = append(list, byNumber[i])
	}
	return list, nil
}
