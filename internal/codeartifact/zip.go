package codeartifact

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// The limits within which the directory of a zip file is read.
const (
	maxZipFiles     = 100_000
	maxZipDirectory = 32 << 20 // bytes
)

// ErrZip says that a zip file cannot be read: it is damaged, means different things to
// different readers, or breaks a limit.
var ErrZip = errors.New("the zip file cannot be read")

// zipFile is a file in a zip's directory.
type zipFile struct {
	name           string
	method, flags  uint16
	sum            uint32
	packed, size   uint64
	offset         uint64 // of its local header, from the beginning of the zip
	directoryExtra []byte
}

// ReadZip returns the bytes of the one file of a zip whose name is wanted, nil if there is
// none. It reads the directory as it comes, and of the rest that file alone, of which there
// may be up to most bytes: what is in memory does not depend on how many files there are,
// nor on what the zip says of itself. The error is ErrZip, wrapped, or that of r; also if
// several names are wanted, and if a name leads out of the folder that one would unpack to.
func ReadZip(r io.ReaderAt, size int64, wanted func(name string) bool, most int64) ([]byte, error) {
	start, length, files, base, err := findZipDirectory(r, size)
	if err != nil {
		return nil, err
	}
	var found *zipFile
	directory := bufio.NewReaderSize(io.NewSectionReader(r, start, length), 64<<10)
	var n uint64
	for ; ; n++ {
		f, err := nextZipFile(directory)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if n >= maxZipFiles {
			return nil, badZip("it has more than %d files", maxZipFiles)
		}
		if !withinFolder(f.name) {
			return nil, badZip("the name %q leads out of it", f.name)
		}
		if !wanted(f.name) {
			continue
		}
		if found != nil {
			return nil, badZip("it has both %s and %s", found.name, f.name)
		}
		found = f
	}
	if n != files {
		return nil, badZip("its directory has %d files, and says %d", n, files)
	}
	if found == nil {
		return nil, nil
	}
	return found.read(r, start, base, most)
}

func badZip(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrZip, fmt.Sprintf(format, args...))
}

// withinFolder tells whether a file of this name is unpacked inside of the folder that its
// archive is unpacked to.
func withinFolder(name string) bool {
	if strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\x00\\") || len(name) >= 2 && name[1] == ':' {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return false
		}
	}
	return true
}

// findZipDirectory reads the end of a zip: where its directory is, how many files it says
// that it has, and how much is before the zip itself, as in a program that unpacks itself.
func findZipDirectory(r io.ReaderAt, size int64) (start, length int64, files uint64, base int64, err error) {
	const endLen, locatorLen, end64Len = 22, 20, 56
	le := binary.LittleEndian
	tail := make([]byte, min(size, endLen+65_535))
	if err := readZip(r, tail, size-int64(len(tail))); err != nil {
		return 0, 0, 0, 0, err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || i+endLen > len(tail) || i+endLen+int(le.Uint16(tail[i+20:])) != len(tail) {
		return 0, 0, 0, 0, badZip("it is none, or was cut")
	}
	end, at := tail[i:], size-int64(len(tail)-i)
	files, directory, offset := uint64(le.Uint16(end[10:])), uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	if files == 0xffff || directory == 0xffffffff || offset == 0xffffffff {
		locator := make([]byte, locatorLen)
		if at >= locatorLen {
			if err := readZip(r, locator, at-locatorLen); err != nil {
				return 0, 0, 0, 0, err
			}
		}
		if string(locator[:4]) == "PK\x06\x07" {
			end64 := make([]byte, end64Len)
			at = int64(le.Uint64(locator[8:]))
			if at < 0 || at > size-end64Len {
				return 0, 0, 0, 0, badZip("its end is damaged")
			}
			if err := readZip(r, end64, at); err != nil {
				return 0, 0, 0, 0, err
			}
			if string(end64[:4]) != "PK\x06\x06" {
				return 0, 0, 0, 0, badZip("its end is damaged")
			}
			files, directory, offset = le.Uint64(end64[32:]), le.Uint64(end64[40:]), le.Uint64(end64[48:])
		}
	}
	switch {
	case files > maxZipFiles:
		return 0, 0, 0, 0, badZip("it has more than %d files", maxZipFiles)
	case directory > maxZipDirectory:
		return 0, 0, 0, 0, badZip("its directory has more than %d bytes", maxZipDirectory)
	case directory > uint64(at) || offset > uint64(at)-directory:
		return 0, 0, 0, 0, badZip("its directory is not where it says")
	}
	start = at - int64(directory)
	return start, int64(directory), files, start - int64(offset), nil
}

// readZip fills p, and takes an end within it for damage.
func readZip(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return badZip("it was cut")
	}
	return err
}

