package blobtest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

func wrongDigest(t *testing.T, in Instance) {
	content := Random(10, 100_000)
	u := create(t, in.Store, "mine")
	write(t, u, content)
	synced(t, u)
	wrong := digest.FromString("something else")
	wantError(t, u.Publish(t.Context(), wrong), blob.ErrDigest)
	_, err := in.Store.Stat(t.Context(), wrong)
	wantError(t, err, blob.ErrNotFound)
	closed(t, u)
	u = resumed(t, in.Store, u.ID())
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, in.Store, content)
}

func otherAlgorithm(t *testing.T, in Instance) {
	content := Random(11, 6<<20)
	d512 := digest.SHA512.FromBytes(content)
	for _, algorithms := range [][]digest.Algorithm{nil, {digest.SHA512}, {digest.SHA256, digest.SHA512}, {digest.SHA512, digest.SHA512}} {
		u := create(t, in.Store, "", algorithms...)
		write(t, u, content[:len(content)/2])
		synced(t, u)
		closed(t, u)
		u = resumed(t, in.Store, u.ID())
		write(t, u, content[len(content)/2:])
		wantError(t, u.Publish(t.Context(), digest.SHA512.FromString("x")), blob.ErrDigest)
		wantError(t, u.Publish(t.Context(), d512), nil)
		if !bytes.Equal(Read(t, in.Store, d512), content) {
			t.Error("other bytes come back")
		}
		wantError(t, in.Store.Delete(t.Context(), d512), nil)
	}
}

func resume(t *testing.T, in Instance) {
	content := Random(12, 3<<20)
	u := create(t, in.Store, "the label")
	id := u.ID()
	for from := 0; from < len(content); from += 1 << 20 {
		write(t, u, content[from:from+1<<20])
		synced(t, u)
		closed(t, u)
		info, err := in.Store.StatUpload(t.Context(), id)
		if err != nil || info.Size != int64(from+1<<20) || info.Label != "the label" || info.ID != id || info.Modified.IsZero() {
			t.Fatalf("%+v, %v", info, err)
		}
		u = resumed(t, in.Store, id)
		if u.Size() != info.Size || u.Label() != "the label" || u.ID() != id {
			t.Fatalf("resumed at %d, %q", u.Size(), u.Label())
		}
	}
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, in.Store, content)
	_, err := in.Store.Resume(t.Context(), id)
	wantError(t, err, blob.ErrNotFound)
}

func resumeAfterKill(t *testing.T, in Instance) {
	content := Random(13, 13<<20)
	u := create(t, in.Store, "killed", digest.SHA256, digest.SHA512)
	for from, step := 0, 3<<20+17; from < len(content); from += step {
		write(t, u, content[from:min(from+step, len(content))])
		synced(t, u)
		u = resumed(t, in.Restart(t), u.ID())
		if u.Size() != int64(min(from+step, len(content))) || u.Label() != "killed" {
			t.Fatalf("resumed at %d, %q", u.Size(), u.Label())
		}
	}
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, in.Restart(t), content)
}

func unsyncedAfterKill(t *testing.T, in Instance) {
	content, lost := Random(14, 100_000), Random(15, 300_000)
	u := create(t, in.Store, "")
	write(t, u, content[:60_000])
	synced(t, u)
	write(t, u, lost)
	s := in.Restart(t)
	u = resumed(t, s, u.ID())
	if u.Size() != 60_000 {
		t.Fatalf("resumed at %d", u.Size())
	}
	write(t, u, content[60_000:])
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, s, content)
}

// resumeAtEverySize goes over the edges of hash blocks, buffers and parts.
func resumeAtEverySize(t *testing.T, in Instance) {
	content := Random(16, 11<<20)
	for _, at := range []int{0, 1, 63, 64, 65, 127, 128, 129, 256<<10 - 1, 256 << 10, 5<<20 - 1, 5 << 20, 5<<20 + 1, 10 << 20, 11 << 20} {
		u := create(t, in.Store, "")
		write(t, u, content[:at])
		synced(t, u)
		closed(t, u)
		u = resumed(t, in.Store, u.ID())
		write(t, u, content[at:])
		if err := u.Publish(t.Context(), digest.FromBytes(content)); err != nil {
			t.Fatalf("resumed at %d: %v", at, err)
		}
		wantBlob(t, in.Store, content)
		wantError(t, in.Store.Delete(t.Context(), digest.FromBytes(content)), nil)
	}
}

