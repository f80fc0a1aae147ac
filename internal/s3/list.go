package s3

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// Listing is what of a bucket is listed.
type Listing struct {
	Bucket            string
	Prefix, Delimiter string
	After             string // only what comes after this text
	Token             string // of the page; then After does not count
	Max               int    // objects and common prefixes together
}

// Objects is a page of a bucket's objects, in the order of their keys' bytes.
type Objects struct {
	Bucket   *Bucket
	Objects  []*Object
	Prefixes []string // those that objects have in common up to the delimiter
	More     bool
	Last     string // the last key or prefix of the page
	Token    string // of the next page, "" if there is none
}

// ListObjects lists objects. The errors are those of policy, NoSuchBucket and
// InvalidArgument for a token.
func (s *Service) ListObjects(ctx context.Context, l Listing) (*Objects, error) {
	conditions := map[string][]string{"s3:prefix": {l.Prefix}, "s3:delimiter": {l.Delimiter}}
	for k, v := range conditions {
		if v[0] == "" {
			delete(conditions, k)
		}
	}
	action := "ListBucket"
	if api.RequestOf(ctx).Operation == "ListObjectVersions" {
		action = "ListBucketVersions"
	}
	b, err := s.onBucket(ctx, action, l.Bucket, conditions)
	if err != nil {
		return nil, err
	}
	listing := pagetoken.Listing{Account: api.RequestOf(ctx).Caller.Account, Operation: "s3:ListObjects", Parameters: encode([]string{l.Bucket, l.Prefix, l.Delimiter})}
	if l.Token != "" {
		position, err := s.seal.Open(listing, l.Token)
		if err != nil {
			return nil, InvalidArgument("The continuation token provided is incorrect")
		}
		l.After = string(position)
	}
	page := &Objects{Bucket: b}
	if l.Max > 0 {
		if err := s.view(ctx, func(tx kv.Reader) error { return page.fill(ctx, tx, l) }); err != nil {
			return nil, err
		}
	}
	if page.More {
		page.Token = s.seal.Seal(listing, []byte(page.Last))
	}
	return page, nil
}

// listBatch is how many keys are read at once.
const listBatch = 1000

// fill reads the page. A common prefix is passed in one step, however many objects have it.
func (page *Objects) fill(ctx context.Context, tx kv.Reader, l Listing) error {
	below := key(objectsPrefix, page.Bucket.ID)
	from, to := begins(below, l.Prefix), ends(below, l.Prefix)
	if l.After > l.Prefix {
		from = after(texted(below[:len(below):len(below)], l.After))
		// What After itself is a common prefix of was listed before.
		if p, ok := common(l.After, l); ok && p == l.After {
			from = ends(below, p)
		}
	}
	for {
		n, jumped := 0, false
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: to, Limit: listBatch}) {
			if err != nil {
				return err
			}
			n++
			name, _, err := tuple.String(p.Key[len(below):])
			if err != nil {
				return err
			}
			if len(page.Objects)+len(page.Prefixes) == l.Max {
				page.More = true
				return nil
			}
			page.Last = name
			if prefix, ok := common(name, l); ok {
				page.Prefixes = append(page.Prefixes, prefix)
				page.Last = prefix
				from, jumped = ends(below, prefix), true
				break
			}
			o, err := decode[Object](p.Val)
			if err != nil {
				return err
			}
			o.Key = name
			page.Objects = append(page.Objects, o)
			from = after(p.Key)
		}
		if !jumped && n < listBatch {
			return nil
		}
	}
}

// common is the part of a key up to the delimiter behind the prefix, if it has one.
func common(name string, l Listing) (string, bool) {
	if l.Delimiter == "" || !strings.HasPrefix(name, l.Prefix) {
		return "", false
	}
	i := strings.Index(name[len(l.Prefix):], l.Delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(l.Prefix)+i+len(l.Delimiter)], true
}
