package s3

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Upload is a multipart upload in progress.
type Upload struct {
	Key       string    `json:"-"`
	ID        string    `json:"-"`
	Number    uint64    `json:"i"` // in the keys of its parts
	Initiated time.Time `json:"b"`
	Initiator string    `json:"w"` // the ARN of who began it
	Attributes
	Algorithm Algorithm `json:"a"` // of the parts' checksums
	// Full says that the checksum of the object is that of its bytes, Chosen that the
	// client asked for a checksum at all.
	Full   bool `json:"f,omitempty"`
	Chosen bool `json:"c,omitempty"`
}

// ChecksumType is what S3 calls the sort of checksum that the object will have.
func (u *Upload) ChecksumType() string { return Checksum{Composite: !u.Full}.Type() }

// Part is a part of an upload.
type Part struct {
	Number   int `json:"-"` // from 1
	Piece    `json:"p"`
	Modified time.Time `json:"m"`
}

// Limits of multipart uploads.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	MaxParts = 10000
	minPart  = 5 << 20 // bytes of every part but the last
)

func uploadKey(b *Bucket, name, id string) []byte { return key(uploadsPrefix, b.ID, name, id) }

func readUpload(ctx context.Context, tx kv.Reader, b *Bucket, name, id string) (*Upload, error) {
	v, err := tx.Get(ctx, uploadKey(b, name, id))
	if err != nil {
		return nil, err
	}
	u, err := decode[Upload](v)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, noSuchUpload()
	}
	u.Key, u.ID = name, id
	return u, nil
}

func (s *Service) upload(ctx context.Context, b *Bucket, name, id string) (u *Upload, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		u, err = readUpload(ctx, tx, b, name, id)
		return err
	})
	return u, err
}

// NewUpload is a multipart upload to be begun.
type NewUpload struct {
	Name
	Attributes
	Algorithm    Algorithm // "" for CRC64NVME
	ChecksumType string    // "" for what goes with the algorithm
}

// CreateMultipartUpload begins an upload.
func (s *Service) CreateMultipartUpload(ctx context.Context, in NewUpload) (*Upload, error) {
	was, err := s.mayPut(ctx, in.Name, &in.Attributes)
	if err != nil {
		return nil, err
	}
	u := &Upload{
		Key: in.Key, ID: rand.Text(), Number: newID(), Initiated: s.instant(), Initiator: api.RequestOf(ctx).Caller.ARN,
		Attributes: in.Attributes, Algorithm: in.Algorithm, Chosen: in.Algorithm != "",
	}
	if u.Algorithm == "" {
		u.Algorithm = CRC64NVME
	}
	hash := u.Algorithm == SHA1 || u.Algorithm == SHA256
	switch in.ChecksumType {
	case "":
		u.Full = u.Algorithm == CRC64NVME
	case "FULL_OBJECT":
		u.Full = true
	case "COMPOSITE":
	default:
		return nil, InvalidRequest("Value for x-amz-checksum-type header is invalid.")
	}
	if hash && u.Full || u.Algorithm == CRC64NVME && !u.Full {
		return nil, InvalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", in.ChecksumType, u.Algorithm.Lower())
	}
	return u, s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		tx.Put(uploadKey(b, u.Key, u.ID), encode(u))
		record(ctx, tx, b, u.Key)
		return nil
	})
}

// onUpload authorizes an action on an upload, which it returns.
func (s *Service) onUpload(ctx context.Context, action string, n Name, id string) (*Bucket, *Upload, error) {
	b, err := s.onObject(ctx, action, n, nil)
	if err != nil {
		return nil, nil, err
	}
	u, err := s.upload(ctx, b, n.Key, id)
	return b, u, err
}

func checkPartNumber(n int) error {
	if n < 1 || n > MaxParts {
		return InvalidArgument("Part number must be an integer between 1 and %d, inclusive", MaxParts)
	}
	return nil
}

