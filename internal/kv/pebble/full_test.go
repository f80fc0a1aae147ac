package pebble_test

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// disk is a file system of limited size. It counts what is written to each file as
// taken, until the file is removed.
type disk struct {
	vfs.FS
	size     atomic.Int64
	unknown  bool        // it does not tell how much is free
	logFails atomic.Bool // the write-ahead log cannot be written

	mu   sync.Mutex
	used map[string]int64
}

func newDisk(size int64) *disk {
	d := &disk{FS: vfs.NewMem(), used: map[string]int64{}}
	d.size.Store(size)
	return d
}

func (d *disk) free() int64 {
	free := d.size.Load()
	for _, n := range d.used {
		free -= n
	}
	return free
}

func (d *disk) take(name string, n int64) error {
	if d.logFails.Load() && strings.HasSuffix(name, ".log") {
		return syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.free() < n {
		return syscall.ENOSPC
	}
	d.used[filepath.Base(name)] += n
	return nil
}

func (d *disk) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	if d.unknown {
		return vfs.DiskUsage{}, vfs.ErrUnsupported
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return vfs.DiskUsage{AvailBytes: uint64(max(d.free(), 0)), TotalBytes: uint64(d.size.Load())}, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return &limited{f, d, name}, err
}

func (d *disk) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(from, to, c)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.used, filepath.Base(from))
	return &limited{f, d, to}, err
}

func (d *disk) Remove(name string) error {
	err := d.FS.Remove(name)
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.used, filepath.Base(name))
	}
	return err
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used[filepath.Base(to)] = d.used[filepath.Base(from)]
	delete(d.used, filepath.Base(from))
	return d.FS.Rename(from, to)
}

type limited struct {
	vfs.File
	disk *disk
	name string
}

func (f *limited) Write(b []byte) (int, error) {
	if err := f.disk.take(f.name, int64(len(b))); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *limited) Preallocate(offset, length int64) error {
	if filepath.Base(f.name) == "ballast" {
		return f.disk.take(f.name, length)
	}
	return nil
}

// quiet drops the engine's messages, which a full disk makes many of.
var quiet = slog.New(slog.DiscardHandler)

func openDisk(t *testing.T, d *disk) *kv.DB {
	t.Helper()
	engine, err := pebble.Open("data", pebble.Options{FS: d, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Reserve: 1 << 20, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// fill writes items from number n on until a write fails, and returns the number
// that failed.
func fill(t *testing.T, db *kv.DB, n uint64) (uint64, error) {
	val := make([]byte, 16<<10)
	for ; ; n++ {
		for i := range val {
			val[i] = byte(rand.Uint32()) // it must not be packed
		}
		_, err := db.Update(t.Context(), func(tx kv.Txn) error {
			tx.Put(tuple.AppendUint(tuple.Of("item"), n), val)
			return nil
		})
		if err != nil {
			return n, err
		}
	}
}

// items counts the items.
func items(t *testing.T, db *kv.DB) (n uint64) {
	t.Helper()
	err := db.View(t.Context(), func(r kv.Reader) error {
		prefix := tuple.Of("item")
		for p, err := range r.Scan(t.Context(), kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			if i, _, err := tuple.Uint(p.Key[len(prefix):]); i != n || err != nil || len(p.Val) != 16<<10 {
				t.Fatalf("item %d has number %d and %d bytes: %v", n, i, len(p.Val), err)
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFullDisk fills a disk, finds an exact error, makes room and goes on.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("many bytes in one goroutine tell the race detector nothing")
	}
	for name, unknown := range map[string]bool{"free space is known": false, "free space is unknown": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDisk(24 << 20)
			d.unknown = unknown
			db := openDisk(t, d)
			next := uint64(0)
			for range 3 {
				failed, err := fill(t, db, next)
				if !errors.Is(err, kv.ErrFull) {
					t.Fatalf("item %d: %v", failed, err)
				}
				if failed == next {
					t.Fatal("nothing can be written though there is room")
				}
				next = failed
				if n := items(t, db); n != next {
					t.Fatalf("%d items of %d", n, next)
				}
				d.size.Add(16 << 20)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openDisk(t, d)
			if n := items(t, db); n != next {
				t.Fatalf("%d items of %d", n, next)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestLogFails breaks the log: the store stops writing and still reads, and what
// was acknowledged is there when it is opened again.
func TestLogFails(t *testing.T) {
	t.Parallel()
	d := newDisk(1 << 40)
	db := openDisk(t, d)
	total := uint64(0)
	for range 100 {
		n, err := write(t.Context(), db, 0, 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		total = n
	}
	d.logFails.Store(true)
	if _, err := write(t.Context(), db, 0, 1<<10); !errors.Is(err, kv.ErrCommitUnknown) {
		t.Fatal(err)
	}
	if _, err := write(t.Context(), db, 0, 1<<10); !errors.Is(err, kv.ErrStopped) {
		t.Fatal(err)
	}
	verify(t, db, []uint64{total})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSecondProcess opens a folder that is in use.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	engine, err := pebble.Open(dir, pebble.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pebble.Open(dir, pebble.Options{Logger: quiet}); err == nil || !strings.Contains(err.Error(), "is in use by another process") {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Fatal(err)
	}
	if engine, err = pebble.Open(dir, pebble.Options{Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	engine.Close()
}

// TestCheckpoint opens a copy that was made under a running store.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	engine, err := pebble.Open(filepath.Join(dir, "data"), pebble.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 10 {
		if _, err := write(t.Context(), db, 0, 1<<10); err != nil {
			t.Fatal(err)
		}
	}
	if err := engine.Checkpoint(filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	if m := engine.Metrics(); m.DiskBytes == 0 || m.LogBytes == 0 {
		t.Errorf("%+v", m)
	}
	copied, err := pebble.Open(filepath.Join(dir, "copy"), pebble.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	copyDB, err := kv.Open(copied, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer copyDB.Close()
	verify(t, copyDB, []uint64{10})
}
