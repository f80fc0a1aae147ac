// Package blob keeps bytes by their digest.
//
// Bytes come in through an Upload, which may be left and taken up again, also by
// another process and after a crash, and become visible by Publish, which verifies
// their digest first. What is visible is whole, durable and never changes. blob/dir
// and blob/s3 are such stores, and blob/blobtest is the suite that both run.
//
// A Store counts no references: who deletes a blob must know that nobody needs it.
package blob

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/opencontainers/go-digest"
)

// Digest is the algorithm and the hexadecimal hash of a blob, "sha256:…".
type Digest = digest.Digest

// Errors of a Store; all may be wrapped.
var (
	// ErrNotFound says that there is no such blob, or no such upload.
	ErrNotFound = errors.New("blob: not found")
	// ErrDigest says that the bytes of an upload are not those of the digest. The
	// upload remains as it was.
	ErrDigest = errors.New("blob: the content does not match the digest")
	// ErrUnsupported says that a digest is malformed or of an unknown algorithm.
	ErrUnsupported = errors.New("blob: unsupported digest")
	// ErrBusy says that an upload has a writer.
	ErrBusy = errors.New("blob: the upload is being written")
	// ErrFull says that there is no room. What had been synced of an upload remains.
	ErrFull = errors.New("blob: no space left")
)

// Info is what is known of a blob without reading it.
type Info struct {
	Digest   Digest
	Size     int64     // bytes
	Modified time.Time // when it was last published
}

// UploadInfo is what is known of an upload without taking it.
type UploadInfo struct {
	ID       string
	Label    string
	Size     int64     // bytes that are synced
	Modified time.Time // when bytes were last synced
}

// Store keeps blobs. It is safe for concurrent use.
type Store interface {
	// Stat returns what is known of a blob, or ErrNotFound.
	Stat(ctx context.Context, d Digest) (Info, error)
	// Open reads length bytes of a blob from offset on, to its end if length is
	// negative. A blob that is deleted meanwhile is read to the end, or the read
	// fails; it never ends early without an error.
	Open(ctx context.Context, d Digest, offset, length int64) (io.ReadCloser, error)
	// Delete deletes a blob. One that there is not is no error.
	Delete(ctx context.Context, d Digest) error
	// List yields the blobs, in no order. One that comes or goes meanwhile may be
	// missing.
	List(ctx context.Context) iter.Seq2[Info, error]

	// Create begins an upload and takes it. The label is the caller's and comes
	// back with the upload: up to MaxLabel bytes. The algorithms are those that
	// Publish will be asked for, sha256 if none is given: to publish by another
	// one reads the bytes again.
	Create(ctx context.Context, label string, algorithms ...digest.Algorithm) (Upload, error)
	// Resume takes an upload at the end of what was synced of it. The error is
	// ErrNotFound, or ErrBusy if a writer of this process has it.
	Resume(ctx context.Context, id string) (Upload, error)
	// StatUpload returns what is known of an upload, also of one that is taken.
	StatUpload(ctx context.Context, id string) (UploadInfo, error)
	// CancelUpload removes an upload, also what a crash left of one that cannot be taken
	// up any more. The error is ErrBusy if a writer has it; one that there is not is no
	// error.
	CancelUpload(ctx context.Context, id string) error
	// Uploads yields the uploads, in no order.
	Uploads(ctx context.Context) iter.Seq2[UploadInfo, error]
}

// MaxLabel is how long an upload's label may be, in bytes.
const MaxLabel = 512

// Upload is bytes on their way in. It is for one goroutine. Whoever takes one must
// end it by Publish, Cancel or Close; after that nothing but Close may be called.
type Upload interface {
	ID() string
	Label() string
	// Size is how many bytes the upload has.
	Size() int64
	// Digest is the digest of these bytes, if the algorithm is one of those that the
	// upload was created with.
	Digest(a digest.Algorithm) (Digest, bool)
	// ReadFrom appends what r has and returns how many bytes of it. From time to time it
	// syncs on its own. What was read before an error of r is appended.
	io.ReaderFrom
	// Sync makes durable what was appended, with the state of its hashes: from here
	// an upload is resumed.
	Sync(ctx context.Context) error
	// Publish makes the bytes visible as the blob d, durably, and ends the upload.
	// If there is a blob d already, it remains. The error is ErrDigest if the
	// bytes are others.
	Publish(ctx context.Context, d Digest) error
	// Cancel removes the upload.
	Cancel(ctx context.Context) error
	// Close lets go of the upload. What was not synced may be lost.
	Close() error
}

// Check returns ErrUnsupported unless d is a digest that a Store can keep.
func Check(d Digest) error {
	if d.Validate() != nil || !Supported(d.Algorithm()) {
		return ErrUnsupported
	}
	return nil
}

// Supported tells whether there can be blobs of an algorithm.
func Supported(a digest.Algorithm) bool { return a == digest.SHA256 || a == digest.SHA512 }
