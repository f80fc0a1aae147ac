package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// room keeps the disk from filling while the database needs it: to finish what it
// has accepted it must write its log and its manifest.
//
// Below a reserve of free space it refuses writes. Should another program or a
// compaction take that space too, the write to the log that finds the disk full
// removes the ballast, a file of the reserve's size, and is tried again. A table
// has no such right: the flush or compaction that cannot write it is tried later.
type room struct {
	fs      vfs.FS
	dir     string
	path    string // of the ballast
	reserve int64  // bytes; negative: none
	log     *slog.Logger

	ballast  atomic.Bool // it is there
	refusing bool        // Apply's own
	unseen   int64       // bytes admitted since the last look at the disk
}

// admit says whether there is room for ops.
func (r *room) admit(ops []kv.Op) error {
	if r.reserve < 0 {
		return nil
	}
	size := int64(0)
	for _, op := range ops {
		size += int64(len(op.Key) + len(op.Val))
	}
	r.unseen += size
	if r.unseen < r.reserve/8 && !r.refusing && r.ballast.Load() {
		return nil
	}
	need := r.reserve + 2*size // the log, and the tables that it becomes
	if !r.ballast.Load() {
		need += 2 * r.reserve // what the ballast takes, and as much so as not to waver
	}
	free, known := r.free()
	r.refusing = known && free < need
	if !r.refusing && !r.ballast.Load() {
		r.refusing = errors.Is(r.refill(), syscall.ENOSPC)
	}
	if r.refusing {
		return fmt.Errorf("%w: free space in %s is down to what is kept to finish what was accepted", kv.ErrFull, r.dir)
	}
	r.unseen = 0
	return nil
}

func (r *room) free() (bytes int64, known bool) {
	usage, err := r.fs.GetDiskUsage(r.dir)
	return int64(min(usage.AvailBytes, 1<<62)), err == nil
}

// refill makes the ballast if there is room for it.
func (r *room) refill() error {
	if r.reserve <= 0 {
		return nil
	}
	r.fs.Remove(r.path) // of an earlier run: it may be incomplete
	if free, known := r.free(); known && free < 2*r.reserve {
		return syscall.ENOSPC
	}
	f, err := r.fs.Create(r.path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = errors.Join(f.Preallocate(0, r.reserve), f.Close())
	if err != nil {
		r.fs.Remove(r.path)
		r.log.Warn("pebble: cannot keep room on the disk", "error", err)
	}
	r.ballast.Store(err == nil)
	return err
}

// giveUp removes the ballast.
func (r *room) giveUp() {
	if r.ballast.Swap(false) {
		r.log.Error("pebble: the disk is full; writes are refused until there is room", "folder", r.dir)
		r.fs.Remove(r.path)
	}
}

// insist does what a full disk must not prevent: it gives up the ballast, then
// waits a little for a compaction to fail and leave what it has taken.
func (r *room) insist(do func() error) error {
	err := do()
	for try := 0; try < 40 && errors.Is(err, syscall.ENOSPC); try++ {
		if try > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		r.giveUp()
		err = do()
	}
	return err
}

// guarded is the file system of the database.
type guarded struct {
	vfs.FS
	room *room
}

func (g guarded) Create(name string, category vfs.DiskWriteCategory) (f vfs.File, err error) {
	if isTable(name) {
		return g.FS.Create(name, category)
	}
	err = g.room.insist(func() error {
		f, err = g.FS.Create(name, category)
		return err
	})
	return g.file(f, err)
}

func (g guarded) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(g.FS.ReuseForWrite(from, to, category))
}

func (g guarded) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &guardedFile{f, g.room}, nil
}

// Unwrap lets Pebble find the file system below.
func (g guarded) Unwrap() vfs.FS { return g.FS }

func isTable(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".sst" || ext == ".blob"
}

// guardedFile writes what it must. It does not repeat a sync that fails: the kernel
// may have dropped the pages already, and the second one would succeed without them.
type guardedFile struct {
	vfs.File
	room *room
}

func (f *guardedFile) Write(b []byte) (n int, err error) {
	err = f.room.insist(func() error {
		done, err := f.File.Write(b[n:])
		n += done
		return err
	})
	return n, err
}
