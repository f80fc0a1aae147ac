package s3

import (
	"context"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Tag is a tag of a bucket or an object.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// How many tags there may be, and how long they are, in characters.
const (
	maxBucketTags = 50
	maxObjectTags = 10
	maxTagKey     = 128
	maxTagValue   = 256
)

// checkTags returns InvalidTag or BadRequest for tags that cannot be. Tags of the system, such
// as those of the stack that a bucket is of, come from services that act for a caller, and are
// not counted; has are the tags that there are.
func checkTags(ctx context.Context, tags, has []Tag, most int) error {
	r := api.RequestOf(ctx)
	count := 0
	for _, t := range tags {
		if !api.SystemTag(t.Key) {
			count++
		}
	}
	if count > most {
		if most == maxObjectTags {
			return Refuse("BadRequest", http.StatusBadRequest, "Object tags cannot be greater than %d", most)
		}
		return Refuse("InvalidTag", http.StatusBadRequest, "Bucket tag count cannot be greater than %d", most)
	}
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey:
			return Refuse("InvalidTag", http.StatusBadRequest, "The TagKey you have provided is invalid")
		case utf8.RuneCountInString(t.Value) > maxTagValue:
			return Refuse("InvalidTag", http.StatusBadRequest, "The TagValue you have provided is invalid")
		case r.ReservedTag(t.Key) && !slices.Contains(has, t):
			return Refuse("InvalidTag", http.StatusBadRequest, "System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return Refuse("InvalidTag", http.StatusBadRequest, "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
	}
	for _, t := range has {
		if r.ReservedTag(t.Key) && !seen[t.Key] {
			return Refuse("InvalidTag", http.StatusBadRequest, "System tags cannot be removed by requester")
		}
	}
	return nil
}

// GetBucketTagging returns the tags of a bucket, or NoSuchTagSet.
func (s *Service) GetBucketTagging(ctx context.Context, bucket string) ([]Tag, error) {
	b, err := s.onBucket(ctx, "GetBucketTagging", bucket, nil)
	if err == nil && len(b.Tags) == 0 {
		err = Refuse("NoSuchTagSet", http.StatusNotFound, "The TagSet does not exist")
	}
	if err != nil {
		return nil, err
	}
	return b.Tags, nil
}

// PutBucketTagging sets the tags of a bucket; none deletes those that are not the system's. Who
// sets some names the system's, too, as on AWS.
func (s *Service) PutBucketTagging(ctx context.Context, bucket string, tags []Tag) error {
	b, err := s.onBucket(ctx, "PutBucketTagging", bucket, nil)
	if err != nil {
		return err
	}
	return s.change(ctx, b, func(b *Bucket) error {
		if len(tags) == 0 { // those of the system stay
			b.Tags = slices.DeleteFunc(b.Tags, func(t Tag) bool { return !api.SystemTag(t.Key) })
			return nil
		}
		if err := checkTags(ctx, tags, b.Tags, maxBucketTags); err != nil {
			return err
		}
		b.Tags = tags
		return nil
	})
}

// GetObjectTagging returns the tags of an object.
func (s *Service) GetObjectTagging(ctx context.Context, n Name) ([]Tag, error) {
	_, o, err := s.existing(ctx, "GetObjectTagging", n)
	if err != nil {
		return nil, err
	}
	return o.Tags, nil
}

// PutObjectTagging sets the tags of an object, or deletes them if there are none.
func (s *Service) PutObjectTagging(ctx context.Context, n Name, tags []Tag) error {
	action := "PutObjectTagging"
	if api.RequestOf(ctx).Operation == "DeleteObjectTagging" {
		action = "DeleteObjectTagging"
	}
	was, _, err := s.existing(ctx, action, n)
	if err != nil {
		return err
	}
	if err := checkTags(ctx, tags, nil, maxObjectTags); err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		b, err := same(ctx, tx, was)
		if err != nil {
			return err
		}
		o, err := readObject(ctx, tx, b, n.Key)
		if err != nil {
			return err
		}
		if o == nil {
			return noSuchKey()
		}
		o.Tags = tags
		tx.Put(key(objectsPrefix, b.ID, n.Key), encode(o))
		record(ctx, tx, b, n.Key)
		return nil
	})
}
