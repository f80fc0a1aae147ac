package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	skew     = 15 * time.Minute
	isoBasic = "20060102T150405Z"
	maxWeek  = 7 * 24 * 60 * 60 // seconds: the longest life of a presigned request

	maxSigned = 8192 // bytes of SignedHeaders
	maxRegion = 32   // bytes of the longest name that is taken for a region's
)

// claim is what a request says of its signature, before anything is verified.
type claim struct {
	scope     Scope
	term      string
	signed    string // SignedHeaders
	signature string
	date      string // in ISO 8601 basic format, as in the string to sign
	time      time.Time
	token     string
	presigned bool
	expires   time.Duration // of a presigned request
}

// claimOf reads the signature's parts from the Authorization header or the query.
func claimOf(r *http.Request) (c claim, err error) {
	auth, query := headerOf(r.Header, "Authorization"), rawQuery(r)
	presigned := strings.Contains(query, "X-Amz-") &&
		(queryValue(query, "X-Amz-Algorithm") != "" || queryValue(query, "X-Amz-Signature") != "")
	switch {
	case presigned && auth != "":
		return c, &Error{Kind: SignatureMismatch, Message: "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."}
	case presigned:
		return claimOfQuery(r, query)
	case strings.HasPrefix(auth, "AWS4-"):
		return claimOfHeader(r, auth)
	default:
		return c, &Error{Kind: MissingSignature}
	}
}

func claimOfHeader(r *http.Request, auth string) (c claim, err error) {
	name, rest, _ := strings.Cut(auth, " ")
	if name != algorithm {
		return c, unsupportedAlgorithm(name)
	}
	var credential string
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			return c, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '%s'.", digest(auth))
		}
		switch k {
		case "Credential":
			credential = v
		case "SignedHeaders":
			c.signed = v
		case "Signature":
			c.signature = v
		}
	}
	date := headerOf(r.Header, "X-Amz-Date")
	if date == "" {
		date = headerOf(r.Header, "Date")
	}
	if credential == "" || c.signed == "" || c.signature == "" || date == "" {
		var b strings.Builder
		for _, p := range [...]struct{ name, value string }{
			{"Credential", credential}, {"Signature", c.signature}, {"SignedHeaders", c.signed},
		} {
			if p.value == "" {
				fmt.Fprintf(&b, "Authorization header requires '%s' parameter. ", p.name)
			}
		}
		if date == "" {
			b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
		}
		return c, incomplete("%s(Hashed with SHA-256 and encoded with Base64) Authorization=%s", b.String(), digest(auth))
	}
	c.token = headerOf(r.Header, "X-Amz-Security-Token")
	return c, c.fill(credential, date)
}

func claimOfQuery(r *http.Request, query string) (c claim, err error) {
	c.presigned = true
	name := queryValue(query, "X-Amz-Algorithm")
	credential := queryValue(query, "X-Amz-Credential")
	date := queryValue(query, "X-Amz-Date")
	expires := queryValue(query, "X-Amz-Expires")
	c.signature = queryValue(query, "X-Amz-Signature")
	c.signed = queryValue(query, "X-Amz-SignedHeaders")
	c.token = queryValue(query, "X-Amz-Security-Token")
	if c.token == "" {
		c.token = headerOf(r.Header, "X-Amz-Security-Token")
	}
	var b strings.Builder
	for _, p := range [...]struct{ name, value string }{
		{"X-Amz-Algorithm", name}, {"X-Amz-Credential", credential}, {"X-Amz-Signature", c.signature},
		{"X-Amz-SignedHeaders", c.signed}, {"X-Amz-Date", date},
	} {
		if p.value == "" {
			fmt.Fprintf(&b, "AWS query-string parameters must include '%s'. ", p.name)
		}
	}
	if b.Len() > 0 {
		return c, incomplete("%sRe-examine the query-string parameters.", b.String())
	}
	if name != algorithm {
		return c, unsupportedAlgorithm(name)
	}
	// S3 demands X-Amz-Expires; other services take a request without it for
	// one of the header form, good for the clock skew.
	c.expires = skew
	if expires != "" {
		switch n, err := strconv.ParseInt(expires, 10, 64); {
		case err != nil:
			return c, incomplete("X-Amz-Expires should be a number")
		case n < 1:
			return c, incomplete("X-Amz-Expires must be non-negative")
		case n > maxWeek:
			return c, incomplete("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than %d seconds", maxWeek)
		default:
			c.expires = time.Duration(n) * time.Second
		}
	}
	return c, c.fill(credential, date)
}

