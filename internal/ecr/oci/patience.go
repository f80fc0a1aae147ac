package oci

import (
	"io"
	"math"
	"net/http"
	"time"
)

// stall is how long a client may send, or take, nothing. A layer takes as long as it
// takes, so the time is counted anew with each part of it.
const (
	stall   = 2 * time.Minute
	partLen = 1 << 20 // bytes
)

// patientBody is a body that is read as long as something comes.
type patientBody struct {
	body    io.ReadCloser
	control *http.ResponseController
	n       int64
	until   int64 // the n at which the time is counted anew
}

func (b *patientBody) Read(p []byte) (int, error) {
	if b.n >= b.until {
		// Not every writer can; then the server's own times hold.
		_ = b.control.SetReadDeadline(time.Now().Add(stall))
		b.until = b.n + partLen
	}
	n, err := b.body.Read(p)
	b.n += int64(n)
	return n, err
}

func (b *patientBody) Close() error { return b.body.Close() }

// patientWriter is an answer that is written as long as something goes.
type patientWriter struct {
	http.ResponseWriter
	n      int64
	until  int64
	status int
}

func (w *patientWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.wait() // the server counts from the request, whose body may have taken hours
	w.ResponseWriter.WriteHeader(status)
}

func (w *patientWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.wait()
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

func (w *patientWriter) wait() {
	if w.n >= w.until {
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(stall))
		w.until = w.n + partLen
	}
}

// sendLen is how much of a file the kernel is asked to send at once.
const sendLen = 8 << 20

// ReadFrom writes what r has, in pieces, so that the time is counted anew for each. The
// writer below is given a file as the file that it is, which the kernel then sends.
func (w *patientWriter) ReadFrom(r io.Reader) (n int64, err error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for limited.N > 0 {
		w.wait()
		sent, err := io.Copy(w.ResponseWriter, &io.LimitedReader{R: limited.R, N: min(limited.N, sendLen)})
		n, w.n, limited.N = n+sent, w.n+sent, limited.N-sent
		if err != nil || sent == 0 {
			return n, err
		}
	}
	return n, nil
}

// send writes n bytes of a blob.
func (w *patientWriter) send(r io.Reader, n int64) error {
	sent, err := io.Copy(w, r)
	if err == nil && sent < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// followLen is how much of a blob is written at once that is on its way itself.
const followLen = 256 << 10

// follow writes n bytes of a blob as they come, however slowly.
func (w *patientWriter) follow(r io.Reader, n int64) error {
	buf := make([]byte, min(n, followLen))
	for n > 0 {
		got, err := r.Read(buf[:min(n, int64(len(buf)))])
		if got > 0 {
			w.until = 0 // the time begins when there is something to write
			if _, err := w.Write(buf[:got]); err != nil {
				return err
			}
			n -= int64(got)
		}
		switch {
		case n > 0 && err == io.EOF:
			return io.ErrUnexpectedEOF
		case n > 0 && err != nil:
			return err
		}
	}
	return nil
}
