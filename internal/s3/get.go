package s3

import (
	"context"
	"io"

	"github.com/modelwharf/modelwharf/internal/kv"
)

// Found is an object with where its bytes are.
type Found struct {
	*Object
	s      *Service
	pieces []Piece
}

// GetObject returns an object that the caller may read. The errors are those of policy,
// NoSuchBucket and NoSuchKey.
func (s *Service) GetObject(ctx context.Context, n Name) (*Found, error) {
	b, o, err := s.existing(ctx, "GetObject", n)
	if err != nil {
		return nil, err
	}
	return s.found(ctx, b, o)
}

// found finds the pieces of an object. If the object was replaced meanwhile, it is the one
// that is there now.
func (s *Service) found(ctx context.Context, b *Bucket, o *Object) (*Found, error) {
	f := &Found{Object: o, s: s, pieces: []Piece{o.Piece}}
	if o.Parts == 0 {
		return f, nil
	}
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		if f.Object, err = readObject(ctx, tx, b, o.Key); err != nil {
			return err
		}
		if f.Object == nil {
			return noSuchKey()
		}
		f.pieces, err = f.Object.pieces(ctx, tx)
		return err
	})
	return f, err
}

// Part returns which bytes part n, from 1, has; false if there is none.
func (f *Found) Part(n int) (offset, length int64, ok bool) {
	if n < 1 || n > len(f.pieces) {
		return 0, 0, false
	}
	for _, p := range f.pieces[:n-1] {
		offset += p.Size
	}
	return offset, f.pieces[n-1].Size, true
}

// Pieces are the parts that the object was made of, or its bytes as one.
func (f *Found) Pieces() []Piece { return f.pieces }

// Open reads length bytes from offset on. That the object is replaced meanwhile does not
// matter.
func (f *Found) Open(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	at := 0
	for at < len(f.pieces)-1 && offset >= f.pieces[at].Size {
		offset -= f.pieces[at].Size
		at++
	}
	r := &reader{ctx: ctx, s: f.s, pieces: f.pieces[at:], offset: offset, left: length}
	if length == 0 {
		return r, nil
	}
	return r, r.next()
}

// reader reads a range of an object, piece by piece.
type reader struct {
	ctx    context.Context
	s      *Service
	pieces []Piece // from the one that is open, or is to be opened, on
	offset int64   // in the first of them
	left   int64
	open   io.ReadCloser
	in     int64 // how much is left in the open one
}

// next opens the next piece that has bytes.
func (r *reader) next() (err error) {
	for len(r.pieces) > 0 {
		p := r.pieces[0]
		r.pieces = r.pieces[1:]
		if r.in = min(r.left, p.Size-r.offset); r.in <= 0 {
			r.offset = max(0, r.offset-p.Size)
			continue
		}
		r.open, err = r.s.blobs.Open(r.ctx, p.Blob, r.offset, r.in)
		r.offset = 0
		return err
	}
	return io.ErrUnexpectedEOF
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.left == 0 {
			return 0, io.EOF
		}
		if r.in == 0 {
			if err := r.Close(); err != nil {
				return 0, err
			}
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.open.Read(p[:min(int64(len(p)), r.in)])
		r.in -= int64(n)
		r.left -= int64(n)
		if err == io.EOF {
			err = nil
			if n == 0 && r.in > 0 {
				err = io.ErrUnexpectedEOF
			}
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// Close closes what is open.
func (r *reader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}

// Sent notes that a client got bytes of objects.
func (s *Service) Sent(n int64) { s.metrics.out.Add(float64(n)) }
