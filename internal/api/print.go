package api

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// maxPrinted bounds, in bytes, how much of a value an error message repeats.
const maxPrinted = 4096

// printed is a value as AWS's error messages print it: [a, b] for a list, {k=v} for
// a map, Name(member=value) for a structure.
func printed(value any) string {
	var b strings.Builder
	write(&b, reflect.ValueOf(value))
	if s := b.String(); len(s) > maxPrinted {
		return strings.ToValidUTF8(s[:maxPrinted], "") + "…"
	}
	return b.String()
}

func write(b *strings.Builder, v reflect.Value) {
	if b.Len() > maxPrinted {
		return
	}
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("null")
	case reflect.Pointer:
		if v.IsNil() {
			b.WriteString("null")
			return
		}
		write(b, v.Elem())
	case reflect.Slice:
		if s, ok := v.Interface().(fmt.Stringer); ok {
			b.WriteString(s.String())
			return
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "java.nio.HeapByteBuffer[pos=0 lim=%d cap=%[1]d]", v.Len())
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			write(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Map:
		b.WriteByte('{')
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(k.String() + "=")
			write(b, v.MapIndex(k))
		}
		b.WriteByte('}')
	case reflect.Struct:
		if s, ok := v.Interface().(fmt.Stringer); ok {
			b.WriteString(s.String())
			return
		}
		b.WriteString(v.Type().Name() + "(")
		for i := range v.NumField() {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(lowerFirst(v.Type().Field(i).Name) + "=")
			write(b, v.Field(i))
		}
		b.WriteByte(')')
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func lowerFirst(s string) string {
	r := []rune(s)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// Sorted ranges over a map in the order of its keys.
func Sorted[T any](m map[string]T) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