// UploadPart keeps a part of an upload, durably, in the place of one of its number.
func (s *Service) UploadPart(ctx context.Context, n Name, id string, number int, c Content) (*Upload, *Part, error) {
	if err := checkPartNumber(number); err != nil {
		return nil, nil, err
	}
	b, u, err := s.onUpload(ctx, "PutObject", n, id)
	if err != nil {
		return nil, nil, err
	}
	if c.Algorithm != "" && c.Algorithm != u.Algorithm {
		if c.Expected != nil && u.Chosen {
			return nil, nil, InvalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.Algorithm.Lower(), c.Algorithm.Lower())
		}
		return s.uploadOther(ctx, b, u, number, c)
	}
	c.Algorithm = u.Algorithm
	p, err := s.stage(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	part, err := s.addPart(ctx, b, u, number, p)
	return u, part, err
}

// uploadOther keeps a part whose checksum is of another algorithm than the upload's: it is
// verified, and that of the upload is made of the bytes afterwards.
func (s *Service) uploadOther(ctx context.Context, b *Bucket, u *Upload, number int, c Content) (*Upload, *Part, error) {
	p, err := s.stage(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	r, err := s.blobs.Open(ctx, p.Blob, 0, -1)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	if p.Checksum, err = u.Algorithm.sum(r); err != nil {
		return nil, nil, err
	}
	part, err := s.addPart(ctx, b, u, number, p)
	return u, part, err
}

// addPart writes a part whose bytes are there.
func (s *Service) addPart(ctx context.Context, was *Bucket, u *Upload, number int, p Piece) (*Part, error) {
	part := &Part{Number: number, Piece: p, Modified: s.instant()}
	return part, s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		if _, err := readUpload(ctx, tx, b, u.Key, u.ID); err != nil {
			return err
		}
		k := partKey(u.Number, number)
		v, err := tx.Get(ctx, k)
		if err != nil {
			return err
		}
		old, err := decode[Part](v)
		if err != nil {
			return err
		}
		if old != nil {
			if err := s.release(ctx, tx, old.Piece); err != nil {
				return err
			}
		}
		if err := s.hold(ctx, tx, p); err != nil {
			return err
		}
		tx.Put(k, encode(part))
		tx.Put(key(partsGuardPrefix, u.Number), []byte{})
		return nil
	})
}

// parts reads the parts of an upload with numbers above after, at most max of them.
func parts(ctx context.Context, tx kv.Reader, u *Upload, after, max int) (all []Part, err error) {
	below := key(partsPrefix, u.Number)
	for p, err := range tx.Scan(ctx, kv.Range{From: partKey(u.Number, after+1), To: tuple.Below(below), Limit: max}) {
		if err != nil {
			return nil, err
		}
		n, _, err := tuple.Uint(p.Key[len(below):])
		if err != nil {
			return nil, err
		}
		part, err := decode[Part](p.Val)
		if err != nil {
			return nil, err
		}
		part.Number = int(n)
		all = append(all, *part)
	}
	return all, nil
}

// AbortMultipartUpload ends an upload; its parts are gone.
func (s *Service) AbortMultipartUpload(ctx context.Context, n Name, id string) error {
	b, u, err := s.onUpload(ctx, "AbortMultipartUpload", n, id)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		if _, err := readUpload(ctx, tx, b, n.Key, id); err != nil {
			return err
		}
		record(ctx, tx, b, n.Key)
		return s.end(ctx, tx, b.ID, u, nil)
	})
}

// end removes an upload and gives up its parts but those that an object keeps, by number.
func (s *Service) end(ctx context.Context, tx kv.Txn, bucket uint64, u *Upload, kept map[int]bool) error {
	// A part that comes meanwhile writes the guard, and this runs again.
	if _, err := tx.Get(ctx, key(partsGuardPrefix, u.Number)); err != nil {
		return err
	}
	all, err := parts(ctx, tx, u, 0, 0)
	if err != nil {
		return err
	}
	for _, p := range all {
		tx.Delete(partKey(u.Number, p.Number))
		if kept[p.Number] {
			continue
		}
		if err := s.release(ctx, tx, p.Piece); err != nil {
			return err
		}
	}
	tx.Delete(key(partsGuardPrefix, u.Number))
	tx.Delete(key(uploadsPrefix, bucket, u.Key, u.ID))
	return nil
}

