package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// usEast1 is the region that needs no LocationConstraint, and in which to create a bucket
// of one's own again is no error.
const usEast1 = "us-east-1"

// CreateBucket makes a bucket, with tags, in the region of the constraint; without one in
// that of the request. The errors are BucketAlreadyExists, BucketAlreadyOwnedByYou and those
// of the name and the region.
func (s *Service) CreateBucket(ctx context.Context, name, constraint string, tags []Tag) (*Bucket, error) {
	r := api.RequestOf(ctx)
	b := &Bucket{Name: name, Account: r.Caller.Account, Region: r.Region, Created: s.instant(), Tags: tags}
	if err := s.ask(ctx, b, "CreateBucket", b.ARN(), tagConditions("aws:RequestTag/", tags)); err != nil {
		return nil, err
	}
	switch {
	case !ValidBucket(name):
		return nil, Refuse("InvalidBucketName", http.StatusBadRequest, "The specified bucket is not valid.")
	case constraint == "" && r.Region != usEast1:
		return nil, Refuse("IllegalLocationConstraintException", http.StatusBadRequest,
			"The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	case constraint == "EU":
		constraint = "eu-west-1"
	case constraint != "" && r.Region != usEast1 && constraint != r.Region:
		return nil, Refuse("IllegalLocationConstraintException", http.StatusBadRequest,
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint)
	case strings.Trim(constraint, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(constraint) > 32:
		return nil, Refuse("InvalidLocationConstraint", http.StatusBadRequest, "The specified location-constraint is not valid")
	}
	if constraint != "" {
		b.Region = constraint
	}
	if err := checkTags(ctx, tags, nil, maxBucketTags); err != nil {
		return nil, err
	}
	err := s.update(ctx, func(tx kv.Txn) error {
		b.ID = newID()
		there, err := readBucket(ctx, tx, name)
		switch {
		case err == nil && there.Account != b.Account:
			return Refuse("BucketAlreadyExists", http.StatusConflict,
				"The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
		case err == nil && (there.Region != usEast1 || b.Region != usEast1):
			return Refuse("BucketAlreadyOwnedByYou", http.StatusConflict, "Your previous request to create the named bucket succeeded and you already own it.")
		case err == nil:
			return nil
		case !isCode(err, "NoSuchBucket"):
			return err
		}
		tx.Put(bucketKey(name), encode(b))
		tx.Put(ownedKey(b.Account, name), []byte{})
		record(ctx, tx, b)
		return nil
	})
	return b, err
}

// HeadBucket returns a bucket that the caller may list.
func (s *Service) HeadBucket(ctx context.Context, name string) (*Bucket, error) {
	return s.onBucket(ctx, "ListBucket", name, nil)
}

// GetBucketLocation returns a bucket whose region the caller may know.
func (s *Service) GetBucketLocation(ctx context.Context, name string) (*Bucket, error) {
	return s.onBucket(ctx, "GetBucketLocation", name, nil)
}

// Setting returns a bucket one of whose settings the caller may read or write, by the action.
func (s *Service) Setting(ctx context.Context, action, name string) (*Bucket, error) {
	return s.onBucket(ctx, action, name, nil)
}

// SetOwnershipControls notes that a bucket has the ownership controls that every bucket here
// has, BucketOwnerEnforced, or that they were deleted.
func (s *Service) SetOwnershipControls(ctx context.Context, name string, on bool) error {
	b, err := s.onBucket(ctx, "PutBucketOwnershipControls", name, nil)
	if err != nil {
		return err
	}
	return s.change(ctx, b, func(b *Bucket) error { b.Uncontrolled = !on; return nil })
}

// DeleteBucket deletes a bucket that has no objects; its multipart uploads end with it. The
// error is BucketNotEmpty.
func (s *Service) DeleteBucket(ctx context.Context, name string) error {
	was, err := s.onBucket(ctx, "DeleteBucket", name, nil)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		// An object that comes meanwhile writes the guard, and this runs again.
		if _, err := tx.Get(ctx, key(guardPrefix, b.ID)); err != nil {
			return err
		}
		objects := key(objectsPrefix, b.ID)
		for _, err := range tx.Scan(ctx, kv.Range{From: objects, To: tuple.Below(objects), Limit: 1}) {
			if err != nil {
				return err
			}
			return Refuse("BucketNotEmpty", http.StatusConflict, "The bucket you tried to delete is not empty")
		}
		tx.Delete(bucketKey(name))
		tx.Delete(ownedKey(b.Account, name))
		tx.Delete(key(guardPrefix, b.ID))
		tx.Put(key(gonePrefix, b.ID), encode(s.instant()))
		record(ctx, tx, b)
		return nil
	})
}

// Buckets is a page of an account's buckets.
type Buckets struct {
	Owner   string // the account
	Buckets []*Bucket
	Next    string // the token of the next page, "" if there is none
}

// ListBuckets lists the buckets of the caller's account by name: at most max of those whose
// names begin with prefix and, unless it is "", that are in a region.
func (s *Service) ListBuckets(ctx context.Context, prefix, region, token string, max int) (*Buckets, error) {
	r := api.RequestOf(ctx)
	if r.Caller.Account == "" {
		return nil, api.Errorf("AccessDenied", http.StatusForbidden, "Access Denied")
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "s3:ListAllMyBuckets", Resource: "*"}); err != nil {
		return nil, err
	}
	page := &Buckets{Owner: r.Caller.Account}
	owned := texted(ownedPrefix[:len(ownedPrefix):len(ownedPrefix)], page.Owner)
	listing := pagetoken.Listing{Account: page.Owner, Operation: "s3:ListBuckets", Parameters: []byte(prefix + "\n" + region)}
	from := begins(owned, prefix)
	if token != "" {
		position, err := s.seal.Open(listing, token)
		if err != nil {
			return nil, InvalidArgument("The continuation token provided is incorrect")
		}
		from = after(texted(owned, string(position)))
	}
	err := s.view(ctx, func(tx kv.Reader) error {
		for p, err := range tx.Scan(ctx, kv.Range{From: from, To: ends(owned, prefix)}) {
			if err != nil {
				return err
			}
			name, _, err := tuple.String(p.Key[len(owned):])
			if err != nil {
				return err
			}
			b, err := readBucket(ctx, tx, name)
			switch {
			case err != nil:
				return err
			case region != "" && b.Region != region:
				continue
			case len(page.Buckets) == max:
				page.Next = s.seal.Seal(listing, []byte(page.Buckets[max-1].Name))
				return nil
			}
			page.Buckets = append(page.Buckets, b)
		}
		return nil
	})
	return page, err
}
