package s3

import (
	"cmp"
	"context"
)

// Copy is an object to be copied.
type Copy struct {
	From, To Name
	// Attributes are those of the copy where the flags say so; otherwise it has those of
	// the source.
	Attributes
	ReplaceMetadata, ReplaceTags bool
	Conditions                   // on what is at To
	// Readable looks at the source; nil for any.
	Readable  func(*Object) error
	Algorithm Algorithm // of the copy's checksum; "" for the source's
}

// CopyObject copies an object. Its bytes are not copied if they are in one piece already.
func (s *Service) CopyObject(ctx context.Context, in Copy) (*Object, error) {
	f, err := s.readable(ctx, in.From, in.Readable)
	if err != nil {
		return nil, err
	}
	if in.From == in.To && !in.ReplaceMetadata && !in.ReplaceTags && in.Algorithm == "" {
		return nil, InvalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if !in.ReplaceMetadata {
		in.Headers, in.Metadata = f.Headers, f.Metadata
	}
	if !in.ReplaceTags {
		in.Tags = f.Tags
		if len(f.Tags) > 0 {
			if _, _, err := s.existing(ctx, "GetObjectTagging", in.From); err != nil {
				return nil, err
			}
		}
	}
	b, err := s.mayPut(ctx, in.To, &in.Attributes)
	if err != nil {
		return nil, err
	}
	if f.Size > MaxPart {
		return nil, InvalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(MaxPart))
	}
	algorithm := cmp.Or(in.Algorithm, f.Checksum.Algorithm, CRC64NVME)
	p, err := s.take(ctx, f, 0, f.Size, algorithm)
	if err != nil {
		return nil, err
	}
	o := &Object{
		Key: in.To.Key, Size: p.Size, ETag: p.MD5, Attributes: in.Attributes, Piece: p,
		Checksum: Checksum{Algorithm: algorithm, Value: p.Checksum},
	}
	return o, s.write(ctx, b, o, in.Conditions)
}

// readable returns an object to be copied.
func (s *Service) readable(ctx context.Context, n Name, condition func(*Object) error) (*Found, error) {
	f, err := s.GetObject(ctx, n)
	if err == nil && condition != nil {
		err = condition(f.Object)
	}
	return f, err
}

// take returns bytes of an object as a piece that nobody holds: by reference, if they are
// all of one piece and the checksum is known, or by reading them.
func (s *Service) take(ctx context.Context, f *Found, offset, length int64, a Algorithm) (Piece, error) {
	if f.Parts == 0 && offset == 0 && length == f.Size && f.Checksum.Algorithm == a {
		p := f.Piece
		p.ID = newID()
		return p, nil
	}
	r, err := f.Open(ctx, offset, length)
	if err != nil {
		return Piece{}, err
	}
	defer r.Close()
	return s.stage(ctx, Content{Body: r, Length: length, Algorithm: a})
}

// UploadPartCopy makes a part of bytes of an object; extent says of which, by its size.
func (s *Service) UploadPartCopy(ctx context.Context, to Name, id string, number int, from Name, condition func(*Object) error, extent func(size int64) (offset, length int64, err error)) (*Upload, *Part, error) {
	if err := checkPartNumber(number); err != nil {
		return nil, nil, err
	}
	b, u, err := s.onUpload(ctx, "PutObject", to, id)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.readable(ctx, from, condition)
	if err != nil {
		return nil, nil, err
	}
	offset, length, err := extent(f.Size)
	if err != nil {
		return nil, nil, err
	}
	if length > MaxPart {
		return nil, nil, InvalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(MaxPart))
	}
	p, err := s.take(ctx, f, offset, length, u.Algorithm)
	if err != nil {
		return nil, nil, err
	}
	part, err := s.addPart(ctx, b, u, number, p)
	return u, part, err
}
