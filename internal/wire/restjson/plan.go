package restjson

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/modelwharf/modelwharf/internal/api"
)

// plan says where the members of a shape travel.
type plan struct {
	bound   []bound // in the path, the query and headers
	status  *bound
	payload *bound
	// payloadType is the type of the member that is the payload.
	payloadType reflect.Type
	bodyless    bool // there is no member for a JSON body
}

// bound is a member that travels elsewhere than in a JSON body.
type bound struct {
	index  int
	place  place
	name   string // of the label, parameter or header, or the headers' prefix, both in canonical form
	format string // of a timestamp, or absentIfEmpty
}

// absentIfEmpty, in the place of a format, says that an empty value is no value.
const absentIfEmpty = "empty"

type place string

const (
	inURI     place = "uri"
	inQuery   place = "query"
	inHeader  place = "header"
	inHeaders place = "headers"
	inStatus  place = "status"
	inPayload place = "payload"
)

var plans sync.Map // of *plan by reflect.Type

// planOf reads the tags of a shape, once.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{bodyless: true}
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("rest")
		if !ok {
			p.bodyless = false
			continue
		}
		where, rest, _ := strings.Cut(tag, ",")
		b := bound{index: i, place: place(where)}
		b.name, b.format, _ = strings.Cut(rest, ",")
		switch b.place {
		case inHeader, inHeaders:
			b.name = http.CanonicalHeaderKey(b.name)
			p.bound = append(p.bound, b)
		case inStatus:
			p.status = &b
		case inPayload:
			p.payload, p.payloadType = &b, t.Field(i).Type
		default:
			p.bound = append(p.bound, b)
		}
	}
	kept, _ := plans.LoadOrStore(t, p)
	return kept.(*plan)
}

// value is the member of a structure, the zero Value if it is absent.
func (b *bound) value(v reflect.Value) reflect.Value {
	f := v.Field(b.index)
	switch f.Kind() {
	case reflect.Pointer:
		return f.Elem() // the zero Value of nil
	case reflect.Slice, reflect.Map:
		if f.IsNil() {
			return reflect.Value{}
		}
	}
	return f
}

// writeHeader writes the members that travel in headers.
func (s *plan) writeHeader(h http.Header, v reflect.Value) error {
	for i := range s.bound {
		b := &s.bound[i]
		x := b.value(v)
		if !x.IsValid() {
			continue
		}
		switch b.place {
		case inHeader:
			text, err := b.headerText(x)
			if err != nil {
				return err
			}
			h[b.name] = []string{text}
		case inHeaders:
			for k, value := range x.Seq2() {
				h.Set(b.name+k.String(), fieldText(value.String()))
			}
		default:
			return fmt.Errorf("%s cannot travel in an answer's %s", v.Type().Field(b.index).Name, b.place)
		}
	}
	return nil
}

// headerText is the form of a header's value.
func (b *bound) headerText(x reflect.Value) (string, error) {
	if x.Kind() != reflect.Slice || x.Type() == bytesType {
		text, err := format(x, b.format, httpDate)
		return fieldText(text), err
	}
	var list []string
	for i := range x.Len() {
		text, err := format(x.Index(i), b.format, httpDate)
		if err != nil {
			return "", err
		}
		if x.Index(i).Kind() == reflect.String {
			text = quoted(text)
		}
		list = append(list, text)
	}
	return fieldText(strings.Join(list, ", ")), nil
}

// fieldText is text without what a header cannot carry.
func fieldText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7F {
			return ' '
		}
		return r
	}, text)
}

// quoted is an element of a list in a header.
func quoted(text string) string {
	if !strings.ContainsAny(text, `",`) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// elements takes apart a list in a header. Its elements may be quoted; a date of the
// HTTP form has a comma of its own.
func elements(text string, dates bool) (list []string, err error) {
	for rest := strings.TrimSpace(text); rest != ""; {
		var one string
		if strings.HasPrefix(rest, `"`) {
			one, rest, err = cutQuoted(rest[1:])
			if err != nil {
				return nil, err
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if dates && end >= 0 {
				if next := strings.IndexByte(rest[end+1:], ','); next >= 0 {
					end += 1 + next
				} else {
					end = -1
				}
			}
			if end < 0 {
				end = len(rest)
			}
			one, rest = strings.TrimSpace(rest[:end]), rest[end:]
		}
		list = append(list, one)
		rest = strings.TrimSpace(rest)
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return nil, api.SerializationException("A list in a header is malformed")
		}
		rest = strings.TrimSpace(rest[1:])
	}
	return list, nil
}

// cutQuoted reads a quoted string behind its first quote.
func cutQuoted(text string) (one, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", api.SerializationException("A quoted string in a header has no end")
}

var (
	bytesType  = reflect.TypeFor[[]byte]()
	readerType = reflect.TypeFor[io.Reader]()
)
