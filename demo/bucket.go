package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucket keeps templates.
type bucket struct {
	client *s3.Client
	name   string
	url    string
}

// openBucket makes a bucket, if it is not there yet. It is named in paths: no host of its own
// leads to it.
func openBucket(ctx context.Context, cfg aws.Config, endpoint, name string) (*bucket, error) {
	b := &bucket{s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), name, endpoint + "/" + name}
	if _, err := b.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil && !isCode(err, "BucketAlreadyOwnedByYou") {
		return nil, err
	}
	return b, nil
}

// store puts files into a folder that is named after what is in them, and returns its URL:
// what reads a template again only when its URL is another one then does so when it should.
func (b *bucket) store(ctx context.Context, files map[string][]byte) (url string, err error) {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(files[name]), files[name])
	}
	folder := fmt.Sprintf("%x", sum.Sum(nil)[:6])
	for name, content := range files {
		if _, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: new(folder + "/" + name), Body: bytes.NewReader(content)}); err != nil {
			return "", err
		}
	}
	return b.url + "/" + folder, nil
}
