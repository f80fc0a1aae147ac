// Package dir keeps blobs as files of a folder.
//
//	blobs/sha256/ab/abcd…   a blob: its bytes and nothing else
//	uploads/<id>            the bytes of an upload
//	uploads/<id>.state      how much of them is synced, and the hashes up to there
//
// A blob gets its name by a rename, after its digest was verified and its bytes were
// synced; so under a name there is never anything else than the bytes of that digest,
// whatever the moment of a crash.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

// Options of a store; the zero value is good.
type Options struct {
	FS FS // the machine's if nil
	// SyncEvery is after how many bytes of one ReadFrom an upload is synced: 64 MiB if
	// zero. A crash costs a client no more than that.
	SyncEvery int64
}

const syncEvery = 64 << 20

// Store keeps blobs in a folder, which no other process may write.
type Store struct {
	fs        FS
	blobs     string
	uploads   string
	syncEvery int64
	claims    blob.Claims
	folders   sync.Map // those of blobs that are known to be there and durable
}

var _ blob.Store = (*Store)(nil)

// Open opens the store in a folder, or makes it.
func Open(folder string, o Options) (*Store, error) {
	s := &Store{fs: o.FS, blobs: filepath.Join(folder, "blobs"), uploads: filepath.Join(folder, "uploads"), syncEvery: o.SyncEvery}
	if s.fs == nil {
		s.fs = Machine{}
	}
	if s.syncEvery == 0 {
		s.syncEvery = syncEvery
	}
	for _, f := range []string{s.uploads, filepath.Join(s.blobs, "sha256"), filepath.Join(s.blobs, "sha512")} {
		if err := s.fs.MkdirAll(f); err != nil {
			return nil, told(err)
		}
	}
	for _, f := range []string{s.blobs, folder, filepath.Dir(folder)} {
		if err := s.fs.SyncFolder(f); err != nil {
			return nil, told(err)
		}
	}
	return s, nil
}

// path is where a blob lies.
func (s *Store) path(d blob.Digest) (string, error) {
	if err := blob.Check(d); err != nil {
		return "", err
	}
	return filepath.Join(s.blobs, d.Algorithm().String(), d.Encoded()[:2], d.Encoded()), nil
}

// Stat returns what is known of a blob.
func (s *Store) Stat(_ context.Context, d blob.Digest) (blob.Info, error) {
	name, err := s.path(d)
	if err != nil {
		return blob.Info{}, err
	}
	info, err := s.fs.Stat(name)
	if err != nil {
		return blob.Info{}, told(err)
	}
	return blob.Info{Digest: d, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Open reads a part of a blob.
func (s *Store) Open(_ context.Context, d blob.Digest, offset, length int64) (io.ReadCloser, error) {
	name, err := s.path(d)
	if err != nil {
		return nil, err
	}
	f, err := s.fs.Open(name)
	if err != nil {
		return nil, told(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	size := info.Size()
	if offset < 0 || offset > size {
		return nil, errors.Join(fmt.Errorf("blob: offset %d of %d bytes", offset, size), f.Close())
	}
	if length < 0 || length > size-offset {
		length = size - offset
	}
	if seeker, ok := f.(io.Seeker); ok {
		if _, err := seeker.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return &part{LimitedReader: io.LimitedReader{R: f, N: length}, file: f}, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(f, offset, length), f}, nil
}

// part is a part of a file.
type part struct {
	io.LimitedReader
	file File
}

// WriteTo hands the file itself to a writer that knows how to send one: a network
// connection lets the kernel copy it.
func (p *part) WriteTo(w io.Writer) (int64, error) {
	want := p.N
	n, err := io.Copy(w, &p.LimitedReader)
	if err == nil && n < want {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (p *part) Close() error { return p.file.Close() }

// Delete deletes a blob.
func (s *Store) Delete(_ context.Context, d blob.Digest) error {
	name, err := s.path(d)
	if err != nil {
		return err
	}
	// No sync: a blob that comes back after a crash is unused again.
	if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return told(err)
	}
	return nil
}

// List yields the blobs.
func (s *Store) List(ctx context.Context) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
			top := filepath.Join(s.blobs, a.String())
			folders, err := s.fs.List(top)
			if err != nil {
				yield(blob.Info{}, told(err))
				return
			}
			for _, folder := range folders {
				names, err := s.fs.List(filepath.Join(top, folder))
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(blob.Info{}, told(err))
					return
				}
				for _, name := range names {
					info, err := s.Stat(ctx, digest.NewDigestFromEncoded(a, name))
					if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrUnsupported) {
						continue // it is gone, or no file of ours
					}
					if !yield(info, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// told puts an error of the file system into the store's words.
func told(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", blob.ErrNotFound, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", blob.ErrFull, err)
	}
	return err
}
