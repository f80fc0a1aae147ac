package engine

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

const (
	// askAgain is how long after an engine did not answer it is asked again.
	askAgain = time.Second
	// drain is how long after its end a container's last output may take to come.
	drain = 2 * time.Second
)

// follow hands on what the container prints, until it has ended.
func (c *running) follow(output client.HijackedResponse) {
	running, end := context.WithCancel(context.Background())
	reading, stop := context.WithCancel(context.Background())
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		for ok := true; ok; output, ok = c.attachAgain(running) {
			keep := context.AfterFunc(reading, output.Close)
			_, _ = stdcopy.StdCopy(c.output, c.output, output.Reader)
			keep()
			output.Close()
		}
	}()
	exit := c.runtime.ended(c.model)
	end()
	// A process that it left behind could hold the output open.
	select {
	case <-printed:
	case <-time.After(drain):
	}
	stop()
	exit.Output = c.output.String()
	c.exit = exit
	c.runtime.config.Log.Info("a model's container has ended", "name", c.name, "status", exit.Code, "signal", exit.Signal, "out_of_memory", exit.OutOfMemory)
	close(c.done)
}

// attachAgain returns the output of a container that prints on although it broke off, as it does
// when the engine is updated, or false once running is done.
func (c *running) attachAgain(running context.Context) (output client.HijackedResponse, ok bool) {
	for {
		select {
		case <-running.Done():
			return output, false
		case <-time.After(askAgain):
		}
		// To attach to one that has ended would make some engines prepare it anew.
		at, err := c.runtime.engine.ContainerInspect(running, c.model, client.ContainerInspectOptions{})
		if err != nil || at.Container.State == nil || !at.Container.State.Running {
			continue
		}
		if output, err = c.runtime.attach(running, c.model); err == nil {
			return output, true
		}
	}
}

// attach returns what a container prints from now on.
func (r *Runtime) attach(ctx context.Context, id string) (client.HijackedResponse, error) {
	attached, err := r.engine.ContainerAttach(ctx, id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	return attached.HijackedResponse, err
}

// watchDialer ends the container if its dialer ends, as nobody reaches it any more.
func (c *running) watchDialer() {
	how := c.runtime.ended(c.dialer)
	if !c.stopping.Load() {
		c.runtime.config.Log.Warn("the way to a container has ended, and so does the container", "name", c.name, "error", how)
		c.kill(context.Background(), "SIGKILL")
	}
}

// ended returns how a container ended, once it has. An engine that is away for a while, as it is
// while it is updated, has ended nothing.
func (r *Runtime) ended(id string) *runtime.Exit {
	for {
		wait := r.engine.ContainerWait(context.Background(), id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case how := <-wait.Result:
			return r.exitOf(id, int(how.StatusCode))
		case err := <-wait.Error:
			if errdefs.IsNotFound(err) {
				return &runtime.Exit{Code: -1, Signal: syscall.SIGKILL.String()} // it was removed
			}
			time.Sleep(askAgain)
		}
	}
}

// exitOf reads how a container ended from its status. Engines tell a signal as shells do.
func (r *Runtime) exitOf(id string, status int) *runtime.Exit {
	exit := &runtime.Exit{Code: status}
	if n := status - 128; n > 0 && n < 65 {
		exit.Code, exit.Signal = -1, fmt.Sprint(syscall.Signal(n))
	}
	call, cancel := unhurried(context.Background())
	defer cancel()
	if at, err := r.engine.ContainerInspect(call, id, client.ContainerInspectOptions{}); err == nil && at.Container.State != nil {
		exit.OutOfMemory = at.Container.State.OOMKilled
	}
	return exit
}
