package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const mib = 1 << 20

// TestMultipart: parts in any order become one object, with the ETag of parts, readable by
// range and by part; checksums of the whole and of parts.
func TestMultipart(t *testing.T) {
	w := start(t)
	b := w.bucket("parts")
	contents := [][]byte{filled(5*mib, 'a'), filled(5*mib+1, 'b'), filled(10, 'c')}
	whole := bytes.Join(contents, nil)
	for _, c := range []struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{{"", ""}, {"CRC32", "COMPOSITE"}, {"CRC32", "FULL_OBJECT"}, {"CRC32C", "FULL_OBJECT"}, {"CRC64NVME", "FULL_OBJECT"}, {"SHA256", "COMPOSITE"}, {"SHA1", ""}} {
		key := aws.String(fmt.Sprintf("%s-%s", c.algorithm, c.kind))
		made, err := w.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
			Bucket: &b, Key: key, ContentType: aws.String("x/y"), Tagging: aws.String("team=ml"), Metadata: map[string]string{"k": "v"}, ChecksumAlgorithm: c.algorithm, ChecksumType: c.kind,
		})
		if err != nil {
			t.Fatal(*key, err)
		}
		sums := md5.New()
		parts := make([]types.CompletedPart, 3)
		for _, i := range []int{2, 0, 1} {
			out, err := w.UploadPart(t.Context(), &s3.UploadPartInput{
				Bucket: &b, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(contents[i]), ChecksumAlgorithm: c.algorithm,
			})
			if err != nil {
				t.Fatal(*key, err)
			}
			parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumSHA256: out.ChecksumSHA256}
			if c.algorithm == "" {
				parts[i].ChecksumCRC32 = nil
			}
		}
		for _, c := range contents {
			sum := md5.Sum(c)
			sums.Write(sum[:])
		}
		done, err := w.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		if err != nil {
			t.Fatal(*key, err)
		}
		if want := `"` + hex.EncodeToString(sums.Sum(nil)) + `-3"`; *done.ETag != want {
			t.Errorf("%s: ETag %s, want %s", *key, *done.ETag, want)
		}
		again, err := w.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		if err != nil || *again.ETag != *done.ETag {
			t.Errorf("%s: again: %v", *key, err)
		}
		// The client compares the checksum of the whole.
		got, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: key, ChecksumMode: "ENABLED"})
		if err != nil || *got.ContentType != "x/y" || *got.TagCount != 1 || got.Metadata["k"] != "v" {
			t.Fatal(*key, got, err)
		}
		if body, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(body, whole) {
			t.Errorf("%s: %d bytes, %v", *key, len(body), err)
		}
		for header, want := range map[string][]byte{
			fmt.Sprintf("bytes=%d-%d", 5*mib-1, 5*mib): whole[5*mib-1 : 5*mib+1], fmt.Sprintf("bytes=%d-%d", 5*mib, 5*mib): []byte("b"),
			"bytes=-12": whole[len(whole)-12:],
		} {
			out, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: key, Range: &header})
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, out.Body); got != string(want) {
				t.Errorf("%s: %q", header, got)
			}
		}
		part, err := w.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: key, PartNumber: aws.Int32(3)})
		if err != nil || *part.PartsCount != 3 || read(t, part.Body) != "cccccccccc" {
			t.Errorf("part 3: %+v %v", part, err)
		}
	}
}