// fill parses the credential and the date.
func (c *claim) fill(credential, date string) (err error) {
	var ok bool
	if c.scope, c.term, ok = parseCredential(credential); !ok {
		return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", clip(credential))
	}
	if c.time, err = time.Parse(isoBasic, date); err == nil {
		c.date = date
		return nil
	}
	if c.time, err = http.ParseTime(date); err != nil {
		return incomplete("Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(date))
	}
	c.date = c.time.UTC().Format(isoBasic)
	return nil
}

// check compares the claim with what is expected and with the clock.
func (c *claim) check(r *http.Request, want Expect, now time.Time) error {
	if c.scope.Date != c.date[:8] || c.term != terminator ||
		!c.inRegion(want) || want.Service != "" && c.scope.Service != want.Service {
		return c.scopeError(want)
	}
	if err := c.checkHeaders(r); err != nil {
		return err
	}
	const iso = isoBasic
	if c.time.After(now.Add(skew)) {
		return &Error{Kind: NotYetCurrent, Message: fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			c.date, now.Add(skew).UTC().Format(iso), now.UTC().Format(iso))}
	}
	life, words := skew, "15 min."
	if c.presigned {
		if life = c.expires; life%time.Minute == 0 {
			words = fmt.Sprintf("%d min.", life/time.Minute)
		} else {
			words = fmt.Sprintf("%d sec.", life/time.Second)
		}
	}
	if c.time.Before(now.Add(-life)) {
		return &Error{Kind: Expired, Message: fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s)",
			c.date, now.Add(-life).UTC().Format(iso), now.UTC().Format(iso), words)}
	}
	return nil
}

// inRegion tells whether the region is the one that is expected, or could be one.
// It becomes part of ARNs, in which policies look for patterns, so that nothing but
// a name may pass.
func (c *claim) inRegion(want Expect) bool {
	region := c.scope.Region
	if want.Region != "" {
		return region == want.Region
	}
	return region != "" && len(region) <= maxRegion && strings.Trim(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// scopeError names every part of the scope that is wrong.
func (c *claim) scopeError(want Expect) error {
	var b strings.Builder
	if !c.inRegion(want) {
		fmt.Fprintf(&b, "Credential should be scoped to a valid region, not '%s'. ", clip(c.scope.Region))
	}
	if want.Service != "" && c.scope.Service != want.Service {
		fmt.Fprintf(&b, "Credential should be scoped to correct service: '%s'. ", want.Service)
	}
	if c.term != terminator {
		fmt.Fprintf(&b, "Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, clip(c.term))
	}
	if c.scope.Date != c.date[:8] {
		fmt.Fprintf(&b, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			clip(c.scope.Date), c.date[:8], c.date)
	}
	return &Error{Kind: WrongScope, Message: b.String()}
}

// checkHeaders refuses a request whose host or x-amz-* headers are not signed. The
// names of the signed headers must be in order, as they are in the canonical
// request, so no header counts twice; there may be as many as S3 takes.
func (c *claim) checkHeaders(r *http.Request) error {
	if len(c.signed) > maxSigned {
		return incomplete("SignedHeaders must not be longer than %d bytes.", maxSigned)
	}
	last := ""
	for name := range strings.SplitSeq(c.signed, ";") {
		if name <= last {
			return &Error{Kind: SignatureMismatch, Cause: fmt.Errorf("the signed headers %q are not in order", c.signed)}
		}
		last = name
	}
	if !c.covers("host") && !c.covers(":authority") {
		return &Error{Kind: UnsignedHeaders, Message: "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."}
	}
	for name := range r.Header {
		// X-Amz-Cf-Id is what a CloudFront distribution on the way adds.
		if len(name) > 6 && name[:6] == "X-Amz-" && name != "X-Amz-Cf-Id" && !c.covers(name) {
			return &Error{Kind: UnsignedHeaders, Message: fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", clip(name))}
		}
	}
	return nil
}

// covers reports whether the signed headers name a header. They are in lower
// case; name may be in canonical form.
func (c *claim) covers(name string) bool {
	for rest := c.signed; rest != ""; {
		var h string
		h, rest, _ = strings.Cut(rest, ";")
		if isLower(h, name) {
			return true
		}
	}
	return false
}

// isLower reports whether s is name in lower case.
func isLower(s, name string) bool {
	if len(s) != len(name) {
		return false
	}
	for i := range len(s) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if s[i] != c {
			return false
		}
	}
	return true
}

func incomplete(format string, args ...any) error {
	return &Error{Kind: Incomplete, Message: fmt.Sprintf(format, args...)}
}

func unsupportedAlgorithm(name string) error {
	return &Error{Kind: Unsupported, Message: fmt.Sprintf("Unsupported AWS 'algorithm': '%s'. Sign with %s.", clip(name), algorithm)}
}

// clip bounds what an answer repeats of a request.
func clip(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// digest is how AWS quotes what it must not echo.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}
