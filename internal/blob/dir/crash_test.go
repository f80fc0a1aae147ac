package dir_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/blob/blobtest"
	"github.com/modelwharf/modelwharf/internal/blob/dir"
)

// TestPowerLoss takes the power away at random moments, under writers: what was not
// synced stays in part, or not at all. What was published must be there, whole; what
// was synced of an upload must be there, and go on to the right digest.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	rounds := 60
	if testing.Short() {
		rounds = 10
	}
	if os.Getenv("MODELWHARF_SOAK") != "" {
		rounds = 2000
	}
	disk := vfs.NewCrashableMem()
	published := map[blob.Digest][]byte{}
	open := map[string]*begun{}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(7, uint64(round)))
		s, err := dir.Open("/data/blobs", dir.Options{FS: crashable{disk}, SyncEvery: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		for d, content := range published {
			if !bytes.Equal(blobtest.Read(t, s, d), content) {
				t.Fatalf("round %d: a published blob has other bytes", round)
			}
		}
		for id, b := range open {
			u, err := s.Resume(t.Context(), id)
			if err != nil {
				t.Fatalf("round %d: an upload synced at %d is lost: %v", round, b.synced, err)
			}
			if u.Size() < b.synced || u.Size() > int64(len(b.content)) {
				t.Fatalf("round %d: an upload synced at %d goes on at %d", round, b.synced, u.Size())
			}
			if _, err := u.ReadFrom(bytes.NewReader(b.content[u.Size():])); err != nil {
				t.Fatal(err)
			}
			if err := u.Publish(t.Context(), sum(b.content)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			published[sum(b.content)] = b.content
		}
		clear(open)

		var mu sync.Mutex
		var wg sync.WaitGroup
		var after *vfs.MemFS
		crash := sync.OnceFunc(func() {
			after = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(9, uint64(round)))})
		})
		// acknowledge notes what a client was told, unless the power was gone by then.
		acknowledge := func(note func()) {
			mu.Lock()
			defer mu.Unlock()
			if after == nil {
				note()
			}
		}
		crashAt := rng.IntN(30)
		steps := 0
		for writer := range 3 {
			rng := rand.New(rand.NewPCG(uint64(writer), uint64(round)))
			wg.Go(func() {
				for n := range 4 {
					b := &begun{content: blobtest.Random(uint64(round*100+writer*10+n), rng.IntN(200_000))}
					u, err := s.Create(t.Context(), fmt.Sprint(writer))
					if err != nil {
						t.Error(err)
						return
					}
					for int(u.Size()) < len(b.content) {
						size := int(u.Size())
						end := min(len(b.content), size+1+rng.IntN(100_000))
						if _, err := u.ReadFrom(bytes.NewReader(b.content[size:end])); err != nil {
							t.Error(err)
						}
						if err := u.Sync(t.Context()); err != nil {
							t.Error(err)
						}
						acknowledge(func() { b.synced = u.Size(); open[u.ID()] = b })
						mu.Lock()
						if steps++; steps == crashAt {
							crash()
						}
						mu.Unlock()
					}
					if rng.IntN(3) > 0 {
						acknowledge(func() { delete(open, u.ID()) }) // it may be published or not
						if err := u.Publish(t.Context(), sum(b.content)); err != nil {
							t.Error(err)
						}
						acknowledge(func() { published[sum(b.content)] = b.content })
					}
					if err := u.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		crash()
		disk = after
	}
	if len(published) < rounds {
		t.Errorf("only %d blobs in %d rounds", len(published), rounds)
	}
}

// begun is an upload that a client has begun.
type begun struct {
	content []byte
	synced  int64
}

// crashable is Pebble's file system in memory, which forgets what is not synced.
type crashable struct{ fs *vfs.MemFS }

func (c crashable) open(f vfs.File, name string, err error) (dir.File, error) {
	if err != nil {
		return nil, err
	}
	return &crashableFile{f, c, name}, nil
}

func (c crashable) Create(name string) (dir.File, error) {
	f, err := c.fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	return c.open(f, name, err)
}

func (c crashable) Open(name string) (dir.File, error) {
	f, err := c.fs.Open(name)
	return c.open(f, name, err)
}

func (c crashable) OpenWrite(name string) (dir.File, error) {
	if _, err := c.fs.Stat(name); err != nil {
		return nil, err
	}
	return c.Create(name)
}

func (c crashable) Rename(from, to string) error          { return c.fs.Rename(from, to) }
func (c crashable) Remove(name string) error              { return c.fs.Remove(name) }
func (c crashable) MkdirAll(name string) error            { return c.fs.MkdirAll(name, 0o700) }
func (c crashable) List(name string) ([]string, error)    { return c.fs.List(name) }
func (c crashable) Stat(name string) (fs.FileInfo, error) { return c.fs.Stat(name) }

func (c crashable) SyncFolder(name string) error {
	f, err := c.fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type crashableFile struct {
	vfs.File
	disk crashable
	name string
}

func (f *crashableFile) Stat() (fs.FileInfo, error) { return f.File.Stat() }

// Truncate writes the file again under its name, since the file system has nothing for it.
func (f *crashableFile) Truncate(size int64) error {
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	shorter, err := f.disk.fs.Create(f.name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = shorter.Write(b)
	f.File = shorter
	return err
}
