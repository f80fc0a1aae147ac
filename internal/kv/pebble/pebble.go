// Package pebble is the kv engine that keeps a store in a folder, on Pebble: a
// log-structured merge tree in the manner of LevelDB and RocksDB.
package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Options are the settings of an engine. The zero value serves.
type Options struct {
	// FS is the file system; the machine's own if nil.
	FS vfs.FS
	// CacheBytes bounds the cache of uncompressed blocks: 128 MiB if zero.
	CacheBytes int64
	// MemTableBytes is the size of the table that takes writes before they are
	// sorted into files, of which there can be three: 32 MiB if zero. The first is
	// small and they grow, so an idle store takes next to nothing.
	MemTableBytes uint64
	// Reserve is the room on the disk below which writes are refused with
	// kv.ErrFull: 64 MiB if zero, nothing if negative. As much again is kept in a
	// file that is given up if the disk fills nevertheless, so that what is
	// accepted can be finished.
	Reserve int64
	// Logger takes Pebble's messages; slog.Default() if nil.
	Logger *slog.Logger
}

// Engine is a kv.Engine on a Pebble database.
//
// A failure to write the log stops the engine: Apply returns errors from then on,
// and what it has published can still be read. A failure that Pebble meets in the
// background and cannot survive (a manifest that cannot be written) ends the
// process, which a restart recovers.
type Engine struct {
	db     *pebble.DB
	cache  *pebble.Cache
	lock   *pebble.Lock
	room   *room
	batch  *pebble.Batch // of Apply, used again and again
	broken atomic.Pointer[error]
	closed atomic.Bool
}

const (
	// maxMemTables is how many there can be before writes wait.
	maxMemTables = 3
	// blockSize holds four items of 1 KB: less would cost more of index and
	// compression, more would be read and unpacked for one item.
	blockSize = 4 << 10
	// keptBatch is the size up to which the memory of a batch is used again.
	keptBatch = 4 << 20
)

// Open opens the engine in dir, which is made if it is not there. One process can
// have it open at a time.
func Open(dir string, opts Options) (*Engine, error) {
	if opts.FS == nil {
		opts.FS = vfs.Default
	}
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 128 << 20
	}
	if opts.MemTableBytes == 0 {
		opts.MemTableBytes = 32 << 20
	}
	if opts.Reserve == 0 {
		opts.Reserve = 64 << 20
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	log := logger{opts.Logger.With("component", "pebble")}
	if err := makeFolder(opts.FS, dir); err != nil {
		return nil, fmt.Errorf("pebble: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, opts.FS)
	if err != nil {
		return nil, fmt.Errorf("pebble: the folder %s is in use by another process: %w", dir, err)
	}
	e := &Engine{
		cache: pebble.NewCache(opts.CacheBytes),
		lock:  lock,
		room:  &room{fs: opts.FS, dir: dir, path: filepath.Join(dir, "ballast"), reserve: opts.Reserve, log: opts.Logger},
	}
	settings := &pebble.Options{
		FS:                          guarded{opts.FS, e.room},
		Lock:                        lock,
		Cache:                       e.cache,
		Logger:                      log,
		EventListener:               log.events(),
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                opts.MemTableBytes,
		MemTableStopWritesThreshold: maxMemTables,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                500,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	settings.TargetFileSizes[0] = 4 << 20
	settings.ApplyCompressionSettings(compression)
	for i := range settings.Levels {
		settings.Levels[i].BlockSize = blockSize
		settings.Levels[i].IndexBlockSize = 32 << 10
		settings.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	e.db, err = pebble.Open(dir, settings)
	if err != nil {
		e.cache.Unref()
		lock.Close()
		return nil, fmt.Errorf("pebble: open %s: %w", dir, err)
	}
	e.room.refill()
	return e, nil
}

// makeFolder makes dir and what it is in, durably: a folder is there after a loss of
// power if the one that holds it was synced.
func makeFolder(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil {
		return nil
	}
	parent := fs.PathDir(dir)
	if parent == dir {
		return nil
	}
	if err := makeFolder(fs, parent); err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := fs.OpenDir(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// compression packs only what stays: the upper levels are soon written again.
func compression() pebble.DBCompressionSettings {
	s := pebble.DBCompressionFastest
	copy(s.Levels[:5], pebble.DBCompressionNone.Levels[:5])
	return s
}

// Apply writes ops as one batch and waits until the disk has it.
func (e *Engine) Apply(ops []kv.Op) (err error) {
	if broken := e.broken.Load(); broken != nil {
		return *broken
	}
	if err := e.room.admit(ops); err != nil {
		return err
	}
	if e.batch == nil {
		e.batch = e.db.NewBatch()
	}
	for _, op := range ops {
		switch {
		case op.Kind == kv.OpPut:
			err = e.batch.Set(op.Key, op.Val, nil)
		case op.Kind == kv.OpDelete:
			err = e.batch.Delete(op.Key, nil)
		case op.Val != nil:
			err = e.batch.DeleteRange(op.Key, op.Val, nil)
		default:
			err = e.batch.DeleteRange(op.Key, endOfKeys, nil)
		}
		if err != nil {
			return fmt.Errorf("pebble: %w", err)
		}
	}
	if err := e.commit(); err != nil {
		e.broken.Store(&err)
		return err
	}
	if e.batch.Len() > keptBatch {
		e.batch.Close()
		e.batch = nil
		return nil
	}
	e.batch.Reset()
	return nil
}

// endOfKeys is above every key that a store takes.
var endOfKeys = bytes.Repeat([]byte{0xFF}, kv.MaxKey+1)

// commit applies the batch. Pebble panics, or asks its logger to, when its log
// cannot be written; that must stop writing but not reading.
func (e *Engine) commit() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pebble: the log cannot be written: %v", r)
		}
	}()
	return e.db.Apply(e.batch, pebble.Sync)
}

// Snapshot returns a view of all that is applied.
func (e *Engine) Snapshot() (kv.Snapshot, error) {
	return &snapshot{e.db.NewSnapshot()}, nil
}

// Checkpoint copies the engine's present state to the folder dir, which must not
// exist: by hard links where the file system allows. The copy can be opened.
func (e *Engine) Checkpoint(dir string) error {
	return e.db.Checkpoint(dir, pebble.WithFlushedWAL())
}

// Close closes the database; again is as good as once. One that is broken is left as it is: its locks may be
// held for ever, and what is durable is in its files.
func (e *Engine) Close() error {
	if e.closed.Swap(true) || e.broken.Load() != nil {
		return nil
	}
	if e.batch != nil {
		e.batch.Close()
	}
	err := e.db.Close()
	e.cache.Unref()
	return errors.Join(err, e.lock.Close())
}
