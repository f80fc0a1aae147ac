package pebble_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
)

// TestMemory writes a million items of 1 KB and reads some, in bounded memory. It
// takes half a minute and runs with MODELWHARF_SOAK=1 alone.
func TestMemory(t *testing.T) {
	if !soak() {
		t.Skip("set MODELWHARF_SOAK=1 to run it")
	}
	before := resident(t)
	engine, err := pebble.Open(t.TempDir(), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	idle := resident(t)
	const items = 1_000_000
	val := benchValue()
	for i := 0; i < items; {
		_, err := db.Update(t.Context(), func(tx kv.Txn) error {
			for range 25 {
				tx.Put(benchKey(i), val)
				i++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range items / 4 {
		err := db.View(t.Context(), func(r kv.Reader) error {
			val, err := r.Get(t.Context(), benchKey(rand.IntN(items)))
			if len(val) != 1024 {
				t.Errorf("an item of %d bytes", len(val))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	full := resident(t)
	t.Logf("resident: %d MiB before, %d MiB idle, %d MiB with a million items", before>>20, idle>>20, full>>20)
	if full > 512<<20 {
		t.Error("more than 512 MiB")
	}
}

// resident returns the resident memory of the process in bytes.
func resident(t *testing.T) (n int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscanf(rest, "%d kB", &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}
