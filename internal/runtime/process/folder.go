package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/unpack"
)

// BindVariable tells a process at which address to listen: without a network of its own it
// should not at all.
const BindVariable = "MODELWHARF_BIND_ADDRESS"

// unpack makes the folder of a process: the image, its model, a few devices and a place to
// write to.
func (c *container) unpack(ctx context.Context, s runtime.Spec, m ocispec.Manifest) (_ *os.Root, err error) {
	if err := os.Mkdir(c.folder, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.folder)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			root.Close()
		}
	}()
	u := unpack.New(root, c.runtime.config.Limits)
	for _, l := range m.Layers {
		if err := layer(ctx, u, s.Image, l); err != nil {
			return nil, err
		}
	}
	if s.Model != "" {
		if err := root.MkdirAll(below(runtime.ModelFolder), 0o755); err != nil {
			return nil, fmt.Errorf("%w: its %s: %v", runtime.ErrImage, runtime.ModelFolder, err)
		}
		model, err := root.OpenRoot(below(runtime.ModelFolder))
		if err != nil {
			return nil, err
		}
		defer model.Close()
		if err := copyTree(model, s.Model); err != nil {
			return nil, err
		}
	}
	if err := root.MkdirAll("tmp", 0o777); err != nil {
		return nil, fmt.Errorf("%w: its /tmp: %v", runtime.ErrImage, err)
	}
	if err := root.Chmod("tmp", 0o777|fs.ModeSticky); err != nil {
		return nil, err
	}
	if c.runtime.isolated {
		return root, c.devices(root)
	}
	return root, nil
}

func layer(ctx context.Context, u *unpack.Unpacker, i runtime.Image, d ocispec.Descriptor) error {
	r, err := i.Blob(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	err = u.Layer(r)
	if errors.Is(err, unpack.ErrLayer) || errors.Is(err, unpack.ErrLarge) {
		return fmt.Errorf("%w: %w", runtime.ErrImage, err)
	}
	return err
}

// devices makes those that programs count on, as far as the machine lets us.
func (c *container) devices(root *os.Root) error {
	if at, err := root.Lstat("dev"); err == nil && !at.IsDir() {
		return nil // the image has its own mind about it
	}
	if err := root.MkdirAll("dev", 0o755); err != nil {
		return err
	}
	for name, minor := range map[string]int{"null": 3, "zero": 5, "random": 8, "urandom": 9} {
		if err := root.RemoveAll("dev/" + name); err != nil {
			return err
		}
		at := filepath.Join(c.folder, "dev", name)
		if syscall.Mknod(at, syscall.S_IFCHR|0o666, 1<<8|minor) == nil {
			_ = os.Chmod(at, 0o666) // the umask had its say
		}
	}
	return nil
}

// copyTree copies the files below a folder.
func copyTree(to *os.Root, from string) error {
	return filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, at)
		if err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			return to.MkdirAll(name, 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		in, err := os.Open(at)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o444)
		if err != nil {
			return err
		}
		_, err = out.ReadFrom(in) // the kernel copies, or shares
		return errors.Join(err, out.Close())
	})
}

// below is a path of the image without its first slash, "." for the root.
func below(p string) string { return path.Clean("./" + strings.TrimLeft(path.Clean("/"+p), "/")) }

// searchPath is where programs are looked for if an image does not say.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment returns the variables of a process: the image's, with those that it is given over
// them. None are the server's own.
func environment(image []string, given map[string]string, port int, model string) []string {
	all := map[string]string{}
	for _, v := range append([]string{searchPath, "HOME=/tmp"}, image...) {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	for name, value := range given {
		all[name] = value
	}
	all[runtime.PortVariable], all[BindVariable], all["SM_MODEL_DIR"] = strconv.Itoa(port), "127.0.0.1", model
	env := make([]string, 0, len(all))
	for name, value := range all {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// find returns the path of a program in an image, looked for like a shell does if it has no
// slash.
func find(root *os.Root, program string, env []string) (string, error) {
	if strings.Contains(program, "/") {
		if _, err := root.Stat(below(program)); err != nil {
			return "", fmt.Errorf("%w: it has no %s", runtime.ErrImage, program)
		}
		return "/" + below(program), nil
	}
	for _, v := range env {
		folders, ok := strings.CutPrefix(v, "PATH=")
		if !ok {
			continue
		}
		for folder := range strings.SplitSeq(folders, ":") {
			at := path.Join("/", folder, program)
			if is, err := root.Stat(below(at)); err == nil && is.Mode().IsRegular() && is.Mode()&0o111 != 0 {
				return at, nil
			}
		}
	}
	return "", fmt.Errorf("%w: it has no %s in its PATH", runtime.ErrImage, program)
}
