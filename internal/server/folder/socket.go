package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// ErrNotRunning says that no server uses a data folder.
var ErrNotRunning = errors.New("no server is running")

// maxSocket is how long the path of a socket may be on every system.
const maxSocket = 103

// ListenControl listens on the folder's socket. Whoever may enter the folder may
// connect to it; they could read the administrator's keys there, too.
func (f *Folder) ListenControl() (net.Listener, error) {
	path := f.path("control.sock")
	// The lock says that nobody listens there: what is found was left by a crash.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l net.Listener
	err := within(f.dir, "control.sock", func(name string) (err error) {
		l, err = net.Listen("unix", name)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Removing the socket by the name that it was bound under would not be safe:
	// the next start does it.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// DialControl connects to the server that uses the folder dir. The error is
// ErrNotRunning if none does.
func DialControl(ctx context.Context, dir string) (net.Conn, error) {
	var c net.Conn
	err := within(dir, "control.sock", func(name string) (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, "unix", name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w on %s: start it with `modelwharf serve --data %s`", ErrNotRunning, dir, dir)
	}
	return c, err
}

// within calls fn with a name for the file in dir that is short enough to be a
// socket's, which for a long path goes through the open folder itself.
func within(dir, name string, fn func(string) error) error {
	path := filepath.Join(dir, name)
	if len(path) <= maxSocket {
		return fn(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	through := filepath.Join("/proc/self/fd", strconv.Itoa(int(d.Fd())), name)
	if _, err := os.Stat(filepath.Dir(through)); err != nil {
		return fmt.Errorf("%s is %d bytes long and a socket's path may have %d: choose a shorter --data", path, len(path), maxSocket)
	}
	return fn(through)
}
