package s3_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestObjects: what was written comes back, with its headers, its ETag and its tags.
func TestObjects(t *testing.T) {
	w := start(t)
	b := w.bucket("kept")
	for _, key := range []string{"plain", "a/b//c", "with space+plus%25", "ünï", "v2/x", "./..", strings.Repeat("k", 1024)} {
		out, err := w.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &b, Key: &key, Body: strings.NewReader("content of " + key), ContentType: aws.String("text/x"), CacheControl: aws.String("no-store"),
			Metadata: map[string]string{"one": "1", "two": "zwei"}, Tagging: aws.String("team=ml&x=%26"),
		})
		if err != nil {
			t.Fatal(key, err)
		}
		sum := md5.Sum([]byte("content of " + key))
		if want := `"` + hex.EncodeToString(sum[:]) + `"`; *out.ETag != want {
			t.Errorf("ETag %s, want %s", *out.ETag, want)
		}
		got, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: &key})
		if err != nil {
			t.Fatal(key, err)
		}
		if s := read(t, got.Body); s != "content of "+key || *got.ContentType != "text/x" || *got.CacheControl != "no-store" || got.Metadata["two"] != "zwei" || *got.TagCount != 2 {
			t.Errorf("%s: %q %+v", key, s, got)
		}
	}
	_, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String(strings.Repeat("k", 1025)), Body: strings.NewReader("")})
	w.refused(err, "KeyTooLongError", 400)
	w.put(b, "empty", "")
	if got := w.get(b, "empty"); got != "" {
		t.Error(got)
	}
	_, err = w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("none")})
	w.refused(err, "NoSuchKey", 404)
	_, err = w.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: aws.String("none")})
	w.refused(err, "NotFound", 404)
	if _, err := w.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b, Key: aws.String("none")}); err != nil {
		t.Error(err)
	}
	out, err := w.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("plain")}, {Key: aws.String("none")}}}})
	if err != nil || len(out.Deleted) != 2 || len(out.Errors) != 0 {
		t.Errorf("%+v %v", out, err)
	}
}

// TestConditions: of readers and writers.
func TestConditions(t *testing.T) {
	w := start(t)
	b := w.bucket("conditions")
	etag := *w.put(b, "k", "one").ETag
	_, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("two"), IfNoneMatch: aws.String("*")})
	w.refused(err, "PreconditionFailed", 412)
	_, err = w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("two"), IfMatch: aws.String(`"00"`)})
	w.refused(err, "PreconditionFailed", 412)
	_, err = w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("absent"), Body: strings.NewReader("two"), IfMatch: &etag})
	w.refused(err, "NoSuchKey", 404)
	_, err = w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), IfNoneMatch: &etag})
	if _, status := code(err); status != 304 {
		t.Error(err)
	}
	_, err = w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), IfMatch: aws.String("other")})
	w.refused(err, "PreconditionFailed", 412)
	if _, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("two"), IfMatch: &etag}); err != nil {
		t.Error(err)
	}
	if got := w.get(b, "k"); got != "two" {
		t.Error(got)
	}
}

// TestRanges: of one range; others are the whole.
func TestRanges(t *testing.T) {
	w := start(t)
	b := w.bucket("ranges")
	w.put(b, "k", "0123456789")
	for header, want := range map[string]string{
		"bytes=0-0": "0", "bytes=2-4": "234", "bytes=5-": "56789", "bytes=-3": "789", "bytes=8-99": "89", "bytes=-99": "0123456789",
		"bytes=4-2": "0123456789", "bytes=a-b": "0123456789", "bytes=0-1,3-4": "0123456789", "lines=1-2": "0123456789",
	} {
		out, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: &header})
		if err != nil {
			t.Fatal(header, err)
		}
		if got := read(t, out.Body); got != want {
			t.Errorf("%s: %q", header, got)
		}
	}
	_, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: aws.String("bytes=10-")})
	w.refused(err, "InvalidRange", 416)
}

// TestChecksums: of each algorithm.
func TestChecksums(t *testing.T) {
	w := start(t)
	b := w.bucket("checked")
	for _, a := range types.ChecksumAlgorithm("").Values() {
		if a == "MD5" || strings.HasPrefix(string(a), "SHA512") || strings.HasPrefix(string(a), "XXHASH") {
			continue
		}
		{
			in := &s3.PutObjectInput{Bucket: &b, Key: aws.String(string(a)), Body: strings.NewReader("some bytes"), ChecksumAlgorithm: a}
			if _, err := w.PutObject(t.Context(), in); err != nil {
				t.Fatal(a, err)
			}
			out, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: in.Key, ChecksumMode: "ENABLED"})
			if err != nil {
				t.Fatal(a, err)
			}
			read(t, out.Body)
			attributes, err := w.GetObjectAttributes(t.Context(), &s3.GetObjectAttributesInput{Bucket: &b, Key: in.Key, ObjectAttributes: []types.ObjectAttributes{"Checksum", "ObjectSize", "ETag"}})
			if err != nil || attributes.Checksum == nil || *attributes.ObjectSize != 10 {
				t.Error(fmt.Sprint(a), attributes, err)
			}
		}
	}
	_, err := w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("wrong"), Body: strings.NewReader("x"), ChecksumSHA256: aws.String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")})
	w.refused(err, "BadDigest", 400)
	_, err = w.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b, Key: aws.String("wrong"), Body: strings.NewReader("x"), ContentMD5: aws.String("1B2M2Y8AsgTpgAmY7PhCfg==")})
	w.refused(err, "BadDigest", 400)
	_, err = w.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: aws.String("wrong")})
	w.refused(err, "NotFound", 404)
}
