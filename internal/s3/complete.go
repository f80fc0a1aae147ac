package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strconv"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// object is what an upload becomes with the parts that were chosen.
func (u *Upload) object(pieces []Piece, in Completion) (*Object, error) {
	o := &Object{Key: u.Key, ID: newID(), Attributes: u.Attributes, Parts: len(pieces), Upload: u.ID}
	sum := md5.New()
	for _, p := range pieces {
		b, err := hex.DecodeString(p.MD5)
		if err != nil {
			return nil, err
		}
		sum.Write(b)
		o.Size += p.Size
	}
	o.ETag = hex.EncodeToString(sum.Sum(nil)) + "-" + strconv.Itoa(len(pieces))
	if in.Size >= 0 && in.Size != o.Size {
		return nil, InvalidRequest("The provided 'x-amz-mp-object-size' header does not match what was computed.")
	}
	o.Checksum = compose(u.Algorithm, u.Full, pieces)
	if want := in.Checksum(u.Algorithm); want != "" && want != o.Checksum.Value {
		return nil, badDigest(u.Algorithm.Lower())
	}
	return o, nil
}

// sum is the checksum of what r has.
func (a Algorithm) sum(r io.Reader) (string, error) {
	h := a.hash()
	_, err := io.Copy(h, r)
	return base64.StdEncoding.EncodeToString(h.Sum(nil)), err
}

// UploadsListing is what of a bucket's uploads is listed.
type UploadsListing struct {
	Bucket            string
	Prefix, Delimiter string
	AfterKey, AfterID string // only what comes after this upload; without an id after all of the key
	Max               int
}

// Uploads is a page of a bucket's uploads, in the order of their keys.
type Uploads struct {
	Bucket   *Bucket
	Uploads  []*Upload
	Prefixes []string
	More     bool
	Key, ID  string // the last one of the page
}

// ListMultipartUploads lists the uploads in progress.
func (s *Service) ListMultipartUploads(ctx context.Context, l UploadsListing) (*Uploads, error) {
	b, err := s.onBucket(ctx, "ListBucketMultipartUploads", l.Bucket, nil)
	if err != nil {
		return nil, err
	}
	page := &Uploads{Bucket: b}
	if l.Max == 0 {
		return page, nil
	}
	return page, s.view(ctx, func(tx kv.Reader) error { return page.fill(ctx, tx, l) })
}

func (page *Uploads) fill(ctx context.Context, tx kv.Reader, l UploadsListing) error {
	below := key(uploadsPrefix, page.Bucket.ID)
	from, to := begins(below, l.Prefix), ends(below, l.Prefix)
	if l.AfterKey > l.Prefix {
		from = append(texted(below[:len(below):len(below)], l.AfterKey), 0xFF)
		if l.AfterID != "" {
			from = after(texted(below[:len(below):len(below)], l.AfterKey, l.AfterID))
		}
	}
	by := Listing{Prefix: l.Prefix, Delimiter: l.Delimiter}
	for p, err := range tx.Scan(ctx, kv.Range{From: from, To: to}) {
		if err != nil {
			return err
		}
		name, rest, err := tuple.String(p.Key[len(below):])
		if err != nil {
			return err
		}
		id, _, err := tuple.String(rest)
		if err != nil {
			return err
		}
		prefix, grouped := common(name, by)
		if grouped && (len(page.Prefixes) > 0 && page.Prefixes[len(page.Prefixes)-1] == prefix || prefix == l.AfterKey) {
			continue
		}
		if len(page.Uploads)+len(page.Prefixes) == l.Max {
			page.More = true
			return nil
		}
		if page.Key, page.ID = name, id; grouped {
			page.Prefixes = append(page.Prefixes, prefix)
			page.Key, page.ID = prefix, ""
			continue
		}
		u, err := decode[Upload](p.Val)
		if err != nil {
			return err
		}
		u.Key, u.ID = name, id
		page.Uploads = append(page.Uploads, u)
	}
	return nil
}
