package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelwharf/modelwharf/internal/sagemaker/transport"
)

// world is a server, and a transport to it.
type world struct {
	*testing.T
	*transport.Transport
	dials  atomic.Int64
	closed chan struct{} // gets one for each connection that the server has closed
}

// newWorld serves connections by serve, on loopback.
func newWorld(t *testing.T, serve func(net.Conn)) *world {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, closed: make(chan struct{}, 1000)}
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { l.Close() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() {
					conn.Close()
					w.closed <- struct{}{}
				}()
				serve(conn)
			})
		}
	})
	w.Transport = transport.New(func(ctx context.Context) (net.Conn, error) {
		w.dials.Add(1)
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	})
	t.Cleanup(w.CloseIdleConnections)
	return w
}

// handled serves a connection as net/http does, with a handler.
func handled(h http.HandlerFunc) func(net.Conn) {
	return func(conn net.Conn) {
		l := &one{conn: conn, done: make(chan struct{})}
		server := http.Server{Handler: h, ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				close(l.done)
			}
		}}
		_ = server.Serve(l)
	}
}

// one is a Listener of one connection.
type one struct {
	conn net.Conn
	done chan struct{}
}

func (l *one) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.done
	return nil, io.EOF
}
func (l *one) Close() error   { return nil }
func (l *one) Addr() net.Addr { return &net.TCPAddr{} }

// said serves a connection by reading a request, without its body, and writing answers, one a
// request.
func said(answers ...string) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		for _, a := range answers {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			if _, err := io.WriteString(conn, a); err != nil {
				return
			}
		}
	}
}

// ask asks, and reads the whole answer.
func (w *world) ask(ctx context.Context, body []byte) (status int, answer string, err error) {
	w.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://model/invocations", bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	response, err := w.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

func (w *world) want(body, answer string) {
	w.Helper()
	status, got, err := w.ask(w.Context(), []byte(body))
	if err != nil || status != 200 || got != answer {
		w.Errorf("%d %.40q (%d bytes) %v, not %.40q (%d)", status, got, len(got), err, answer, len(answer))
	}
}

func (w *world) wantDials(n int64) {
	w.Helper()
	if got := w.dials.Load(); got != n {
		w.Errorf("%d connections were made, not %d", got, n)
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body) // before anything is answered: what is left then is thrown away
	_, _ = w.Write(b)
}

// TestConnectionIsKept asks many times, short and long questions, over one connection.
func TestConnectionIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, handled(echo))
	long := strings.Repeat("x", 6_291_456)
	for i := range 20 {
		q := fmt.Sprint("question ", i)
		w.want(q, q)
	}
	w.want("", "")
	w.wantDials(1)
	w.want(long, long) // of which the end may be seen before that of the writing
	w.want("short", "short")
}

// TestManyAtOnce asks from 64 sides; each gets its own answer.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, handled(echo))
	var all sync.WaitGroup
	for k := range 64 {
		all.Go(func() {
			for i := range 50 {
				q := fmt.Sprintf("%d of %d %s", i, k, strings.Repeat("x", i*k*20))
				w.want(q, q)
			}
		})
	}
	all.Wait()
}

// TestAnswers has the server answer in ways that are not the usual ones.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const short = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for name, c := range map[string]struct {
		answers []string
		dials   int64
	}{
		"at once":                {[]string{short, short}, 1},
		"in chunks":              {[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", short}, 1},
		"by HTTP/1.0":            {[]string{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}, 2},
		"to the end":             {[]string{"HTTP/1.1 200 OK\r\n\r\nok"}, 2},
		"and closes":             {[]string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"}, 2},
		"and goes away":          {[]string{short}, 2},
		"after it went on":       {[]string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + short, short}, 1},
		"more than it was asked": {[]string{short + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", "never"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, said(c.answers...))
			w.want("one", "ok")
			if c.dials == 2 {
				<-w.closed
			}
			w.want("two", "ok")
			w.wantDials(c.dials)
		})
	}
}

// TestNoAnswer has the server answer what is none: the error comes at once, and nothing hangs.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing":        "",
		"garbage":        "SSH-2.0-OpenSSH\r\n",
		"half a header":  "HTTP/1.1 200 OK\r\nContent-",
		"half a body":    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
		"half a chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
		"always going":   strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 20),
		"a long header":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"a status alone": "HTTP/1.1 200",
		"two lengths":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, said(answer))
			_, got, err := w.ask(t.Context(), []byte("question"))
			if err == nil {
				t.Errorf("it answered %.40q", got)
			}
			if long := name == "a long header"; errors.Is(err, transport.ErrHeader) != long {
				t.Error(err)
			}
		})
	}
}

// TestAnswerBeforeTheQuestionEnds has the server refuse long bodies before it reads them.
func TestAnswerBeforeTheQuestionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(conn net.Conn) {
		for r := bufio.NewReader(conn); ; {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
			_, _ = io.Copy(io.Discard, request.Body) // to close with something unread would reset the connection
		}
	})
	for range 3 {
		status, got, err := w.ask(t.Context(), make([]byte, 6<<20))
		if err != nil || status != 413 || got != "no" {
			t.Errorf("%d %q %v", status, got, err)
		}
	}
}

// TestContextEnds ends the context while the server is silent, before and within its answer.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"before": "", "within": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"} {
		for _, size := range []int{10, 6 << 20} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				t.Parallel()
				asked := make(chan struct{}, 1)
				w := newWorld(t, func(conn net.Conn) {
					said(answer)(conn)
					asked <- struct{}{}
					_, _ = io.Copy(io.Discard, conn)
				})
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					<-asked
					cancel()
				}()
				if _, _, err := w.ask(ctx, make([]byte, size)); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if _, _, err := w.ask(ctx, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("asked after the end: %v", err)
				}
			})
		}
	}
}

// TestDialError hands on the error of dial as it is.
func TestDialError(t *testing.T) {
	t.Parallel()
	failed := errors.New("nobody listens")
	tr := transport.New(func(context.Context) (net.Conn, error) { return nil, failed })
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://model/ping", nil)
	if _, err := tr.RoundTrip(r); err != failed { //nolint:errorlint // the very error
		t.Error(err)
	}
}

// TestIdleConnectionsEnd lets time pass: connections that nobody needs are closed.
func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		tr := transport.New(func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			open.Add(1)
			go func() {
				defer open.Add(-1)
				defer there.Close()
				said("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "-")(there)
			}()
			return here, nil
		})
		ask := func() {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://model/ping", nil)
			response, err := tr.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		for range 3 {
			ask()
			time.Sleep(20 * time.Second)
			if n := open.Load(); n != 1 {
				t.Fatalf("%d connections are open", n)
			}
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are still open", n)
		}
	})
}

// BenchmarkRoundTrip asks a server that answers at once, as net/http does and as this package.
func BenchmarkRoundTrip(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := http.Server{Handler: http.HandlerFunc(echo)}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}
	standard := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer standard.CloseIdleConnections()
	ours := transport.New(dial)
	defer ours.CloseIdleConnections()
	body := make([]byte, 1000)
	for name, tr := range map[string]http.RoundTripper{"net-http": standard, "transport": ours} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://model/invocations", bytes.NewReader(body))
				response, err := tr.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		})
	}
}