func oneWriter(t *testing.T, in Instance) {
	u := create(t, in.Store, "")
	synced(t, u)
	_, err := in.Store.Resume(t.Context(), u.ID())
	wantError(t, err, blob.ErrBusy)
	if info, err := in.Store.StatUpload(t.Context(), u.ID()); err != nil || info.Size != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	closed(t, u)
	u = resumed(t, in.Store, u.ID())
	_, err = in.Store.Resume(t.Context(), u.ID())
	wantError(t, err, blob.ErrBusy)
	wantError(t, u.Cancel(t.Context()), nil)
	_, err = in.Store.Resume(t.Context(), u.ID())
	wantError(t, err, blob.ErrNotFound)
}

// brokenReader is a client that goes away: what it sent is there.
func brokenReader(t *testing.T, in Instance) {
	content := Random(17, 700_000)
	broken := errors.New("the connection broke")
	u := create(t, in.Store, "")
	n, err := u.ReadFrom(io.MultiReader(bytes.NewReader(content[:500_001]), iotest.ErrReader(broken)))
	if n != 500_001 || !errors.Is(err, broken) || u.Size() != n {
		t.Fatalf("%d bytes, %v", n, err)
	}
	synced(t, u)
	closed(t, u)
	u = resumed(t, in.Store, u.ID())
	n, err = u.ReadFrom(iotest.HalfReader(bytes.NewReader(content[n:])))
	if err != nil || n != 199_999 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, in.Store, content)
}

func cancelled(t *testing.T, in Instance) {
	u := create(t, in.Store, "")
	write(t, u, Random(18, 6<<20))
	synced(t, u)
	wantError(t, u.Cancel(t.Context()), nil)
	wantError(t, u.Close(), nil)
	_, err := in.Restart(t).Resume(t.Context(), u.ID())
	wantError(t, err, blob.ErrNotFound)
	for info, err := range in.Store.Uploads(t.Context()) {
		t.Errorf("%+v, %v is left", info, err)
	}
}

func cancelledFromOutside(t *testing.T, in Instance) {
	u := create(t, in.Store, "")
	write(t, u, Random(18, 6<<20))
	synced(t, u)
	wantError(t, in.Store.CancelUpload(t.Context(), u.ID()), blob.ErrBusy)
	closed(t, u)
	wantError(t, in.Store.CancelUpload(t.Context(), u.ID()), nil)
	wantError(t, in.Store.CancelUpload(t.Context(), u.ID()), nil)
	wantError(t, in.Store.CancelUpload(t.Context(), "../blobs"), nil)
	for info, err := range in.Store.Uploads(t.Context()) {
		t.Errorf("%+v, %v is left", info, err)
	}
}

func uploads(t *testing.T, in Instance) {
	want := map[string]int64{}
	for i := range 5 {
		u := create(t, in.Store, "label")
		write(t, u, Random(19, i*1000))
		synced(t, u)
		want[u.ID()] = u.Size()
	}
	n := 0
	for info, err := range in.Store.Uploads(t.Context()) {
		if size, ok := want[info.ID]; err != nil || !ok || size != info.Size || info.Label != "label" {
			t.Errorf("%+v, %v", info, err)
		}
		n++
	}
	if n != len(want) {
		t.Errorf("%d uploads of %d", n, len(want))
	}
}

func concurrentWriters(t *testing.T, in Instance) {
	content := Random(20, 1<<20)
	d := digest.FromBytes(content)
	var wg sync.WaitGroup
	for range 8 {
		u := create(t, in.Store, "")
		wg.Go(func() {
			if _, err := u.ReadFrom(bytes.NewReader(content)); err != nil {
				t.Error(err)
			}
			if err := u.Publish(t.Context(), d); err != nil {
				t.Error(err)
			}
			got, err := read(t, in.Store, d, 0, -1)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("after its publication: %v", err)
			}
		})
	}
	wg.Wait()
	n := 0
	for range in.Store.List(t.Context()) {
		n++
	}
	for range in.Store.Uploads(t.Context()) {
		n++
	}
	if n != 1 {
		t.Errorf("%d things are left", n)
	}
}

func full(t *testing.T, in Instance) {
	if in.Fill == nil {
		t.Skip("the store is never full")
	}
	content := Random(21, 2<<20)
	u := create(t, in.Store, "")
	write(t, u, content[:1<<20])
	synced(t, u)
	in.Fill(true)
	_, err := u.ReadFrom(bytes.NewReader(content[1<<20:]))
	wantError(t, err, blob.ErrFull)
	_, err = in.Store.Create(t.Context(), "")
	wantError(t, err, blob.ErrFull)
	closed(t, u)
	in.Fill(false)
	u = resumed(t, in.Store, u.ID())
	if u.Size() != 1<<20 {
		t.Fatalf("resumed at %d", u.Size())
	}
	write(t, u, content[u.Size():])
	wantError(t, u.Publish(t.Context(), digest.FromBytes(content)), nil)
	wantBlob(t, in.Store, content)
}
