package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// postUpload begins an upload; mounts a blob, if one is asked for that the caller may pull;
// or takes a whole blob at once.
func (x *exchange) postUpload() error {
	q := x.r.URL.Query()
	if q.Has("mount") {
		mounted, err := x.mount(blob.Digest(q.Get("mount")), q.Get("from"))
		if mounted || err != nil {
			return err
		}
	}
	algorithm := digest.Algorithm(q.Get("digest-algorithm"))
	want := blob.Digest(q.Get("digest"))
	if q.Has("digest") {
		if blob.Check(want) != nil {
			return digestInvalid("%q is no digest of sha256 or sha512", want)
		}
		algorithm = want.Algorithm()
	}
	if algorithm != "" && !blob.Supported(algorithm) {
		return digestInvalid("the digest algorithm %q is not supported: sha256 and sha512 are", algorithm)
	}
	if q.Has("digest") {
		if err := x.authorize("CompleteLayerUpload"); err != nil {
			return err
		}
	}
	u, err := x.h.images.BeginUpload(x.ctx, x.repository, algorithm)
	if err != nil {
		return err
	}
	defer u.Close()
	if !q.Has("digest") {
		return x.accepted(u.ID(), 0)
	}
	if _, err := u.Append(x.ctx, x.r.Body); err != nil {
		if !errors.Is(err, blob.ErrFull) {
			_ = u.Cancel(context.WithoutCancel(x.ctx)) // nobody knows its name
		}
		return bodyError(err)
	}
	if u.Size() == 0 && want != want.Algorithm().FromBytes(nil) {
		return x.accepted(u.ID(), 0) // only the digest came, so the bytes are yet to come
	}
	if err := u.Finish(x.ctx, want); err != nil {
		_ = u.Cancel(context.WithoutCancel(x.ctx))
		return err
	}
	return x.created(want)
}

// authorize asks policy for another operation than the request's own.
func (x *exchange) authorize(operation string) error {
	return x.h.images.Authorize(x.ctx, x.name, x.repository, operation)
}

// mount takes over a blob of another repository. If it cannot be, for whatever reason, the
// client uploads it: "If … not mounted, … MUST return a 202".
func (x *exchange) mount(d blob.Digest, from string) (mounted bool, err error) {
	if blob.Check(d) != nil {
		return false, digestInvalid("%q is no digest of sha256 or sha512", d)
	}
	path, ok := ecr.ParsePath(x.h.imagePath(x.r, from))
	if !ok {
		return false, nil
	}
	name, err := x.h.images.Resolve(x.ctx, path)
	if err != nil {
		return false, nil
	}
	source, err := x.h.images.Find(x.ctx, name)
	if err != nil {
		return false, nil
	}
	if !name.Public {
		if x.h.images.Authorize(x.ctx, name, source, "GetDownloadUrlForLayer") != nil {
			return false, nil
		}
	}
	_, err = x.h.images.Mount(x.ctx, x.repository, source, d)
	switch {
	case isCode(err, "LayersNotFoundException"):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, x.created(d)
}

// accepted answers how far an upload is. The range of none is "0-0", which docker's clients
// expect.
func (x *exchange) accepted(id string, size int64) error {
	x.describeUpload(id, size)
	x.w.Header().Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusAccepted)
	return nil
}

func (x *exchange) describeUpload(id string, size int64) {
	for name, value := range x.uploadHeader(id, size) {
		x.w.Header().Set(name, value)
	}
}

func (x *exchange) uploadHeader(id string, size int64) map[string]string {
	return map[string]string{
		"Location": x.url("/blobs/uploads/" + id), "Docker-Upload-UUID": id,
		"Range": "0-" + strconv.FormatInt(max(0, size-1), 10),
	}
}

// created answers that the repository has a blob.
func (x *exchange) created(d blob.Digest) error {
	head := x.w.Header()
	head.Set("Location", x.url("/blobs/"+string(d)))
	head.Set("Docker-Content-Digest", string(d))
	head.Set("Content-Length", "0")
	x.w.WriteHeader(http.StatusCreated)
	return nil
}

// getUpload answers how far an upload is.
func (x *exchange) getUpload() error {
	size, err := x.h.images.UploadSize(x.ctx, x.repository, x.ref)
	if err != nil {
		return err
	}
	x.describeUpload(x.ref, size)
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// patchUpload appends a chunk, or a stream of unknown length if no Content-Range says what
// it is.
func (x *exchange) patchUpload() error {
	u, err := x.h.images.TakeUpload(x.ctx, x.repository, x.ref)
	if err != nil {
		return err
	}
	defer u.Close()
	if err := x.append(u); err != nil {
		return err
	}
	return x.accepted(u.ID(), u.Size())
}

// append appends the body to an upload, in order: a chunk that leaves a gap or overlaps is
// refused with how far the upload is.
func (x *exchange) append(u *ecr.Upload) error {
	body := io.Reader(x.r.Body)
	if header := x.r.Header.Get("Content-Range"); header != "" {
		start, end, ok := parseContentRange(header)
		if !ok {
			return errorf(http.StatusBadRequest, "SIZE_INVALID", "the Content-Range %q is malformed", header)
		}
		if start != u.Size() {
			e := errorf(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
				"the chunk begins at %d, and the upload has %d bytes", start, u.Size())
			e.Header = x.uploadHeader(u.ID(), u.Size())
			return e
		}
		length := end - start + 1
		if x.r.ContentLength >= 0 && x.r.ContentLength != length {
			return errorf(http.StatusBadRequest, "SIZE_INVALID", "the chunk has %d bytes, and its Content-Range says %d", x.r.ContentLength, length)
		}
		body = io.LimitReader(body, length)
	}
	_, err := u.Append(x.ctx, body)
	return bodyError(err)
}

// bodyError tells a client whose body ended early from a failure of ours.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		e := errorf(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "the body ended early")
		e.Cause = err
		return e
	}
	return err
}

// putUpload ends an upload, maybe with its last chunk.
func (x *exchange) putUpload() error {
	want := blob.Digest(x.r.URL.Query().Get("digest"))
	if blob.Check(want) != nil {
		return digestInvalid("the query must have the digest of the blob, of sha256 or sha512")
	}
	u, err := x.h.images.TakeUpload(x.ctx, x.repository, x.ref)
	if err != nil {
		return err
	}
	defer u.Close()
	if x.r.ContentLength != 0 {
		if err := x.append(u); err != nil {
			return err
		}
	}
	if err := u.Finish(x.ctx, want); err != nil {
		return err
	}
	return x.created(want)
}

// deleteUpload cancels an upload.
func (x *exchange) deleteUpload() error {
	u, err := x.h.images.TakeUpload(x.ctx, x.repository, x.ref)
	if err != nil {
		return err
	}
	if err := u.Cancel(x.ctx); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}
