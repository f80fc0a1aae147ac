package oci

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// maxTags is how many tags a PUT by digest may give; the draft asks for ten at least.
const maxTags = 100

// getManifest answers GET and HEAD of a manifest: the bytes that were pushed.
func (x *exchange) getManifest() error {
	m, err := x.manifest()
	if err != nil {
		return err
	}
	head := x.w.Header()
	etag := `"` + string(m.Digest) + `"`
	head.Set("Docker-Content-Digest", string(m.Digest))
	head.Set("ETag", etag)
	if matches(x.r.Header.Get("If-None-Match"), etag) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head.Set("Content-Type", m.MediaType)
	head.Set("Content-Length", strconv.Itoa(len(m.Bytes)))
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodGet {
		x.h.images.NotePull()
		_, err = x.w.Write(m.Bytes)
	}
	return err
}

func (x *exchange) manifest() (ecr.Manifest, error) {
	if x.pulled != nil {
		return *x.pulled, nil
	}
	return x.h.images.Pull(x.ctx, x.repository, x.ref)
}

// putManifest takes a manifest, by tag or by digest; by digest it may bring tags. Either
// all tags point to it afterwards, or the answer is an error and nothing has changed.
func (x *exchange) putManifest() error {
	p := ecr.Push{}
	if header := x.r.Header.Get("Content-Type"); header != "" {
		mediaType, _, err := mime.ParseMediaType(header)
		if err != nil {
			return errorf(http.StatusBadRequest, "MANIFEST_INVALID", "the Content-Type %q is malformed", header)
		}
		p.MediaType = mediaType
	}
	query := x.r.URL.Query()
	tags := query["tag"]
	if len(tags) > maxTags {
		return errorf(http.StatusRequestURITooLong, "TAG_INVALID", "a push has at most %d tags", maxTags)
	}
	algorithm, byDigest := digest.SHA256, blob.Check(blob.Digest(x.ref)) == nil
	switch {
	case byDigest:
		algorithm, p.Tags = blob.Digest(x.ref).Algorithm(), tags
	case len(tags) > 0:
		return errorf(http.StatusBadRequest, "TAG_INVALID", "tags in the query are for a push by digest")
	default:
		p.Tags = []string{x.ref}
		if a := query.Get("digest-algorithm"); a != "" {
			algorithm = digest.Algorithm(a)
		}
	}
	for _, t := range p.Tags {
		if !byDigest && strings.Contains(t, ":") { // no tag has a colon: a digest is meant
			return digestInvalid("%q is not a digest of sha256 or sha512", t)
		}
		if !ecr.ValidTag(t) {
			return errorf(http.StatusBadRequest, "TAG_INVALID", "%q is not a tag", t)
		}
	}
	if !blob.Supported(algorithm) {
		return digestInvalid("the digest algorithm %q is not supported: sha256 and sha512 are", algorithm)
	}
	var err error
	if p.Bytes, err = x.manifestBody(); err != nil {
		return err
	}
	p.Digest = algorithm.FromBytes(p.Bytes)
	if byDigest && p.Digest != blob.Digest(x.ref) {
		return digestInvalid("the digest of the manifest is %s", p.Digest)
	}
	pushed, err := x.h.images.PutManifest(x.ctx, x.repository, p)
	if isCode(err, "LayersNotFoundException") {
		e := asError(err)
		e.Status, e.Code = http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN"
		return e
	}
	if err != nil {
		return err
	}
	head := x.w.Header()
	head.Set("Location", x.url("/manifests/"+string(p.Digest)))
	head.Set("Docker-Content-Digest", string(p.Digest))
	if pushed.Subject != "" {
		head.Set("OCI-Subject", string(pushed.Subject))
	}
	if byDigest {
		for _, t := range slices.Compact(slices.Sorted(slices.Values(pushed.Tags))) {
			head.Add("OCI-Tag", t)
		}
	}
	head.Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusCreated)
	return nil
}

// manifestBody reads the body, up to what a manifest may have.
func (x *exchange) manifestBody() ([]byte, error) {
	tooLarge := func() error {
		return errorf(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "a manifest has at most %d bytes", ecr.MaxManifest)
	}
	if x.r.ContentLength > ecr.MaxManifest {
		return nil, tooLarge()
	}
	b, err := io.ReadAll(io.LimitReader(x.r.Body, ecr.MaxManifest+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if len(b) > ecr.MaxManifest {
		return nil, tooLarge()
	}
	return b, nil
}

// deleteManifest deletes a manifest with all its tags, or one tag.
func (x *exchange) deleteManifest() error {
	var err error
	if d := blob.Digest(x.ref); blob.Check(d) == nil {
		err = x.h.images.DeleteManifest(x.ctx, x.repository, d, false)
	} else {
		err = x.h.images.DeleteTag(x.ctx, x.repository, x.ref)
	}
	if err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}
