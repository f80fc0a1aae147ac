package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Labels mark what belongs to a server.
const (
	ownerLabel = "modelwharf.owner"
	nameLabel  = "modelwharf.name" // of the container
	// dialerLabel is only on dialers.
	dialerLabel = "modelwharf.dialer"
)

// owner makes the folder of a Runtime if need be, and returns who its owner is: the folder's path
// tells, as that of a folder that containers mount is the machine's own, also of a server that
// runs in a container itself.
func owner(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	// The folder of a container is open to all, so this one must not be.
	if err := os.Chmod(folder, 0o700); err != nil {
		return "", err
	}
	path, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8]), nil
}

// sweep removes containers, networks and sockets of the owner.
func (r *Runtime) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	own := client.Filters{}.Add("label", ownerLabel+"="+r.owner)
	left, err := r.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: own})
	if err != nil {
		return err
	}
	// A dialer goes after the container that uses its network, which podman insists on.
	for _, dialers := range []string{"", "true"} {
		var removals errgroup.Group
		removals.SetLimit(removalsAtOnce)
		for _, c := range left.Items {
			if c.Labels[dialerLabel] != dialers {
				continue
			}
			r.config.Log.Info("a container of an earlier server is removed", "name", c.Labels[nameLabel], "id", c.ID)
			removals.Go(func() error { return r.removeContainer(ctx, c.ID) })
		}
		if err := removals.Wait(); err != nil {
			return err
		}
	}
	networks, err := r.engine.NetworkList(ctx, client.NetworkListOptions{Filters: own})
	if err != nil {
		return err
	}
	for _, n := range networks.Items {
		if err := r.removeNetwork(ctx, n.ID); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(r.config.Folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(r.config.Folder, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// removeAttempts is how often a removal is tried, askAgain apart: engines refuse it at times, while
// they still clear up after a container themselves.
const removeAttempts = 5

// removePatience is how long an attempt may take. An engine kills first, and waits ten seconds for
// the end.
const removePatience = 20 * time.Second

// removalsAtOnce is how many containers are removed at once: a server that starts has better to do
// than to wait for each.
const removalsAtOnce = 8

// removeContainer ends and removes a container. One that is gone is no error.
func (r *Runtime) removeContainer(ctx context.Context, id string) error {
	for attempt := 1; ; attempt++ {
		call, cancel := context.WithTimeout(ctx, removePatience)
		_, err := r.engine.ContainerRemove(call, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		cancel()
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		if attempt == removeAttempts {
			return err
		}
		r.config.Log.Debug("a container is not removed yet", "id", id, "error", err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askAgain):
		}
	}
}

func (r *Runtime) removeNetwork(ctx context.Context, id string) error {
	_, err := r.engine.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
