package transport_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/modelwharf/modelwharf/internal/sagemaker/transport"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestRefusedWithoutReading has the server answer at the first bytes, and close: its answer is
// not lost, however long the question is that it does not read.
func TestRefusedWithoutReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy")
	})
	for _, size := range []int{1000, 8000, 30_000} {
		for range 200 {
			if status, got, err := w.ask(t.Context(), make([]byte, size)); err != nil || status != 503 || got != "busy" {
				t.Fatalf("%d bytes: %d %q %v", size, status, got, err)
			}
		}
	}
}

// TestEndedContextAsksNothing asks in a context that has ended: the server does not hear of it.
func TestEndedContextAsksNothing(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	w := newWorld(t, handled(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		echo(rw, r)
	}))
	w.want("one", "one")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if _, _, err := w.ask(ctx, []byte("two")); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	w.want("three", "three")
	w.wantDials(1)
	if n := asked.Load(); n != 2 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestClosedWhileAsked closes the idle connections while an answer is being read: its connection
// is closed when that has ended.
func TestClosedWhileAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, said(ok, ok))
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://model/ping", nil)
	response, err := w.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w.CloseIdleConnections()
	if b, err := io.ReadAll(response.Body); string(b) != "ok" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	<-w.closed
	w.want("again", "ok")
	w.wantDials(2)
}

// TestEndedConnection asks over a connection that has ended unnoticed: that nothing was asked is
// told as such, once.
func TestEndedConnection(t *testing.T) {
	t.Parallel()
	tr := transport.New(func(context.Context) (net.Conn, error) {
		here, there := net.Pipe() // whose end cannot be seen before something is written
		go func() {
			_, _ = http.ReadRequest(bufio.NewReader(there))
			_, _ = io.WriteString(there, ok)
			there.Close()
		}()
		return here, nil
	})
	for i, want := range []error{nil, transport.ErrUnsent, nil, transport.ErrUnsent} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model/invocations", strings.NewReader("question"))
		response, err := tr.RoundTrip(r)
		if !errors.Is(err, want) {
			t.Fatalf("%d: %v", i, err)
		}
		if err == nil {
			_, _ = io.ReadAll(response.Body)
		}
	}
}

// TestBrokenQuestion asks with bodies that break off: nobody waits for an answer.
func TestBrokenQuestion(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	w := newWorld(t, handled(echo))
	for _, size := range []int64{100, 1 << 20, -1} {
		body := io.MultiReader(strings.NewReader("half a"), iotest.ErrReader(broken))
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model/invocations", body)
		r.ContentLength = size
		if response, err := w.RoundTrip(r); err == nil {
			_, err := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusBadRequest {
				t.Errorf("%d bytes: %s %v", size, response.Status, err)
			}
		}
	}
}
