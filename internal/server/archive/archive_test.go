package archive_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/modelwharf/modelwharf/internal/server/archive"
)

func sample(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out)
	if err := w.Store(func(w io.Writer) error { _, err := io.WriteString(w, "the store"); return err }); err != nil {
		t.Fatal(err)
	}
	for _, b := range []string{"", "one", strings.Repeat("two", 1<<20)} {
		for _, of := range archive.Kinds {
			if err := w.Blob(archive.Blob{Of: of, Digest: digest.FromString(b)}, strings.NewReader(b)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(b []byte) (store string, blobs int, err error) {
	err = archive.Read(bytes.NewReader(b), func(r io.Reader) error {
		all, err := io.ReadAll(r)
		store = string(all)
		return err
	}, func(b archive.Blob, r io.Reader) error {
		blobs++
		_, err := archive.Check(b.Digest, r)
		return err
	})
	return store, blobs, err
}

// TestArchive writes and reads one; one that is cut anywhere, has more behind it, or has a
// blob with other bytes is refused.
func TestArchive(t *testing.T) {
	t.Parallel()
	b := sample(t)
	if store, blobs, err := read(b); store != "the store" || blobs != 3*len(archive.Kinds) || err != nil {
		t.Errorf("%q, %d blobs, %v", store, blobs, err)
	}
	for cut := 0; cut < len(b); cut += 1 + cut/50 {
		if _, _, err := read(b[:cut]); err == nil {
			t.Errorf("the first %d of %d bytes are taken", cut, len(b))
		}
	}
	if _, _, err := read(append(bytes.Clone(b), 0)); err == nil {
		t.Error("one with something behind it is taken")
	}
	wrong := bytes.Clone(b)
	wrong[len(b)/2] ^= 1
	if _, _, err := read(wrong); err == nil {
		t.Error("another byte in a blob is taken")
	}
}

// FuzzRead reads anything without a panic.
func FuzzRead(f *testing.F) {
	f.Add(sample(f)[:200])
	f.Add([]byte("modelwharf backup 1\n"))
	f.Add([]byte("modelwharf archive 1\n\x05store\x00\x00\x00\x00\x03end\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) { _, _, _ = read(b) })
}
