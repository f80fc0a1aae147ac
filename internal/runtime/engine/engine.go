// Package engine runs images as containers of a container engine, docker or podman, over
// docker's API. The engine is on the same machine; it may be another user's, as docker's is, or
// the server's own (rootless), which is the safest: a container that breaks out of its walls is
// then nobody's root.
//
// # What a container may
//
// Its root is read-only and its user that of the image, or nobody (65534) if the image names
// none: images that expect to be root do so in order to write, which a read-only root does not
// let them do anyway. It has no capabilities and no way to get some; at most so many processes,
// and memory without swap and processors as its Spec says, where the engine can limit them: see
// Found.Unlimited. It may write to /tmp, /var/tmp, /run and /dev/shm alone, which have a size.
//
// Health checks and volumes of its image are left out, and the engine keeps no log of what it
// prints. An engine that is away for a while, as while it is updated, ends nothing.
//
// # How it is reached
//
// A container has no network, only a loopback interface. That is not a rule which a packet
// filter enforces, and so nothing can be forgotten in it: the server's port, other containers and
// the gateway of a bridge are not there. (Networks that engines call internal do lead to
// the machine that they are on, and to all that it listens at on every interface; ports are not
// published in them; and the user of a rootless engine does not reach them.)
//
// So that the server reaches the container, a second one, the dialer, has the network and
// the first joins it. The dialer has nothing but this program (see Dialer), and a folder of the
// server with a unix socket. To whoever connects to that, it hands a connection to the container's
// port: the descriptor itself, so that what is asked and answered takes no other way than
// over any loopback interface. (A relay would cost each request two copies and two wake-ups; to
// enter the network from outside, the server would have to be root.) The dialer is not in the
// container, and neither folder nor socket is in the reach of the model's program. If the dialer
// ends, the container is ended too.
//
// A container that may reach other hosts has, instead, a bridge of its own with the engine's usual
// way out. It is reached by a dialer all the same.
//
// # What is left
//
// Containers, networks and folders of a server that was killed are removed when the next
// Runtime is made with its Folder; those of other servers, which the labels tell apart, are not.
// Images stay, so that a container starts again at once, until none of the server's containers
// has used them for an hour and another one comes.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// Config is what a Runtime is made of.
type Config struct {
	// Socket is where the engine listens: a path, or a URL of the scheme unix. If empty it is
	// looked for, see Find.
	Socket string
	// Folder is its own, and stays the same over restarts of a server: by its path, the server
	// knows its containers. Their sockets are in it; what is in it is removed.
	Folder string
	// Dialer is the program that runs the function of that name if it is called with
	// DialerCommand as its first argument, linked statically; this one if empty.
	Dialer string
	Log    *slog.Logger
	Now    func() time.Time // the real time if nil

	repository string // of its images; the usual one if empty
}

// Runtime runs containers. See runtime.Runtime.
type Runtime struct {
	config Config
	socket string
	engine *client.Client
	owner  string   // the value of ownerLabel
	folder *os.File // Config.Folder, as a short way to the sockets in it
	dialer runtime.Image
	images images

	mu      sync.Mutex
	running map[string]*running
	closed  bool
}

// patience is how long the engine may take for a call that is not cancelled.
const patience = time.Minute

// unhurried is a context for calls that have to be made although nobody waits any more, and those
// of which it has to be known whether they were made.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

// New returns a Runtime. What an earlier one with its folder left is removed. The error is
// ErrNone if there is no engine that the program can use.
func New(ctx context.Context, c Config) (_ *Runtime, err error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dialer == "" {
		c.Dialer = "/proc/self/exe"
	}
	if c.repository == "" {
		c.repository = usualRepository
	}
	r := &Runtime{config: c, running: map[string]*running{}, images: images{used: map[string]time.Time{}, opened: c.Now()}}
	var found Found
	if c.Socket == "" {
		found, err = Find(ctx)
	} else {
		found, err = At(ctx, c.Socket)
	}
	if err != nil {
		return nil, err
	}
	r.socket = found.Socket
	if r.engine, err = dial(found.Socket); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.engine.Close()
		}
	}()
	// What is mounted into a container is named by its whole path.
	if r.config.Folder, err = filepath.Abs(c.Folder); err != nil {
		return nil, err
	}
	if strings.Contains(r.config.Folder, ":") {
		return nil, fmt.Errorf("engine: the path %q cannot be mounted: it has a colon", r.config.Folder)
	}
	if r.dialer, err = dialerImage(c.Dialer); err != nil {
		return nil, err
	}
	if r.owner, err = owner(r.config.Folder); err != nil {
		return nil, err
	}
	if err := r.sweep(ctx); err != nil {
		return nil, fmt.Errorf("engine: what an earlier server left cannot be removed: %w", err)
	}
	if r.folder, err = os.Open(r.config.Folder); err != nil {
		return nil, err
	}
	c.Log.Info("models run as containers", "engine", found.Engine, "version", found.Version, "socket", found.Socket)
	if found.Unlimited != "" {
		c.Log.Warn("nothing limits the memory, the processors and the processes of containers", "reason", found.Unlimited)
	}
	return r, nil
}

// Start runs an image as a container.
func (r *Runtime) Start(ctx context.Context, s runtime.Spec) (runtime.Container, error) {
	if !runtime.ValidName(s.Name) {
		return nil, fmt.Errorf("%w: %q", runtime.ErrName, s.Name)
	}
	c := newContainer(r, s)
	if err := r.take(c); err != nil {
		return nil, err
	}
	if err := c.start(ctx, s); err != nil {
		return nil, errors.Join(err, c.remove(ctx))
	}
	return c, nil
}

// take gives a container its name.
func (r *Runtime) take(c *running) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errors.New("engine: the runtime is closed")
	case r.running[c.name] != nil:
		return fmt.Errorf("%w: %s", runtime.ErrTaken, c.name)
	}
	r.running[c.name] = c
	return nil
}

// Close stops all containers.
func (r *Runtime) Close() error {
	r.mu.Lock()
	already := r.closed
	r.closed = true
	var all []*running
	for _, c := range r.running {
		all = append(all, c)
	}
	r.mu.Unlock()
	if already {
		return nil
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { errs[i] = c.Stop(now) })
	}
	wg.Wait()
	return errors.Join(append(errs, r.engine.Close(), r.folder.Close())...)
}
