package codeartifact_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/codeartifact"
)

// zipOf is a zip of files, which are named and then given.
func zipOf(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = io.WriteString(f, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manyFiles is a zip of n empty files of which the end says that there are claimed: what
// archive/zip would take hundreds of megabytes to read.
func manyFiles(n, claimed int) []byte {
	var b bytes.Buffer
	entry := make([]byte, 46+1)
	copy(entry, "PK\x01\x02")
	binary.LittleEndian.PutUint16(entry[28:], 1)
	entry[46] = 'x'
	for range n {
		b.Write(entry)
	}
	directory := b.Len()
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(claimed))
	binary.LittleEndian.PutUint16(end[10:], uint16(claimed))
	binary.LittleEndian.PutUint32(end[12:], uint32(directory))
	b.Write(end)
	return b.Bytes()
}

func named(name string) func(string) bool { return func(s string) bool { return s == name } }

// TestReadZip reads one file, also of a zip that follows something else, and refuses each
// damaged or hostile zip with its reason.
func TestReadZip(t *testing.T) {
	t.Parallel()
	var raw bytes.Buffer
	z := zip.NewWriter(&raw)
	if f, err := z.CreateHeader(&zip.FileHeader{Name: "a", Method: zip.Store}); err != nil {
		t.Fatal(err)
	} else if _, err := io.WriteString(f, "text"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	stored := raw.Bytes()
	good := zipOf(t, "a/b", "text", "c", strings.Repeat("long ", 1000))
	for _, c := range []struct {
		name string
		b    []byte
		file string
		want string // content, or the reason
	}{
		{"a file", good, "a/b", "text"},
		{"a packed file", good, "c", strings.Repeat("long ", 1000)},
		{"behind a program", append([]byte("#!/bin/sh\n"), good...), "a/b", "text"},
		{"none of the name", good, "d", ""},
		{"nothing", nil, "a", "it is none"},
		{"no zip", []byte("hello, this is none"), "a", "it is none"},
		{"a cut end", good[:len(good)-1], "a", "it is none"},
		{"a cut beginning", good[40:], "a/b", "not where it says"},
		{"something behind", append(bytes.Clone(good), "more"...), "a/b", "it is none"},
		{"twice", zipOf(t, "a", "1", "a", "2"), "a", "both a and a"},
		{"out of its folder", zipOf(t, "a", "1", "../../etc/passwd", "2"), "a", `"../../etc/passwd" leads out`},
		{"from the root", zipOf(t, "a", "1", "/etc/passwd", "2"), "a", `leads out`},
		{"a disk", zipOf(t, "a", "1", "c:x", "2"), "a", `leads out`},
		{"backslashes", zipOf(t, "a", "1", `..\x`, "2"), "a", `leads out`},
		{"a NUL", zipOf(t, "a", "1", "x\x00y", "2"), "a", `leads out`},
		{"too large", zipOf(t, "a", strings.Repeat("0", 1<<20+1)), "a", "larger than 1048576 bytes"},
		{"a lie about the size", bytes.Replace(zipOf(t, "a", strings.Repeat("0", 5000)), []byte{0x88, 0x13, 0, 0}, []byte{4, 0, 0, 0}, -1), "a", "damaged"},
		{"other bytes", bytes.Replace(stored, []byte("text"), []byte("texT"), 1), "a", "a is damaged"},
		{"another name at its place", bytes.Replace(good, []byte("a/b"), []byte("a/x"), 1), "a/b", "not where its directory says"},
		{"more files than it says", manyFiles(3, 2), "y", "has 3 files, and says 2"},
		{"fewer", manyFiles(3, 4), "y", "has 3 files, and says 4"},
		{"a million files", manyFiles(700_000, 1), "y", "more than 100000 files"},
		{"a huge directory", manyFiles(1_000_000, 1), "y", "more than 33554432 bytes"},
	} {
		b, err := codeartifact.ReadZip(bytes.NewReader(c.b), int64(len(c.b)), named(c.file), 1<<20)
		switch {
		case err != nil && (!errors.Is(err, codeartifact.ErrZip) || c.want == "" || !strings.Contains(err.Error(), c.want)), err == nil && string(b) != c.want:
			t.Errorf("%s: %.50q, %v; want %.50q", c.name, b, err, c.want)
		}
	}
}

// TestReadZipNeedsLittleMemory reads the directory of a hundred thousand files. Not parallel:
// it counts what is allocated.
func TestReadZipNeedsLittleMemory(t *testing.T) {
	b := manyFiles(100_000, 34_464) // modulo 65,536, as who writes no zip64 writes it
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := codeartifact.ReadZip(bytes.NewReader(b), int64(len(b)), named("y"), 1<<20)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "says 34464") {
		t.Error(err)
	}
	// What was taken in all, also what was given back at once.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
		t.Errorf("%d bytes were taken", grown)
	}
}

func FuzzReadZip(f *testing.F) {
	f.Add(zipOf(f, "a", "text", "b", strings.Repeat("b", 100)))
	f.Add(manyFiles(3, 3))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := codeartifact.ReadZip(bytes.NewReader(b), int64(len(b)), named("a"), 1<<10)
		if err != nil && !errors.Is(err, codeartifact.ErrZip) {
			t.Fatal(err)
		}
		if len(got) > 1<<10 {
			t.Fatal(len(got))
		}
		// What this reads, the standard library reads as the same.
		if err == nil && got != nil {
			z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
				t.Fatal(err)
			}
			for _, one := range z.File {
				if one.Name != "a" {
					continue
				}
				r, err := one.Open()
				if err != nil {
					t.Fatal(err)
				}
				// It also looks at the sum that may stand behind the file.
				if want, err := io.ReadAll(r); !bytes.Equal(want, got) || err != nil && !errors.Is(err, zip.ErrChecksum) {
					t.Fatalf("%q, %q, %v", got, want, err)
				}
			}
		}
	})
}
