package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// scratch is the memory of one verification.
type scratch struct {
	buf   []byte // the canonical request, then the string to sign
	query []byte // encoded parameters, in the order of the wire
	pairs []pair
}

// pair is a parameter in scratch.query: name=value.
type pair struct{ start, equals, end int }

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 2048)} }}

// release gives the memory back, unless a request of unusual size made it grow.
func (s *scratch) release() {
	if cap(s.buf)+cap(s.query) <= 64<<10 {
		scratches.Put(s)
	}
}

// canonical builds the canonical request of r in s.buf.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv4-create-request.html
// asSent says that the path is taken as it is on the wire.
func (s *scratch) canonical(r *http.Request, c *claim, payloadHash string, asSent bool) {
	b := append(s.buf[:0], r.Method...)
	b = append(b, '\n')
	b = appendPath(b, rawPath(r), c.scope.Service, asSent)
	b = append(b, '\n')
	b = s.appendQuery(b, rawQuery(r), c.presigned)
	b = append(b, '\n')
	for rest := c.signed; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, ";")
		b = appendHeader(b, r, name)
	}
	b = append(b, '\n')
	b = append(b, c.signed...)
	b = append(b, '\n')
	s.buf = append(b, payloadHash...)
}

// appendPath appends the canonical path. For s3 that is the path encoded once; for
// others, without dot segments and double slashes, and encoded twice. Not every
// signer brings the path into that form first, the Go SDK's for one: such a
// signature holds for the path as sent, and is no weaker.
func appendPath(b []byte, path, service string, asSent bool) []byte {
	switch {
	case service == "s3" && asSent:
		return append(b, path...)
	case service == "s3":
		return appendOnceEncoded(b, path)
	case asSent:
		return appendEncoded(b, path)
	default:
		return appendEncoded(b, cleanPath(path))
	}
}

// samePath reports whether both forms of the canonical path are the same.
func (s *scratch) samePath(path, service string) bool {
	s.query = appendPath(s.query[:0], path, service, false)
	n := len(s.query)
	s.query = appendPath(s.query, path, service, true)
	return bytes.Equal(s.query[:n], s.query[n:])
}

// appendHeader appends "name:value\n"; the values of a repeated header are joined
// by commas, and runs of spaces within a value become one.
func appendHeader(b []byte, r *http.Request, name string) []byte {
	b = append(b, name...)
	b = append(b, ':')
	switch name {
	case "host", ":authority":
		b = appendFolded(b, r.Host)
	case "content-length":
		// net/http keeps the header, but requests made in the process may
		// have the field only.
		if v := headerOf(r.Header, "Content-Length"); v != "" || r.ContentLength < 0 {
			b = appendFolded(b, v)
		} else {
			b = strconv.AppendInt(b, r.ContentLength, 10)
		}
	case "transfer-encoding":
		b = append(b, strings.Join(r.TransferEncoding, ",")...)
	default:
		for i, v := range valuesOf(r.Header, name) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendFolded(b, v)
		}
	}
	return append(b, '\n')
}

// valuesOf returns the values of a header whose name is in lower case.
func valuesOf(h http.Header, name string) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return h[http.CanonicalHeaderKey(name)]
	}
	upper := true
	for i := range len(name) {
		c := name[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
		upper = c == '-'
	}
	return h[string(buf[:len(name)])]
}

func appendFolded(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(b, v...)
	}
	space := false
	for i := range len(v) {
		if v[i] != ' ' || !space {
			b = append(b, v[i])
		}
		space = v[i] == ' '
	}
	return b
}

// appendQuery appends the parameters sorted by name, then value, each encoded.
func (s *scratch) appendQuery(b []byte, query string, presigned bool) []byte {
	if query == "" {
		return b
	}
	q, pairs := s.query[:0], s.pairs[:0]
	for rest := query; rest != ""; {
		var param string
		param, rest, _ = strings.Cut(rest, "&")
		if param == "" {
			continue
		}
		name, value, _ := strings.Cut(param, "=")
		if presigned && name == "X-Amz-Signature" {
			continue
		}
		p := pair{start: len(q)}
		q = appendReencoded(q, name)
		p.equals = len(q)
		q = append(q, '=')
		q = appendReencoded(q, value)
		p.end = len(q)
		pairs = append(pairs, p)
	}
	s.query, s.pairs = q, pairs
	slices.SortFunc(pairs, func(x, y pair) int {
		if c := bytes.Compare(q[x.start:x.equals], q[y.start:y.equals]); c != 0 {
			return c
		}
		return bytes.Compare(q[x.equals:x.end], q[y.equals:y.end])
	})
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(b, q[p.start:p.end]...)
	}
	return b
}

const upperHex = "0123456789ABCDEF"

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// appendEncoded percent-encodes all but unreserved bytes and slashes.
func appendEncoded(b []byte, s string) []byte {
	for i := range len(s) {
		b = appendByte(b, s[i], true)
	}
	return b
}

func appendByte(b []byte, c byte, path bool) []byte {
	if unreserved(c) || path && c == '/' {
		return append(b, c)
	}
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// appendOnceEncoded brings a path that is encoded already into canonical form:
// s3 signs it encoded once. %2F stays apart from a slash.
func appendOnceEncoded(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c, ok := escape(s, i); ok {
			b = appendByte(b, c, false)
			i += 2
		} else {
			b = appendByte(b, s[i], true)
		}
	}
	return b
}

// appendReencoded brings an encoded name or value of a query into canonical form.
func appendReencoded(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c, ok := escape(s, i); ok {
			b = appendByte(b, c, false)
			i += 2
		} else if s[i] == '+' {
			b = append(b, "%20"...)
		} else {
			b = appendByte(b, s[i], false)
		}
	}
	return b
}

// escape returns the byte that %XX at i stands for.
func escape(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	hi, ok1 := unhex(s[i+1])
	lo, ok2 := unhex(s[i+2])
	return hi<<4 | lo, ok1 && ok2
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// cleanPath removes dot segments (RFC 3986, 5.2.4) and empty ones; a slash at the
// end stays.
func cleanPath(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	if strings.HasSuffix(path, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}
