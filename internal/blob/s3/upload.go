package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// state is what is known of an upload up to the last sync. It is stored as a line of
// JSON, which the bytes follow that make no part yet: both by one write.
type state struct {
	Label     string           `json:"l"`
	Size      int64            `json:"n"`
	Hashes    []blob.HashState `json:"h"`
	Synced    time.Time        `json:"t"`
	Multipart string           `json:"u,omitempty"` // the id of the multipart upload, if it is one
	Parts     []string         `json:"p,omitempty"` // the entity tags of those that are sent
	// Publishing is the digest that the upload is about to be published by: from here on
	// its bytes may be a blob's.
	Publishing blob.Digest `json:"d,omitempty"`
}

// upload is an upload that is taken.
type upload struct {
	store  *Store
	id     string
	state  state
	hashes *blob.Hashes
	tail   []byte // what makes no part yet
	size   int64
	over   bool
}

// Create begins an upload.
func (s *Store) Create(ctx context.Context, label string, algorithms ...digest.Algorithm) (blob.Upload, error) {
	if len(label) > blob.MaxLabel {
		return nil, fmt.Errorf("blob: a label of %d bytes", len(label))
	}
	hashes, err := blob.NewHashes(algorithms...)
	if err != nil {
		return nil, err
	}
	u := &upload{store: s, id: blob.NewUploadID(), hashes: hashes, state: state{Label: label}}
	if err := s.claims.Take(u.id); err != nil {
		return nil, err
	}
	if err := u.Sync(ctx); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// Resume takes an upload.
func (s *Store) Resume(ctx context.Context, id string) (blob.Upload, error) {
	if !blob.ValidUploadID(id) {
		return nil, blob.ErrNotFound
	}
	if err := s.claims.Take(id); err != nil {
		return nil, err
	}
	u := &upload{store: s, id: id}
	if err := u.open(ctx); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

func (u *upload) open(ctx context.Context) (err error) {
	if u.state, u.tail, err = u.store.read(ctx, u.id); err != nil {
		return err
	}
	if u.state.Publishing != "" {
		// Whether the parts were put together before the crash is not known.
		return blob.ErrNotFound
	}
	u.size = u.state.Size
	u.hashes, err = blob.RestoreHashes(u.state.Hashes)
	return err
}

// read returns the state of an upload and the bytes after it.
func (s *Store) read(ctx context.Context, id string) (st state, tail []byte, err error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: s.bucket, Key: s.key("uploads/" + id)})
	if err != nil {
		return st, nil, told(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		return st, nil, err
	}
	line, tail, _ := bytes.Cut(b, []byte("\n"))
	return st, tail, json.Unmarshal(line, &st)
}

// StatUpload returns what is known of an upload.
func (s *Store) StatUpload(ctx context.Context, id string) (blob.UploadInfo, error) {
	if !blob.ValidUploadID(id) {
		return blob.UploadInfo{}, blob.ErrNotFound
	}
	st, _, err := s.read(ctx, id)
	return blob.UploadInfo{ID: id, Label: st.Label, Size: st.Size, Modified: st.Synced}, err
}

// Uploads yields the uploads.
func (s *Store) Uploads(ctx context.Context) iter.Seq2[blob.UploadInfo, error] {
	return func(yield func(blob.UploadInfo, error) bool) {
		for o, err := range s.list(ctx, "uploads/") {
			var info blob.UploadInfo
			if err == nil {
				id := strings.TrimPrefix(aws.ToString(o.Key), s.prefix+"uploads/")
				info, err = s.StatUpload(ctx, id)
				if errors.Is(err, blob.ErrNotFound) {
					continue // it is gone
				}
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// CancelUpload removes an upload.
func (s *Store) CancelUpload(ctx context.Context, id string) error {
	if !blob.ValidUploadID(id) {
		return nil
	}
	if err := s.claims.Take(id); err != nil {
		return err
	}
	u := &upload{store: s, id: id}
	defer u.Close()
	var err error
	if u.state, _, err = s.read(ctx, id); err != nil {
		if errors.Is(err, blob.ErrNotFound) {
			return nil
		}
		return err
	}
	return u.Cancel(ctx)
}

func (u *upload) ID() string    { return u.id }
func (u *upload) Label() string { return u.state.Label }
func (u *upload) Size() int64   { return u.size }

// Digest is the digest of the bytes so far.
func (u *upload) Digest(a digest.Algorithm) (blob.Digest, bool) { return u.hashes.Digest(a) }

func (u *upload) data() *string { return u.store.key("data/" + u.id) }

// ReadFrom appends what r has, and sends each part that is full.
func (u *upload) ReadFrom(r io.Reader) (total int64, err error) {
	if cap(u.tail) < u.store.partSize {
		u.tail = append(make([]byte, 0, u.store.partSize), u.tail...)
	}
	for {
		if len(u.tail) == u.store.partSize {
			if err := u.sendPart(context.Background()); err != nil {
				return total, err
			}
		}
		n, err := r.Read(u.tail[len(u.tail):u.store.partSize])
		u.hashes.Write(u.tail[len(u.tail) : len(u.tail)+n])
		u.tail = u.tail[:len(u.tail)+n]
		u.size += int64(n)
		total += int64(n)
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// sendPart sends what there is as the next part. A part that was sent before a crash and
// is not in the state is sent again under its number.
func (u *upload) sendPart(ctx context.Context) error {
	ctx, cancel := u.store.bounded(ctx)
	defer cancel()
	if u.state.Multipart == "" {
		out, err := u.store.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: u.store.bucket, Key: u.data()})
		if err != nil {
			return told(err)
		}
		u.state.Multipart = aws.ToString(out.UploadId)
	}
	out, err := u.store.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: u.store.bucket, Key: u.data(), UploadId: &u.state.Multipart,
		PartNumber: new(int32(len(u.state.Parts) + 1)), Body: bytes.NewReader(u.tail),
	})
	if err != nil {
		return told(err)
	}
	u.state.Parts = append(u.state.Parts, aws.ToString(out.ETag))
	u.tail = u.tail[:0]
	return nil
}

// Sync writes the state.
func (u *upload) Sync(ctx context.Context) (err error) {
	u.state.Size, u.state.Synced = u.size, time.Now()
	if u.state.Hashes, err = u.hashes.State(); err != nil {
		return err
	}
	line, err := json.Marshal(u.state)
	if err != nil {
		return err
	}
	return u.store.put(ctx, "uploads/"+u.id, append(append(line, '\n'), u.tail...))
}

func (s *Store) put(ctx context.Context, name string, b []byte) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: s.bucket, Key: s.key(name), Body: bytes.NewReader(b)})
	return told(err)
}

