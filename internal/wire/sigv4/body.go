package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Body is a request's body without its framing, confirmed while it is read.
type Body struct {
	src     io.Reader
	payload Payload
	hash    hash.Hash // of the body, or of the chunk; nil if unsigned
	want    string    // the body's declared hash
	chunks  *chunks   // nil if the body is not framed
	err     error     // sticky
}

// chunks is the state of an aws-chunked body.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
type chunks struct {
	r         *bufio.Reader
	claim     claim
	key       *dayKey
	previous  [2 * sha256.Size]byte // the signature that the next one is chained to
	signature [2 * sha256.Size]byte // of the current chunk
	rest      int64                 // of the current chunk
	open      bool                  // inside of a chunk
	length    int64                 // of the body, as declared; -1 if it is not
	read      int64
	trailer   http.Header
}

// maxLine bounds a chunk's header and a trailer's line, maxTrailers their number.
const (
	maxLine     = 4096
	maxTrailers = 32
)

// decodedLength reads how long a framed body is without its frames.
func decodedLength(r *http.Request, p Payload) (int64, error) {
	if p == Signed || p == Unsigned {
		return -1, nil
	}
	s := headerOf(r.Header, "X-Amz-Decoded-Content-Length")
	if s == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, &Error{Kind: Unsupported, Message: "X-Amz-Decoded-Content-Length must be a number of bytes."}
	}
	return n, nil
}

func newBody(r *http.Request, c *claim, key *dayKey, p Payload, declared string, length int64) *Body {
	b := &Body{src: r.Body, payload: p, want: declared}
	if b.src == nil {
		b.src = http.NoBody
	}
	switch p {
	case Signed:
		b.hash = sha256.New()
	case StreamingSigned, StreamingSignedTrailer:
		b.hash = sha256.New()
		fallthrough
	case StreamingUnsignedTrailer:
		b.chunks = &chunks{r: bufio.NewReaderSize(b.src, maxLine), claim: *c, key: key, length: length}
		copy(b.chunks.previous[:], c.signature)
	}
	return b
}

// Trailer returns the trailers of a body that has been read to its end, such as
// X-Amz-Checksum-Crc32; whether they match the body is for the caller to check.
func (b *Body) Trailer() http.Header {
	if b.chunks == nil {
		return nil
	}
	return b.chunks.trailer
}

// Read reads the body.
func (b *Body) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.chunks != nil {
		n, b.err = b.readChunked(p)
		return n, b.err
	}
	n, err = b.src.Read(p)
	if b.hash != nil {
		b.hash.Write(p[:n])
		if err == io.EOF {
			var hashed [2 * sha256.Size]byte
			hexInto(hashed[:], b.hash.Sum(nil))
			if b.want != string(hashed[:]) {
				err = contentMismatch()
			}
		}
	}
	b.err = err
	return n, err
}

func (b *Body) readChunked(p []byte) (int, error) {
	c := b.chunks
	if !c.open {
		if last, err := b.openChunk(); err != nil || last {
			if err == nil {
				err = io.EOF
			}
			return 0, err
		}
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.rest)])
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	c.rest -= int64(n)
	c.read += int64(n)
	if err == io.EOF {
		return n, truncated()
	}
	if err == nil && c.rest == 0 {
		err = b.closeChunk()
	}
	return n, err
}

// openChunk reads a chunk's header; last says that the body has ended well.
func (b *Body) openChunk() (last bool, err error) {
	c := b.chunks
	line, err := c.line()
	if err != nil {
		return false, err
	}
	size, extension, _ := strings.Cut(line, ";")
	if len(size) > 15 {
		return false, malformed("a chunk's size")
	}
	n, err := strconv.ParseUint(size, 16, 63)
	if err != nil {
		return false, malformed("a chunk's size")
	}
	if b.payload != StreamingUnsignedTrailer {
		sig, ok := strings.CutPrefix(extension, "chunk-signature=")
		if !ok || copy(c.signature[:], sig) != len(sig) || len(sig) != len(c.signature) {
			return false, malformed("a chunk's signature")
		}
	}
	c.rest, c.open = int64(n), true
	if c.length >= 0 && c.rest > c.length-c.read {
		return false, malformed("X-Amz-Decoded-Content-Length")
	}
	if n > 0 {
		return false, nil
	}
	if err := b.confirmChunk(); err != nil {
		return false, err
	}
	if err := b.readTrailers(); err != nil {
		return false, err
	}
	if c.length >= 0 && c.read != c.length {
		return false, malformed("X-Amz-Decoded-Content-Length")
	}
	if _, err := c.r.ReadByte(); err != io.EOF {
		return false, malformed("the end of the body")
	}
	return true, nil
}