// ListParts lists the parts of an upload with numbers above after, and whether there are
// more.
func (s *Service) ListParts(ctx context.Context, n Name, id string, after, max int) (b *Bucket, u *Upload, all []Part, more bool, err error) {
	if b, u, err = s.onUpload(ctx, "ListMultipartUploadParts", n, id); err != nil {
		return nil, nil, nil, false, err
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		all, err = parts(ctx, tx, u, after, max+1)
		return err
	})
	if len(all) > max {
		all, more = all[:max], true
	}
	return b, u, all, more, err
}

// CompletedPart is a part as who completes an upload names it.
type CompletedPart struct {
	Number   int
	ETag     string
	Checksum string // of the upload's algorithm, "" if it is not said
}

// Completion is an upload to be made an object.
type Completion struct {
	Name
	ID    string
	Parts []CompletedPart
	Conditions
	// Checksum is that of the object, asked with the upload's algorithm; it returns "" if
	// the client does not say it.
	Checksum func(Algorithm) string
	Size     int64 // that the object must have; negative for any
}

// CompleteMultipartUpload makes an object of the parts of an upload, in its bucket and under
// its key. To do it again, as a client does that saw no answer, gives the same answer. The
// errors are InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest, NoSuchUpload and those
// of the conditions.
func (s *Service) CompleteMultipartUpload(ctx context.Context, in Completion) (*Object, error) {
	was, err := s.onObject(ctx, "PutObject", in.Name, nil)
	if err != nil {
		return nil, err
	}
	var made *Object
	err = s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		old, err := readObject(ctx, tx, b, in.Key)
		if err != nil {
			return err
		}
		u, err := readUpload(ctx, tx, b, in.Key, in.ID)
		if err != nil {
			if isCode(err, "NoSuchUpload") && old != nil && old.Upload == in.ID {
				made, err = old, nil
			}
			return err
		}
		if err := in.Conditions.check(old); err != nil {
			return err
		}
		pieces, err := chosen(ctx, tx, u, in.Parts)
		if err != nil {
			return err
		}
		if made, err = u.object(pieces, in); err != nil {
			return err
		}
		made.Modified = s.instant()
		tx.Put(key(piecesPrefix, made.ID), encode(pieces))
		kept := make(map[int]bool, len(in.Parts))
		for _, p := range in.Parts {
			kept[p.Number] = true
		}
		record(ctx, tx, b, in.Key)
		if err := s.end(ctx, tx, b.ID, u, kept); err != nil {
			return err
		}
		return s.put(ctx, tx, b, old, made)
	})
	return made, err
}

// chosen returns the parts that a completion names, which must be there.
func chosen(ctx context.Context, tx kv.Reader, u *Upload, named []CompletedPart) ([]Piece, error) {
	keys := make([][]byte, len(named))
	for i, p := range named {
		if i > 0 && p.Number <= named[i-1].Number {
			return nil, Refuse("InvalidPartOrder", http.StatusBadRequest, "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
		keys[i] = partKey(u.Number, p.Number)
	}
	values, err := tx.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	pieces := make([]Piece, len(named))
	for i, v := range values {
		part, err := decode[Part](v)
		if err != nil {
			return nil, err
		}
		if part == nil || part.MD5 != named[i].ETag || named[i].Checksum != "" && named[i].Checksum != part.Checksum {
			return nil, Refuse("InvalidPart", http.StatusBadRequest,
				"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
		}
		if i < len(named)-1 && part.Size < minPart {
			return nil, Refuse("EntityTooSmall", http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed size")
		}
		pieces[i] = part.Piece
	}
	return pieces, nil
}
