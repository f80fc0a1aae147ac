package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// running is a container with its dialer. See runtime.Container.
type running struct {
	runtime *Runtime
	name    string
	full    string // its name at the engine
	folder  string // of the dialer's socket
	output  *runtime.Tail
	done    chan struct{}
	exit    *runtime.Exit // when done is closed

	stopping atomic.Bool // its dialer may end now
	images   []string    // that it uses, at the engine

	// What was made of it, in this order; "" if it was not. See remove.
	network, dialer, model string
}

// newContainer names a container. Another one of the name may be left at the engine, where a call
// was given up that the engine made all the same.
func newContainer(r *Runtime, s runtime.Spec) *running {
	return &running{
		runtime: r, name: s.Name, full: "modelwharf-" + r.owner + "." + s.Name + "." + strings.ToLower(rand.Text()[:8]),
		folder: filepath.Join(r.config.Folder, s.Name), images: []string{r.nameOf(s.Image), r.nameOf(r.dialer)}, output: &runtime.Tail{To: s.Output}, done: make(chan struct{}),
	}
}

func (c *running) Done() <-chan struct{} { return c.done }
func (c *running) Exit() *runtime.Exit   { return c.exit }

// Dial connects to the container's port.
func (c *running) Dial(ctx context.Context) (net.Conn, error) {
	select {
	case <-c.done:
		return nil, c.exit
	default:
	}
	return connect(ctx, c.socket())
}

// socket is a path of the dialer's socket that is short enough for one, however long that of the
// folder is.
func (c *running) socket() string {
	return fmt.Sprintf("/proc/self/fd/%d/%s/%s", c.runtime.folder.Fd(), c.name, dialerSocket)
}

// start brings the image, and runs it.
func (c *running) start(ctx context.Context, s runtime.Spec) (err error) {
	_, config, err := s.Image.Read(ctx)
	if err != nil {
		return err
	}
	argv, err := runtime.Command(config, s.Args)
	if err != nil {
		return err
	}
	if strings.Contains(s.Model, ":") {
		return fmt.Errorf("engine: the path %q cannot be mounted: it has a colon", s.Model)
	}
	if err := c.startDialer(ctx, s); err != nil {
		return fmt.Errorf("engine: the container's network cannot be made: %w", err)
	}
	id, err := c.runtime.create(ctx, c.full, s.Image, modelOptions(c, s, config, argv))
	if err != nil {
		return err
	}
	c.model = id
	output, attached := c.runtime.attach(context.WithoutCancel(ctx), id)
	if attached == nil {
		defer func() {
			if err != nil {
				output.Close()
			}
		}()
	}
	// An engine that cannot prepare the program, and so attaches nothing, says here why.
	if err := c.runtime.run(ctx, id); err != nil {
		return unfit(err, argv[0])
	}
	if attached != nil {
		return fmt.Errorf("engine: what the container prints cannot be read: %w", attached)
	}
	go c.follow(output)
	go c.watchDialer()
	return nil
}

// unfit tells from an engine's words whether it is the image's fault that a program does not
// start: engines hand on what the low-level runtime says.
func unfit(err error, program string) error {
	for _, words := range []string{
		"no such file or directory", "executable file not found", "exec format error", "permission denied", "not a directory",
		"unable to find user", "no matching entries in passwd file", "is a directory",
	} {
		if strings.Contains(err.Error(), words) {
			return fmt.Errorf("%w: %s cannot be run: %w", runtime.ErrImage, program, err)
		}
	}
	return fmt.Errorf("engine: %s cannot be run: %w", program, err)
}

// startDialer makes the container's network and the way into it.
func (c *running) startDialer(ctx context.Context, s runtime.Spec) error {
	// The dialer's user makes a socket in it. Nobody else comes here: see owner.
	if err := errors.Join(os.Mkdir(c.folder, 0o700), os.Chmod(c.folder, 0o777)); err != nil {
		return err
	}
	network := "none"
	if s.Outside {
		call, cancel := unhurried(ctx)
		defer cancel()
		if _, err := c.runtime.engine.NetworkCreate(call, c.full, client.NetworkCreateOptions{Driver: "bridge", Labels: c.labels()}); err != nil {
			return err
		}
		c.network, network = c.full, c.full
	}
	id, err := c.runtime.create(ctx, c.full+".dialer", c.runtime.dialer, dialerOptions(c, network, s.Port))
	if err != nil {
		return err
	}
	c.dialer = id
	if err := c.runtime.run(ctx, id); err != nil {
		return err
	}
	return c.awaitSocket(ctx)
}

// awaitSocket returns once the dialer listens.
func (c *running) awaitSocket(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if at, err := os.Stat(c.socket()); err == nil && at.Mode()&os.ModeSocket != 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its dialer does not listen: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func (c *running) labels() map[string]string {
	return map[string]string{ownerLabel: c.runtime.owner, nameLabel: c.name}
}

// create makes a container of an image, which it brings if need be, and returns its id.
func (r *Runtime) create(ctx context.Context, name string, i runtime.Image, o client.ContainerCreateOptions) (string, error) {
	for again := false; ; again = true {
		image, err := r.load(ctx, i)
		if err != nil {
			return "", err
		}
		o.Name, o.Config.Image = name, image
		call, cancel := unhurried(ctx)
		made, err := r.engine.ContainerCreate(call, o)
		cancel()
		switch {
		case err == nil:
			return made.ID, nil
		case errdefs.IsNotFound(err) && !again: // it was removed in between
		default:
			return "", fmt.Errorf("engine: the container cannot be made: %w", err)
		}
	}
}

// run starts a container that was made.
func (r *Runtime) run(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call, cancel := unhurried(ctx)
	defer cancel()
	_, err := r.engine.ContainerStart(call, id, client.ContainerStartOptions{})
	return err
}

// Stop ends the container and removes it, with all that was made for it.
func (c *running) Stop(ctx context.Context) error {
	c.stopping.Store(true)
	c.kill(ctx, "SIGTERM")
	select {
	case <-c.done:
	case <-ctx.Done():
		c.kill(ctx, "SIGKILL")
	}
	err := c.remove(ctx)
	<-c.done
	return err
}

// kill sends a signal to the container if it runs.
func (c *running) kill(ctx context.Context, signal string) {
	select {
	case <-c.done:
		return
	default:
	}
	call, cancel := unhurried(ctx)
	defer cancel()
	_, err := c.runtime.engine.ContainerKill(call, c.model, client.ContainerKillOptions{Signal: signal})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		c.runtime.config.Log.Warn("a container cannot be sent a signal", "name", c.name, "signal", signal, "error", err)
	}
}

// remove takes away what was made, in the order that the engine wants, and gives the name back.
func (c *running) remove(ctx context.Context) error {
	call, cancel := unhurried(ctx)
	defer cancel()
	for _, image := range c.images {
		c.runtime.images.use(image, c.runtime.config.Now())
	}
	var errs []error
	if c.model != "" {
		errs = append(errs, c.runtime.removeContainer(call, c.model))
	}
	if c.dialer != "" {
		errs = append(errs, c.runtime.removeContainer(call, c.dialer))
	}
	if c.network != "" {
		errs = append(errs, c.runtime.removeNetwork(call, c.network))
	}
	errs = append(errs, os.RemoveAll(c.folder))
	c.runtime.mu.Lock()
	defer c.runtime.mu.Unlock()
	if c.runtime.running[c.name] == c {
		delete(c.runtime.running, c.name)
	}
	return errors.Join(errs...)
}
