package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// upload is an upload that is taken. Its bytes are written at its size, never
// appended: what a crash left behind the last sync is overwritten.
type upload struct {
	store   *Store
	id      string
	data    File
	states  File
	state   *state // of the last sync
	hashes  *blob.Hashes
	size    int64
	touched bool // the data file may be longer than size
	listed  bool // the folder of uploads is synced since the files are there
	over    bool
}

const stateSuffix = ".state"

func (s *Store) uploadPath(id string) string { return filepath.Join(s.uploads, id) }

// Create begins an upload.
func (s *Store) Create(_ context.Context, label string, algorithms ...digest.Algorithm) (blob.Upload, error) {
	if len(label) > blob.MaxLabel {
		return nil, fmt.Errorf("blob: a label of %d bytes", len(label))
	}
	hashes, err := blob.NewHashes(algorithms...)
	if err != nil {
		return nil, err
	}
	u := &upload{store: s, id: blob.NewUploadID(), hashes: hashes, state: &state{Label: label}}
	if err := s.claims.Take(u.id); err != nil {
		return nil, err
	}
	if err := u.create(); err != nil {
		return nil, errors.Join(told(err), u.Cancel(context.Background()))
	}
	return u, nil
}

func (u *upload) create() (err error) {
	name := u.store.uploadPath(u.id)
	if u.data, err = u.store.fs.Create(name); err != nil {
		return err
	}
	if u.states, err = u.store.fs.Create(name + stateSuffix); err != nil {
		return err
	}
	return u.save()
}

// save writes the state of what is synced.
func (u *upload) save() (err error) {
	u.state.Size, u.state.Synced = u.size, time.Now()
	if u.state.Hashes, err = u.hashes.State(); err != nil {
		return err
	}
	return u.state.write(u.states)
}

// Resume takes an upload.
func (s *Store) Resume(_ context.Context, id string) (blob.Upload, error) {
	if !blob.ValidUploadID(id) {
		return nil, blob.ErrNotFound
	}
	if err := s.claims.Take(id); err != nil {
		return nil, err
	}
	u := &upload{store: s, id: id, touched: true}
	if err := u.open(); err != nil {
		return nil, errors.Join(told(err), u.Close())
	}
	return u, nil
}

func (u *upload) open() (err error) {
	name := u.store.uploadPath(u.id)
	if u.states, err = u.store.fs.OpenWrite(name + stateSuffix); err != nil {
		return err
	}
	if u.state, err = readState(u.states); err != nil {
		return err
	}
	if u.data, err = u.store.fs.OpenWrite(name); err != nil {
		return err
	}
	u.size = u.state.Size
	u.hashes, err = blob.RestoreHashes(u.state.Hashes)
	return err
}

// StatUpload returns what is known of an upload.
func (s *Store) StatUpload(_ context.Context, id string) (blob.UploadInfo, error) {
	if !blob.ValidUploadID(id) {
		return blob.UploadInfo{}, blob.ErrNotFound
	}
	f, err := s.fs.Open(s.uploadPath(id) + stateSuffix)
	if err != nil {
		return blob.UploadInfo{}, told(err)
	}
	defer f.Close()
	if _, err := s.fs.Stat(s.uploadPath(id)); err != nil { // it ended, and then the power went
		return blob.UploadInfo{}, told(err)
	}
	st, err := readState(f)
	if err != nil {
		return blob.UploadInfo{}, err
	}
	return blob.UploadInfo{ID: id, Label: st.Label, Size: st.Size, Modified: st.Synced}, nil
}

// CancelUpload removes an upload.
func (s *Store) CancelUpload(ctx context.Context, id string) error {
	if !blob.ValidUploadID(id) {
		return nil
	}
	if err := s.claims.Take(id); err != nil {
		return err
	}
	return (&upload{store: s, id: id}).Cancel(ctx)
}