// TestWrongUploads: what an upload refuses, and what is left of one that ends.
func TestWrongUploads(t *testing.T) {
	w := start(t)
	b, key := w.bucket("wrong"), aws.String("k")
	begin := func() *string {
		made, err := w.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		return made.UploadId
	}
	id := begin()
	part := func(n int32, content string) types.CompletedPart {
		out, err := w.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b, Key: key, UploadId: id, PartNumber: &n, Body: bytes.NewReader([]byte(content))})
		if err != nil {
			t.Fatal(err)
		}
		return types.CompletedPart{PartNumber: &n, ETag: out.ETag}
	}
	complete := func(parts ...types.CompletedPart) error {
		_, err := w.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b, Key: key, UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	one, two := part(1, "small"), part(2, "last")
	w.refused(complete(two, one), "InvalidPartOrder", 400)
	w.refused(complete(one, two), "EntityTooSmall", 400)
	w.refused(complete(), "MalformedXML", 400)
	w.refused(complete(types.CompletedPart{PartNumber: aws.Int32(3), ETag: one.ETag}), "InvalidPart", 400)
	w.refused(complete(types.CompletedPart{PartNumber: aws.Int32(1), ETag: two.ETag}), "InvalidPart", 400)
	_, err := w.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &b, Key: key, UploadId: id, PartNumber: aws.Int32(10001), Body: bytes.NewReader(nil)})
	w.refused(err, "InvalidArgument", 400)

	list, err := w.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &b, Key: key, UploadId: id, MaxParts: aws.Int32(1)})
	if err != nil || len(list.Parts) != 1 || !*list.IsTruncated || *list.Parts[0].Size != 5 {
		t.Errorf("%+v %v", list, err)
	}
	uploads, err := w.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *id {
		t.Errorf("%+v %v", uploads, err)
	}
	if _, err := w.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &b, Key: key, UploadId: id}); err != nil {
		t.Fatal(err)
	}
	w.refused(complete(one), "NoSuchUpload", 404)
	_, err = w.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: key})
	w.refused(err, "NotFound", 404)

	id = begin()
	one = part(1, "small") // the last part may be small
	if err := complete(one); err != nil {
		t.Fatal(err)
	}
	if got := w.get(b, "k"); got != "small" {
		t.Error(got)
	}
}

// TestCopies: with the directives, in one piece and by parts; onto itself only with a change.
func TestCopies(t *testing.T) {
	w := start(t)
	b := w.bucket("copies")
	if _, err := w.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &b, Key: aws.String("a b"), Body: bytes.NewReader(filled(6*mib, 'x')), Metadata: map[string]string{"k": "v"}, Tagging: aws.String("t=1"),
	}); err != nil {
		t.Fatal(err)
	}
	from := aws.String(b + "/a%20b")
	if _, err := w.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: aws.String("same"), CopySource: from}); err != nil {
		t.Fatal(err)
	}
	head, err := w.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b, Key: aws.String("same")})
	if err != nil || head.Metadata["k"] != "v" || *head.ContentLength != 6*mib {
		t.Errorf("%+v %v", head, err)
	}
	tags, err := w.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &b, Key: aws.String("same")})
	if err != nil || len(tags.TagSet) != 1 {
		t.Errorf("%+v %v", tags, err)
	}
	_, err = w.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: aws.String("a b"), CopySource: from})
	w.refused(err, "InvalidRequest", 400)
	if _, err := w.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: aws.String("a b"), CopySource: from, MetadataDirective: "REPLACE", Metadata: map[string]string{"k": "w"}}); err != nil {
		t.Error(err)
	}
	_, err = w.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: aws.String("n"), CopySource: from, CopySourceIfMatch: aws.String("other")})
	w.refused(err, "PreconditionFailed", 412)

	key := aws.String("parts")
	made, err := w.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i, r := range []*string{nil, aws.String("bytes=0-9")} {
		out, err := w.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: &b, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(i + 1)), CopySource: from, CopySourceRange: r})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.CopyPartResult.ETag})
	}
	if _, err := w.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &b, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	// A copy of what was made of parts is in one piece: its ETag is the MD5 of its bytes.
	copied, err := w.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: &b, Key: aws.String("whole"), CopySource: aws.String(b + "/parts")})
	sum := md5.Sum(filled(6*mib+10, 'x'))
	if err != nil || *copied.CopyObjectResult.ETag != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Errorf("%+v %v", copied, err)
	}
}
