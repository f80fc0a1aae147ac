package s3

import (
	"context"
	"net/http"
	"strings"
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

// checkTags returns InvalidTag or BadRequest for tags that cannot be.
func checkTags(tags []Tag, most int) error {
	if len(tags) > most {
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
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return Refuse("InvalidTag", http.StatusBadRequest, "System tags cannot be added/updated by requester")
		case seen[t.Key]:
			return Refuse("InvalidTag", http.StatusBadRequest, "Cannot provide multiple Tags with the same key")
		}
		seen[t.Key] = true
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

// PutBucketTagging sets the tags of a bucket; none deletes them.
func (s *Service) PutBucketTagging(ctx context.Context, bucket string, tags []Tag) error {
	b, err := s.onBucket(ctx, "PutBucketTagging", bucket, nil)
	if err != nil {
		return err
	}
	if err := checkTags(tags, maxBucketTags); err != nil {
		return err
	}
	return s.change(ctx, b, func(b *Bucket) error { b.Tags = tags; return nil })
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
	if err := checkTags(tags, maxObjectTags); err != nil {
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
