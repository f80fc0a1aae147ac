package engine_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/runtime"
	"github.com/modelwharf/modelwharf/internal/runtime/engine"
	"github.com/modelwharf/modelwharf/internal/runtime/runtimetest"
)

// way is a socket on the way to the engine, which can be closed for a while.
type way struct {
	net.Listener
	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func (w *way) serve() {
	for {
		c, err := w.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("unix", socket)
		if err != nil || !w.keep(c, to) {
			c.Close()
			continue
		}
		go relay(c.(*net.UnixConn), to.(*net.UnixConn))
		go relay(to.(*net.UnixConn), c.(*net.UnixConn))
	}
}

func relay(to, from *net.UnixConn) {
	_, _ = io.Copy(to, from)
	_ = to.CloseWrite()
}

// keep notes connections, unless the way is closed.
func (w *way) keep(all ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range all {
		w.open[c] = true
	}
	return !w.closed
}

// close ends all connections, and takes no others until it is opened again.
func (w *way) close(closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = closed
	for c := range w.open {
		c.Close()
	}
	clear(w.open)
}

// signalled tells when something was printed.
type signalled chan struct{}

func (s signalled) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}

// An engine that is away, as while it is updated, ends no container: it answers on, what it prints
// comes again once the engine is back, and it is stopped then.
func TestEngineIsAway(t *testing.T) {
	t.Parallel()
	needEngine(t)
	folder := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(folder, "s"))
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close() })
	go w.serve()
	r := with(t, engine.Config{Socket: filepath.Join(folder, "s"), Folder: filepath.Join(folder, "containers"), Dialer: dialer, Log: slog.New(slog.DiscardHandler)})
	printed := make(signalled, 1)
	c, err := r.Start(t.Context(), runtime.Spec{Name: "steady", Image: runtimetest.Image(t, "steady"), Port: 8080, Output: printed})
	if err != nil {
		t.Fatal(err)
	}
	<-printed // that it is ready
	for answers(t.Context(), c) != nil {
		time.Sleep(time.Millisecond)
	}
	w.close(true)
	if err := answers(t.Context(), c); err != nil {
		t.Errorf("while the engine is away: %v", err)
	}
	w.close(false)
	for said := false; !said; {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://container/say?what=hello", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: runtimetest.Transport(c)}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		select {
		case <-printed:
			said = true
		case <-c.Done():
			t.Fatalf("it has ended: %v", c.Exit())
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
