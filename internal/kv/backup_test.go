package kv_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

// FuzzRestore restores anything. What is accepted must open as a store, and its
// backup must be the same stream; what is refused must not open.
func FuzzRestore(f *testing.F) {
	db, err := kv.Open(mem.New(), kv.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for range 2 {
		var out bytes.Buffer
		if _, err := db.Backup(f.Context(), &out); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
		if _, err := put(f.Context(), db, "a"); err != nil {
			f.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("modelwharf backup 1\n"))
	f.Add([]byte("modelwharf backup 1\n\xFF\xFF\xFF\xFF\x00\x00\x00\x00"))
	f.Add([]byte("modelwharf backup 1\n\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		engine := mem.New()
		_, failed := kv.Restore(t.Context(), engine, bytes.NewReader(stream))
		if failed != nil && !errors.Is(failed, kv.ErrBackup) {
			t.Fatal(failed)
		}
		db, err := kv.Open(engine, kv.Options{})
		if failed != nil || err != nil {
			if !errors.Is(err, kv.ErrFormat) {
				t.Fatalf("restored: %v; opened: %v", failed, err)
			}
			return
		}
		defer db.Close()
		var out bytes.Buffer
		if _, err := db.Backup(t.Context(), &out); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), stream) {
			t.Error("the backup of what was restored is another one")
		}
	})
}
