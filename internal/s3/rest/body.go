package rest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// content is the body of a request as an object's bytes, with what the request says of them.
func (x *exchange) content() (s3.Content, error) {
	c := s3.Content{Body: x.Body, Length: x.ContentLength}
	h := x.Request.Header
	if strings.HasPrefix(h.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		c.Length = -1
		if text := h.Get("X-Amz-Decoded-Content-Length"); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return c, s3.InvalidArgument("X-Amz-Decoded-Content-Length must be a number of bytes.")
			}
			c.Length = n
		}
	}
	if c.Length < 0 {
		return c, s3.Refuse("MissingContentLength", http.StatusLengthRequired, "You must provide the Content-Length HTTP header.")
	}
	var err error
	if c.MD5, err = contentMD5(h); err != nil {
		return c, err
	}
	c.Algorithm, c.Expected, err = x.checksum()
	return c, err
}

func contentMD5(h http.Header) ([]byte, error) {
	text := h.Get("Content-Md5")
	if text == "" {
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != md5.Size {
		return nil, s3.Refuse("InvalidDigest", http.StatusBadRequest, "The Content-MD5 you specified is not valid.")
	}
	return b, nil
}

// checksum reads which checksum the body shall have: from a header, or from the trailer that
// follows it.
func (x *exchange) checksum() (a s3.Algorithm, expected func() string, err error) {
	h := x.Request.Header
	for _, one := range s3.Algorithms {
		name := "X-Amz-Checksum-" + one.Lower()
		value := h.Get(name)
		if value == "" {
			continue
		}
		if a != "" {
			return "", nil, s3.InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		a, expected = one, func() string { return value }
	}
	trailer := strings.ToLower(strings.TrimSpace(h.Get("X-Amz-Trailer")))
	if trailer != "" {
		name, ok := strings.CutPrefix(trailer, "x-amz-checksum-")
		one, known := algorithm(name)
		if !ok || !known {
			return "", nil, s3.InvalidRequest("The value specified in the x-amz-trailer header is not supported")
		}
		if a != "" {
			return "", nil, s3.InvalidRequest("Expecting a single x-amz-checksum- header")
		}
		a, expected = one, func() string {
			// A trailer that was announced and did not come is no checksum at all.
			for name, v := range x.trailer() {
				if strings.EqualFold(name, trailer) && len(v) > 0 {
					return v[0]
				}
			}
			return "missing"
		}
	}
	if name := h.Get("X-Amz-Sdk-Checksum-Algorithm"); name != "" {
		one, ok := algorithm(name)
		if !ok {
			return "", nil, s3.InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
		if a == "" && expected == nil {
			a = one
		}
	}
	return a, expected, nil
}

func algorithm(name string) (s3.Algorithm, bool) {
	for _, a := range s3.Algorithms {
		if strings.EqualFold(name, string(a)) {
			return a, true
		}
	}
	return "", false
}

// checkDocument compares a document with its MD5 and its checksum, if the request has them.
func (x *exchange) checkDocument(b []byte) error {
	want, err := contentMD5(x.Request.Header)
	if err != nil {
		return err
	}
	if sum := md5.Sum(b); want != nil && !bytes.Equal(want, sum[:]) {
		return s3.Refuse("BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received.")
	}
	a, expected, err := x.checksum()
	if err != nil || expected == nil {
		return err
	}
	return a.Check(b, expected())
}
