package s3_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestPolicies: identity policies and those of buckets; who may not list does not learn what
// is not there.
func TestPolicies(t *testing.T) {
	w := start(t)
	b := w.bucket("guarded")
	w.put(b, "team/a", "x")
	reader := w.user("reader", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::guarded/team/*"}`)
	lister := w.user("lister", `[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::guarded","Condition":{"StringLike":{"s3:prefix":"team/*"}}},{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]`)
	nobody := w.user("nobody", "")
	get := func(c *s3.Client, key string) error {
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &key})
		if err == nil {
			read(t, out.Body)
		}
		return err
	}
	if err := get(reader, "team/a"); err != nil {
		t.Error(err)
	}
	w.refused(get(reader, "team/none"), "AccessDenied", 403)
	w.refused(get(reader, "other"), "AccessDenied", 403)
	w.refused(get(nobody, "team/a"), "AccessDenied", 403)
	w.refused(get(w.Client, "team/none"), "NoSuchKey", 404)
	_, err := reader.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("team/a"), Body: strings.NewReader("y")})
	w.refused(err, "AccessDenied", 403)
	if _, err := lister.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b, Prefix: aws.String("team/")}); err != nil {
		t.Error(err)
	}
	_, err = lister.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b})
	w.refused(err, "AccessDenied", 403)
	deleted, err := reader.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("team/a")}}}})
	if err != nil || len(deleted.Errors) != 1 || *deleted.Errors[0].Code != "AccessDenied" {
		t.Errorf("%+v %v", deleted, err)
	}

	put := func(document string) error {
		_, err := w.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b, Policy: &document})
		return err
	}
	w.refused(put(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::other/*"}}`), "MalformedPolicy", 400)
	w.refused(put(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::guarded/*"}}`), "MalformedPolicy", 400)
	w.refused(put(`{`), "MalformedPolicy", 400)
	_, err = w.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &b})
	w.refused(err, "NoSuchBucketPolicy", 404)
	if status, _, _ := w.raw("GET", w.URL()+"/guarded/team/a", ""); status != 403 {
		t.Errorf("anonymous: %d", status)
	}
	if err := put(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::guarded/team/*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::000000000000:user/lister"},"Action":"s3:*","Resource":["arn:aws:s3:::guarded","arn:aws:s3:::guarded/*"]}]}`); err != nil {
		t.Fatal(err)
	}
	if err := get(nobody, "team/a"); err != nil {
		t.Error(err)
	}
	w.refused(get(lister, "team/a"), "AccessDenied", 403)
	if status, _, body := w.raw("GET", w.URL()+"/guarded/team/a", ""); status != 200 || body != "x" {
		t.Errorf("anonymous: %d %s", status, body)
	}
	if status, _, body := w.raw("PUT", w.URL()+"/guarded/team/a", "y"); status != 403 || !strings.Contains(body, "<Code>AccessDenied</Code>") {
		t.Errorf("anonymous: %d %s", status, body)
	}
}

// TestAccounts: a bucket of another account needs the policy of both.
func TestAccounts(t *testing.T) {
	w := start(t)
	b := w.bucket("shared")
	w.put(b, "k", "x")
	_, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), ExpectedBucketOwner: aws.String("111111111111")})
	w.refused(err, "AccessDenied", 403)
	if _, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), ExpectedBucketOwner: aws.String("000000000000")}); err != nil {
		t.Error(err)
	}
}

// TestPresigned: URLs to get and to put, until they expire.
func TestPresigned(t *testing.T) {
	w := start(t)
	b := w.bucket("signed")
	p := s3.NewPresignClient(w.Client)
	put, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("a b/ü")}, s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := w.raw("PUT", put.URL, "by URL"); status != 200 {
		t.Fatal(status, body)
	}
	get, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("a b/ü"), ResponseContentType: aws.String("text/html"), ResponseContentDisposition: aws.String("attachment")})
	if err != nil {
		t.Fatal(err)
	}
	status, h, body := w.raw("GET", get.URL, "")
	if status != 200 || body != "by URL" || h.Get("Content-Type") != "text/html" || h.Get("Content-Disposition") != "attachment" {
		t.Errorf("%d %v %s", status, h, body)
	}
	if status, _, body := w.raw("GET", get.URL+"&versionId=x", ""); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("%d %s", status, body)
	}
	// By the older signature, as the AWS CLI and boto3 sign unless told otherwise.
	old := func(expires int64, resource string) string {
		h := hmac.New(sha1.New, []byte(servertest.Secret))
		fmt.Fprintf(h, "GET\n\n\n%d\n%s", expires, resource)
		return fmt.Sprintf("%s%s%cAWSAccessKeyId=%s&Expires=%d&Signature=%s", w.URL(), resource, map[bool]rune{true: '&', false: '?'}[strings.Contains(resource, "?")],
			servertest.AccessKeyID, expires, url.QueryEscape(base64.StdEncoding.EncodeToString(h.Sum(nil))))
	}
	later := time.Now().Add(time.Minute).Unix()
	for _, resource := range []string{"/signed/a%20b/%C3%BC", "/signed/a%20b/%C3%BC?response-content-type=text/html"} {
		if status, _, body := w.raw("GET", old(later, resource), ""); status != 200 || body != "by URL" {
			t.Errorf("%s: %d %s", resource, status, body)
		}
	}
	if status, _, body := w.raw("GET", old(1, "/signed/x"), ""); status != 403 || !strings.Contains(body, "Request has expired") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, body := w.raw("GET", old(later, "/signed/x")+"x", ""); status != 403 || !strings.Contains(body, "SignatureDoesNotMatch") {
		t.Errorf("%d %s", status, body)
	}
	if status, _, body := w.raw("GET", w.URL()+"/signed/x", "", "Authorization", "AWS AKIA:x="); status != 400 || !strings.Contains(body, "<Code>InvalidRequest</Code>") {
		t.Errorf("%d %s", status, body)
	}
}

// TestHosts: buckets have hosts of their own below the server's and AWS's.
func TestHosts(t *testing.T) {
	w := start(t, func(c *server.Config) { c.Domain, c.ExternalURL = "example.org", "https://wharf.example.com" })
	b := w.bucket("hosted")
	w.put(b, "v2/x", "here")
	if _, err := w.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::hosted/*"}}`)}); err != nil {
		t.Fatal(err)
	}
	w.put(b, "x", "here")
	for _, host := range []string{
		"hosted.s3.us-east-1.example.org", "hosted.s3.example.org", "hosted.example.org:4780", "hosted.wharf.example.com", "hosted.localhost:4780",
		"hosted.s3.us-east-1.amazonaws.com", "hosted.s3.amazonaws.com",
	} {
		if status, _, body := w.raw("GET", w.URL()+"/x", "", "Host", host); status != http.StatusOK || body != "here" {
			t.Errorf("%s: %d %s", host, status, body)
		}
	}
	for _, host := range []string{"s3.us-east-1.example.org", "wharf.example.com", "example.org"} {
		if status, _, body := w.raw("GET", w.URL()+"/hosted/x", "", "Host", host); status != http.StatusOK || body != "here" {
			t.Errorf("%s: %d %s", host, status, body)
		}
	}
}

// TestSettings: those that no bucket has answer as AWS's of a bucket without them.
func TestSettings(t *testing.T) {
	w := start(t)
	b := w.bucket("settings")
	ctx := t.Context()
	_, err := w.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: &b})
	w.refused(err, "NoSuchCORSConfiguration", 404)
	_, err = w.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: &b})
	w.refused(err, "NoSuchWebsiteConfiguration", 404)
	_, err = w.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b})
	w.refused(err, "NoSuchLifecycleConfiguration", 404)
	_, err = w.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &b})
	w.refused(err, "ServerSideEncryptionConfigurationNotFoundError", 404)
	_, err = w.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &b})
	w.refused(err, "ObjectLockConfigurationNotFoundError", 404)
	_, err = w.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: &b})
	w.refused(err, "ReplicationConfigurationNotFoundError", 404)
	_, err = w.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &b})
	w.refused(err, "NoSuchPublicAccessBlockConfiguration", 404)
	_, err = w.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b})
	w.refused(err, "NoSuchTagSet", 404)
	versioning, err := w.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b})
	if err != nil || versioning.Status != "" {
		t.Errorf("%+v %v", versioning, err)
	}
	acl, err := w.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: &b})
	if err != nil || len(acl.Grants) != 1 || acl.Grants[0].Permission != "FULL_CONTROL" || *acl.Grants[0].Grantee.ID != *acl.Owner.ID {
		t.Errorf("%+v %v", acl, err)
	}
	payment, err := w.GetBucketRequestPayment(ctx, &s3.GetBucketRequestPaymentInput{Bucket: &b})
	if err != nil || payment.Payer != "BucketOwner" {
		t.Errorf("%+v %v", payment, err)
	}
	ownership, err := w.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b})
	if err != nil || ownership.OwnershipControls.Rules[0].ObjectOwnership != "BucketOwnerEnforced" {
		t.Errorf("%+v %v", ownership, err)
	}
	if _, err := w.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &b, OwnershipControls: ownership.OwnershipControls}); err != nil {
		t.Error(err)
	}
	if _, err := w.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: &b}); err != nil {
		t.Error(err)
	}
	_, err = w.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &b})
	w.refused(err, "OwnershipControlsNotFoundError", 404)
	_, err = w.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}})
	w.refused(err, "NotImplemented", 501)
	_, err = w.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader(""), ACL: "public-read"})
	w.refused(err, "AccessControlListNotSupported", 400)
	_, err = w.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader(""), ServerSideEncryption: "aws:kms"})
	w.refused(err, "NotImplemented", 501)
	tags := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("ml")}}}
	if _, err := w.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &b, Tagging: tags}); err != nil {
		t.Error(err)
	}
	got, err := w.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &b})
	if err != nil || len(got.TagSet) != 1 || *got.TagSet[0].Value != "ml" {
		t.Errorf("%+v %v", got, err)
	}
}
