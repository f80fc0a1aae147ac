package tuple_test

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"testing"

	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

func TestKnownKeys(t *testing.T) {
	t.Parallel()
	for want, key := range map[string][]byte{
		"\x03a\x00\x03\x00":                             tuple.Of("a", ""),
		"\x03a\x00\xFFb\x00":                            tuple.Of("a\x00b"),
		"\x02\x00\xFF\x00\xFF\x00":                      tuple.AppendBytes(nil, []byte{0, 0}),
		"\x03a\x00\x05\x00\x00\x00\x00\x00\x00\x01\x02": tuple.AppendUint(tuple.Of("a"), 0x102),
	} {
		if string(key) != want {
			t.Errorf("%x, want %x", key, want)
		}
	}
}

// TestOrder lists tuples in their order, with what is below which.
func TestOrder(t *testing.T) {
	t.Parallel()
	keys := [][]byte{
		tuple.AppendBytes(nil, nil),
		tuple.AppendBytes(nil, []byte{0xFF}),
		tuple.Of(""),
		tuple.Of("", "z"),
		tuple.Of("\x00"),
		tuple.Of("a"),
		tuple.AppendBytes(tuple.Of("a"), []byte("z")),
		tuple.Of("a", ""),
		tuple.Of("a", "\x00"),
		tuple.Of("a", "b"),
		tuple.Of("a", "b", "c"),
		tuple.Of("a", "\xFF"),
		tuple.AppendUint(tuple.Of("a"), 0),
		tuple.AppendUint(tuple.Of("a"), 1<<63),
		tuple.AppendUint(tuple.Of("a"), 1<<64-1),
		tuple.Of("a\x00"),
		tuple.Of("a\x00", "b"),
		tuple.Of("a\x00b"),
		tuple.Of("ab"),
		tuple.Of("a\xFF"),
		tuple.Of("\xFF"),
		tuple.AppendUint(nil, 0),
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Error("not in order")
	}
	below := func(prefix []byte) (n int) {
		for _, key := range keys {
			if bytes.Compare(key, prefix) >= 0 && bytes.Compare(key, tuple.Below(prefix)) < 0 {
				n++
			}
		}
		return n
	}
	for want, prefix := range map[int][]byte{10: tuple.Of("a"), 2: tuple.Of("a", "b"), 1: tuple.Of("ab"), 0: tuple.Of("b"), len(keys): nil} {
		if n := below(prefix); n != want {
			t.Errorf("%d keys are below %x, want %d", n, prefix, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "\x02", "\x03", "\x03a", "\x03a\x00\xFF", "\x05", "\x05\x00\x00\x00\x00\x00\x00\x00", "\xFF"} {
		_, _, err1 := tuple.String([]byte(key))
		_, _, err2 := tuple.Bytes([]byte(key))
		_, _, err3 := tuple.Uint([]byte(key))
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, tuple.ErrMalformed) {
				t.Errorf("%x: %v", key, err)
			}
		}
	}
}

// TestOwnership checks that what is returned does not change with what was given.
func TestOwnership(t *testing.T) {
	t.Parallel()
	key := append(make([]byte, 0, 100), tuple.AppendBytes(nil, []byte("abc"))...)
	content, _, err := tuple.Bytes(key)
	if err != nil {
		t.Fatal(err)
	}
	end := tuple.Below(key)
	_ = append(key, 'x')
	key[1] = 'z'
	if string(content) != "abc" || end[1] != 'a' || end[len(end)-1] != 0xFF {
		t.Errorf("%q, %x", content, end)
	}
}

// FuzzOrder makes two tuples of each input: their bytes must compare as they do,
// and be read as they were written.
func FuzzOrder(f *testing.F) {
	f.Add("a", []byte("b"), uint64(1), "a", []byte("b"), uint64(2))
	f.Add("a\x00", []byte{}, uint64(0), "a", []byte{0xFF}, uint64(1<<63))
	f.Add("", []byte{0}, uint64(0), "", []byte{0, 0xFF}, uint64(0))
	f.Add("\x00\xFF", []byte{0xFF, 0}, uint64(255), "\x00", []byte{0}, uint64(256))
	f.Fuzz(func(t *testing.T, s1 string, b1 []byte, u1 uint64, s2 string, b2 []byte, u2 uint64) {
		encode := func(s string, b []byte, u uint64) []byte {
			return tuple.AppendUint(tuple.AppendBytes(tuple.Of(s), b), u)
		}
		k1, k2 := encode(s1, b1, u1), encode(s2, b2, u2)
		want := cmp.Or(cmp.Compare(s1, s2), bytes.Compare(b1, b2), cmp.Compare(u1, u2))
		if got := bytes.Compare(k1, k2); got != want {
			t.Errorf("compare to %d, want %d", got, want)
		}
		s, rest, err1 := tuple.String(k1)
		b, rest, err2 := tuple.Bytes(rest)
		u, rest, err3 := tuple.Uint(rest)
		if err := errors.Join(err1, err2, err3); err != nil || s != s1 || !bytes.Equal(b, b1) || u != u1 || len(rest) != 0 {
			t.Errorf("read as %q %x %d, rest %x: %v", s, b, u, rest, err)
		}
		prefix := tuple.Of(s2)
		if in := bytes.Compare(k1, prefix) >= 0 && bytes.Compare(k1, tuple.Below(prefix)) < 0; in != (s1 == s2) {
			t.Errorf("%x is below %x: %t", k1, prefix, in)
		}
	})
}

// FuzzDecode reads anything: what is read must be written the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x03a\x00\x02b\x00\xFF\x00\x05\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte("\x03"))
	f.Add([]byte("\x03\x00\xFF"))
	f.Add([]byte("\x05\x00\x00"))
	f.Fuzz(func(t *testing.T, key []byte) {
		var again []byte
		rest := key
		for len(rest) > 0 {
			if s, r, err := tuple.String(rest); err == nil {
				again, rest = tuple.AppendString(again, s), r
			} else if b, r, err := tuple.Bytes(rest); err == nil {
				again, rest = tuple.AppendBytes(again, b), r
			} else if u, r, err := tuple.Uint(rest); err == nil {
				again, rest = tuple.AppendUint(again, u), r
			} else {
				return
			}
		}
		if !bytes.Equal(again, key) {
			t.Errorf("%x is written again as %x", key, again)
		}
	})
}

func BenchmarkKey(b *testing.B) {
	hash := []byte("customer-0123456789")
	for b.Loop() {
		key := make([]byte, 0, 96)
		key = tuple.AppendUint(tuple.AppendString(key, "item"), 42)
		key = tuple.AppendBytes(tuple.AppendUint(key, 0x9E3779B97F4A7C15), hash)
		_ = key
	}
}
