package s3

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Object is what is known of an object beside its bytes.
type Object struct {
	Key      string    `json:"-"`
	ID       uint64    `json:"i"`
	Size     int64     `json:"s"` // bytes
	ETag     string    `json:"e"` // without quotes: the MD5 of the bytes, or that of the parts' with "-N"
	Modified time.Time `json:"m"`
	Attributes
	Checksum Checksum `json:"x"`
	// Piece is the object's only one. If it was made of parts, Parts is their number and
	// they are kept beside it.
	Piece Piece `json:"p,omitzero"`
	Parts int   `json:"n,omitempty"`
	// Upload is the multipart upload that it was made by, "" if none.
	Upload string `json:"u,omitempty"`
}

// Attributes are what who writes an object says of it.
type Attributes struct {
	// Headers are those that come back with the object: Content-Type, Cache-Control,
	// Content-Disposition, Content-Encoding, Content-Language, Expires.
	Headers  map[string]string `json:"h,omitempty"`
	Metadata map[string]string `json:"d,omitempty"` // x-amz-meta-…, by the rest of the name in lower case
	Tags     []Tag             `json:"t,omitempty"`
}

// Piece is bytes of an object or of a part, in the store of blobs.
type Piece struct {
	ID       uint64      `json:"i"` // the holder of the blob
	Blob     blob.Digest `json:"b"`
	Size     int64       `json:"s"`
	MD5      string      `json:"m"`
	Checksum string      `json:"c,omitempty"` // of the object's or the upload's algorithm
}

// readObject returns an object of a bucket, nil if there is none.
func readObject(ctx context.Context, tx kv.Reader, b *Bucket, name string) (*Object, error) {
	v, err := tx.Get(ctx, key(objectsPrefix, b.ID, name))
	if err != nil {
		return nil, err
	}
	o, err := decode[Object](v)
	if o != nil {
		o.Key = name
	}
	return o, err
}

func (s *Service) object(ctx context.Context, b *Bucket, name string) (o *Object, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		o, err = readObject(ctx, tx, b, name)
		return err
	})
	return o, err
}

// pieces returns the pieces of an object in their order.
func (o *Object) pieces(ctx context.Context, tx kv.Reader) ([]Piece, error) {
	if o.Parts == 0 {
		return []Piece{o.Piece}, nil
	}
	v, err := tx.Get(ctx, key(piecesPrefix, o.ID))
	if err != nil {
		return nil, err
	}
	all, err := decode[[]Piece](v)
	if err != nil || all == nil {
		return nil, err
	}
	return *all, nil
}

// put writes an object in the place of what is there.
func (s *Service) put(ctx context.Context, tx kv.Txn, b *Bucket, was, o *Object) error {
	if was != nil {
		if err := s.drop(ctx, tx, was); err != nil {
			return err
		}
	}
	tx.Put(key(objectsPrefix, b.ID, o.Key), encode(o))
	tx.Put(key(guardPrefix, b.ID), []byte{})
	return nil
}

// drop gives up the bytes of an object that is replaced or deleted.
func (s *Service) drop(ctx context.Context, tx kv.Txn, o *Object) error {
	pieces, err := o.pieces(ctx, tx)
	if err != nil {
		return err
	}
	if o.Parts > 0 {
		tx.Delete(key(piecesPrefix, o.ID))
	}
	for _, p := range pieces {
		if err := s.release(ctx, tx, p); err != nil {
			return err
		}
	}
	return nil
}

// release gives up a piece. Its bytes get a lease, for those who are reading them.
func (s *Service) release(ctx context.Context, tx kv.Txn, p Piece) error {
	s.ledger.Release(tx, p.Blob, p.ID)
	return s.ledger.Reserve(ctx, tx, p.Blob)
}

// hold takes a piece whose bytes are there.
func (s *Service) hold(ctx context.Context, tx kv.Txn, p Piece) error {
	held, err := s.ledger.Held(ctx, tx, p.Blob)
	if err == nil && !held {
		err = Refuse("SlowDown", 503, "The bytes were sent so long ago that they are gone. Send them again.")
	}
	if err == nil {
		s.ledger.Hold(tx, p.Blob, p.ID)
	}
	return err
}

// Conditions of a write: on what is there already.
type Conditions struct {
	IfMatch     string // the ETag that it must have; "*" for any
	IfNoneMatch bool   // there must be nothing
}

// check returns PreconditionFailed, or NoSuchKey for the ETag of nothing.
func (c Conditions) check(was *Object) error {
	switch {
	case c.IfNoneMatch && was != nil:
		return preconditionFailed()
	case c.IfMatch == "":
		return nil
	case was == nil:
		return noSuchKey()
	case c.IfMatch != "*" && c.IfMatch != was.ETag:
		return preconditionFailed()
	}
	return nil
}
