package engine

import (
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// WithRepository gives the images of a Runtime a name of their own.
func WithRepository(c Config, repository string) Config {
	c.repository = repository
	return c
}

// ContainersOf are the names of a Runtime's containers at the engine.
func ContainersOf(t testing.TB, r *Runtime) (all []string) {
	t.Helper()
	own := client.Filters{}.Add("label", ownerLabel+"="+r.owner)
	list, err := r.engine.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: own})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Items {
		all = append(all, c.Names[0])
	}
	return all
}

// Kill kills a container as another client of the engine would.
func Kill(t testing.TB, r *Runtime, name string) {
	t.Helper()
	if _, err := r.engine.ContainerKill(t.Context(), name, client.ContainerKillOptions{Signal: "SIGKILL"}); err != nil {
		t.Error(err)
	}
}

// Remove removes a container as another client of the engine would.
func Remove(t testing.TB, r *Runtime, name string) {
	t.Helper()
	if _, err := r.engine.ContainerRemove(t.Context(), name, client.ContainerRemoveOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

// ImagesOf are the names of a Runtime's images at the engine.
func ImagesOf(t testing.TB, r *Runtime) (all []string) {
	t.Helper()
	list, err := r.engine.ImageList(t.Context(), client.ImageListOptions{Filters: client.Filters{}.Add("reference", r.config.repository)})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list.Items {
		for _, name := range i.RepoTags {
			if strings.HasPrefix(name, r.config.repository+":") { // it may have others
				all = append(all, name)
			}
		}
	}
	return all
}
