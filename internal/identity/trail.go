package identity

import (
	"encoding/json"
	"reflect"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api/sts"
)

// parameters renders a shape as CloudTrail shows it: the members that are set,
// their names in camel case. The inputs of IAM and STS hold no secrets here; an
// answer that does must be cut down to an issued before.
func parameters(shape any) []byte {
	m := rendered(reflect.ValueOf(shape))
	if m == nil {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return b
}

func rendered(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return rendered(v.Elem())
	case reflect.Slice:
		list := make([]any, 0, v.Len())
		for i := range v.Len() {
			list = append(list, rendered(v.Index(i)))
		}
		return list
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t
		}
		m := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !v.Field(i).IsZero() {
				m[camel(f.Name)] = rendered(v.Field(i))
			}
		}
		if len(m) == 0 {
			return nil
		}
		return m
	}
	return v.Interface()
}

func camel(name string) string {
	r, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(r)) + name[n:]
}

// issued is what the trail keeps of an answer with credentials: no secret.
type issued struct {
	Credentials     *publicCredentials
	AssumedRoleUser *sts.AssumedRoleUser
}

type publicCredentials struct {
	AccessKeyId string
	Expiration  time.Time
}

func (c *credentials) public() *publicCredentials {
	return &publicCredentials{c.accessKeyID, c.expires}
}
