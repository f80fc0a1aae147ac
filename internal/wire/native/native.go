// Package native is what the protocols of other tools have in common as the server sees
// them: those of registries and package indexes, which are not AWS's.
package native

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Door is how a server lets requests in and learns what became of them.
type Door struct {
	// Begin makes the request that the services see: its id, time and source.
	Begin func(r *http.Request) *api.Request
	// BaseURL is the base of the URLs in answers, "https://models.example.com".
	BaseURL func(r *http.Request) string
	// Done is told of each answered request.
	Done func(ctx context.Context, o Outcome)
}

// Defaults fills in what is nil.
func (d *Door) Defaults() {
	if d.Begin == nil {
		d.Begin = func(*http.Request) *api.Request { return &api.Request{Time: time.Now()} }
	}
	if d.BaseURL == nil {
		d.BaseURL = func(r *http.Request) string { return "http://" + r.Host }
	}
	if d.Done == nil {
		d.Done = func(context.Context, Outcome) {}
	}
}

// Outcome is what became of a request.
type Outcome struct {
	Request  *api.Request
	Status   int
	BytesIn  int64
	BytesOut int64
	Took     time.Duration
	Err      error // that was answered, with its cause; nil if none
}

// stall is how long a client may send, or take, nothing. A file takes as long as it takes,
// so the time is counted anew with each part of it.
const (
	stall   = 2 * time.Minute
	partLen = 1 << 20 // bytes
)

// Body is the body of a request, which is read as long as something comes.
type Body struct {
	body    io.ReadCloser
	control *http.ResponseController
	N       int64 // bytes that have come
	until   int64 // the N at which the time is counted anew
}

// NewBody returns the body of r, which w answers.
func NewBody(w http.ResponseWriter, r *http.Request) *Body {
	return &Body{body: r.Body, control: http.NewResponseController(w)}
}

func (b *Body) Read(p []byte) (int, error) {
	if b.N >= b.until {
		// Not every writer can; then the server's own times hold.
		_ = b.control.SetReadDeadline(time.Now().Add(stall))
		b.until = b.N + partLen
	}
	n, err := b.body.Read(p)
	b.N += int64(n)
	return n, err
}

// Close closes the body.
func (b *Body) Close() error { return b.body.Close() }

// Writer is an answer, which is written as long as something goes.
type Writer struct {
	http.ResponseWriter
	N      int64 // bytes that have gone
	Status int   // 0 until the answer has begun
	until  int64
}

// WriteHeader begins the answer.
func (w *Writer) WriteHeader(status int) {
	if w.Status == 0 {
		w.Status = status
	}
	w.wait() // the server counts from the request, whose body may have taken hours
	w.ResponseWriter.WriteHeader(status)
}

func (w *Writer) Write(p []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	w.wait()
	n, err := w.ResponseWriter.Write(p)
	w.N += int64(n)
	return n, err
}

func (w *Writer) wait() {
	if w.N >= w.until {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(stall))
		w.until = w.N + partLen
	}
}

// sendLen is how much of a file the kernel is asked to send at once.
const sendLen = 8 << 20

// Send writes n bytes. In pieces, so that the time is counted anew for each; the writer
// below may let the kernel copy them.
func (w *Writer) Send(r io.Reader, n int64) error {
	for n > 0 {
		w.wait()
		sent, err := io.Copy(w.ResponseWriter, io.LimitReader(r, min(n, sendLen)))
		w.N += sent
		n -= sent
		if err != nil {
			return err
		}
		if sent == 0 {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// Unwrap is for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
