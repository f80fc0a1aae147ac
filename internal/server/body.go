package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/modelwharf/modelwharf/internal/api"
)

const (
	// maxBody is the longest body of a request to an API, in bytes: DynamoDB's
	// limit, and more than most others have.
	maxBody = 16 << 20
	// maxPart is the longest body with a part of an image's layer: 20 MiB in base 64, and
	// what names the upload.
	maxPart = 28 << 20
	// maxKept is the largest buffer that is kept for the next request.
	maxKept = 64 << 10
	// smallBody is the longest body that anyone may send, at any time.
	smallBody = maxKept - 2*bytes.MinRead
	// maxLarge is how many bytes all the longer bodies may take together.
	maxLarge = 256 << 20
)

// longBodies are the operations, as X-Amz-Target names them, whose bodies may have maxPart
// bytes.
var longBodies = map[string]bool{
	"AmazonEC2ContainerRegistry_V20150921.UploadLayerPart": true,
	"SpencerFrontendService.UploadLayerPart":               true,
}

// bodyLimit is how long the body of a request may be, in bytes.
func bodyLimit(r *http.Request) int {
	if longBodies[r.Header.Get("X-Amz-Target")] {
		return maxPart
	}
	return maxBody
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// bodies reads the bodies of requests. Of those that are not small it reads only
// what comes from a known key, and no more at once than the memory given to them.
type bodies struct {
	most  int64        // bytes that the bodies which are not small may take together
	large atomic.Int64 // bytes that they take
}

// body is the body of a request. The protocols keep nothing of it, so its buffer is
// used again.
type body struct {
	bytes    []byte
	buffer   *bytes.Buffer
	reserved int // of bodies.large
}

func (b *bodies) release(body *body) {
	b.large.Add(-int64(body.reserved))
	if body.buffer != nil && body.buffer.Cap() <= maxKept {
		buffers.Put(body.buffer)
	}
}

// errStranger says that a body was too long for one whose key is not known.
var errStranger = errors.New("a long body from a stranger")

// read reads the body of a request, to be released also after an error. It takes no
// more memory than four times what has come over the wire. known tells whether the
// request claims to be signed with a key that there is.
func (b *bodies) read(r *http.Request, known func() bool) (body, error) {
	var got body
	switch {
	case r.ContentLength == 0 || r.Body == nil:
		return got, nil
	case r.ContentLength > int64(bodyLimit(r)):
		return got, tooLong(bodyLimit(r))
	}
	got.buffer = buffers.Get().(*bytes.Buffer)
	got.buffer.Reset()
	// ReadFrom wants room for MinRead bytes beyond the end to see it.
	got.buffer.Grow(int(min(max(r.ContentLength, 0), smallBody)) + bytes.MinRead)
	if _, err := got.buffer.ReadFrom(io.LimitReader(r.Body, smallBody+1)); err != nil {
		return got, incomplete(err)
	}
	if got.buffer.Len() <= smallBody {
		got.bytes = got.buffer.Bytes()
		return got, nil
	}
	if !known() {
		return got, errStranger
	}
	return got, b.readLarge(r, &got)
}

// readLarge goes on reading after the first bytes.
func (b *bodies) readLarge(r *http.Request, got *body) error {
	limit := bodyLimit(r)
	most := limit
	if r.ContentLength > 0 {
		most = int(r.ContentLength)
	}
	data := got.buffer.Bytes()
	for {
		if len(data) == cap(data) || got.reserved == 0 {
			size := 2 * cap(data)
			if most+1 <= 2*size { // one more, to see the end
				size = most + 1
			}
			if b.large.Add(int64(size)) > b.most {
				b.large.Add(-int64(size))
				return unavailable("The server is reading too many large requests. Nothing was written.", nil)
			}
			data = append(make([]byte, 0, size), data...)
			b.large.Add(-int64(got.reserved))
			got.reserved = size
		}
		n, err := r.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > most:
			return tooLong(limit)
		case err == io.EOF:
			got.bytes = data
			return nil
		case err != nil:
			return incomplete(err)
		}
	}
}

func tooLong(limit int) *api.Error {
	e := api.Errorf("RequestEntityTooLargeException", http.StatusRequestEntityTooLarge, "HTTP content length exceeded %d bytes.", limit)
	e.Namespace = "com.amazon.coral.service"
	return e
}

// errHalf says that a body ended early: the client is gone or did not mean it.
var errHalf = errors.New("the body is incomplete")

func incomplete(err error) *api.Error {
	return api.SerializationException("The request body could not be read.").Because(fmt.Errorf("%w: %w", errHalf, err))
}
