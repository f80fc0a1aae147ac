package codeartifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// SendDocument answers with what render makes of a view. kind tells apart the documents of
// one package, with all that they depend on beside the package, but for the endpoint's URL:
// "simple.json". The answer has an ETag, and a 304 costs one read of the store. render runs
// when the package has changed since the last time, once for all who ask; so does gzip, for
// those who take that.
func (x *Exchange) SendDocument(v *View, kind, contentType string, render func(ctx context.Context) ([]byte, error)) error {
	name := kind + "\x00" + x.base + "\x00" + v.Name.String()
	sum := sha256.Sum256([]byte(name))
	tag := v.Tag() + hex.EncodeToString(sum[:4])
	packed := takesGzip(x.Request.Header.Get("Accept-Encoding"))
	etag, packedETag := `"`+tag+`"`, `"`+tag+`-gzip"`
	h := x.Header()
	h.Add("Vary", "Accept-Encoding")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache")
	}
	// Who has it in either encoding has it.
	for _, known := range []string{etag, packedETag} {
		if noneMatch(x.Request.Header.Get("If-None-Match"), known) {
			h.Set("Etag", known)
			x.s.metrics.documents.WithLabelValues(x.format.Name(), "unchanged").Inc()
			x.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	body, err := x.document(name, tag, render)
	if err != nil {
		return err
	}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	if packed {
		body, err = x.document(name+"\x00gzip", tag, func(context.Context) ([]byte, error) { return pack(body) })
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		etag = packedETag
	}
	h.Set("Etag", etag)
	return x.SendContent(body)
}

// document returns a document that was made already, or has it made: whoever comes first
// does it for all, also when its own client goes.
func (x *Exchange) document(name, tag string, render func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	if body, ok := x.s.rendered.get(name, tag); ok {
		x.s.metrics.documents.WithLabelValues(x.format.Name(), "kept").Inc()
		return body, nil
	}
	x.s.metrics.documents.WithLabelValues(x.format.Name(), "made").Inc()
	made, err, _ := x.s.renders.Do(name+"\x00"+tag, func() (any, error) {
		b, err := render(context.WithoutCancel(x.ctx))
		if err == nil {
			x.s.rendered.put(name, tag, b)
		}
		return b, err
	})
	if err != nil {
		return nil, err
	}
	return made.([]byte), nil
}

func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// takesGzip tells whether an Accept-Encoding names gzip and does not refuse it.
func takesGzip(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		coding, quality, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, weighed := strings.CutPrefix(strings.ReplaceAll(quality, " ", ""), "q=")
			return !weighed || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// noneMatch tells whether an If-None-Match names the tag.
func noneMatch(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == etag || one == "*" {
			return true
		}
	}
	return false
}
