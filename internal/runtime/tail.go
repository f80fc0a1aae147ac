package runtime

import (
	"io"
	"strings"
	"sync"
)

// tailLen is how much of what a container prints is kept for Exit, in bytes.
const tailLen = 4 << 10

// Tail keeps the last of what is written to it, and hands all on.
type Tail struct {
	To io.Writer // nil for nobody; its errors are not told

	mu   sync.Mutex
	kept []byte
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.To != nil {
		_, _ = t.To.Write(p)
	}
	t.kept = append(t.kept, p[max(0, len(p)-tailLen):]...)
	if extra := len(t.kept) - tailLen; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.kept), "�"))
}
