package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	goruntime "runtime"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

const (
	// DialerCommand is the first argument of a program that is to be a dialer; the second one
	// is the port.
	DialerCommand = "container-dialer"
	// dialerFolder is where a dialer finds its folder, and dialerSocket where it listens in it.
	dialerFolder = "/dialer"
	dialerSocket = "s"
	// dialerProgram is its program.
	dialerProgram = "/modelwharf"
	// connectPatience is how long a dialer waits for a connection.
	connectPatience = 10 * time.Second
)

// Dialer hands connections to a port of its network to those who connect to its socket: one byte
// with the descriptor of the connection, or else the text of the error. It returns if it can't
// go on.
func Dialer(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("engine: a dialer is told a port")
	}
	port, err := strconv.ParseUint(arguments[0], 10, 16)
	if err != nil {
		return err
	}
	unix.Umask(0) // it is another user who connects
	l, err := net.Listen("unix", dialerFolder+"/"+dialerSocket)
	if err != nil {
		return err
	}
	to := net.JoinHostPort("127.0.0.1", strconv.FormatUint(port, 10))
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go hand(c.(*net.UnixConn), to)
	}
}

// hand connects, and hands the connection over.
func hand(c *net.UnixConn, to string) {
	defer c.Close()
	out, err := net.DialTimeout("tcp", to, connectPatience)
	if err != nil {
		_, _ = c.Write([]byte(err.Error()))
		return
	}
	defer out.Close()
	raw, err := out.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _, _ = c.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil) })
}

// connect asks a dialer for a connection. The path is that of its socket.
func connect(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	text, rights := make([]byte, 512), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := c.(*net.UnixConn).ReadMsgUnix(text, rights)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case m == 0:
		return nil, errors.New("engine: " + string(text[:n]))
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return nil, err
	}
	for _, message := range messages {
		fds, err := unix.ParseUnixRights(&message)
		if err != nil {
			return nil, err
		}
		for _, fd := range fds { // there is room for one
			f := os.NewFile(uintptr(fd), to(path))
			defer f.Close()
			return net.FileConn(f)
		}
	}
	return nil, errors.New("engine: a dialer handed nothing")
}

// to names a connection.
func to(path string) string { return "container at " + path }

// dialerImage is an image with a program alone.
func dialerImage(program string) (runtime.Image, error) {
	var none runtime.Image
	if err := static(program); err != nil {
		return none, err
	}
	var layer ocispec.Descriptor
	sum := digest.Canonical.Digester()
	size, err := writeLayer(sum.Hash(), program)
	if err != nil {
		return none, err
	}
	layer = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: sum.Digest(), Size: size}
	config, err := json.Marshal(ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: goruntime.GOARCH},
		Config:   ocispec.ImageConfig{Entrypoint: []string{dialerProgram, DialerCommand}, User: nobody},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return none, err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		return none, err
	}
	open := func(_ context.Context, d digest.Digest) (io.ReadCloser, error) {
		if d != layer.Digest {
			return io.NopCloser(bytes.NewReader(config)), nil
		}
		read, write := io.Pipe()
		go func() {
			_, err := writeLayer(write, program)
			write.CloseWithError(err)
		}()
		return read, nil
	}
	return runtime.Image{Digest: digest.FromBytes(manifest), Manifest: manifest, Open: open}, nil
}

// static fails, with ErrNone, if a program needs libraries in order to run.
func static(program string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("engine: the program of dialers: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%w: this program, which reaches containers from within, is linked with libraries that they do not have; "+
				"build it with CGO_ENABLED=0, as `make build` does", ErrNone)
		}
	}
	return nil
}

// writeLayer writes a layer with a program alone, and returns its length.
func writeLayer(to io.Writer, program string) (int64, error) {
	f, err := os.Open(program)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	is, err := f.Stat()
	if err != nil {
		return 0, err
	}
	counted := &counter{to: to}
	w := tar.NewWriter(counted)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: dialerProgram[1:], Mode: 0o555, Size: is.Size()}); err != nil {
		return 0, err
	}
	if _, err := io.Copy(w, f); err != nil {
		return 0, err
	}
	err = w.Close()
	return counted.n, err
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}
