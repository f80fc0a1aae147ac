// Package runtimetest has the tests that every runtime passes.
package runtimetest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/runtime"
)

// Traits are what not every runtime can do.
type Traits struct {
	// Isolated containers see nothing of the machine's files, and are no user of it.
	Isolated bool
	// Walled containers have a network of their own and limits too, and processes of their own
	// alone. Their Spec can let them reach the network.
	Walled bool
	// Unlimited is why limits of walled containers do not hold, "" if they do.
	Unlimited string
}

// Run runs the tests on the runtimes that make makes, each with a new folder. It is called by the
// package's TestRuntime: see killed.
func Run(t *testing.T, traits Traits, make func(t *testing.T, folder string) runtime.Runtime) {
	if folder := os.Getenv(toKill); folder != "" {
		serveUntilKilled(t, make(t, folder))
	}
	tests := map[string]func(*world){
		"serves":         serves,
		"stops":          stops,
		"dials":          dials,
		"ends by itself": endsByItself,
		"many":           many,
		"closes":         closes,
		"broken off":     brokenOff,
		"prints":         prints,
		"killed":         killed,
	}
	if !testing.Short() { // which the race detector could tell nothing about
		maps.Copy(tests, map[string]func(*world){
			"sees":         sees,
			"unfit images": unfitImages,
			"names":        names,

			"no network outside":             noNetworkOutside,
			"no port of the server":          noPortOfTheServer,
			"no other container":             noOtherContainer,
			"none of the host's files":       noneOfTheHostsFiles,
			"read-only root":                 readOnlyRoot,
			"no privileges":                  noPrivileges,
			"no device nodes":                noDeviceNodes,
			"no layer outside of its folder": noLayerOutside,
			"limits hold":                    limitsHold,
			"may reach the network":          mayReachTheNetwork,
		})
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "containers")
			w := &world{T: t, traits: traits, folder: folder, Runtime: make(t, folder)}
			w.open = func(folder string) runtime.Runtime { return make(t, folder) }
			t.Cleanup(func() {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
			test(w)
		})
	}
}

type world struct {
	*testing.T
	traits Traits
	folder string                              // of the runtime
	open   func(folder string) runtime.Runtime // another one
	runtime.Runtime
}

// config runs the program as most images do.
var config = ocispec.ImageConfig{Entrypoint: []string{"/bin/program"}, Cmd: []string{"usual"}, Env: []string{"FROM_IMAGE=1", "BOTH=image"}}

func (w *world) spec(name string) runtime.Spec {
	w.Helper()
	return runtime.Spec{Name: name, Image: pack(w, config), Port: 8080}
}

// start runs a container, and waits until it answers.
func (w *world) start(s runtime.Spec) runtime.Container {
	w.Helper()
	c, err := w.Start(w.Context(), s)
	if err != nil {
		w.Fatal(err)
	}
	await(w, c)
	return c
}

// await waits until a container answers.
func await(t testing.TB, c runtime.Container) {
	t.Helper()
	for !answers(c) {
		select {
		case <-c.Done():
			t.Fatal(c.Exit())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// answers tells whether the program answers. That a connection comes about says nothing where
// something in between takes those to any host.
func answers(c runtime.Container) bool {
	answer, err := get(c, "/args")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var args []string
	return json.NewDecoder(answer.Body).Decode(&args) == nil
}

// Transport speaks HTTP with a container.
func Transport(c runtime.Container) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.Dial(ctx) }}
}

// get asks the program for something, over a connection of its own.
func get(c runtime.Container, path string) (*http.Response, error) {
	transport := Transport(c)
	transport.DisableKeepAlives = true
	return (&http.Client{Transport: transport}).Get("http://container" + path)
}

// Image is an image with the program of the tests; others have other names.
func Image(t testing.TB, name string) runtime.Image {
	t.Helper()
	return pack(t, config, tar.Header{Name: "name", Mode: 0o644, Linkname: name})
}

