package s3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"

	"github.com/opencontainers/go-digest"
)

// MaxPart is how large an object that is sent at once, or a part, may be, in bytes.
const MaxPart = 5 << 30

// Content is bytes on their way in, and what their sender says of them.
type Content struct {
	Body   io.Reader
	Length int64  // in bytes; -1 if it is not known
	MD5    []byte // that the bytes must have; nil for any
	// Algorithm is the checksum to make, "" for CRC64NVME. Expected is what it must be,
	// asked when the body was read; nil or "" for anything.
	Algorithm Algorithm
	Expected  func() string
}

// stage keeps bytes durably and returns them as a piece that nobody holds. It needs no more
// memory than a buffer. The errors are the body's, EntityTooLarge, IncompleteBody, BadDigest
// and InvalidRequest; then nothing stays.
func (s *Service) stage(ctx context.Context, c Content) (Piece, error) {
	u, err := s.blobs.Create(ctx, "object", digest.SHA256)
	if err != nil {
		return Piece{}, err
	}
	p, err := s.receive(u, c)
	if err == nil {
		err = s.ledger.Publish(ctx, u, p.Blob)
	}
	if err != nil {
		return Piece{}, errors.Join(err, u.Cancel(context.WithoutCancel(ctx)))
	}
	s.metrics.in.Add(float64(p.Size))
	return p, nil
}

type upload interface {
	io.ReaderFrom
	Digest(digest.Algorithm) (digest.Digest, bool)
}

func (s *Service) receive(u upload, c Content) (Piece, error) {
	if c.Length > MaxPart {
		return Piece{}, tooLarge()
	}
	a := cmp.Or(c.Algorithm, CRC64NVME)
	sum, check := md5.New(), a.hash()
	n, err := u.ReadFrom(io.TeeReader(io.LimitReader(c.Body, MaxPart+1), io.MultiWriter(sum, check)))
	switch {
	case err != nil:
		return Piece{}, err
	case n > MaxPart:
		return Piece{}, tooLarge()
	case c.Length >= 0 && n != c.Length:
		return Piece{}, Refuse("IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header")
	case c.MD5 != nil && !bytes.Equal(c.MD5, sum.Sum(nil)):
		return Piece{}, Refuse("BadDigest", http.StatusBadRequest, "The Content-MD5 you specified did not match what we received.")
	}
	d, _ := u.Digest(digest.SHA256)
	p := Piece{ID: newID(), Blob: d, Size: n, MD5: hex.EncodeToString(sum.Sum(nil)), Checksum: base64.StdEncoding.EncodeToString(check.Sum(nil))}
	if c.Expected != nil {
		switch want := c.Expected(); {
		case want == "" || want == p.Checksum:
		case !a.valid(want):
			return Piece{}, InvalidChecksum("x-amz-checksum-" + a.Lower())
		default:
			return Piece{}, badDigest(string(a))
		}
	}
	return p, nil
}

func tooLarge() error {
	return Refuse("EntityTooLarge", http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed size")
}