// nextZipFile reads one entry of a directory; io.EOF ends it.
func nextZipFile(r *bufio.Reader) (*zipFile, error) {
	le := binary.LittleEndian
	var h [46]byte
	if _, err := io.ReadFull(r, h[:]); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, cutZip(err)
	}
	if string(h[:4]) != "PK\x01\x02" {
		return nil, badZip("its directory is damaged")
	}
	name := make([]byte, le.Uint16(h[28:]))
	extra := make([]byte, le.Uint16(h[30:]))
	for _, p := range [][]byte{name, extra} {
		if _, err := io.ReadFull(r, p); err != nil {
			return nil, cutZip(err)
		}
	}
	if _, err := r.Discard(int(le.Uint16(h[32:]))); err != nil {
		return nil, cutZip(err)
	}
	f := &zipFile{
		name: string(name), flags: le.Uint16(h[8:]), method: le.Uint16(h[10:]), sum: le.Uint32(h[16:]),
		packed: uint64(le.Uint32(h[20:])), size: uint64(le.Uint32(h[24:])), offset: uint64(le.Uint32(h[42:])), directoryExtra: extra,
	}
	return f, nil
}

func cutZip(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return badZip("its directory was cut")
	}
	return err
}

// widen reads the sizes that do not fit into 32 bits.
func (f *zipFile) widen() error {
	le := binary.LittleEndian
	for x := f.directoryExtra; len(x) >= 4; {
		id, n := le.Uint16(x), int(le.Uint16(x[2:]))
		if len(x) < 4+n {
			break
		}
		field := x[4 : 4+n]
		x = x[4+n:]
		if id != 1 {
			continue
		}
		for _, v := range []*uint64{&f.size, &f.packed, &f.offset} {
			if *v != 0xffffffff {
				continue
			}
			if len(field) < 8 {
				return badZip("what it says of %s is damaged", f.name)
			}
			*v, field = le.Uint64(field), field[8:]
		}
	}
	return nil
}

// read unpacks a file. start is where the directory begins, base where the zip does.
func (f *zipFile) read(r io.ReaderAt, start, base, most int64) ([]byte, error) {
	if err := f.widen(); err != nil {
		return nil, err
	}
	if f.size > uint64(most) {
		return nil, badZip("%s is larger than %d bytes", f.name, most)
	}
	if f.flags&1 != 0 || f.method != 0 && f.method != 8 {
		return nil, badZip("%s is encrypted, or packed in another way than deflate", f.name)
	}
	var h [30]byte
	if f.offset > uint64(start) || int64(f.offset) > start-base-int64(len(h)) {
		return nil, badZip("%s is not where its directory says", f.name)
	}
	at := base + int64(f.offset)
	if err := readZip(r, h[:], at); err != nil {
		return nil, err
	}
	name := make([]byte, binary.LittleEndian.Uint16(h[26:]))
	if err := readZip(r, name, at+int64(len(h))); err != nil {
		return nil, err
	}
	at += int64(len(h)) + int64(len(name)) + int64(binary.LittleEndian.Uint16(h[28:]))
	if string(h[:4]) != "PK\x03\x04" || string(name) != f.name || at > start || f.packed > uint64(start-at) {
		return nil, badZip("%s is not where its directory says", f.name)
	}
	var content io.Reader = io.NewSectionReader(r, at, int64(f.packed))
	if f.method == 8 {
		content = flate.NewReader(content)
	}
	b, err := io.ReadAll(io.LimitReader(content, int64(f.size)+1))
	if _, damaged := errors.AsType[flate.CorruptInputError](err); damaged || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, badZip("%s is damaged", f.name)
	}
	if err != nil {
		return nil, err
	}
	if uint64(len(b)) != f.size || crc32.ChecksumIEEE(b) != f.sum {
		return nil, badZip("%s is damaged", f.name)
	}
	return b, nil
}
