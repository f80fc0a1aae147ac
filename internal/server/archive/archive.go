// Package archive is the form of a backup of a whole server: its store, and the blobs that
// the store names, of images and of packages. It can be written and read as a stream of any length. Numbers are
// big-endian.
//
//	"modelwharf archive 1\n"
//	section*  length of the name (1 byte), name, chunks: length (4 bytes), bytes; one of 0 ends it
//
// The first section is "store", as kv.Backup writes it; then comes one for each blob, named
// by what it is of and its digest ("packages sha256:…"; by the digest alone if it is of an
// image); the last is "end", and empty. What the store has carries checksums of its
// own, and blobs are checked against their names.
package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

const (
	magic    = "modelwharf archive 1\n"
	oldMagic = "modelwharf backup 1\n" // of a backup of the store alone
	chunk    = 1 << 20

	storeName = "store"
	endName   = "end"
)

// ErrDamaged says that a stream is no archive, or not a whole one.
var ErrDamaged = errors.New("not a sound backup")

// Writer writes an archive.
type Writer struct{ out *bufio.Writer }

// NewWriter begins an archive.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{bufio.NewWriterSize(out, chunk)}
	_, _ = w.out.WriteString(magic) // a failure comes back from Flush
	return w
}

// Store writes the store.
func (w *Writer) Store(write func(io.Writer) error) error { return w.section(storeName, write) }

// What a blob is of.
const (
	Images   = "images"
	Packages = "packages"
	Objects  = "objects"
)

// Kinds are all that blobs are of.
var Kinds = []string{Images, Packages, Objects}

// Blob is a blob, and what it is of.
type Blob struct {
	Of     string
	Digest digest.Digest
}

func (b Blob) name() string {
	if b.Of == Images {
		return string(b.Digest)
	}
	return b.Of + " " + string(b.Digest)
}

// blobNamed reads the name of a section.
func blobNamed(name string) (b Blob, ok bool) {
	b = Blob{Images, digest.Digest(name)}
	if of, d, prefixed := strings.Cut(name, " "); prefixed {
		b = Blob{of, digest.Digest(d)}
	}
	return b, slices.Contains(Kinds, b.Of) && b.Digest.Validate() == nil
}

// Blob writes a blob.
func (w *Writer) Blob(b Blob, content io.Reader) error {
	return w.section(b.name(), func(out io.Writer) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{content}, make([]byte, chunk))
		return err
	})
}

// Close ends the archive; it does not close what it was written to.
func (w *Writer) Close() error {
	return errors.Join(w.section(endName, func(io.Writer) error { return nil }), w.out.Flush())
}

func (w *Writer) section(name string, write func(io.Writer) error) error {
	if len(name) > 255 {
		return fmt.Errorf("archive: a name of %d bytes", len(name))
	}
	_ = w.out.WriteByte(byte(len(name)))
	_, _ = w.out.WriteString(name)
	if err := write(chunks{w.out}); err != nil {
		return err
	}
	_, err := w.out.Write(make([]byte, 4))
	return err
}

// chunks writes each write as a chunk.
type chunks struct{ out *bufio.Writer }

func (c chunks) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	_, _ = c.out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
	return c.out.Write(p)
}

// Read reads an archive: it hands on the store, then each blob. What they leave unread is
// skipped; blob must check the digest. The error is ErrDamaged if the archive is not whole.
func Read(in io.Reader, store func(io.Reader) error, blob func(Blob, io.Reader) error) error {
	r := bufio.NewReaderSize(in, chunk)
	if head, _ := r.Peek(len(oldMagic)); string(head) == oldMagic {
		return store(r)
	}
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil || !bytes.Equal(head, []byte(magic)) {
		return fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	}
	for first := true; ; first = false {
		length, err := r.ReadByte()
		if err != nil {
			return cutOff(err)
		}
		name := make([]byte, length)
		if _, err := io.ReadFull(r, name); err != nil {
			return cutOff(err)
		}
		s := &section{in: r}
		switch {
		case first != (string(name) == storeName):
			return fmt.Errorf("%w: a section %q out of order", ErrDamaged, name)
		case first:
			err = store(s)
		case string(name) == endName:
			if _, err := io.Copy(io.Discard, s); err != nil {
				return err
			}
			if _, err := r.ReadByte(); err != io.EOF {
				return fmt.Errorf("%w: something follows its end", ErrDamaged)
			}
			return nil
		default:
			b, ok := blobNamed(string(name))
			if !ok {
				return fmt.Errorf("%w: a section %q", ErrDamaged, name)
			}
			err = blob(b, s)
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			return err
		}
	}
}

// section reads the chunks of one section.
type section struct {
	in   *bufio.Reader
	left uint32 // of the chunk
	over bool
}

func (s *section) Read(p []byte) (int, error) {
	for s.left == 0 && !s.over {
		var b [4]byte
		if _, err := io.ReadFull(s.in, b[:]); err != nil {
			return 0, cutOff(err)
		}
		s.left = binary.BigEndian.Uint32(b[:])
		s.over = s.left == 0
	}
	if s.over {
		return 0, io.EOF
	}
	n, err := s.in.Read(p[:min(uint32(min(len(p), chunk)), s.left)])
	s.left -= uint32(n)
	if err != nil {
		err = cutOff(err)
	}
	return n, err
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut off", ErrDamaged)
	}
	return err
}

// Check reads a blob and checks its digest; it returns how many bytes it has.
func Check(d digest.Digest, content io.Reader) (int64, error) {
	v := d.Verifier()
	n, err := io.Copy(v, content)
	if err == nil && !v.Verified() {
		err = fmt.Errorf("%w: the blob %s has other bytes", ErrDamaged, d)
	}
	return n, err
}
