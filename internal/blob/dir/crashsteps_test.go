package dir_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
)

// TestPowerLossAtEachStep takes the power away before each single change of the disk that
// an upload makes on its way to a blob, with all, some or nothing kept of what was not
// synced: what was acknowledged until then is there, and what is visible is whole.
func TestPowerLossAtEachStep(t *testing.T) {
	t.Parallel()
	content := blobtest.Random(1, 300_000)
	for _, kept := range []int{0, 50, 100} {
		steps := 0
		for at := 1; ; at++ {
			disk := vfs.NewCrashableMem()
			var after *vfs.MemFS
			passed := 0
			counted := stepped{crashable{disk}, func() {
				if passed++; passed == at {
					after = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(uint64(at), uint64(kept)))})
				}
			}}
			s, err := dir.Open("/data", dir.Options{FS: counted, SyncEvery: 70_000})
			if err != nil {
				t.Fatal(err)
			}
			// What the client knows when the power goes: up to where it was acknowledged.
			var id string
			var synced int64
			var published bool
			u, err := s.Create(t.Context(), "label")
			if err != nil {
				t.Fatal(err)
			}
			for from := 0; from < len(content); from += 100_000 {
				if _, err := u.ReadFrom(bytes.NewReader(content[from : from+100_000])); err != nil {
					t.Fatal(err)
				}
				if err := u.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				if after == nil {
					id, synced = u.ID(), u.Size()
				}
			}
			if err := u.Publish(t.Context(), sum(content)); err != nil {
				t.Fatal(err)
			}
			published = after == nil
			if after == nil { // there was no such step: the power goes when all is done
				steps, after = passed, disk.CrashClone(vfs.CrashCloneCfg{})
			}

			s, err = dir.Open("/data", dir.Options{FS: crashable{after}})
			if err != nil {
				t.Fatalf("step %d, %d%% kept: %v", at, kept, err)
			}
			_, err = s.Stat(t.Context(), sum(content))
			there := err == nil
			if there && !bytes.Equal(blobtest.Read(t, s, sum(content)), content) {
				t.Fatalf("step %d, %d%% kept: the blob has other bytes", at, kept)
			}
			if published && !there {
				t.Fatalf("step %d, %d%% kept: the blob is lost", at, kept)
			}
			if synced > 0 && !there {
				u, err := s.Resume(t.Context(), id)
				if err != nil {
					t.Fatalf("step %d, %d%% kept: an upload acknowledged up to %d is lost: %v", at, kept, synced, err)
				}
				if u.Size() < synced {
					t.Fatalf("step %d, %d%% kept: an upload acknowledged up to %d goes on at %d", at, kept, synced, u.Size())
				}
				if _, err := u.ReadFrom(bytes.NewReader(content[u.Size():])); err != nil {
					t.Fatal(err)
				}
				if err := u.Publish(t.Context(), sum(content)); err != nil {
					t.Fatalf("step %d, %d%% kept: %v", at, kept, err)
				}
			}
			// What is left of uploads can be found and removed.
			for info, err := range s.Uploads(t.Context()) {
				if err == nil {
					err = s.CancelUpload(t.Context(), info.ID)
				}
				if err != nil {
					t.Fatalf("step %d, %d%% kept: %v", at, kept, err)
				}
			}
			if left, err := after.List("/data/uploads"); err != nil || len(left) > 0 {
				t.Fatalf("step %d, %d%% kept: %v is left, %v", at, kept, left, err)
			}
			if passed < at {
				break
			}
		}
		if steps < 10 {
			t.Errorf("only %d steps", steps)
		}
	}
}

// stepped is a disk that tells before each of its changes.
type stepped struct {
	crashable
	before func()
}

func (s stepped) file(f dir.File, err error) (dir.File, error) {
	if err != nil {
		return nil, err
	}
	return steppedFile{f, s.before}, nil
}

func (s stepped) Create(name string) (dir.File, error) {
	s.before()
	return s.file(s.crashable.Create(name))
}

func (s stepped) OpenWrite(name string) (dir.File, error) { return s.file(s.crashable.OpenWrite(name)) }

func (s stepped) Rename(from, to string) error {
	s.before()
	return s.crashable.Rename(from, to)
}

func (s stepped) Remove(name string) error {
	s.before()
	return s.crashable.Remove(name)
}

func (s stepped) MkdirAll(name string) error {
	s.before()
	return s.crashable.MkdirAll(name)
}

func (s stepped) SyncFolder(name string) error {
	s.before()
	return s.crashable.SyncFolder(name)
}

type steppedFile struct {
	dir.File
	before func()
}

func (f steppedFile) WriteAt(p []byte, off int64) (int, error) {
	f.before()
	return f.File.WriteAt(p, off)
}

func (f steppedFile) Truncate(size int64) error {
	f.before()
	return f.File.Truncate(size)
}

func (f steppedFile) Sync() error {
	f.before()
	return f.File.Sync()
}