// Serve starts a container with the program of the tests, and waits until it answers.
func Serve(t testing.TB, r runtime.Runtime, name string) runtime.Container {
	t.Helper()
	c, err := r.Start(t.Context(), runtime.Spec{Name: name, Image: pack(t, config), Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	await(t, c)
	return c
}

// ask asks the program for something, and fails unless it may.
func (w *world) ask(c runtime.Container, path string, out any) {
	w.Helper()
	if said := w.try(c, path, out); said != "" {
		w.Errorf("%s: %s", path, said)
	}
}

// try asks the program for something, and returns its error.
func (w *world) try(c runtime.Container, path string, out any) string {
	w.Helper()
	answer, err := get(c, path)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		w.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		return string(b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			w.Fatal(err)
		}
	}
	return ""
}

func (w *world) stop(c runtime.Container) {
	w.Helper()
	if err := c.Stop(w.Context()); err != nil {
		w.Error(err)
	}
	select {
	case <-c.Done():
	default:
		w.Error("it is not done")
	}
}

// A container serves with the arguments and the variables of its image and its caller, and
// none of the server's.
func serves(w *world) {
	s := w.spec("one")
	s.Args, s.Env = []string{"serve", "a b"}, map[string]string{"BOTH": "caller", "FROM_CALLER": "x=y"}
	c := w.start(s)
	var args, env []string
	w.ask(c, "/args", &args)
	if !slices.Equal(args, s.Args) {
		w.Errorf("arguments %q", args)
	}
	w.ask(c, "/env", &env)
	for _, want := range []string{"FROM_IMAGE=1", "BOTH=caller", "FROM_CALLER=x=y"} {
		if !slices.Contains(env, want) {
			w.Errorf("no %s in %q", want, env)
		}
	}
	for _, v := range env {
		if strings.HasPrefix(v, "GO") || strings.HasPrefix(v, "AWS") {
			w.Errorf("the server's variable %s", v)
		}
	}
	usual := w.start(w.spec("two"))
	w.ask(usual, "/args", &args)
	if !slices.Equal(args, []string{"usual"}) {
		w.Errorf("without arguments: %q", args)
	}
	w.stop(c)
	w.stop(usual)
}

// A container finds its model, and can write to /tmp alone.
func sees(w *world) {
	model := w.TempDir()
	if err := os.MkdirAll(filepath.Join(model, "deep"), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(model, "deep", "weights"), []byte("1 2 3"), 0o644); err != nil {
		w.Fatal(err)
	}
	s := w.spec("sees")
	s.Model = model
	c := w.start(s)
	if w.traits.Isolated {
		var weights string
		w.ask(c, "/read?path="+runtime.ModelFolder+"/deep/weights", &weights)
		if weights != "1 2 3" {
			w.Errorf("the weights are %q", weights)
		}
		w.ask(c, "/write?path=/tmp/x", nil)
		for _, at := range []string{runtime.ModelFolder + "/deep/weights", runtime.ModelFolder + "/new", "/new", "/bin/program"} {
			if w.try(c, "/write?path="+at, nil) == "" {
				w.Errorf("%s can be written", at)
			}
		}
	}
	w.stop(c)
	if b, err := os.ReadFile(filepath.Join(model, "deep", "weights")); err != nil || string(b) != "1 2 3" {
		w.Errorf("the caller's model is %q, %v", b, err)
	}
}

// Many connect at once. Nobody does while the container does not listen, or once it has ended, or
// who has given up.
func dials(w *world) {
	c := w.start(w.spec("dials"))
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 4 {
				if !answers(c) {
					w.Error("it does not answer")
				}
			}
		})
	}
	wg.Wait()
	given, cancel := context.WithCancel(w.Context())
	cancel()
	if _, err := c.Dial(given); !errors.Is(err, context.Canceled) {
		w.Errorf("who has given up gets %v", err)
	}
	w.stop(c)
	if _, err := c.Dial(w.Context()); err == nil {
		w.Error("one that has ended is connected to")
	}
	s := w.spec("deaf")
	s.Args = []string{"left"}
	deaf, err := w.Start(w.Context(), s)
	if err != nil {
		w.Fatal(err)
	}
	if _, err := deaf.Dial(w.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		w.Errorf("one that does not listen: %v", err)
	}
	if err := deaf.Stop(given); err != nil {
		w.Error(err)
	}
}

// A container is asked to end, and made to when it does not.
func stops(w *world) {
	c := w.start(w.spec("polite"))
	w.stop(c)
	if answers(c) {
		w.Error("it still answers")
	}
	w.stop(c) // again
	s := w.spec("stubborn")
	s.Env = map[string]string{"STUBBORN": "1"}
	c = w.start(s)
	now, cancel := context.WithCancel(w.Context())
	cancel()
	if err := c.Stop(now); err != nil {
		w.Error(err)
	}
	if e := c.Exit(); e.Signal == "" && e.Code != 137 {
		w.Errorf("it ended with %+v", e)
	}
}

