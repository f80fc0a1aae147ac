// Package transport asks the container of a model by HTTP, in the goroutine of who asks.
//
// The Transport of net/http hands every request to two goroutines of its connection, and their
// wakeups cost a prediction more than all else between a client and a small model. Here whoever
// asks writes the request and reads the answer, and connections are kept between.
package transport

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxIdle is how many connections are kept, and idleTime for how long.
	maxIdle  = 256
	idleTime = 30 * time.Second
	// maxHeader is how long the header of an answer may be, in bytes.
	maxHeader = 1 << 20
	// maxInformational is how many answers of a status from 100 to 199 may come before the one.
	maxInformational = 5
	// lastWords is how long a server that does not read on may take to say why.
	lastWords = 50 * time.Millisecond
	// maxInline is how long a body is at most that is written before the answer is read. A
	// server may answer a longer one before it has read it, and read no more.
	maxInline = 32 << 10
)

var (
	// ErrHeader says that the header of an answer is longer than 1 MiB.
	ErrHeader = errors.New("transport: the header of the answer is too long")
	// ErrUnsent says that a kept connection had ended before anything was asked over it: to ask
	// again asks nothing twice.
	ErrUnsent = errors.New("transport: the connection ended before anything was asked")
)

// Transport is an http.RoundTripper to one server, whatever the URL says. It follows no
// redirects and asks nothing twice. Its methods may be called at once.
type Transport struct {
	dial func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	idle   []*conn // the one that was used last is last
	closed bool    // since it was last asked something: nothing is kept
	reaper *time.Timer
}

var _ http.RoundTripper = (*Transport)(nil)

// New returns a Transport that connects by dial, whose errors it hands on as they are.
func New(dial func(context.Context) (net.Conn, error)) *Transport { return &Transport{dial: dial} }

// conn is a connection to the server.
type conn struct {
	net.Conn
	system syscall.RawConn // nil if it is none of the system's
	unread io.LimitedReader
	r      *bufio.Reader
	w      *bufio.Writer
	sent   int       // bytes of the present request
	kept   bool      // it was used before
	since  time.Time // when it became idle
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent += n
	return n, err
}

// RoundTrip asks the server. The answer's Body must be closed; to read it to its end lets the
// connection be kept. Both end with the request's context.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	var c *conn
	err := ctx.Err()
	if err == nil {
		c, err = t.take(ctx)
	}
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	e := &exchange{t: t, c: c, ctx: ctx, stop: context.AfterFunc(ctx, c.interrupt)}
	response, err := e.ask(r)
	if err != nil {
		e.end(false)
		return nil, e.told(err)
	}
	return response, nil
}

// CloseIdleConnections closes the connections that nothing is asked over, and the others when
// they are no longer needed.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.reap(func(*conn) bool { return true })
}

// take returns a connection that is open, as far as can be seen from here.
func (t *Transport) take(ctx context.Context) (*conn, error) {
	for {
		c := t.last()
		if c == nil {
			break
		}
		if c.silent() {
			return c, nil
		}
		c.Close()
	}
	raw, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, unread: io.LimitedReader{R: raw}}
	c.r, c.w = bufio.NewReader(&c.unread), bufio.NewWriter(c)
	if s, ok := raw.(syscall.Conn); ok {
		if c.system, err = s.SyscallConn(); err != nil {
			raw.Close()
			return nil, err
		}
	}
	return c, nil
}

// last takes the idle connection that was used last, nil if there is none.
func (t *Transport) last() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = false
	n := len(t.idle) - 1
	if n < 0 {
		return nil
	}
	c := t.idle[n]
	t.idle[n] = nil
	t.idle = t.idle[:n]
	return c
}

// silent tells whether the server has neither closed an idle connection nor said anything.
func (c *conn) silent() bool {
	if c.system == nil {
		return true
	}
	var one [1]byte
	var err error
	failed := c.system.Read(func(fd uintptr) bool {
		_, _, err = unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return true
	})
	return failed == nil && errors.Is(err, unix.EAGAIN)
}

// interrupt ends what is being read and written.
func (c *conn) interrupt() { _ = c.Close() }

