package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// readable compares an object with the conditions of who reads it, those of RFC 9110 or,
// with the prefix X-Amz-Copy-Source-, those of a copy. The errors are PreconditionFailed and
// NotModified.
func readable(h http.Header, prefix string, o *s3.Object) error {
	failed := s3.Refuse("PreconditionFailed", http.StatusPreconditionFailed, "At least one of the pre-conditions you specified did not hold")
	unchanged := failed
	if prefix == "" {
		unchanged = s3.Refuse("NotModified", http.StatusNotModified, "Not Modified")
	}
	modified := o.Modified.Truncate(time.Second)
	match, none := h.Get(prefix+"If-Match"), h.Get(prefix+"If-None-Match")
	since, sinceOK := timeOf(h.Get(prefix + "If-Modified-Since"))
	before, beforeOK := timeOf(h.Get(prefix + "If-Unmodified-Since"))
	switch {
	case match != "" && !names(match, o.ETag):
		return failed
	case match == "" && beforeOK && modified.After(before):
		return failed
	case none != "" && names(none, o.ETag):
		return unchanged
	case none == "" && sinceOK && !modified.After(since):
		return unchanged
	}
	return nil
}

func timeOf(text string) (time.Time, bool) {
	t, err := http.ParseTime(text)
	return t, err == nil
}

// names tells whether a list of ETags has one.
func names(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == "*" || unquoted(one) == etag {
			return true
		}
	}
	return false
}

// writable reads the conditions of who writes.
func (x *exchange) writable() (s3.Conditions, error) {
	var c s3.Conditions
	switch none := x.Request.Header.Get("If-None-Match"); none {
	case "":
	case "*":
		c.IfNoneMatch = true
	default:
		return c, s3.NotImplemented("If-None-Match with another value than * is")
	}
	c.IfMatch = unquoted(x.Request.Header.Get("If-Match"))
	return c, nil
}
