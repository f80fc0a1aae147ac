package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/modelwharf/modelwharf/internal/api"
)

const (
	// maxBody is the longest body of a request to an API, in bytes: DynamoDB's
	// limit, and more than the others have.
	maxBody = 16 << 20
	// maxKept is the largest buffer that is kept for the next request.
	maxKept = 64 << 10
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// body is the body of a request. The protocols keep nothing of it, so its buffer is
// used again.
type body struct {
	bytes  []byte
	buffer *bytes.Buffer
}

func (b body) release() {
	if b.buffer != nil && b.buffer.Cap() <= maxKept {
		buffers.Put(b.buffer)
	}
}

// readBody reads the body of a request, to be released. It takes no more memory
// than twice what has come over the wire.
func readBody(r *http.Request) (body, *api.Error) {
	switch {
	case r.ContentLength == 0 || r.Body == nil:
		return body{}, nil
	case r.ContentLength > maxBody:
		return body{}, tooLong()
	}
	buffer := buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	// ReadFrom wants room for MinRead bytes beyond the end to see it.
	buffer.Grow(int(min(max(r.ContentLength, 0), maxKept-2*bytes.MinRead)) + bytes.MinRead)
	b := body{buffer: buffer}
	_, err := buffer.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return b, incomplete(err)
	case buffer.Len() > maxBody:
		return b, tooLong()
	}
	b.bytes = buffer.Bytes()
	return b, nil
}

func tooLong() *api.Error {
	e := api.Errorf("RequestEntityTooLargeException", http.StatusRequestEntityTooLarge, "HTTP content length exceeded %d bytes.", maxBody)
	e.Namespace = "com.amazon.coral.service"
	return e
}

// errHalf says that a body ended early: the client is gone or did not mean it.
var errHalf = errors.New("the body is incomplete")

func incomplete(err error) *api.Error {
	return api.SerializationException("The request body could not be read.").Because(fmt.Errorf("%w: %w", errHalf, err))
}
