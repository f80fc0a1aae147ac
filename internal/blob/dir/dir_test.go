package dir_test

import (
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
)

func TestStore(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Instance {
		folder := t.TempDir()
		disk := &limited{FS: dir.Machine{}}
		open := func(t *testing.T) blob.Store {
			s, err := dir.Open(folder, dir.Options{FS: disk})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return blobtest.Instance{Store: open(t), Restart: open, Fill: disk.full.Store}
	})
}

// TestMachine runs the suite on the file system as it is.
func TestMachine(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blobtest.Instance {
		folder := t.TempDir()
		open := func(t *testing.T) blob.Store {
			s, err := dir.Open(folder, dir.Options{SyncEvery: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return blobtest.Instance{Store: open(t), Restart: open}
	})
}

// limited is a disk that can be full.
type limited struct {
	dir.FS
	full atomic.Bool
}

func (l *limited) Create(name string) (dir.File, error) {
	if l.full.Load() {
		return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOSPC}
	}
	return l.limit(l.FS.Create(name))
}

func (l *limited) OpenWrite(name string) (dir.File, error) {
	return l.limit(l.FS.OpenWrite(name))
}

func (l *limited) limit(f dir.File, err error) (dir.File, error) {
	if err != nil {
		return nil, err
	}
	return limitedFile{f, l}, nil
}

type limitedFile struct {
	dir.File
	disk *limited
}

// WriteAt writes half of what it is given when the disk is full, as disks do.
func (f limitedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, syscall.ENOSPC
	}
	return f.File.WriteAt(p, off)
}

// BenchmarkPush is the write of a blob of 64 MiB through an upload, synced and
// published, beside BenchmarkBare: read, hash, write, one sync.
func BenchmarkPush(b *testing.B) {
	s, err := dir.Open(b.TempDir(), dir.Options{})
	if err != nil {
		b.Fatal(err)
	}
	content := blobtest.Random(1, 64<<20)
	d := sum(content)
	b.SetBytes(int64(len(content)))
	measure(b, func() {
		u, err := s.Create(b.Context(), "")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := u.ReadFrom(reader(content)); err != nil {
			b.Fatal(err)
		}
		if err := u.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := u.Publish(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), d); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkBare(b *testing.B) {
	folder := b.TempDir()
	content := blobtest.Random(1, 64<<20)
	b.SetBytes(int64(len(content)))
	measure(b, func() {
		f, err := os.Create(folder + "/blob")
		if err != nil {
			b.Fatal(err)
		}
		h := newSum()
		buf := make([]byte, 256<<10)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(h, f)}, reader(content), buf); err != nil {
			b.Fatal(err)
		}
		h.Sum(nil)
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		f.Close()
		os.Remove(folder + "/blob")
	})
}