// Uploads yields the uploads. Files that were left of one by a crash are an upload of
// no size and label.
func (s *Store) Uploads(ctx context.Context) iter.Seq2[blob.UploadInfo, error] {
	return func(yield func(blob.UploadInfo, error) bool) {
		names, err := s.fs.List(s.uploads)
		if err != nil {
			yield(blob.UploadInfo{}, told(err))
			return
		}
		slices.Sort(names) // an upload's bytes come before its state
		last := ""
		for _, name := range names {
			id := strings.TrimSuffix(name, stateSuffix)
			if id == last || !blob.ValidUploadID(id) {
				continue
			}
			last = id
			info, err := s.StatUpload(ctx, id)
			if errors.Is(err, blob.ErrNotFound) {
				file, ferr := s.fs.Stat(filepath.Join(s.uploads, name))
				if ferr != nil {
					continue // it is gone
				}
				info, err = blob.UploadInfo{ID: id, Modified: file.ModTime()}, nil
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

func (u *upload) ID() string    { return u.id }
func (u *upload) Label() string { return u.state.Label }
func (u *upload) Size() int64   { return u.size }

// Digest is the digest of the bytes so far.
func (u *upload) Digest(a digest.Algorithm) (blob.Digest, bool) { return u.hashes.Digest(a) }

const bufferSize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// ReadFrom appends what r has.
func (u *upload) ReadFrom(r io.Reader) (total int64, err error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, rerr := fill(r, buf[:])
		if n > 0 {
			u.touched = true
			if _, err := u.data.WriteAt(buf[:n], u.size); err != nil {
				return total, told(err)
			}
			u.hashes.Write(buf[:n])
			u.size += int64(n)
			total += int64(n)
			if u.size-u.state.Size >= u.store.syncEvery {
				if err := u.Sync(context.Background()); err != nil {
					return total, err
				}
			}
		}
		switch {
		case rerr == io.EOF:
			return total, nil
		case rerr != nil:
			return total, rerr
		}
	}
}

// fill reads until the buffer is full or r ends: small reads make small writes.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// ReadAt reads bytes that were appended, also while more are: who fetches a blob can pass
// it on meanwhile.
func (u *upload) ReadAt(p []byte, offset int64) (int, error) { return u.data.ReadAt(p, offset) }

// Sync makes the bytes durable, then the state that says so.
func (u *upload) Sync(context.Context) error {
	if u.size == u.state.Size && u.listed {
		return nil
	}
	if err := u.data.Sync(); err != nil {
		return told(err)
	}
	if err := u.save(); err != nil {
		return told(err)
	}
	if err := u.states.Sync(); err != nil {
		return told(err)
	}
	if !u.listed {
		if err := u.store.fs.SyncFolder(u.store.uploads); err != nil {
			return told(err)
		}
		u.listed = true
	}
	return nil
}

// Publish verifies the bytes, syncs them, and gives them their name.
func (u *upload) Publish(ctx context.Context, d blob.Digest) error {
	to, err := u.store.path(d)
	if err != nil {
		return err
	}
	have, ok := u.hashes.Digest(d.Algorithm())
	if !ok {
		if have, err = u.hash(d.Algorithm()); err != nil {
			return err
		}
	}
	if have != d {
		return fmt.Errorf("%w: it is %s", blob.ErrDigest, have)
	}
	if _, err := u.store.fs.Stat(to); err == nil {
		// It is there already; whoever put it there may not have synced the folder yet.
		if err := u.store.fs.SyncFolder(filepath.Dir(to)); err != nil {
			return told(err)
		}
		return u.Cancel(ctx)
	}
	if err := u.trim(); err != nil {
		return told(err)
	}
	if u.size != u.state.Size || u.size == 0 {
		if err := u.data.Sync(); err != nil {
			return told(err)
		}
	}
	folder := filepath.Dir(to)
	if _, known := u.store.folders.Load(folder); !known {
		if err := u.store.fs.MkdirAll(folder); err != nil {
			return told(err)
		}
		if err := u.store.fs.SyncFolder(filepath.Dir(folder)); err != nil {
			return told(err)
		}
		u.store.folders.Store(folder, true)
	}
	if err := u.store.fs.Rename(u.store.uploadPath(u.id), to); err != nil {
		return told(err)
	}
	if err := u.store.fs.SyncFolder(folder); err != nil {
		return told(err)
	}
	return u.Cancel(ctx) // which has only the state left to remove
}

// trim cuts off what a crash or a failed write has left behind the upload's end.
func (u *upload) trim() error {
	if !u.touched {
		return nil
	}
	info, err := u.data.Stat()
	if err != nil || info.Size() == u.size {
		return err
	}
	if err := u.data.Truncate(u.size); err != nil {
		return err
	}
	return u.data.Sync()
}

// hash reads the bytes again, for an algorithm that was not foreseen.
func (u *upload) hash(a digest.Algorithm) (blob.Digest, error) {
	h, err := blob.NewHashes(a)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(h, io.NewSectionReader(u.data, 0, u.size)); err != nil {
		return "", err
	}
	d, _ := h.Digest(a)
	return d, nil
}

// Cancel removes the upload.
func (u *upload) Cancel(context.Context) error {
	if u.over {
		return nil
	}
	var errs []error
	name := u.store.uploadPath(u.id)
	for _, n := range []string{name, name + stateSuffix} {
		if err := u.store.fs.Remove(n); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, told(err))
		}
	}
	return errors.Join(append(errs, u.Close())...)
}

// Close lets go of the upload.
func (u *upload) Close() error {
	if u.over {
		return nil
	}
	u.over = true
	var errs []error
	for _, f := range []File{u.data, u.states} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	u.store.claims.Release(u.id)
	return errors.Join(errs...)
}
