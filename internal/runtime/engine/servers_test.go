package engine_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

// answers asks the program of the tests for something.
func answers(ctx context.Context, c runtime.Container) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://container/args", nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: runtimetest.Transport(c)}).Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Two servers on one engine remove nothing of each other, however they call their containers.
func TestServersOfOneEngine(t *testing.T) {
	t.Parallel()
	needEngine(t)
	first, second := filepath.Join(t.TempDir(), "containers"), filepath.Join(t.TempDir(), "containers")
	a := open(t, first)
	c := runtimetest.Serve(t, a, "same")
	b := open(t, second)
	d := runtimetest.Serve(t, b, "same")
	for name, c := range map[string]runtime.Container{"the first": c, "the second": d} {
		if err := answers(t.Context(), c); err != nil {
			t.Errorf("%s server's: %v", name, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := answers(t.Context(), c); err != nil {
		t.Errorf("after the second has ended: %v", err)
	}
}

// A folder may have a longer path than a socket can.
func TestLongFolder(t *testing.T) {
	t.Parallel()
	needEngine(t)
	r := open(t, filepath.Join(t.TempDir(), strings.Repeat("long", 30), "containers"))
	if err := answers(t.Context(), runtimetest.Serve(t, r, strings.Repeat("x", 63))); err != nil {
		t.Error(err)
	}
}

// A container that is killed or removed behind the server's back has ended; so has one whose
// dialer has.
func TestEndedByAnother(t *testing.T) {
	t.Parallel()
	needEngine(t)
	for what, do := range map[string]func(testing.TB, *engine.Runtime, string){
		"killed": engine.Kill, "removed": engine.Remove, "dialer": engine.Kill,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "containers")
			r := open(t, folder)
			c := runtimetest.Serve(t, r, "victim")
			for _, id := range engine.ContainersOf(t, r) {
				if strings.HasSuffix(id, ".dialer") == (what == "dialer") {
					do(t, r, id)
				}
			}
			<-c.Done()
			if _, err := c.Dial(t.Context()); err == nil {
				t.Error("it can be dialed")
			}
			if err := c.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if left := engine.ContainersOf(t, r); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// An image that no container has used for an hour goes when another one comes.
func TestImagesGo(t *testing.T) {
	t.Parallel()
	needEngine(t)
	var mu sync.Mutex
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r := with(t, engine.WithRepository(engine.Config{
		Socket: socket, Folder: filepath.Join(t.TempDir(), "containers"), Dialer: dialer, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		},
	}, "localhost/images-"+strings.ToLower(rand.Text())))
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	images := func(want int) {
		t.Helper()
		if all := engine.ImagesOf(t, r); len(all) != want {
			t.Errorf("the images are %q, want %d", all, want)
		}
	}
	used, unused := runtimetest.Image(t, "used"), runtimetest.Image(t, "unused")
	start := func(name string, i runtime.Image) runtime.Container {
		c, err := r.Start(t.Context(), runtime.Spec{Name: name, Image: i, Port: 8080})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	start("used", used)
	if err := start("unused", unused).Stop(t.Context()); err != nil {
		t.Error(err)
	}
	images(3) // with that of dialers
	pass(59 * time.Minute)
	_ = start("next", runtimetest.Image(t, "next"))
	images(4)
	pass(2 * time.Minute)
	_ = start("last", runtimetest.Image(t, "last"))
	images(4)
	c := start("unused", unused) // comes again
	images(5)
	pass(2 * time.Hour)
	if err := c.Stop(t.Context()); err != nil { // used until now
		t.Error(err)
	}
	_ = start("one-more", runtimetest.Image(t, "one more"))
	images(6)
}

// Why no engine is found is said of each place.
func TestFindSaysWhy(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", folder)
	t.Setenv(engine.HostVariable, "")
	file := filepath.Join(folder, "docker.sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := engine.Find(t.Context()); err == nil {
		t.Logf("this machine has %+v", found)
	} else if !errors.Is(err, engine.ErrNone) || !strings.Contains(err.Error(), "nobody listens at "+file) ||
		!strings.Contains(err.Error(), "there is no "+filepath.Join(folder, "podman/podman.sock")) || !strings.Contains(err.Error(), engine.HostVariable) {
		t.Errorf("the error is %v", err)
	}
	for host, want := range map[string]string{
		"unix:///nowhere.sock":      "there is no /nowhere.sock (of the variable DOCKER_HOST)",
		"tcp://192.0.2.1:2375":      "tcp://192.0.2.1:2375 is no unix socket",
		"ssh://someone@example.com": "is no unix socket",
	} {
		t.Setenv(engine.HostVariable, host)
		if _, err := engine.Find(t.Context()); !errors.Is(err, engine.ErrNone) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// A program that is linked with libraries runs in no container, which is said at the beginning.
func TestProgramOfDialers(t *testing.T) {
	t.Parallel()
	needEngine(t)
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	_, err = engine.New(t.Context(), engine.Config{Socket: socket, Folder: t.TempDir(), Dialer: shell})
	if !errors.Is(err, engine.ErrNone) || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("the error is %v", err)
	}
}
