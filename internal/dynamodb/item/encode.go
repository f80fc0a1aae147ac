package item

import (
	"encoding/base64"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

func appendMembers(b []byte, a dynamodb.Attributes) []byte {
	b = append(b, '{')
	for i := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, a[i].Name)
		b = append(b, ':')
		b = appendValue(b, &a[i].Value)
	}
	return append(b, '}')
}

func appendValue(b []byte, v *dynamodb.AttributeValue) []byte {
	b = append(b, '{', '"')
	b = append(b, v.Type.String()...)
	b = append(b, '"', ':')
	switch v.Type {
	case dynamodb.TypeS, dynamodb.TypeN, dynamodb.TypeB:
		b = appendScalar(b, v)
	case dynamodb.TypeBOOL, dynamodb.TypeNULL:
		if v.Bool {
			b = append(b, "true"...)
		} else {
			b = append(b, "false"...)
		}
	case dynamodb.TypeM:
		b = appendMembers(b, v.M)
	default:
		b = append(b, '[')
		for i := range v.L {
			if i > 0 {
				b = append(b, ',')
			}
			if v.Type == dynamodb.TypeL {
				b = appendValue(b, &v.L[i])
			} else {
				b = appendScalar(b, &v.L[i])
			}
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendScalar(b []byte, v *dynamodb.AttributeValue) []byte {
	if v.Type == dynamodb.TypeB {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, []byte(v.S))
		return append(b, '"')
	}
	return appendString(b, v.S)
}

// plain says which bytes stand for themselves in a JSON string.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if plain[c] {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
