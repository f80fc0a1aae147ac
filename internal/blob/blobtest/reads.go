package blobtest

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/blob"
)

func publishAndRead(t *testing.T, in Instance) {
	for _, n := range []int{0, 1, 4095, 1 << 20, 7<<20 + 13} {
		content := Random(1, n)
		d := Put(t, in.Store, content)
		wantBlob(t, in.Store, content)
		info, err := in.Store.Stat(t.Context(), d)
		if err != nil || info.Size != int64(n) || info.Digest != d || info.Modified.IsZero() {
			t.Errorf("%d bytes: %+v, %v", n, info, err)
		}
		if Put(t, in.Store, content) != d {
			t.Error("another digest")
		}
		wantBlob(t, in.Restart(t), content)
	}
}

func absent(t *testing.T, in Instance) {
	d := digest.FromString("absent")
	_, err := in.Store.Stat(t.Context(), d)
	wantError(t, err, blob.ErrNotFound)
	_, err = in.Store.Open(t.Context(), d, 0, -1)
	wantError(t, err, blob.ErrNotFound)
	wantError(t, in.Store.Delete(t.Context(), d), nil)
	for _, id := range []string{"", "absent", "../blobs", "aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		_, err = in.Store.Resume(t.Context(), id)
		wantError(t, err, blob.ErrNotFound)
		_, err = in.Store.StatUpload(t.Context(), id)
		wantError(t, err, blob.ErrNotFound)
	}
}

func unsupportedDigest(t *testing.T, in Instance) {
	for _, d := range []blob.Digest{"", "sha256:", "sha256:../../../etc", "md5:d41d8cd98f00b204e9800998ecf8427e", digest.SHA384.FromString("x"), "sha256:ABCDEF"} {
		_, err := in.Store.Stat(t.Context(), d)
		wantError(t, err, blob.ErrUnsupported)
		_, err = in.Store.Open(t.Context(), d, 0, -1)
		wantError(t, err, blob.ErrUnsupported)
		wantError(t, in.Store.Delete(t.Context(), d), blob.ErrUnsupported)
		u := create(t, in.Store, "")
		wantError(t, u.Publish(t.Context(), d), blob.ErrUnsupported)
		closed(t, u)
	}
	_, err := in.Store.Create(t.Context(), "", digest.SHA384)
	wantError(t, err, blob.ErrUnsupported)
}

func ranges(t *testing.T, in Instance) {
	content := Random(2, 1<<20+1)
	size := int64(len(content))
	d := Put(t, in.Store, content)
	for _, r := range [][2]int64{{0, 0}, {0, 1}, {0, -1}, {size, -1}, {size, 5}, {size - 1, -1}, {size - 1, 9}, {4096, 4096}, {1, size}, {12345, 654321}} {
		offset, length := r[0], r[1]
		end := size
		if length >= 0 {
			end = min(size, offset+length)
		}
		got, err := read(t, in.Store, d, offset, length)
		if err != nil || !bytes.Equal(got, content[offset:end]) {
			t.Errorf("%d bytes from %d: %d bytes, %v", length, offset, len(got), err)
		}
	}
	for _, offset := range []int64{-1, size + 1} {
		if _, err := read(t, in.Store, d, offset, 1); err == nil {
			t.Errorf("a read from %d does not fail", offset)
		}
	}
	// The way of a network connection, which may send files on its own.
	r, err := in.Store.Open(t.Context(), d, 10, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var copied bytes.Buffer
	if n, err := io.Copy(&copied, r); err != nil || n != 100_000 || !bytes.Equal(copied.Bytes(), content[10:100_010]) {
		t.Errorf("%d bytes copied: %v", n, err)
	}
}

func parallelRanges(t *testing.T, in Instance) {
	content := Random(3, 6<<20)
	d := Put(t, in.Store, content)
	const readers = 8
	part := len(content) / readers
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			got, err := read(t, in.Store, d, int64(i*part), int64(part))
			if err != nil || !bytes.Equal(got, content[i*part:(i+1)*part]) {
				t.Errorf("part %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func deleted(t *testing.T, in Instance) {
	content := Random(4, 1000)
	d := Put(t, in.Store, content)
	wantError(t, in.Store.Delete(t.Context(), d), nil)
	_, err := in.Store.Stat(t.Context(), d)
	wantError(t, err, blob.ErrNotFound)
	wantError(t, in.Store.Delete(t.Context(), d), nil)
	Put(t, in.Store, content)
	wantBlob(t, in.Store, content)
}

func deletedUnderReader(t *testing.T, in Instance) {
	content := Random(5, 4<<20)
	d := Put(t, in.Store, content)
	r, err := in.Store.Open(t.Context(), d, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	wantError(t, in.Store.Delete(t.Context(), d), nil)
	rest, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(append(head, rest...), content) {
		t.Errorf("%d bytes of %d came without an error", len(head)+len(rest), len(content))
	}
}

func listed(t *testing.T, in Instance) {
	want := map[blob.Digest]int64{}
	for i := range 20 {
		content := Random(uint64(100+i), i*100)
		want[Put(t, in.Store, content)] = int64(len(content))
	}
	u := create(t, in.Store, "", digest.SHA512)
	write(t, u, []byte("other"))
	other := digest.SHA512.FromString("other")
	if err := u.Publish(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	want[other] = 5
	synced(t, create(t, in.Store, "not a blob")) // an upload is none
	seen := map[blob.Digest]bool{}
	for info, err := range in.Store.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if size, ok := want[info.Digest]; !ok || size != info.Size || seen[info.Digest] {
			t.Errorf("listed %+v", info)
		}
		seen[info.Digest] = true
	}
	if len(seen) != len(want) {
		t.Errorf("%d of %d are listed", len(seen), len(want))
	}
	for range in.Store.List(t.Context()) {
		break
	}
}
