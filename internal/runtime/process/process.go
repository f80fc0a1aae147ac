// Package process runs images as processes of this machine, where there is no container engine:
// for development. A process has a process group and a folder of its own. Where the server is
// root, its root is that folder and its user one that nobody else is; otherwise it is the
// server's own user, and sees what that one sees. Nothing limits its memory, its processors or
// the network.
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/unpack"
)

// Config is what a Runtime is made of.
type Config struct {
	Folder string // is its own: what is in it is removed
	Log    *slog.Logger
	Limits unpack.Limits // of an image; large ones if zero
}

// Users of containers are those that systemd too gives out for a while: 61184 to 65519.
const (
	firstUser = 61184
	users     = 65520 - firstUser
)

// Runtime runs processes. See runtime.Runtime.
type Runtime struct {
	config   Config
	isolated bool

	mu      sync.Mutex
	running map[string]*container
	next    uint32 // user
	closed  bool
}

// New returns a Runtime. What an earlier one left in the folder is removed, and what it left
// running is ended.
func New(c Config) (*Runtime, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Limits == (unpack.Limits{}) {
		c.Limits = unpack.Limits{Bytes: 64 << 30, Files: 1_000_000}
	}
	if err := endLeft(c.Folder); err != nil {
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(c.Folder), os.MkdirAll(c.Folder, 0o711)); err != nil {
		return nil, err
	}
	r := &Runtime{config: c, isolated: os.Geteuid() == 0, running: map[string]*container{}}
	c.Log.Warn("models run as processes of this machine, which is for development: they share its network, and nothing limits what they use",
		"own_user_and_root", r.isolated)
	return r, nil
}

// Start runs the program of an image as a process.
func (r *Runtime) Start(ctx context.Context, s runtime.Spec) (runtime.Container, error) {
	if !runtime.ValidName(s.Name) {
		return nil, fmt.Errorf("%w: %q", runtime.ErrName, s.Name)
	}
	c := &container{runtime: r, name: s.Name, folder: filepath.Join(r.config.Folder, s.Name), done: make(chan struct{}), output: &runtime.Tail{To: s.Output}}
	if err := r.take(c); err != nil {
		return nil, err
	}
	if err := c.start(ctx, s); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// take gives a container its name and its user.
func (r *Runtime) take(c *container) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errors.New("process: the runtime is closed")
	case r.running[c.name] != nil:
		return fmt.Errorf("%w: %s", runtime.ErrTaken, c.name)
	}
	r.running[c.name] = c
	c.user = firstUser + r.next%users
	r.next++
	return nil
}

// Close stops all processes.
func (r *Runtime) Close() error {
	r.mu.Lock()
	r.closed = true
	var all []*container
	for _, c := range r.running {
		all = append(all, c)
	}
	r.mu.Unlock()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Stop(now))
	}
	return errors.Join(errs...)
}

// container is a process. See runtime.Container.
type container struct {
	runtime *Runtime
	name    string
	folder  string
	user    uint32
	address string
	output  *runtime.Tail
	cmd     *exec.Cmd
	done    chan struct{}
	exit    *runtime.Exit // when done is closed
}

// Dial connects to the process.
func (c *container) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", c.address)
}

func (c *container) Done() <-chan struct{} { return c.done }
func (c *container) Exit() *runtime.Exit   { return c.exit }

// start unpacks the image and runs it.
func (c *container) start(ctx context.Context, s runtime.Spec) error {
	manifest, config, err := s.Image.Read(ctx)
	if err != nil {
		return err
	}
	argv, err := runtime.Command(config, s.Args)
	if err != nil {
		return err
	}
	root, err := c.unpack(ctx, s, manifest)
	if err != nil {
		return err
	}
	defer root.Close()
	port, err := freePort()
	if err != nil {
		return err
	}
	c.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	env := environment(config.Config.Env, s.Env, port, c.inside(runtime.ModelFolder))
	program, err := find(root, argv[0], env)
	if err != nil {
		return err
	}
	work := config.Config.WorkingDir
	if work == "" {
		work = "/"
	}
	if err := root.MkdirAll(below(work), 0o755); err != nil {
		return fmt.Errorf("%w: its working folder: %v", runtime.ErrImage, err)
	}
	c.cmd = &exec.Cmd{
		Path: c.inside(program), Args: argv, Env: env, Dir: c.inside(work),
		Stdout: c.output, Stderr: c.output, SysProcAttr: c.attributes(),
	}
	if err := c.run(ctx); err != nil {
		return fmt.Errorf("%w: %s cannot be run: %w", runtime.ErrImage, argv[0], err)
	}
	go c.wait()
	return nil
}

// run starts the process. A program that was just written is busy for a moment, while a child
// that was forked in between has it open still.
func (c *container) run(ctx context.Context) error {
	for {
		cmd := &exec.Cmd{
			Path: c.cmd.Path, Args: c.cmd.Args, Env: c.cmd.Env, Dir: c.cmd.Dir,
			Stdout: c.cmd.Stdout, Stderr: c.cmd.Stderr, SysProcAttr: c.cmd.SysProcAttr,
		}
		err := cmd.Start()
		c.cmd = cmd
		if !errors.Is(err, syscall.ETXTBSY) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// inside is the path by which the process knows something of its image.
func (c *container) inside(path string) string {
	if c.runtime.isolated {
		return path
	}
	return filepath.Join(c.folder, below(path))
}

// attributes put the process into a group of its own and, if the server may, out of sight of
// all else. It does not outlive the server.
func (c *container) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if c.runtime.isolated {
		a.Chroot = c.folder
		a.Credential = &syscall.Credential{Uid: c.user, Gid: c.user}
	}
	return a
}

// wait waits for the process, and ends what it began.
func (c *container) wait() {
	err := c.cmd.Wait()
	c.kill(syscall.SIGKILL)
	c.exit = &runtime.Exit{Code: c.cmd.ProcessState.ExitCode(), Output: c.output.String()}
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		c.exit.Signal = status.Signal().String()
	}
	c.runtime.config.Log.Info("a model's process has ended", "name", c.name, "status", c.exit.Code, "signal", c.exit.Signal, "error", fmt.Sprint(err))
	close(c.done)
}

// kill signals the whole group. One that is gone is no error.
func (c *container) kill(s syscall.Signal) { _ = syscall.Kill(-c.cmd.Process.Pid, s) }

// Stop ends the process and removes its folder.
func (c *container) Stop(ctx context.Context) error {
	select {
	case <-c.done:
	default:
		c.kill(syscall.SIGTERM)
		select {
		case <-c.done:
		case <-ctx.Done():
			c.kill(syscall.SIGKILL)
			<-c.done
		}
	}
	return c.remove()
}

// remove takes the folder away and gives the name back.
func (c *container) remove() error {
	err := os.RemoveAll(c.folder)
	c.runtime.mu.Lock()
	defer c.runtime.mu.Unlock()
	if c.runtime.running[c.name] == c {
		delete(c.runtime.running, c.name)
	}
	return err
}
