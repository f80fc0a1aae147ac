package rest

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/s3"
)

type owner struct {
	ID string
}

func ownerOf(account string) *owner { return &owner{s3.CanonicalID(account)} }

func (x *exchange) createBucket() error {
	h := x.Request.Header
	if h.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return s3.NotImplemented("Object lock is")
	}
	if o := h.Get("X-Amz-Object-Ownership"); o != "" && o != "BucketOwnerEnforced" {
		return s3.NotImplemented("Object ownership other than BucketOwnerEnforced is")
	}
	if err := x.checkACL(); err != nil {
		return err
	}
	var in struct {
		LocationConstraint string
		Tags               []s3.Tag `xml:"Tags>Tag"`
	}
	b, err := x.document()
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if err := parse(b, "CreateBucketConfiguration", &in); err != nil {
			return err
		}
	}
	made, err := x.s.CreateBucket(x.ctx, x.at.Bucket, in.LocationConstraint, in.Tags)
	if err != nil {
		return err
	}
	x.Writer.Header().Set("Location", "/"+made.Name)
	x.Writer.Header().Set("X-Amz-Bucket-Arn", made.ARN())
	x.Writer.Header().Set("Content-Length", "0")
	x.WriteHeader(http.StatusOK)
	return nil
}

func (x *exchange) headBucket() error {
	b, err := x.s.HeadBucket(x.ctx, x.at.Bucket)
	if err != nil {
		return err
	}
	h := x.Writer.Header()
	h.Set("X-Amz-Bucket-Region", b.Region)
	h.Set("X-Amz-Bucket-Arn", b.ARN())
	h.Set("X-Amz-Access-Point-Alias", "false")
	x.WriteHeader(http.StatusOK)
	return nil
}

func (x *exchange) deleteBucket() error {
	if err := x.s.DeleteBucket(x.ctx, x.at.Bucket); err != nil {
		return err
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

func (x *exchange) getBucketLocation() error {
	b, err := x.s.GetBucketLocation(x.ctx, x.at.Bucket)
	if err != nil {
		return err
	}
	region := b.Region
	if region == "us-east-1" {
		region = "" // as it always was
	}
	return x.write("LocationConstraint", text(region))
}

func (x *exchange) listBuckets() error {
	max, err := x.number("max-buckets", 10000)
	if err != nil {
		return err
	}
	if max < 1 || max > 10000 {
		return s3.InvalidArgument("Argument max-buckets must be an integer between 1 and 10000")
	}
	page, err := x.s.ListBuckets(x.ctx, x.form("prefix"), x.form("bucket-region"), x.form("continuation-token"), max)
	if err != nil {
		return err
	}
	type bucket struct {
		Name         string
		CreationDate string
		BucketRegion string
		BucketArn    string
	}
	out := struct {
		Owner             *owner
		Buckets           struct{ Bucket []bucket }
		Prefix            string `xml:",omitempty"`
		ContinuationToken string `xml:",omitempty"`
	}{Owner: ownerOf(page.Owner), Prefix: x.form("prefix"), ContinuationToken: page.Next}
	for _, b := range page.Buckets {
		out.Buckets.Bucket = append(out.Buckets.Bucket, bucket{b.Name, stamp(b.Created), b.Region, b.ARN()})
	}
	return x.write("ListAllMyBucketsResult", out)
}

// text is a document that is nothing but text.
type text string
