package rpccbor

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-faster/jx"
)

// reading takes what the protocol has and nothing else: maps with texts as keys, times as
// seconds since 1970 with tag 1, no other tags. The depth bounds what hostile input costs.
var reading = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 64, DefaultMapType: reflect.TypeFor[map[string]any](), UTF8: cbor.UTF8RejectInvalid,
		TimeTag: cbor.DecTagOptional, TimeTagToAny: cbor.TimeTagToTime, IntDec: cbor.IntDecConvertNone, BignumTag: cbor.BignumTagForbidden,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// writing writes times as the protocol wants them.
var writing = func() cbor.EncMode {
	m, err := cbor.EncOptions{Time: cbor.TimeUnixDynamic, TimeTag: cbor.EncTagRequired}.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// transcode writes a CBOR map as JSON. No body at all is a map without members.
func transcode(body []byte, e *jx.Encoder) error {
	if len(body) == 0 {
		e.ObjEmpty()
		return nil
	}
	var m map[string]any
	if err := reading.Unmarshal(body, &m); err != nil {
		return err
	}
	if m == nil {
		return errors.New("the body is null")
	}
	return writeJSON(e, m)
}

func writeJSON(e *jx.Encoder, v any) error {
	switch v := v.(type) {
	case nil:
		e.Null()
	case bool:
		e.Bool(v)
	case uint64:
		e.UInt64(v)
	case int64:
		e.Int64(v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("the number %g", v)
		}
		e.Float64(v)
	case string:
		e.Str(v)
	case []byte:
		e.Str(base64.StdEncoding.EncodeToString(v))
	case time.Time:
		e.Float64(float64(v.UnixMilli()) / 1000)
	case []any:
		e.ArrStart()
		for _, x := range v {
			if err := writeJSON(e, x); err != nil {
				return err
			}
		}
		e.ArrEnd()
	case map[string]any:
		e.ObjStart()
		for k, x := range v {
			e.FieldStart(k)
			if err := writeJSON(e, x); err != nil {
				return err
			}
		}
		e.ObjEnd()
	default:
		return fmt.Errorf("a value of type %T", v)
	}
	return nil
}

// encode writes a generated shape. The names of its fields are those of the members; what is
// nil is absent.
func encode(out any) ([]byte, error) {
	v, err := tree(out)
	if err != nil {
		return nil, err
	}
	if v == nil {
		v = map[string]any{}
	}
	return writing.Marshal(v)
}

// tree is a shape as maps, lists and scalars.
func tree(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	return treeOf(reflect.ValueOf(v))
}

func treeOf(v reflect.Value) (any, error) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		return treeOf(v.Elem())
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t.Truncate(time.Millisecond), nil
		}
		m := map[string]any{}
		for f, member := range v.Fields() {
			one, err := treeOf(member)
			if err != nil {
				return nil, err
			}
			if one != nil {
				m[f.Name] = one
			}
		}
		return m, nil
	case reflect.Slice:
		if v.IsNil() {
			return nil, nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes(), nil
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = treeOf(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Map:
		if v.IsNil() {
			return nil, nil
		}
		m := map[string]any{}
		for k, x := range v.Seq2() {
			one, err := treeOf(x)
			if err != nil {
				return nil, err
			}
			m[k.String()] = one
		}
		return m, nil
	case reflect.String, reflect.Bool, reflect.Int64, reflect.Float64:
		return v.Interface(), nil
	}
	return nil, fmt.Errorf("rpccbor: a member of the type %s", v.Type())
}
