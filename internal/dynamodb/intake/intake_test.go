package intake_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/dynamodb/intake"
)

// read reads all of an object: its items as text, and what went wrong.
func read(r io.Reader, o intake.Options) (items []string, faults []error) {
	in, err := intake.Open(r, o)
	if err != nil {
		return nil, []error{err}
	}
	defer in.Close()
	for {
		a, err := in.Next()
		switch {
		case err == nil:
			items = append(items, a.String())
		case err == io.EOF:
			return items, faults
		default:
			faults = append(faults, err)
			if _, ok := errors.AsType[*api.Error](err); !ok || errors.Is(err, intake.ErrUnreadable) {
				return items, faults
			}
		}
	}
}

func zipped(text []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(text)
	z.Close()
	return b.Bytes()
}

func zstandard(text []byte, o ...zstd.EOption) []byte {
	z, err := zstd.NewWriter(nil, o...)
	if err != nil {
		panic(err)
	}
	return z.EncodeAll(text, nil)
}

// zeros is that many bytes of one kind.
type zeros struct {
	left int64
	fill byte
}

func (z *zeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	z.left -= n
	for i := range b[:n] {
		b[i] = z.fill
	}
	return int(n), nil
}

// TestHostileObjects gives up what expands beyond reason or has no end of a record, with no
// more memory than a record may need.
func TestHostileObjects(t *testing.T) {
	t.Parallel()
	csv := &intake.CSV{}
	var bomb bytes.Buffer
	z, err := zstd.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	for range 400 { // of a megabyte
		if _, err := z.Write(bytes.Repeat([]byte(strings.Repeat("x", 4093)+",y\n"), 1<<8)); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	for name, c := range map[string]struct {
		object io.Reader
		o      intake.Options
		want   string
	}{
		"one line without end":    {&zeros{1 << 30, 'x'}, intake.Options{}, "a record is longer than"},
		"blank lines without end": {&zeros{1 << 30, '\n'}, intake.Options{}, "a record is longer than"},
		"one field without end":   {io.MultiReader(strings.NewReader("a,b\n\"x"), &zeros{1 << 30, 'x'}), intake.Options{CSV: csv}, "a record is longer than"},
		"a header without end":    {&zeros{1 << 30, 'x'}, intake.Options{CSV: csv}, "a record is longer than"},
		"zeros in gzip":           {bytes.NewReader(zipped(make([]byte, 16<<20))), intake.Options{Compression: "GZIP"}, "a record is longer than"},
		"rows without end":        {&bomb, intake.Options{Compression: "ZSTD", CSV: csv}, "expands to more"},
		"a window of a gigabyte":  {bytes.NewReader([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00}), intake.Options{Compression: "ZSTD"}, "window"},
		"no gzip":                 {strings.NewReader(strings.Repeat("{}", 20)), intake.Options{Compression: "GZIP"}, "gzip"},
		"half of gzip":            {bytes.NewReader(zipped(bytes.Repeat([]byte(`{"Item":{}}`+"\n"), 9))[:20]), intake.Options{Compression: "GZIP"}, "EOF"},
		"no zstd":                 {strings.NewReader("{}{}{}"), intake.Options{Compression: "ZSTD"}, "magic"},
		"deep":                    {strings.NewReader(`{"Item":{"a":` + strings.Repeat(`{"L":[`, 100_000)), intake.Options{}, "exceeded"},
		"deep beside":             {strings.NewReader(`{"a":` + strings.Repeat(`[`, 1_000_000)), intake.Options{}, "depth"},
		"not UTF-8":               {strings.NewReader("{\"Item\":{\"a\":{\"S\":\"\xff\"}}}"), intake.Options{}, "UTF-8"},
		"not UTF-8 in a row":      {strings.NewReader("a\n\xff\n"), intake.Options{CSV: csv}, "UTF-8"},
		"two of a name":           {strings.NewReader("a,a\n1,2\n"), intake.Options{CSV: csv}, "the header"},
		"two in a line":           {strings.NewReader(`{"Item":{}}{"Item":{}}`), intake.Options{}, "a line is not"},
		"an array":                {strings.NewReader(`[{"Item":{}}]`), intake.Options{}, "a line is not"},
	} {
		items, faults := read(c.object, c.o)
		if len(faults) == 0 || !errors.Is(faults[len(faults)-1], intake.ErrUnreadable) || !strings.Contains(faults[len(faults)-1].Error(), c.want) {
			t.Errorf("%s: %d items, %v; want %s", name, len(items), faults, c.want)
		}
	}
}

// broken is a reader that fails.
type broken struct{ io.Reader }

var errBroken = errors.New("broken")

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

// TestReaderFails returns the failure of what is read, which is none of its form.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	text := []byte("a,b\n" + strings.Repeat("1,2\n", 1000))
	for name, c := range map[string]struct {
		object []byte
		o      intake.Options
	}{
		"plain": {text, intake.Options{}}, "rows": {text, intake.Options{CSV: &intake.CSV{}}},
		"gzip": {zipped(text)[:30], intake.Options{Compression: "GZIP", CSV: &intake.CSV{}}},
		"zstd": {zstandard(text)[:20], intake.Options{Compression: "ZSTD", CSV: &intake.CSV{}}},
		"none": {nil, intake.Options{Compression: "GZIP"}},
	} {
		object := c.object
		if name == "plain" {
			object = []byte(`{"Item":{}}` + "\n")
		}
		_, faults := read(broken{bytes.NewReader(object)}, c.o)
		if len(faults) != 1 || faults[0] != errBroken {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// TestSkip goes on after as many records as were read, wherever that was.
func TestSkip(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		o    intake.Options
		n    int64
	}{
		"lines": {"{\"Item\":{\"a\":{\"S\":\"1\"}}}\n\n{\"Item\":{\"a\":{\"S\":\"2\"}}}\n{\"Item\":{\"a\":{\"S\":\"3\"}}}", intake.Options{}, 3},
		"rows":  {"a,b\n1,\"x\ny\"\n2\n3,z\n", intake.Options{CSV: &intake.CSV{}}, 3},
	} {
		for skip := range c.n + 1 {
			r, err := intake.Open(strings.NewReader(c.text), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Skip(skip); err != nil {
				t.Fatal(err)
			}
			left := int64(0)
			for {
				if _, err := r.Next(); err == io.EOF {
					break
				}
				left++
			}
			if left != c.n-skip || r.Size() != int64(len(c.text)) {
				t.Errorf("%s: %d records and %d bytes after %d", name, left, r.Size(), skip)
			}
		}
	}
}

// FuzzIntake reads anything, in every form. It ends, and what is read again is the same.
func FuzzIntake(f *testing.F) {
	const text = "{\"Item\":{\"a\":{\"S\":\"1\"}}}\n{\"Item\":{\"a\":{\"L\":[{\"N\":\"1\"},{\"B\":\"AA==\"}]}}}\n"
	f.Add([]byte(text), "NONE", false)
	f.Add(zipped([]byte(text)), "GZIP", false)
	f.Add(zstandard([]byte(text)), "ZSTD", false)
	f.Add([]byte("a,b\n1,\"x\ny\"\n2\n3,z\n"), "NONE", true)
	f.Add(zipped([]byte("id,n\na,1\n")), "GZIP", true)
	f.Add([]byte(`{"Item":{"a":{"M":{"b":{"SS":["x","x"]}}},"a":{"NULL":true}}}`), "NONE", false)
	f.Fuzz(func(t *testing.T, object []byte, compression string, rows bool) {
		o := intake.Options{Compression: compression}
		if rows {
			o.CSV = &intake.CSV{Types: map[string]dynamodb.Type{"n": dynamodb.TypeN, "b": dynamodb.TypeB}}
		}
		items, faults := read(bytes.NewReader(object), o)
		again, same := read(bytes.NewReader(object), o)
		if len(items) != len(again) || len(faults) != len(same) {
			t.Errorf("%d items and %d faults, then %d and %d", len(items), len(faults), len(again), len(same))
		}
	})
}
