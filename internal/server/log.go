package server

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// flushEvery is how long a line of the access log may wait.
const flushEvery = 100 * time.Millisecond

// bufferedLog collects lines and writes many at once: a system call a request is a
// tenth of what a small read costs in all. Close writes what is left; a crash
// loses the lines of the last flushEvery at the most.
type bufferedLog struct {
	mu    sync.Mutex
	out   io.Writer
	buf   []byte
	timer *time.Timer
	armed bool
}

func newBufferedLog(out io.Writer) *bufferedLog {
	b := &bufferedLog{out: out, buf: make([]byte, 0, 64<<10)}
	b.timer = time.AfterFunc(time.Hour, b.flush)
	b.timer.Stop()
	return b
}

func (b *bufferedLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.buf)+len(p) > cap(b.buf) {
		b.write()
	}
	b.buf = append(b.buf, p...)
	if !b.armed {
		b.armed = true
		b.timer.Reset(flushEvery)
	}
	return len(p), nil
}

func (b *bufferedLog) flush() {
	b.mu.Lock()
	b.write()
	b.armed = false
	b.mu.Unlock()
}

// write needs the lock. There is nobody to tell that the log cannot be written.
func (b *bufferedLog) write() {
	if len(b.buf) > 0 {
		_, _ = b.out.Write(b.buf)
		b.buf = b.buf[:0]
	}
}

// LogFormat is the form of the log's lines.
type LogFormat string

// The forms of the log.
const (
	LogJSON LogFormat = "json"
	LogText LogFormat = "text"
)

// NewLog returns a logger that writes to out, and a function that writes what is
// still buffered. Lines from warnings on are written at once.
func NewLog(out io.Writer, level slog.Level, format LogFormat) (log *slog.Logger, flush func()) {
	b := newBufferedLog(out)
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(b, opts)
	if format == LogText {
		h = slog.NewTextHandler(b, opts)
	}
	return slog.New(urgent{h, b}), b.flush
}

// urgent flushes the buffer after what must not be lost.
type urgent struct {
	slog.Handler
	buffer *bufferedLog
}

func (u urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		u.buffer.flush()
	}
	return err
}

func (u urgent) WithAttrs(attrs []slog.Attr) slog.Handler {
	return urgent{u.Handler.WithAttrs(attrs), u.buffer}
}

func (u urgent) WithGroup(name string) slog.Handler {
	return urgent{u.Handler.WithGroup(name), u.buffer}
}