// Publish verifies the bytes, puts the parts together, and names them.
func (u *upload) Publish(ctx context.Context, d blob.Digest) error {
	if err := blob.Check(d); err != nil {
		return err
	}
	if have, ok := u.hashes.Digest(d.Algorithm()); ok && have != d {
		return fmt.Errorf("%w: it is %s", blob.ErrDigest, have)
	} else if !ok {
		return u.publishUnforeseen(ctx, d)
	}
	_, err := u.store.find(ctx, d)
	if err == nil {
		return u.Cancel(ctx) // it is there already
	}
	if !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	u.state.Publishing = d
	if err := u.Sync(ctx); err != nil {
		return err
	}
	if err := u.complete(ctx); err != nil {
		return err
	}
	if err := u.store.put(ctx, nameOf(d, u.size, u.id), nil); err != nil {
		return err
	}
	return errors.Join(u.store.remove(ctx, "uploads/"+u.id), u.Close())
}

// complete makes an object of the parts, or of the bytes if they are too few for one.
func (u *upload) complete(ctx context.Context) error {
	if u.state.Multipart == "" {
		return u.store.put(ctx, "data/"+u.id, u.tail)
	}
	if len(u.tail) > 0 {
		if err := u.sendPart(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := u.store.bounded(ctx)
	defer cancel()
	parts := make([]types.CompletedPart, len(u.state.Parts))
	for i := range parts {
		parts[i] = types.CompletedPart{ETag: &u.state.Parts[i], PartNumber: new(int32(i + 1))}
	}
	_, err := u.store.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: u.store.bucket, Key: u.data(), UploadId: &u.state.Multipart, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return told(err)
}

// publishUnforeseen publishes by an algorithm whose hash does not run: parts cannot be
// read before they are put together, so they are, read, and sent again as another upload.
// If the digest is wrong the bytes are kept as that upload, under this one's id.
func (u *upload) publishUnforeseen(ctx context.Context, d blob.Digest) error {
	if u.state.Multipart == "" {
		h, err := blob.NewHashes(d.Algorithm())
		if err != nil {
			return err
		}
		_, _ = h.Write(u.tail)
		u.hashes = h
		return u.Publish(ctx, d)
	}
	again := &upload{store: u.store, id: u.id, state: state{Label: u.state.Label}}
	var err error
	if again.hashes, err = blob.NewHashes(digest.SHA256, digest.SHA512); err != nil {
		return err
	}
	if err := u.complete(ctx); err != nil {
		return err
	}
	out, err := u.store.client.GetObject(ctx, &s3.GetObjectInput{Bucket: u.store.bucket, Key: u.data()})
	if err != nil {
		return told(err)
	}
	defer out.Body.Close()
	if _, err := again.ReadFrom(out.Body); err != nil {
		return err
	}
	if err := again.Sync(ctx); err != nil {
		return err
	}
	if err := u.store.remove(ctx, "data/"+u.id); err != nil {
		return err
	}
	*u = *again
	return u.Publish(ctx, d)
}

// Cancel removes the upload, but not the bytes of a blob that it has become.
func (u *upload) Cancel(ctx context.Context) error {
	if u.over {
		return nil
	}
	if d := u.state.Publishing; d != "" {
		for p, err := range u.store.places(ctx, blobsOf(d)) {
			if err != nil {
				return err
			}
			if p.id == u.id {
				return errors.Join(u.store.remove(ctx, "uploads/"+u.id), u.Close())
			}
		}
		if err := u.store.remove(ctx, "data/"+u.id); err != nil {
			return err
		}
	}
	if u.state.Multipart != "" {
		tried, cancel := u.store.bounded(ctx)
		defer cancel()
		_, err := u.store.client.AbortMultipartUpload(tried, &s3.AbortMultipartUploadInput{Bucket: u.store.bucket, Key: u.data(), UploadId: &u.state.Multipart})
		if err = told(err); err != nil && !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	return errors.Join(u.store.remove(ctx, "uploads/"+u.id), u.Close())
}

// Close lets go of the upload.
func (u *upload) Close() error {
	if !u.over {
		u.over = true
		u.store.claims.Release(u.id)
	}
	return nil
}
