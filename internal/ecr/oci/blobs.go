package oci

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// digestRef returns the digest in the path.
func (x *exchange) digestRef() (blob.Digest, error) {
	d := blob.Digest(x.ref)
	if err := blob.Check(d); err != nil {
		return "", digestInvalid("%q is no digest of sha256 or sha512", x.ref)
	}
	return d, nil
}

// describeBlob sets the headers that HEAD and GET of a blob have in common.
func (x *exchange) describeBlob(d blob.Digest) {
	head := x.w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Docker-Content-Digest", string(d))
	head.Set("ETag", `"`+string(d)+`"`)
	head.Set("Accept-Ranges", "bytes")
	head.Set("Cache-Control", "private, max-age=31536000, immutable")
}

// headBlob answers whether the repository has a blob. Who is told so may go on to push a
// manifest with it, so it is leased.
func (x *exchange) headBlob() error {
	d, err := x.digestRef()
	if err != nil {
		return err
	}
	size, coming, err := x.h.images.BlobSize(x.ctx, x.repository, d)
	if err == nil && !coming {
		size, err = x.h.images.Layer(x.ctx, x.repository, d)
	}
	if err != nil {
		return err
	}
	x.describeBlob(d)
	x.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	x.w.WriteHeader(http.StatusOK)
	return nil
}

// getBlob answers a blob, or a range of it.
func (x *exchange) getBlob() error {
	d, err := x.digestRef()
	if err != nil {
		return err
	}
	size, coming, err := x.h.images.BlobSize(x.ctx, x.repository, d)
	if err != nil {
		return err
	}
	x.describeBlob(d)
	head := x.w.Header()
	if matches(x.r.Header.Get("If-None-Match"), head.Get("ETag")) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	status, span := http.StatusOK, byteRange{0, size}
	if asked := x.r.Header.Get("Range"); asked != "" && x.rangeHolds() {
		got, ok, satisfiable := parseRange(asked, size)
		switch {
		case !satisfiable:
			e := errorf(http.StatusRequestedRangeNotSatisfiable, "SIZE_INVALID", "the blob has %d bytes", size)
			e.Header = map[string]string{"Content-Range": "bytes */" + strconv.FormatInt(size, 10)}
			return e
		case ok:
			status, span = http.StatusPartialContent, got
			head.Set("Content-Range", span.contentRange(size))
		}
	}
	var r io.ReadCloser
	if coming {
		r, err = x.h.images.OpenWanted(x.ctx, x.repository, d, span.start, span.length)
	} else {
		r, err = x.h.images.OpenLayer(x.ctx, d, span.start, span.length)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	head.Set("Content-Length", strconv.FormatInt(span.length, 10))
	x.w.WriteHeader(status)
	// After an error the client has fewer bytes than it was promised, and knows it.
	if coming {
		return x.w.follow(r, span.length)
	}
	return x.w.send(r, span.length)
}

// rangeHolds tells whether a Range is to be looked at: not if it was meant for another blob.
func (x *exchange) rangeHolds() bool {
	condition := x.r.Header.Get("If-Range")
	return condition == "" || condition == x.w.Header().Get("ETag")
}

// matches tells whether an If-None-Match names an entity tag.
func matches(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// deleteBlob takes a blob away from the repository, and from no other.
func (x *exchange) deleteBlob() error {
	d, err := x.digestRef()
	if err != nil {
		return err
	}
	if err := x.h.images.DeleteLayer(x.ctx, x.repository, d); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}