func (b *Body) closeChunk() error {
	var end [2]byte
	if _, err := io.ReadFull(b.chunks.r, end[:]); err != nil {
		return truncated()
	}
	if end != [2]byte{'\r', '\n'} {
		return malformed("the end of a chunk")
	}
	return b.confirmChunk()
}

// confirmChunk compares the chunk's signature with that of what was read.
func (b *Body) confirmChunk() error {
	c := b.chunks
	c.open = false
	if b.hash == nil {
		return nil
	}
	var sum [sha256.Size]byte
	b.hash.Sum(sum[:0])
	b.hash.Reset()
	return c.confirm("AWS4-HMAC-SHA256-PAYLOAD", emptyHash+"\n", sum, c.signature)
}

// confirm verifies the next signature of the chain.
func (c *chunks) confirm(name, before string, sum [sha256.Size]byte, got [2 * sha256.Size]byte) error {
	s := append(make([]byte, 0, 512), name...)
	s = append(s, '\n')
	s = appendScope(s, &c.claim)
	s = append(s, '\n')
	s = append(s, c.previous[:]...)
	s = append(s, '\n')
	s = append(s, before...)
	var hashed [2 * sha256.Size]byte
	hexInto(hashed[:], sum[:])
	want := c.key.sign(append(s, hashed[:]...))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return &Error{Kind: SignatureMismatch, Cause: errors.New("a chunk's signature does not match")}
	}
	c.previous = want
	return nil
}

// readTrailers reads what follows the last chunk, up to the empty line.
func (b *Body) readTrailers() error {
	c := b.chunks
	var signed bytes.Buffer
	for range maxTrailers {
		line, err := c.line()
		// Some clients leave out the empty line at the very end.
		if err != nil && !(errors.Is(err, io.ErrUnexpectedEOF) && (c.trailer != nil || b.payload == StreamingSigned)) {
			return err
		}
		if line == "" || err != nil {
			if b.payload == StreamingSignedTrailer && signed.Len() > 0 {
				return malformed("the trailer's signature")
			}
			return nil
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if !ok || name == "" || b.payload == StreamingSigned {
			return malformed("a trailer")
		}
		if name == "x-amz-trailer-signature" && b.payload == StreamingSignedTrailer {
			var got [2 * sha256.Size]byte
			if len(value) != len(got) {
				return malformed("the trailer's signature")
			}
			copy(got[:], value)
			if err := c.confirm("AWS4-HMAC-SHA256-TRAILER", "", sha256.Sum256(signed.Bytes()), got); err != nil {
				return err
			}
			signed.Reset()
			continue
		}
		signed.WriteString(name + ":" + value + "\n")
		if c.trailer == nil {
			c.trailer = http.Header{}
		}
		c.trailer.Add(name, value)
	}
	return malformed("the number of trailers")
}

// line reads a line without its end, which is CRLF; LF alone is accepted, since
// trailers are signed with it and some clients send it.
func (c *chunks) line() (string, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", malformed("the length of a line")
	case err == io.EOF:
		return "", truncated()
	case err != nil:
		return "", err
	}
	return string(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})), nil
}

func truncated() error {
	return &Error{Kind: PayloadMismatch, Message: "The request body terminated unexpectedly", Cause: io.ErrUnexpectedEOF}
}

func malformed(what string) error {
	return &Error{Kind: PayloadMismatch, Message: fmt.Sprintf("The request body is not well-formed aws-chunked content: %s is not valid.", what)}
}
