// Package unpack writes the layers of an image into a folder, as the image specification says,
// and never beside it.
package unpack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Limits are what an image may have when it is unpacked.
type Limits struct {
	Bytes int64
	Files int
}

var (
	// ErrLayer says that a layer is torn, or holds what no layer may.
	ErrLayer = errors.New("unpack: unfit layer")
	// ErrLarge says that the image exceeds the limits.
	ErrLarge = errors.New("unpack: the image is too large")
)

// Unpacker writes the layers of one image, the lowest one first.
type Unpacker struct {
	root *os.Root
	left Limits
	made map[string]bool // by the layer that is being written
}

// New returns the unpacker of an image into a folder.
func New(root *os.Root, limits Limits) *Unpacker { return &Unpacker{root: root, left: limits} }

// The files by which a layer takes away what is below it.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// Layer writes a layer, which may be compressed by gzip or zstd. Devices, pipes and the rights
// to become another user are left out. The errors are ErrLayer, ErrLarge and those of r.
func (u *Unpacker) Layer(r io.Reader) error {
	plain, closer, err := decompress(r)
	if err != nil {
		return err
	}
	defer closer()
	u.made = map[string]bool{}
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if err == io.EOF {
			// The digest is checked at the end of what was read, which is behind the archive's.
			_, err = io.Copy(io.Discard, plain)
			return err
		}
		if err != nil {
			return torn(err)
		}
		if u.left.Files--; u.left.Files < 0 {
			return ErrLarge
		}
		if err := u.entry(h, t); err != nil {
			return err
		}
	}
}

// torn tells an error of the archive from one of who gives it.
func torn(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return fmt.Errorf("%w: %v", ErrLayer, err)
	}
	return err
}

func decompress(r io.Reader) (io.Reader, func(), error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, nil, torn(err)
		}
		return trailed{z, b}, func() { z.Close() }, nil
	case bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %v", ErrLayer, err)
		}
		return trailed{z, b}, z.Close, nil
	}
	return b, func() {}, nil
}

// trailed reads to the end of what is compressed, and of what holds it.
type trailed struct{ plain, packed io.Reader }

func (t trailed) Read(p []byte) (int, error) {
	n, err := t.plain.Read(p)
	if err == io.EOF {
		if _, rest := io.Copy(io.Discard, t.packed); rest != nil {
			err = rest
		}
	}
	return n, err
}

// clean returns the name of an entry below the folder, "." for the folder itself.
func clean(name string) (string, error) {
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("%w: the name %q leads out of the image", ErrLayer, name)
		}
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

func (u *Unpacker) entry(h *tar.Header, content io.Reader) error {
	name, err := clean(h.Name)
	if err != nil {
		return err
	}
	folder, base := path.Split(name)
	folder = path.Clean(folder)
	switch {
	case base == opaque:
		return u.clear(folder)
	case strings.HasPrefix(base, whiteout):
		victim := strings.TrimPrefix(base, whiteout)
		if victim == "" || victim == "." || victim == ".." {
			return fmt.Errorf("%w: %q takes nothing away", ErrLayer, h.Name)
		}
		return u.escape(u.root.RemoveAll(path.Join(folder, victim)))
	}
	mode := fs.FileMode(h.Mode) & fs.ModePerm
	if err := u.escape(u.root.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	u.made[name] = true
	switch h.Typeflag {
	case tar.TypeDir:
		return u.dir(name, mode)
	case tar.TypeReg:
		return u.file(name, mode, h.Size, content)
	case tar.TypeSymlink:
		return u.symlink(name, h.Linkname)
	case tar.TypeLink:
		target, err := clean(h.Linkname)
		if err != nil {
			return err
		}
		if err := u.replace(name); err != nil {
			return err
		}
		return u.escape(u.root.Link(target, name))
	}
	return nil // devices and pipes
}

// escape puts the error of a path that would lead out of the folder, or to nowhere, into ours.
func (u *Unpacker) escape(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %s: %w", ErrLayer, e.Path, e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %s: %w", ErrLayer, e.New, e.Err)
	}
	return err
}

// clear takes away what lower layers have in a folder.
func (u *Unpacker) clear(folder string) error {
	f, err := u.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return u.escape(err)
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(1000)
		for _, name := range names {
			if full := path.Join(folder, name); !u.made[full] {
				if err := u.escape(u.root.RemoveAll(full)); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return u.escape(err)
		}
	}
}

func (u *Unpacker) dir(name string, mode fs.FileMode) error {
	if name == "." {
		return nil
	}
	if was, err := u.root.Lstat(name); err == nil && !was.IsDir() {
		if err := u.escape(u.root.Remove(name)); err != nil {
			return err
		}
	}
	// We must be able to write into it while the image is unpacked.
	if err := u.root.Mkdir(name, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return u.escape(err)
	}
	return u.escape(u.root.Chmod(name, mode|0o700))
}

// replace makes room for what is no folder.
func (u *Unpacker) replace(name string) error {
	if name == "." {
		return fmt.Errorf("%w: it has something in the place of its root", ErrLayer)
	}
	return u.escape(u.root.RemoveAll(name))
}

func (u *Unpacker) file(name string, mode fs.FileMode, size int64, content io.Reader) error {
	if u.left.Bytes -= size; u.left.Bytes < 0 || size < 0 {
		return ErrLarge
	}
	if err := u.replace(name); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode|0o400)
	if err != nil {
		return u.escape(err)
	}
	_, err = io.Copy(f, content)
	if err == nil {
		err = f.Chmod(mode | 0o400) // the umask had its say
	}
	return errors.Join(torn(err), f.Close())
}

// symlink makes a link. One that begins at the root is made relative, which means the same in
// an image wherever its folder is.
func (u *Unpacker) symlink(name, target string) error {
	if err := u.replace(name); err != nil {
		return err
	}
	if path.IsAbs(target) {
		relative, err := filepath.Rel("/"+path.Dir(name), path.Clean(target))
		if err != nil {
			return fmt.Errorf("%w: the link %s: %v", ErrLayer, name, err)
		}
		target = relative
	}
	return u.escape(u.root.Symlink(target, name))
}
