package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

func TestReopen(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	for want := range kv.Stamp(3) {
		engine, err := pebble.Open("data", pebble.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		db, err := kv.Open(engine, kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stamp, err := db.Update(t.Context(), func(tx kv.Txn) error {
			tx.Put([]byte("k"), nil)
			return nil
		})
		if err != nil || stamp != want+1 {
			t.Fatalf("stamp %d, %v; want %d", stamp, err, want+1)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