// A container that ends by itself says how, and what it printed.
func endsByItself(w *world) {
	s := w.spec("fails")
	s.Args = []string{"fail"}
	c, err := w.Start(w.Context(), s)
	if err != nil {
		w.Fatal(err)
	}
	<-c.Done()
	if e := c.Exit(); e.Code != 3 || !strings.Contains(e.Output, "there is no model") || !strings.Contains(e.Error(), "status 3") {
		w.Errorf("it ended with %v", e)
	}
	w.stop(c)
	w.stop(w.start(w.spec("fails"))) // the name is free
}

// What cannot be run is refused, with nothing left.
func unfitImages(w *world) {
	torn := pack(w, config)
	open := torn.Open
	torn.Open = func(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
		r, err := open(ctx, d)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(r)
		b[len(b)/2] ^= 1
		return io.NopCloser(bytes.NewReader(b)), err
	}
	another := pack(w, config)
	another.Digest = digest.FromString("another")
	for name, image := range map[string]runtime.Image{
		"no-command": pack(w, ocispec.ImageConfig{}),
		"no-program": pack(w, ocispec.ImageConfig{Entrypoint: []string{"/bin/absent"}}),
		"not-found":  pack(w, ocispec.ImageConfig{Entrypoint: []string{"absent"}}),
		"torn":       torn,
		"another":    another,
	} {
		c, err := w.Start(w.Context(), runtime.Spec{Name: name, Image: image, Port: 8080})
		if !errors.Is(err, runtime.ErrImage) {
			w.Errorf("%s: %v", name, err)
		}
		if c != nil {
			w.Errorf("%s runs", name)
		}
	}
	// That a file is no program shows when it is run: Start, or the end of the container, says so.
	text := pack(w, ocispec.ImageConfig{Entrypoint: []string{"/text"}}, tar.Header{Name: "text", Mode: 0o755, Linkname: "just text"})
	c, err := w.Start(w.Context(), runtime.Spec{Name: "no-binary", Image: text, Port: 8080})
	if err == nil {
		<-c.Done()
		err = c.Exit()
		w.stop(c)
	}
	if !strings.Contains(err.Error(), "exec format error") {
		w.Errorf("no-binary: %v", err)
	}
}

// Names are those of hosts, and one at a time.
func names(w *world) {
	for _, name := range []string{"", "A", "a/b", "..", "a_b", "-a", strings.Repeat("a", 64)} {
		s := w.spec(name)
		if _, err := w.Start(w.Context(), s); !errors.Is(err, runtime.ErrName) {
			w.Errorf("%q: %v", name, err)
		}
	}
	c := w.start(w.spec("once"))
	if _, err := w.Start(w.Context(), w.spec("once")); !errors.Is(err, runtime.ErrTaken) {
		w.Errorf("twice: %v", err)
	}
	w.stop(c)
	w.stop(w.start(w.spec("once")))
}

// Many containers start at once, and are different users.
func many(w *world) {
	image := pack(w, config)
	var wg sync.WaitGroup
	var mu sync.Mutex
	who := map[int]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		wg.Go(func() {
			c := w.start(runtime.Spec{Name: name, Image: image, Port: 8080})
			var user int
			w.ask(c, "/user", &user)
			mu.Lock()
			who[user] = true
			mu.Unlock()
			w.stop(c)
		})
	}
	wg.Wait()
	if w.traits.Isolated && !w.traits.Walled && (len(who) != 8 || who[os.Getuid()]) {
		w.Errorf("the users are %v", who)
	}
}

// Close ends what runs.
func closes(w *world) {
	a, b := w.start(w.spec("a")), w.start(w.spec("b"))
	if err := w.Close(); err != nil {
		w.Error(err)
	}
	for _, c := range []runtime.Container{a, b} {
		<-c.Done()
		if answers(c) {
			w.Error("it still answers")
		}
	}
	if _, err := w.Start(w.Context(), w.spec("c")); err == nil {
		w.Error("a closed runtime starts a container")
	}
}

// Who breaks off a start leaves nothing.
func brokenOff(w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	s := w.spec("broken")
	open := s.Image.Open
	s.Image.Open = func(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
		cancel()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return open(ctx, d)
	}
	if _, err := w.Start(ctx, s); !errors.Is(err, context.Canceled) {
		w.Errorf("the error is %v", err)
	}
	w.stop(w.start(w.spec("broken")))
}

// What a container prints comes to its caller.
func prints(w *world) {
	var out lines
	s := w.spec("prints")
	s.Output = &out
	c := w.start(s)
	w.ask(c, "/say?what="+url.QueryEscape("good morning"), nil)
	w.stop(c)
	if !strings.Contains(out.String(), "ready") || !strings.Contains(out.String(), "good morning") {
		w.Errorf("it printed %q", out.String())
	}
}

// lines is what was printed.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
