package sagemaker

import (
	"bytes"
	"log/slog"
	"sync"
)

// lines writes what a container prints to the log of the server, line by line. The
// containers' output can be long and secret, so it is shown only to who asks for all details.
type lines struct {
	log               *slog.Logger
	endpoint, variant string

	mu   sync.Mutex
	rest []byte
}

// maxLine is how much of a line is shown, in bytes.
const maxLine = 4 << 10

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < maxLine {
			break
		}
		if !found {
			line, rest = l.rest, nil
		}
		l.log.Debug("a model printed", "endpoint", l.endpoint, "variant", l.variant, "line", string(line[:min(len(line), maxLine)]))
		l.rest = append(l.rest[:0], rest...)
	}
	return len(p), nil
}
