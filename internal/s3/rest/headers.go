package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// kept are the headers that an object keeps, response those parameters of GetObject that
// override them.
var kept = []string{"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Expires"}

const metaPrefix = "X-Amz-Meta-"

// attributes reads what a request says of the object that it writes. The error is of what
// there is not.
func (x *exchange) attributes() (a s3.Attributes, err error) {
	if err := x.checkACL(); err != nil {
		return a, err
	}
	if err := x.checkAbsent(); err != nil {
		return a, err
	}
	h := x.Request.Header
	a.Headers = map[string]string{}
	for _, name := range kept {
		v := strings.Join(h.Values(name), ",")
		if name == "Content-Encoding" {
			v = withoutFrames(v)
		}
		if v != "" {
			a.Headers[name] = v
		}
	}
	if a.Headers["Content-Type"] == "" {
		a.Headers["Content-Type"] = "binary/octet-stream"
	}
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, metaPrefix); ok {
			if a.Metadata == nil {
				a.Metadata = map[string]string{}
			}
			a.Metadata[strings.ToLower(rest)] = strings.Join(values, ",")
		}
	}
	a.Tags, err = tagsOf(h.Get("X-Amz-Tagging"))
	return a, err
}

// withoutFrames is a Content-Encoding without that of the frames in which the body came.
func withoutFrames(encoding string) string {
	parts := strings.Split(encoding, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "aws-chunked" || p == "" }), ",")
}

// tagsOf reads tags in the form of a query.
func tagsOf(text string) ([]s3.Tag, error) {
	var tags []s3.Tag
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err != nil || err2 != nil {
			return nil, s3.InvalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags = append(tags, s3.Tag{Key: name, Value: value})
	}
	return tags, nil
}

// checkACL refuses access control lists but those that say what is so already: the owner of
// a bucket owns its objects, and policies alone give rights to others.
func (x *exchange) checkACL() error {
	h := x.Request.Header
	switch acl := h.Get("X-Amz-Acl"); acl {
	case "", "private", "bucket-owner-full-control":
	default:
		return noACL()
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Grant-") {
			return noACL()
		}
	}
	return nil
}

func noACL() error {
	return s3.Refuse("AccessControlListNotSupported", http.StatusBadRequest, "The bucket does not allow ACLs")
}

// checkAbsent refuses what an object cannot have here.
func (x *exchange) checkAbsent() error {
	h := x.Request.Header
	switch class := h.Get("X-Amz-Storage-Class"); class {
	case "", "STANDARD":
	default:
		return s3.Refuse("InvalidStorageClass", http.StatusBadRequest, "The storage class you specified is not valid")
	}
	for _, absent := range []struct{ header, what string }{
		{"X-Amz-Server-Side-Encryption", "Server-side encryption is"},
		{"X-Amz-Server-Side-Encryption-Customer-Algorithm", "Server-side encryption is"},
		{"X-Amz-Object-Lock-Mode", "Object lock is"}, {"X-Amz-Object-Lock-Legal-Hold", "Object lock is"},
		{"X-Amz-Website-Redirect-Location", "Redirections of websites are"},
		{"X-Amz-Write-Offset-Bytes", "Appending to objects is"},
	} {
		if h.Get(absent.header) != "" {
			return s3.NotImplemented(absent.what)
		}
	}
	return nil
}

// checkVersion refuses a version of an object but "null", that of a bucket without versions.
func (x *exchange) checkVersion() error {
	switch id := x.form("versionId"); id {
	case "", "null":
		return nil
	default:
		return s3.Refuse("NoSuchVersion", http.StatusNotFound, "The specified version does not exist.")
	}
}

// showChecksum puts the checksum of an object into the answer.
func (x *exchange) showChecksum(c s3.Checksum) {
	if c.Algorithm != "" {
		x.Writer.Header().Set("X-Amz-Checksum-"+c.Algorithm.Lower(), c.Value)
		x.Writer.Header().Set("X-Amz-Checksum-Type", c.Type())
	}
}

func quoted(etag string) string { return `"` + etag + `"` }

func unquoted(etag string) string { return strings.Trim(strings.TrimSpace(etag), `"`) }