// keep keeps a connection for the next one who asks.
func (t *Transport) keep(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.idle) >= maxIdle {
		c.Close()
		return
	}
	c.sent, c.kept, c.since = 0, true, time.Now()
	t.idle = append(t.idle, c)
	if t.reaper == nil {
		t.reaper = time.AfterFunc(idleTime, t.reapOld)
	}
}

// reapOld closes the connections that have been idle for long, and comes again for the others.
func (t *Transport) reapOld() {
	now := time.Now()
	t.reap(func(c *conn) bool { return now.Sub(c.since) >= idleTime })
}

// reap closes the idle connections that are old.
func (t *Transport) reap(old func(*conn) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := t.idle[:0]
	for _, c := range t.idle {
		if old(c) {
			c.Close()
		} else {
			rest = append(rest, c)
		}
	}
	clear(t.idle[len(rest):])
	t.idle = rest
	if t.reaper != nil {
		t.reaper.Stop()
		t.reaper = nil
	}
	if len(rest) > 0 {
		t.reaper = time.AfterFunc(time.Until(rest[0].since.Add(idleTime)), t.reapOld)
	}
}

// exchange is a question and its answer over a connection. It is the Body of the answer.
type exchange struct {
	t       *Transport
	c       *conn
	ctx     context.Context
	stop    func() bool // ends that the context interrupts; tells whether it has not
	body    io.ReadCloser
	writing chan error // of a body that is written while the answer is read; nil if none is
	last    bool       // the connection is not to be used again
	ended   bool
}

// ask writes the request and reads the answer's header.
func (e *exchange) ask(r *http.Request) (*http.Response, error) {
	var unwritten error
	if r.Body == nil || r.ContentLength >= 0 && r.ContentLength <= maxInline {
		if unwritten = e.c.write(r); unwritten != nil && e.c.kept && e.c.sent == 0 {
			return nil, ErrUnsent
		}
	} else {
		e.writing = make(chan error, 1)
		go func() { e.writing <- e.c.write(r) }()
	}
	response, err := e.c.read(r)
	if err != nil {
		return nil, cmp.Or(unwritten, err)
	}
	e.last = unwritten != nil || response.Close || response.StatusCode < 200
	e.body, response.Body = response.Body, e
	return response, nil
}

// write writes a request, and closes its body. If that fails, the server may have answered
// before it closed.
func (c *conn) write(r *http.Request) error {
	err := r.Write(c.w)
	if err == nil {
		err = c.w.Flush()
	}
	if err != nil {
		_ = c.SetReadDeadline(time.Now().Add(lastWords))
	}
	return err
}

// read reads the header of the answer.
func (c *conn) read(r *http.Request) (*http.Response, error) {
	c.unread.N = maxHeader
	for range maxInformational + 1 {
		response, err := http.ReadResponse(c.r, r)
		switch {
		case err != nil && c.unread.N <= 0:
			return nil, ErrHeader
		case err != nil:
			return nil, err
		case response.StatusCode >= 200 || response.StatusCode == http.StatusSwitchingProtocols:
			c.unread.N = math.MaxInt64 // which is for the reader of the body to bound
			return response, nil
		}
	}
	return nil, errors.New("transport: the server goes on to say that it will answer")
}

// Read reads the body of the answer.
func (e *exchange) Read(p []byte) (int, error) {
	n, err := e.body.Read(p)
	switch {
	case err == io.EOF: //nolint:errorlint // a Reader's very own
		e.end(true)
	case err != nil:
		e.end(false)
		err = e.told(err)
	}
	return n, err
}

// Close ends the exchange.
func (e *exchange) Close() error {
	e.end(e.body == http.NoBody)
	return nil
}

// end keeps the connection if nothing is left in it and it can be used again.
func (e *exchange) end(whole bool) {
	if e.ended {
		return
	}
	e.ended = true
	uninterrupted := e.stop()
	if whole && uninterrupted && !e.last && e.written() && e.c.r.Buffered() == 0 {
		e.t.keep(e.c)
		return
	}
	e.c.Close()
}

// written tells whether the request was written to its end.
func (e *exchange) written() bool {
	if e.writing == nil {
		return true
	}
	select {
	case err := <-e.writing:
		return err == nil
	default:
		return false
	}
}

// told is an error as the one who asked is told it: that of the context if it has ended.
func (e *exchange) told(err error) error {
	if e.ctx.Err() != nil {
		return e.ctx.Err()
	}
	return err
}
