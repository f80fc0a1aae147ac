package engine

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Labels mark what belongs to a server.
const (
	ownerLabel = "modelwharf.owner"
	nameLabel  = "modelwharf.name" // of the container
)

// ownerFile, in the folder of a Runtime, is what tells its server from all others.
const ownerFile = "owner"

// owner makes the folder of a Runtime if need be, and returns who its owner is. A copy of the
// folder beside it is another's.
func owner(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	// The folder of a container is open to all, so this one must not be.
	if err := os.Chmod(folder, 0o700); err != nil {
		return "", err
	}
	at := filepath.Join(folder, ownerFile)
	id, err := os.ReadFile(at)
	if errors.Is(err, fs.ErrNotExist) {
		id = []byte(rand.Text())
		err = os.WriteFile(at, id, 0o600)
	}
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(append(id, 0), real...))
	return hex.EncodeToString(sum[:8]), nil
}

// sweep removes containers, networks and sockets of the owner.
func (r *Runtime) sweep(ctx context.Context) error {
	own := client.Filters{}.Add("label", ownerLabel+"="+r.owner)
	left, err := r.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: own})
	if err != nil {
		return err
	}
	for _, c := range left.Items {
		r.config.Log.Info("a container of an earlier server is removed", "name", c.Labels[nameLabel], "id", c.ID)
		if err := r.removeContainer(ctx, c.ID); err != nil {
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
		if e.IsDir() {
			if err := os.RemoveAll(filepath.Join(r.config.Folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeContainer ends and removes a container. One that is gone is no error.
func (r *Runtime) removeContainer(ctx context.Context, id string) error {
	_, err := r.engine.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *Runtime) removeNetwork(ctx context.Context, id string) error {
	_, err := r.engine.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
