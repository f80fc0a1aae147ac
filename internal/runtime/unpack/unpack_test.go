package unpack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/modelwharf/modelwharf/internal/runtime/unpack"
)

// layer is the archive of entries. One that has no type is a file.
func layer(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == 0 {
			h.Typeflag, content = tar.TypeReg, h.Linkname
			h.Linkname, h.Size = "", int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, content string) tar.Header { return tar.Header{Name: name, Linkname: content} }

func dir(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }

func symlink(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to}
}

func link(name, to string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: to}
}

var large = unpack.Limits{Bytes: 1 << 20, Files: 1000}

// write unpacks layers into a folder within another one, and returns what files there are in
// both, and the first error.
func write(t testing.TB, limits unpack.Limits, layers ...[]byte) (map[string]string, error) {
	t.Helper()
	outer := t.TempDir()
	if err := os.WriteFile(filepath.Join(outer, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(outer, "image")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := unpack.New(root, limits)
	for _, l := range layers {
		if err = u.Layer(bytes.NewReader(l)); err != nil {
			break
		}
	}
	got := map[string]string{}
	walked := filepath.WalkDir(outer, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(outer, path)
		switch {
		case err != nil || d.IsDir():
			return err
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			got[name] = "-> " + to
			return err
		}
		b, err := os.ReadFile(path)
		got[name] = string(b)
		return err
	})
	if walked != nil {
		t.Fatal(walked)
	}
	return got, err
}

// TestLayers writes layers over each other as the image specification says.
func TestLayers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layers [][]byte
		want   map[string]string
	}{
		"files replace files": {
			[][]byte{layer(t, file("a", "1"), file("b", "1")), layer(t, file("a", "2"))},
			map[string]string{"a": "2", "b": "1"},
		},
		"folders come by themselves": {[][]byte{layer(t, file("x/y/z", "1"))}, map[string]string{"x/y/z": "1"}},
		"names from the root":        {[][]byte{layer(t, file("/a", "1"), file("./b", "2"))}, map[string]string{"a": "1", "b": "2"}},
		"a file takes a folder's place": {
			[][]byte{layer(t, file("d/a", "1")), layer(t, file("d", "2"))}, map[string]string{"d": "2"},
		},
		"a folder takes a file's place": {
			[][]byte{layer(t, file("d", "1")), layer(t, dir("d"), file("d/a", "2"))}, map[string]string{"d/a": "2"},
		},
		"a whiteout takes a file away":   {[][]byte{layer(t, file("d/a", "1"), file("d/b", "1")), layer(t, file("d/.wh.a", ""))}, map[string]string{"d/b": "1"}},
		"a whiteout takes a folder away": {[][]byte{layer(t, file("d/a", "1"), file("b", "1")), layer(t, file(".wh.d", ""))}, map[string]string{"b": "1"}},
		"an opaque folder hides what is below, not what is beside it": {
			[][]byte{layer(t, file("d/a", "1"), file("d/b/c", "1")), layer(t, file("d/x", "2"), file("d/.wh..wh..opq", ""), file("d/y", "2"))},
			map[string]string{"d/x": "2", "d/y": "2"},
		},
		"a link from the root stays in the image": {
			[][]byte{layer(t, dir("run"), symlink("var/run", "/run")), layer(t, file("var/run/a", "1"))},
			map[string]string{"var/run": "-> ../run", "run/a": "1"},
		},
		"links":                       {[][]byte{layer(t, file("a", "1"), link("b", "/a"), symlink("c", "a"))}, map[string]string{"a": "1", "b": "1", "c": "-> a"}},
		"no devices":                  {[][]byte{layer(t, tar.Header{Name: "dev/sda", Typeflag: tar.TypeBlock, Devmajor: 8}, tar.Header{Name: "p", Typeflag: tar.TypeFifo})}, map[string]string{}},
		"a link that leads outside":   {[][]byte{layer(t, symlink("out", "../../secret"))}, map[string]string{"out": "-> ../../secret"}},
		"a layer without any entries": {[][]byte{layer(t)}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := write(t, large, c.layers...)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"secret": "secret"}
			for name, content := range c.want {
				want["image/"+name] = content
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestOutside tries to write where no layer may.
func TestOutside(t *testing.T) {
	t.Parallel()
	for name, entries := range map[string][]tar.Header{
		"a name above":                    {file("../secret", "mine")},
		"a name above in the middle":      {file("a/../../secret", "mine")},
		"a name above from the root":      {file("/../secret", "mine")},
		"a link above, written through":   {symlink("up", ".."), file("up/secret", "mine")},
		"a link outside, written through": {symlink("up", "../../"), file("up/x", "mine")},
		"a hard link above":               {link("s", "../secret")},
		"a hard link through a link":      {symlink("up", ".."), link("s", "up/secret")},
		"a whiteout above":                {file("../.wh.secret", "")},
		"a whiteout through a link":       {symlink("up", ".."), file("up/.wh.secret", "")},
		"an opaque folder above":          {symlink("up", ".."), file("up/.wh..wh..opq", "")},
		"a folder through a link":         {symlink("up", ".."), dir("up/d")},
		"a whiteout of everything":        {file(".wh..", "")},
		"something in the root's place":   {file(".", "mine")},
		"a link in the root's place":      {symlink(".", "..")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := write(t, large, layer(t, entries...))
			if !errors.Is(err, unpack.ErrLayer) {
				t.Errorf("the error is %v", err)
			}
			if got["secret"] != "secret" || len(got) > 2 {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestLimits stops at images that are too large, and at archives that are none.
func TestLimits(t *testing.T) {
	t.Parallel()
	many := make([]tar.Header, 20)
	for i := range many {
		many[i] = file(string(rune('a'+i)), "x")
	}
	if _, err := write(t, unpack.Limits{Bytes: 100, Files: 19}, layer(t, many...)); !errors.Is(err, unpack.ErrLarge) {
		t.Errorf("20 files: %v", err)
	}
	if _, err := write(t, unpack.Limits{Bytes: 19, Files: 100}, layer(t, many...)); !errors.Is(err, unpack.ErrLarge) {
		t.Errorf("20 bytes: %v", err)
	}
	if _, err := write(t, unpack.Limits{Bytes: 10, Files: 100}, layer(t, many[:6]...), layer(t, many[:6]...)); !errors.Is(err, unpack.ErrLarge) {
		t.Errorf("12 bytes in two layers: %v", err)
	}
	for _, junk := range []string{"junk", string(bytes.Repeat([]byte{7}, 2000)), "\x1f\x8bjunk"} {
		if _, err := write(t, large, []byte(junk)); !errors.Is(err, unpack.ErrLayer) {
			t.Errorf("%.10q: %v", junk, err)
		}
	}
	whole := layer(t, file("a", string(bytes.Repeat([]byte("x"), 5000))))
	if _, err := write(t, large, whole[:2000]); !errors.Is(err, unpack.ErrLayer) {
		t.Errorf("a torn one: %v", err)
	}
}

// TestCompressed reads what gzip and zstd made.
func TestCompressed(t *testing.T) {
	t.Parallel()
	plain := layer(t, file("a", "1"))
	var zipped, z bytes.Buffer
	g := gzip.NewWriter(&zipped)
	e, err := zstd.NewWriter(&z)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, e} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range [][]byte{zipped.Bytes(), z.Bytes()} {
		if got, err := write(t, large, b); err != nil || got["image/a"] != "1" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// FuzzLayer reads anything: nothing comes beside the folder.
func FuzzLayer(f *testing.F) {
	f.Add(layer(f, file("a", "1"), symlink("b", "/x"), link("c", "a"), file(".wh.a", "")))
	f.Add(layer(f, symlink("up", ".."), file("up/secret", "mine")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, _ := write(t, unpack.Limits{Bytes: 1 << 16, Files: 50}, b)
		for name := range got {
			if name != "secret" && !filepath.IsLocal(name) || len(name) < 6 {
				t.Errorf("%q", name)
			}
		}
		if got["secret"] != "secret" {
			t.Error("it was written outside")
		}
	})
}
