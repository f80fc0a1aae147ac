// Package s3 keeps blobs in a bucket of any store that speaks S3.
//
//	blobs/sha256/abcd…/<size>-<id>  says that there is a blob, and where its bytes are; empty
//	data/<id>                       the bytes of a blob, or of an upload that is being published
//	uploads/<id>                    how far an upload is, and the bytes that make no part yet
//
// Bytes are sent as they come, as parts of data/<id>; a blob comes to be by the empty object
// that names it, since S3 cannot rename. So to publish costs the same whatever the size. The
// store must list what was written before (AWS, and the others in use, do).
package s3

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// Options of a store. Client and Bucket are required.
type Options struct {
	Client *s3.Client
	Bucket string
	Prefix string // of all keys, "images/"
	// PartSize is how many bytes of an upload are sent at once, and kept in memory until
	// then: 8 MiB if zero. S3 takes 10,000 parts of 5 MiB or more.
	PartSize int
	// Timeout is how long one request to S3 may take, with all its tries, but for reading
	// a blob: 2 minutes if zero.
	Timeout time.Duration
}

const (
	partSize = 8 << 20
	timeout  = 2 * time.Minute
)

// Store keeps blobs in a bucket.
type Store struct {
	client   *s3.Client
	bucket   *string
	prefix   string
	partSize int
	timeout  time.Duration
	claims   blob.Claims
}

var _ blob.Store = (*Store)(nil)

// Open opens the store in a bucket, which must be there, and where objects can be written,
// listed and deleted: that is tried. Its errors say what failed and how.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{
		client: o.Client, bucket: &o.Bucket, prefix: o.Prefix,
		partSize: cmp.Or(o.PartSize, partSize), timeout: cmp.Or(o.Timeout, timeout),
	}
	tried, cancel := s.bounded(ctx)
	defer cancel()
	if _, err := s.client.HeadBucket(tried, &s3.HeadBucketInput{Bucket: s.bucket}); err != nil {
		return nil, fmt.Errorf("bucket %s cannot be reached: %w", o.Bucket, err)
	}
	probe := "probe/" + strings.ToLower(rand.Text())
	if err := s.put(ctx, probe, nil); err != nil {
		return nil, fmt.Errorf("bucket %s cannot be written: %w", o.Bucket, err)
	}
	listed := false
	for _, err := range s.list(ctx, probe) {
		if err != nil {
			return nil, fmt.Errorf("bucket %s cannot be listed: %w", o.Bucket, err)
		}
		listed = true
	}
	if !listed {
		return nil, fmt.Errorf("bucket %s does not list what was just written, which its use needs", o.Bucket)
	}
	if err := s.remove(ctx, probe); err != nil {
		return nil, fmt.Errorf("objects of bucket %s cannot be deleted: %w", o.Bucket, err)
	}
	return s, nil
}

// bounded bounds the time of a request.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

func (s *Store) key(name string) *string { return new(s.prefix + name) }

// place is where the bytes of a blob are.
type place struct {
	blob.Info
	id string
}

// placeOf reads the key of the object that names a blob.
func (s *Store) placeOf(o types.Object) (p place, ok bool) {
	rest, _ := strings.CutPrefix(aws.ToString(o.Key), s.prefix+"blobs/")
	part := strings.Split(rest, "/")
	if len(part) != 3 {
		return p, false
	}
	size, id, ok := strings.Cut(part[2], "-")
	n, err := strconv.ParseInt(size, 10, 64)
	p = place{blob.Info{Digest: digest.NewDigestFromEncoded(digest.Algorithm(part[0]), part[1]), Size: n, Modified: aws.ToTime(o.LastModified)}, id}
	return p, ok && err == nil && blob.Check(p.Digest) == nil
}

func blobsOf(d blob.Digest) string {
	return "blobs/" + d.Algorithm().String() + "/" + d.Encoded() + "/"
}

func nameOf(d blob.Digest, size int64, id string) string {
	return blobsOf(d) + strconv.FormatInt(size, 10) + "-" + id
}

// places yields what names blobs under a prefix. Two who publish the same at once both
// leave a name and the bytes; they go together.
func (s *Store) places(ctx context.Context, prefix string) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for o, err := range s.list(ctx, prefix) {
			if err != nil {
				yield(place{}, err)
				return
			}
			if p, ok := s.placeOf(o); ok && !yield(p, nil) {
				return
			}
		}
	}
}

func (s *Store) list(ctx context.Context, prefix string) iter.Seq2[types.Object, error] {
	return func(yield func(types.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: s.key(prefix)})
		for pages.HasMorePages() {
			page, err := s.nextPage(ctx, pages)
			if err != nil {
				yield(types.Object{}, told(err))
				return
			}
			for _, o := range page.Contents {
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) nextPage(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return pages.NextPage(ctx)
}

func (s *Store) find(ctx context.Context, d blob.Digest) (place, error) {
	if err := blob.Check(d); err != nil {
		return place{}, err
	}
	for p, err := range s.places(ctx, blobsOf(d)) {
		return p, err
	}
	return place{}, blob.ErrNotFound
}

// Stat returns what is known of a blob.
func (s *Store) Stat(ctx context.Context, d blob.Digest) (blob.Info, error) {
	p, err := s.find(ctx, d)
	return p.Info, err
}

// Open reads a part of a blob.
func (s *Store) Open(ctx context.Context, d blob.Digest, offset, length int64) (io.ReadCloser, error) {
	p, err := s.find(ctx, d)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > p.Size {
		return nil, fmt.Errorf("blob: offset %d of %d bytes", offset, p.Size)
	}
	if length < 0 || length > p.Size-offset {
		length = p.Size - offset
	}
	if length == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: s.bucket, Key: s.key("data/" + p.id), Range: new(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)),
	})
	if err != nil {
		return nil, told(err)
	}
	return &whole{out.Body, length}, nil
}

// whole is a body that must not end early.
type whole struct {
	io.ReadCloser
	left int64
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if w.left -= int64(n); err == io.EOF && w.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Delete deletes a blob: first its name, then its bytes.
func (s *Store) Delete(ctx context.Context, d blob.Digest) error {
	if err := blob.Check(d); err != nil {
		return err
	}
	for p, err := range s.places(ctx, blobsOf(d)) {
		if err != nil {
			return err
		}
		if err := s.remove(ctx, nameOf(d, p.Size, p.id)); err != nil {
			return err
		}
		if err := s.remove(ctx, "data/"+p.id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) remove(ctx context.Context, name string) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s.bucket, Key: s.key(name)})
	if err = told(err); errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// List yields the blobs.
func (s *Store) List(ctx context.Context) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		var last blob.Digest
		for p, err := range s.places(ctx, "blobs/") {
			if err == nil && p.Digest == last {
				continue
			}
			last = p.Digest
			if !yield(p.Info, err) || err != nil {
				return
			}
		}
	}
}

// told puts an error of S3 into the store's words.
func told(err error) error {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		switch e.ErrorCode() {
		case "NoSuchKey", "NotFound", "NoSuchUpload":
			return fmt.Errorf("%w: %w", blob.ErrNotFound, err)
		case "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded":
			return fmt.Errorf("%w: %w", blob.ErrFull, err)
		}
	}
	return err
}
