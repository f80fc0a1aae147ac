package rest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/s3"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// The older signature of URLs, version 2, is what the AWS CLI and boto3 still presign with
// unless they are told otherwise; in headers it is used no more and refused.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html

// isOldURL tells whether a request is presigned by the older signature.
func isOldURL(r *http.Request) bool {
	return strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") && strings.Contains(r.URL.RawQuery, "Signature=")
}

// signed are the parameters that the older signature covers.
var signed = []string{
	"accelerate", "acl", "analytics", "cors", "delete", "encryption", "inventory", "lifecycle", "location", "logging", "metrics", "notification", "object-lock",
	"partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
	"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "retention", "tagging", "torrent",
	"uploadId", "uploads", "versionId", "versioning", "versions", "website",
}

// authenticateURL verifies the older signature of a URL.
func (x *exchange) authenticateURL(q *api.Request) error {
	expires := x.form("Expires")
	until, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return s3.Refuse("AccessDenied", http.StatusForbidden, "Invalid date (should be seconds since epoch): %s", expires)
	}
	if !x.h.now().Before(time.Unix(until, 0)) {
		return s3.Refuse("AccessDenied", http.StatusForbidden, "Request has expired")
	}
	who, secret, err := x.h.identity.Lookup(x.ctx, x.form("AWSAccessKeyId"), x.said("x-amz-security-token"))
	if kind, ok := errors.AsType[sigv4.Kind](err); ok {
		return &sigv4.Error{Kind: kind}
	}
	if err != nil {
		return err
	}
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(x.oldString(expires)))
	want := base64.StdEncoding.EncodeToString(h.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(x.form("Signature"))) != 1 {
		return &sigv4.Error{Kind: sigv4.SignatureMismatch}
	}
	x.ctx = x.h.identity.Admit(x.ctx, who)
	return nil
}

// said is a header, which may be among the parameters instead.
func (x *exchange) said(name string) string {
	if v := x.Request.Header.Get(name); v != "" {
		return v
	}
	return x.form(name)
}

// oldString is the text that the older signature signs.
func (x *exchange) oldString(expires string) string {
	var b strings.Builder
	for _, line := range []string{x.Method, x.said("content-md5"), x.said("content-type"), expires} {
		b.WriteString(line + "\n")
	}
	headers := map[string]string{}
	for name, values := range x.Request.Header {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			headers[name] = strings.Join(values, ",")
		}
	}
	for name, values := range x.query {
		if name := strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			headers[name] = strings.Join(values, ",")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b.WriteString(name + ":" + headers[name] + "\n")
	}
	if bucket, _ := x.s.HostBucket(x.Host); bucket != "" {
		b.WriteString("/" + bucket)
	}
	b.WriteString(x.URL.EscapedPath())
	sep := "?"
	for _, name := range signed {
		if !x.has(name) {
			continue
		}
		b.WriteString(sep + name)
		if v := x.form(name); v != "" {
			b.WriteString("=" + v)
		}
		sep = "&"
	}
	return b.String()
}
