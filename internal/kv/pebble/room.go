package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// room keeps the disk from filling while the database needs it: to finish what it
// has accepted it must write its log, its tables and its manifest.
//
// Below a reserve of free space it refuses writes. Should another program take
// that space too, the write that finds the disk full removes the ballast, a file
// of the reserve's size, and is tried again.
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

// lookEvery is how many bytes are admitted between two looks at the disk.
const lookEvery = 1 << 20

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
	if r.unseen < lookEvery && !r.refusing && r.ballast.Load() {
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

// full gives up the ballast. The write that brought it here is then tried again.
func (r *room) full() {
	r.log.Error("pebble: the disk is full; writes are refused until there is room", "folder", r.dir)
	if r.ballast.Swap(false) {
		r.fs.Remove(r.path)
	}
}
