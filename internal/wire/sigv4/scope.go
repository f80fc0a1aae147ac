package sigv4

import "net/http"

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
func ScopeOf(r *http.Request) (Scope, bool) { return Scope{}, false }
