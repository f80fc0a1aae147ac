package rest

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/s3"
)

type tagging struct {
	TagSet struct{ Tag []s3.Tag }
}

func (x *exchange) writeTags(tags []s3.Tag) error {
	var out tagging
	out.TagSet.Tag = tags
	return x.write("Tagging", out)
}

func (x *exchange) readTags() ([]s3.Tag, error) {
	var in tagging
	err := x.read("Tagging", &in)
	return in.TagSet.Tag, err
}

func (x *exchange) getBucketTagging() error {
	tags, err := x.s.GetBucketTagging(x.ctx, x.at.Bucket)
	if err != nil {
		return err
	}
	return x.writeTags(tags)
}

func (x *exchange) putBucketTagging() error {
	tags, err := x.readTags()
	if err != nil {
		return err
	}
	return x.done(http.StatusNoContent, x.s.PutBucketTagging(x.ctx, x.at.Bucket, tags))
}

func (x *exchange) deleteBucketTagging() error {
	return x.done(http.StatusNoContent, x.s.PutBucketTagging(x.ctx, x.at.Bucket, nil))
}

func (x *exchange) getObjectTagging() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	tags, err := x.s.GetObjectTagging(x.ctx, x.at)
	if err != nil {
		return err
	}
	return x.writeTags(tags)
}

func (x *exchange) putObjectTagging() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	tags, err := x.readTags()
	if err != nil {
		return err
	}
	return x.done(http.StatusOK, x.s.PutObjectTagging(x.ctx, x.at, tags))
}

func (x *exchange) deleteObjectTagging() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	return x.done(http.StatusNoContent, x.s.PutObjectTagging(x.ctx, x.at, nil))
}

// done answers with a status alone, if there is no error.
func (x *exchange) done(status int, err error) error {
	if err != nil {
		return err
	}
	x.WriteHeader(status)
	return nil
}
