package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/kvtest"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

// TestEngine runs with a memtable so small that it is flushed all the time, and that
// large values and groups go past it.
func TestEngine(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kvtest.Medium {
		fs := vfs.NewMem()
		return func() (kv.Engine, error) {
			return pebble.Open("data", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Logger: quiet})
		}
	})
}
