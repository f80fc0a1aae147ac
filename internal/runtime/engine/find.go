package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// ErrNone says that there is no engine, and why not.
var ErrNone = errors.New("engine: no container engine can be used")

// Found is an engine that answers.
type Found struct {
	Socket  string // its path
	Engine  string // "docker" or "podman"
	Version string
	// Unlimited is why memory, processors and processes cannot be limited; "" if they can.
	Unlimited string
}

// HostVariable is the variable in which the tools of engines are told where theirs listens.
const HostVariable = "DOCKER_HOST"

// Sockets are where engines listen if they are not told otherwise: the machine's docker and
// podman, and those that the user runs without being root.
func Sockets() []string {
	all := []string{"/var/run/docker.sock", "/run/podman/podman.sock"}
	own := os.Getenv("XDG_RUNTIME_DIR")
	if own == "" {
		own = fmt.Sprintf("/run/user/%d", os.Getuid())
	}
	return append([]string{filepath.Join(own, "docker.sock"), filepath.Join(own, "podman/podman.sock")}, all...)
}

// Find returns the engine that the variable DOCKER_HOST names, and otherwise the first of Sockets
// that answers. The error is ErrNone, and says of each what is wrong.
func Find(ctx context.Context) (Found, error) {
	if host := os.Getenv(HostVariable); host != "" {
		found, err := At(ctx, host)
		if err != nil {
			return Found{}, fmt.Errorf("%w (of the variable %s)", err, HostVariable)
		}
		return found, nil
	}
	var why []string
	for _, socket := range Sockets() {
		found, err := ask(ctx, socket)
		if err == nil {
			return found, nil
		}
		why = append(why, err.Error())
	}
	return Found{}, fmt.Errorf("%w: %s; and %s is not set", ErrNone, strings.Join(why, "; "), HostVariable)
}

// At returns the engine that listens at a socket, a path or a URL. The error is ErrNone.
func At(ctx context.Context, socket string) (Found, error) {
	path, isUnix := strings.CutPrefix(socket, "unix://")
	if !isUnix && strings.Contains(socket, "://") {
		return Found{}, fmt.Errorf("%w: %s is no unix socket, and an engine of another machine reaches no model of this one", ErrNone, socket)
	}
	found, err := ask(ctx, path)
	if err != nil {
		return Found{}, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return found, nil
}

// askPatience is how long an engine may take to say who it is.
const askPatience = 10 * time.Second

// ask asks who listens at a socket. The error names it, and says what to do.
func ask(ctx context.Context, path string) (Found, error) {
	c, err := net.Dial("unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Found{}, fmt.Errorf("there is no %s", path)
	case errors.Is(err, fs.ErrPermission):
		return Found{}, fmt.Errorf("user %d may not use %s: add it to the socket's group, or run an engine as that user", os.Getuid(), path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return Found{}, fmt.Errorf("nobody listens at %s", path)
	case err != nil:
		return Found{}, fmt.Errorf("%s: %w", path, err)
	}
	user, err := peer(c.(*net.UnixConn))
	c.Close()
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w", path, err)
	}
	engine, err := dial(path)
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w", path, err)
	}
	defer engine.Close()
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	v, err := engine.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return Found{}, fmt.Errorf("no engine answers at %s: %w", path, err)
	}
	if v.Os != "linux" {
		return Found{}, fmt.Errorf("the engine at %s runs containers of %s", path, v.Os)
	}
	found := Found{Socket: path, Engine: "docker", Version: v.Version}
	for _, c := range v.Components {
		if strings.HasPrefix(c.Name, "Podman") {
			found.Engine = "podman"
		}
	}
	i, err := engine.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Found{}, fmt.Errorf("the engine at %s does not say what it can: %w", path, err)
	}
	found.Unlimited = unlimited(i.Info, user)
	return found, nil
}

// unlimited tells why an engine, of a user, cannot limit what containers use.
func unlimited(i system.Info, user uint32) string {
	switch {
	case user != 0 && i.CgroupVersion == "1":
		return "a user's own engine needs control groups of version 2, and this machine has version 1"
	case !i.MemoryLimit || !i.PidsLimit || !i.CPUCfsQuota:
		return "the engine says that it cannot: control groups are missing, or are not its own"
	}
	return ""
}

// peer is the user who listens.
func peer(c *net.UnixConn) (user uint32, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var who *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); cerr != nil {
		return 0, cerr
	}
	if err != nil {
		return 0, err
	}
	return who.Uid, nil
}

// dial returns a client. It speaks the version of the API that the engine does.
func dial(path string) (*client.Client, error) { return client.New(client.WithHost("unix://" + path)) }
