package pebble_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The crash tests run writers until the store is torn away under them. Commit n of
// a writer writes n to two keys far from each other and one log record, so that a
// lost or torn commit shows.

func leftKey(writer int) []byte  { return tuple.AppendUint(tuple.Of("left"), uint64(writer)) }
func rightKey(writer int) []byte { return tuple.AppendUint(tuple.Of("right"), uint64(writer)) }
func logKey(writer int) []byte   { return tuple.AppendUint(tuple.Of("log"), uint64(writer)) }

// write commits the next number of a writer, from what is stored.
func write(ctx context.Context, db *kv.DB, writer, size int) (n uint64, err error) {
	_, err = db.Update(ctx, func(tx kv.Txn) error {
		val, err := tx.Get(ctx, leftKey(writer))
		if err != nil {
			return err
		}
		if n = 1; val != nil {
			n = binary.BigEndian.Uint64(val) + 1
		}
		val = binary.BigEndian.AppendUint64(make([]byte, 0, 8+size), n)
		val = val[:8+rand.IntN(size)]
		tx.Put(leftKey(writer), val)
		tx.PutStamped(logKey(writer), nil, val[:8])
		tx.Put(rightKey(writer), val)
		return nil
	})
	return n, err
}

// verify fails unless the store holds whole commits, and at least those up to
// atLeast of each writer.
func verify(t *testing.T, db *kv.DB, atLeast []uint64) {
	t.Helper()
	err := db.View(t.Context(), func(r kv.Reader) error {
		for writer, want := range atLeast {
			left, err := r.Get(t.Context(), leftKey(writer))
			if err != nil {
				return err
			}
			right, err := r.Get(t.Context(), rightKey(writer))
			if err != nil {
				return err
			}
			if string(left) != string(right) {
				t.Errorf("writer %d: a commit is torn", writer)
			}
			have := uint64(0)
			if left != nil {
				have = binary.BigEndian.Uint64(left)
			}
			if have < want {
				t.Errorf("writer %d: commit %d of %d acknowledged is lost", writer, have+1, want)
			}
			n := uint64(0)
			for p, err := range r.Scan(t.Context(), kv.Range{From: logKey(writer), To: tuple.Below(logKey(writer))}) {
				if err != nil {
					return err
				}
				if n++; binary.BigEndian.Uint64(p.Val) != n {
					t.Fatalf("writer %d: log record %d holds %d", writer, n, binary.BigEndian.Uint64(p.Val))
				}
				if stamp := kv.Stamp(binary.BigEndian.Uint64(p.Key[len(p.Key)-8:])); stamp > r.Stamp() {
					t.Errorf("a record of commit %d, and the store is at %d", stamp, r.Stamp())
				}
			}
			if n != have {
				t.Errorf("writer %d: %d log records of %d", writer, n, have)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func soak() bool { return os.Getenv("MODELWHARF_SOAK") != "" }

// TestPowerLoss takes the power away at random moments: what was not synced stays
// in part, or not at all. MODELWHARF_SOAK=1 makes it long.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	const writers = 8
	rounds := 12
	if soak() {
		rounds = 400
	}
	rng := rand.New(rand.NewPCG(1, uint64(rounds)))
	fs := vfs.NewCrashableMem()
	for range rounds {
		engine, err := pebble.Open("new/data/store", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		db, err := kv.Open(engine, kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var acknowledged, read [writers]atomic.Uint64
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var total atomic.Int64
		enough := make(chan struct{})
		until := 1 + rng.Int64N(600)
		for writer := range writers {
			wg.Go(func() {
				for ctx.Err() == nil {
					n, err := write(ctx, db, writer, 4<<10)
					if err != nil {
						return
					}
					acknowledged[writer].Store(n)
					if total.Add(1) == until {
						close(enough)
					}
				}
			})
		}
		wg.Go(func() { // what a reader has seen must not be taken back either
			for ctx.Err() == nil {
				db.View(ctx, func(r kv.Reader) error {
					for writer := range writers {
						if val, _ := r.Get(ctx, rightKey(writer)); val != nil {
							read[writer].Store(binary.BigEndian.Uint64(val))
						}
					}
					return nil
				})
			}
		})
		<-enough
		want := make([]uint64, writers)
		for i := range want {
			want[i] = max(acknowledged[i].Load(), read[i].Load())
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: rng.IntN(101),
			RNG:                 rand.New(rand.NewPCG(rng.Uint64(), 0)),
		})
		stop()
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		fs = crashed
		if engine, err = pebble.Open("new/data/store", pebble.Options{FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10, Logger: quiet}); err != nil {
			t.Fatal(err)
		}
		if db, err = kv.Open(engine, kv.Options{}); err != nil {
			t.Fatal(err)
		}
		verify(t, db, want)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKill kills a process with 64 writers, again and again on the same folder.
// MODELWHARF_SOAK=1 does it 200 times.
func TestKill(t *testing.T) {
	const writers = 64
	if dir := os.Getenv("KILL_TEST_FOLDER"); dir != "" {
		writeUntilKilled(t, dir, writers)
		return
	}
	t.Parallel()
	rounds := 3
	if soak() {
		rounds = 200
	}
	dir := t.TempDir()
	acknowledged := make([]uint64, writers)
	for round := range rounds {
		child := exec.Command(os.Args[0], "-test.run=^TestKill$")
		child.Env = append(os.Environ(), "KILL_TEST_FOLDER="+dir)
		reports, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		until, seen := 1+rand.IntN(4000), 0
		for {
			var report [16]byte
			if _, err := io.ReadFull(reports, report[:]); err != nil {
				break // all that it had reported when it died is read
			}
			writer := binary.BigEndian.Uint64(report[:])
			acknowledged[writer] = max(acknowledged[writer], binary.BigEndian.Uint64(report[8:]))
			if seen++; seen == until {
				child.Process.Kill()
			}
		}
		child.Wait()
		if seen < until {
			t.Fatalf("round %d: the writers ended by themselves after %d commits", round, seen)
		}
		engine, err := pebble.Open(dir, pebble.Options{})
		if err != nil {
			t.Fatal(err)
		}
		db, err := kv.Open(engine, kv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, db, acknowledged)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("in round %d, after %d commits", round, seen)
		}
	}
}

// writeUntilKilled is the child. It reports each acknowledged commit in 16 bytes,
// which a pipe takes as a whole.
func writeUntilKilled(t *testing.T, dir string, writers int) {
	engine, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for {
				n, err := write(t.Context(), db, writer, 1<<10)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				report := binary.BigEndian.AppendUint64(nil, uint64(writer))
				if _, err := os.Stdout.Write(binary.BigEndian.AppendUint64(report, n)); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}
