package sigv4

import (
	"net/http"
	"net/url"
	"strings"
)

// algorithm is the only one offered; terminator ends every credential scope.
const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
)

// Scope is the credential scope of a signature: the key, and what it signs for.
type Scope struct {
	AccessKeyID string
	Date        string // yyyymmdd
	Region      string
	Service     string // signing name
}

// ScopeOf reads the credential scope that a request claims, from its
// Authorization header or its query, without verifying anything. It reports
// false if there is none.
func ScopeOf(r *http.Request) (Scope, bool) {
	var credential string
	if auth := headerOf(r.Header, "Authorization"); strings.HasPrefix(auth, "AWS4-") {
		_, rest, ok := strings.Cut(auth, "Credential=")
		if !ok {
			return Scope{}, false
		}
		if i := strings.IndexAny(rest, ", \t"); i >= 0 {
			rest = rest[:i]
		}
		credential = rest
	} else if credential = queryValue(rawQuery(r), "X-Amz-Credential"); credential == "" {
		return Scope{}, false
	}
	s, _, ok := parseCredential(credential)
	return s, ok
}

// parseCredential splits key/date/region/service/terminator.
func parseCredential(credential string) (s Scope, term string, ok bool) {
	// A key id has no slash, but taking the last four elements costs nothing
	// and serves keys made elsewhere.
	rest := credential
	for _, field := range [...]*string{&term, &s.Service, &s.Region, &s.Date} {
		at := strings.LastIndexByte(rest, '/')
		if at < 0 {
			return Scope{}, "", false
		}
		*field, rest = rest[at+1:], rest[:at]
	}
	s.AccessKeyID = rest
	return s, term, rest != "" && !strings.Contains(rest, "/")
}

// headerOf is Header.Get for a name that is in canonical form already.
func headerOf(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// rawPath returns the path as it came over the wire: what was signed, whatever a
// router has made of r.URL since.
func rawPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	if path := r.URL.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// rawQuery returns the query as it came over the wire.
func rawQuery(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		_, query, _ := strings.Cut(r.RequestURI, "?")
		return query
	}
	return r.URL.RawQuery
}

// queryValue returns the first value of a query parameter, or "".
func queryValue(query, name string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k != name {
			continue
		}
		if strings.ContainsAny(v, "%+") {
			if u, err := url.QueryUnescape(v); err == nil {
				return u
			}
		}
		return v
	}
	return ""
}
