package engine

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// usualRepository is the name of all images that servers give to an engine.
const usualRepository = "localhost/modelwharf"

// unused is how long an image stays at the engine without a container.
const unused = time.Hour

// images are those that containers of the Runtime have used.
type images struct {
	loading sync.Mutex // they come one at a time
	opened  time.Time  // when the Runtime was made
	mu      sync.Mutex
	used    map[string]time.Time // by name, when a container was last made or removed
}

// use notes that a container uses an image now.
func (i *images) use(name string, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.used[name] = now
}

// old tells whether nobody has used an image for long.
func (i *images) old(name string, now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := i.opened
	if at, ok := i.used[name]; ok {
		last = at
	}
	return now.Sub(last) >= unused
}

// nameOf is an image's name at the engine.
func (r *Runtime) nameOf(i runtime.Image) string {
	return r.config.repository + ":sha256-" + i.Digest.Encoded()
}

// load gives an image to the engine, unless it has it, and returns its name there. It goes as
// the archive that `docker save` makes, which every engine reads.
func (r *Runtime) load(ctx context.Context, i runtime.Image) (string, error) {
	name := r.nameOf(i)
	r.images.use(name, r.config.Now())
	r.images.loading.Lock()
	defer r.images.loading.Unlock()
	_, err := r.engine.ImageInspect(ctx, name)
	if err == nil || !errdefs.IsNotFound(err) {
		return name, err
	}
	r.prune(ctx)
	m, _, err := i.Read(ctx)
	if err != nil {
		return "", err
	}
	read, write := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := archive(ctx, write, i, m, name)
		write.CloseWithError(err)
		packed <- err
	}()
	answer, err := r.engine.ImageLoad(ctx, read, client.ImageLoadWithQuiet(true))
	if err == nil {
		err = loaded(answer)
		answer.Close()
	}
	read.CloseWithError(io.ErrClosedPipe)
	if perr := <-packed; perr != nil && !errors.Is(perr, io.ErrClosedPipe) {
		return "", perr
	}
	if err != nil {
		return "", fmt.Errorf("%w: the engine does not take it: %w", runtime.ErrImage, err)
	}
	return name, nil
}

// prune removes the images that no container has used for long; not those that some container
// has, of this server or another one.
func (r *Runtime) prune(ctx context.Context) {
	all, err := r.engine.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("reference", r.config.repository)})
	if err != nil {
		r.config.Log.Warn("the engine's images cannot be listed", "error", err)
		return
	}
	containers, err := r.engine.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		r.config.Log.Warn("the engine's containers cannot be listed", "error", err)
		return
	}
	used := map[string]bool{}
	for _, c := range containers.Items {
		used[c.ImageID] = true
	}
	for _, image := range all.Items {
		if used[image.ID] { // the engine knows too, but takes the name from one that has another one
			continue
		}
		for _, name := range image.RepoTags {
			if !strings.HasPrefix(name, r.config.repository+":") || !r.images.old(name, r.config.Now()) {
				continue
			}
			if _, err := r.engine.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true}); err == nil {
				r.config.Log.Info("an image that no container uses is removed from the engine", "image", name)
			} else if !errdefs.IsConflict(err) && !errdefs.IsNotFound(err) {
				r.config.Log.Warn("an image cannot be removed from the engine", "image", name, "error", err)
			}
		}
	}
}

// loaded reads what the engine says of an image.
func loaded(r io.Reader) error {
	for d := json.NewDecoder(r); ; {
		var said struct {
			Error string `json:"error"`
		}
		if err := d.Decode(&said); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if said.Error != "" {
			return errors.New(said.Error)
		}
	}
}

// archive writes an image with its config and its layers.
func archive(ctx context.Context, to io.Writer, i runtime.Image, m ocispec.Manifest, name string) error {
	w := tar.NewWriter(to)
	listed := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: m.Config.Digest.Encoded() + ".json", RepoTags: []string{name}}
	config, err := plainConfig(ctx, i, m)
	if err != nil {
		return err
	}
	if err := file(w, listed.Config, config); err != nil {
		return err
	}
	written := map[digest.Digest]bool{}
	for _, l := range m.Layers {
		name := l.Digest.Encoded() + ".tar"
		listed.Layers = append(listed.Layers, name)
		if written[l.Digest] {
			continue
		}
		written[l.Digest] = true
		if err := entry(ctx, w, i, l, name); err != nil {
			return err
		}
	}
	b, err := json.Marshal([]any{listed})
	if err != nil {
		return err
	}
	if err := file(w, "manifest.json", b); err != nil {
		return err
	}
	return w.Close()
}

// plainConfig is the config of an image without what an engine would do beside running it: make
// volumes, which can be written and have no limit, and run health checks.
func plainConfig(ctx context.Context, i runtime.Image, m ocispec.Manifest) ([]byte, error) {
	r, err := i.Blob(ctx, m.Config)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var all, config map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%w: its config: %w", runtime.ErrImage, err)
	}
	if err := json.Unmarshal(all["config"], &config); err != nil {
		return nil, fmt.Errorf("%w: its config: %w", runtime.ErrImage, err)
	}
	delete(config, "Volumes")
	delete(config, "Healthcheck")
	if all["config"], err = json.Marshal(config); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

func file(w *tar.Writer, name string, b []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(b))}); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

func entry(ctx context.Context, w *tar.Writer, i runtime.Image, d ocispec.Descriptor, name string) error {
	r, err := i.Blob(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: d.Size}); err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
