package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/s3"
)

func (x *exchange) createUpload() error {
	in := s3.NewUpload{Name: x.at, ChecksumType: x.Request.Header.Get("X-Amz-Checksum-Type")}
	var err error
	if in.Attributes, err = x.attributes(); err != nil {
		return err
	}
	if name := x.Request.Header.Get("X-Amz-Checksum-Algorithm"); name != "" {
		var ok bool
		if in.Algorithm, ok = algorithm(name); !ok {
			return s3.InvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
	}
	u, err := x.s.CreateMultipartUpload(x.ctx, in)
	if err != nil {
		return err
	}
	if u.Chosen {
		x.Writer.Header().Set("X-Amz-Checksum-Algorithm", string(u.Algorithm))
		x.Writer.Header().Set("X-Amz-Checksum-Type", u.ChecksumType())
	}
	return x.write("InitiateMultipartUploadResult", struct{ Bucket, Key, UploadId string }{x.at.Bucket, x.at.Key, u.ID})
}

// partNumber reads the number of a part.
func (x *exchange) partNumber() (int, error) {
	n, err := strconv.Atoi(x.form("partNumber"))
	if err != nil {
		return 0, s3.InvalidArgument("Part number must be an integer between 1 and %d, inclusive", s3.MaxParts)
	}
	return n, nil
}

func (x *exchange) uploadPart() error {
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	c, err := x.content()
	if err != nil {
		return err
	}
	u, p, err := x.s.UploadPart(x.ctx, x.at, x.form("uploadId"), number, c)
	if err != nil {
		return err
	}
	h := x.Writer.Header()
	h.Set("Etag", quoted(p.MD5))
	switch {
	case c.Algorithm != "" && c.Algorithm != u.Algorithm && c.Expected != nil:
		h.Set("X-Amz-Checksum-"+c.Algorithm.Lower(), c.Expected()) // which was verified
	case u.Chosen || c.Algorithm == u.Algorithm:
		h.Set("X-Amz-Checksum-"+u.Algorithm.Lower(), p.Checksum)
	}
	h.Set("Content-Length", "0")
	x.WriteHeader(http.StatusOK)
	return nil
}

func (x *exchange) uploadPartCopy() error {
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	from, err := x.source()
	if err != nil {
		return err
	}
	h := x.Request.Header
	condition := func(o *s3.Object) error { return readable(h, "X-Amz-Copy-Source-", o) }
	bytes := func(size int64) (int64, int64, error) {
		header := h.Get("X-Amz-Copy-Source-Range")
		if header == "" {
			return 0, size, nil
		}
		offset, length, some, err := extent(header, size)
		if err != nil || !some || strings.HasPrefix(header, "bytes=-") {
			return 0, 0, s3.InvalidArgument("The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
		}
		return offset, length, nil
	}
	u, p, err := x.s.UploadPartCopy(x.ctx, x.at, x.form("uploadId"), number, from, condition, bytes)
	if err != nil {
		return err
	}
	var sums checksums
	if u.Chosen {
		sums = checksumsOf(u.Algorithm, p.Checksum)
	}
	return x.write("CopyPartResult", struct {
		ETag         string
		LastModified string
		checksums
	}{quoted(p.MD5), stamp(p.Modified), sums})
}

func (x *exchange) completeUpload() error {
	in := s3.Completion{Name: x.at, ID: x.form("uploadId"), Size: -1}
	var err error
	if in.Conditions, err = x.writable(); err != nil {
		return err
	}
	h := x.Request.Header
	if text := h.Get("X-Amz-Mp-Object-Size"); text != "" {
		if in.Size, err = strconv.ParseInt(text, 10, 64); err != nil || in.Size < 0 {
			return s3.InvalidRequest("Value for x-amz-mp-object-size header is invalid.")
		}
	}
	in.Checksum = func(a s3.Algorithm) string { return h.Get("X-Amz-Checksum-" + a.Lower()) }
	var list struct {
		Part []struct {
			PartNumber int
			ETag       string
			checksums
		}
	}
	b, err := x.body()
	if err == nil {
		err = parse(b, "CompleteMultipartUpload", &list)
	}
	if err != nil {
		return err
	}
	if len(list.Part) == 0 || len(list.Part) > s3.MaxParts {
		return malformed()
	}
	for _, p := range list.Part {
		part := s3.CompletedPart{Number: p.PartNumber, ETag: unquoted(p.ETag)}
		for _, a := range s3.Algorithms {
			if v := p.value(a); v != "" {
				part.Checksum = v
			}
		}
		in.Parts = append(in.Parts, part)
	}
	o, err := x.s.CompleteMultipartUpload(x.ctx, in)
	if err != nil {
		return err
	}
	return x.write("CompleteMultipartUploadResult", struct {
		Location, Bucket, Key, ETag string
		checksums
		ChecksumType string
	}{
		x.h.door.BaseURL(x.Request) + "/" + x.at.Bucket + "/" + x.at.Key, x.at.Bucket, x.at.Key, quoted(o.ETag),
		checksumsOf(o.Checksum.Algorithm, o.Checksum.Value), o.Checksum.Type(),
	})
}

func (x *exchange) abortUpload() error {
	return x.done(http.StatusNoContent, x.s.AbortMultipartUpload(x.ctx, x.at, x.form("uploadId")))
}

func (x *exchange) listParts() error {
	after, err := x.number("part-number-marker", 0)
	if err != nil {
		return err
	}
	max, err := x.number("max-parts", maxKeys)
	if err != nil {
		return err
	}
	max = min(max, maxKeys)
	b, u, all, more, err := x.s.ListParts(x.ctx, x.at, x.form("uploadId"), after, max)
	if err != nil {
		return err
	}
	type part struct {
		PartNumber   int
		LastModified string
		ETag         string
		Size         int64
		checksums
	}
	out := struct {
		Bucket, Key, UploadId string
		PartNumberMarker      int
		NextPartNumberMarker  int
		MaxParts              int
		IsTruncated           bool
		Part                  []part
		Initiator, Owner      *owner
		StorageClass          string
		ChecksumAlgorithm     string `xml:",omitempty"`
		ChecksumType          string `xml:",omitempty"`
	}{
		Bucket: x.at.Bucket, Key: x.at.Key, UploadId: u.ID, PartNumberMarker: after, MaxParts: max, IsTruncated: more,
		Initiator: &owner{u.Initiator}, Owner: ownerOf(b.Account), StorageClass: "STANDARD",
	}
	if u.Chosen {
		out.ChecksumAlgorithm, out.ChecksumType = string(u.Algorithm), u.ChecksumType()
	}
	for _, p := range all {
		one := part{PartNumber: p.Number, LastModified: stamp(p.Modified), ETag: quoted(p.MD5), Size: p.Size}
		if u.Chosen {
			one.checksums = checksumsOf(u.Algorithm, p.Checksum)
		}
		out.Part = append(out.Part, one)
		out.NextPartNumberMarker = p.Number
	}
	return x.write("ListPartsResult", out)
}

func (x *exchange) listUploads() error {
	encode, err := x.encoder()
	if err != nil {
		return err
	}
	l := s3.UploadsListing{Bucket: x.at.Bucket, Prefix: x.form("prefix"), Delimiter: x.form("delimiter"), AfterKey: x.form("key-marker"), AfterID: x.form("upload-id-marker")}
	if l.Max, err = x.number("max-uploads", maxKeys); err != nil {
		return err
	}
	l.Max = min(l.Max, maxKeys)
	page, err := x.s.ListMultipartUploads(x.ctx, l)
	if err != nil {
		return err
	}
	type upload struct {
		Key, UploadId     string
		Initiator, Owner  *owner
		StorageClass      string
		Initiated         string
		ChecksumAlgorithm string `xml:",omitempty"`
		ChecksumType      string `xml:",omitempty"`
	}
	out := struct {
		Bucket, KeyMarker, UploadIdMarker string
		NextKeyMarker, NextUploadIdMarker string `xml:",omitempty"`
		Prefix, Delimiter, EncodingType   string `xml:",omitempty"`
		MaxUploads                        int
		IsTruncated                       bool
		Upload                            []upload
		CommonPrefixes                    []prefix
	}{
		Bucket: l.Bucket, KeyMarker: encode(l.AfterKey), UploadIdMarker: l.AfterID, Prefix: encode(l.Prefix), Delimiter: encode(l.Delimiter),
		EncodingType: x.form("encoding-type"), MaxUploads: l.Max, IsTruncated: page.More,
	}
	if page.More {
		out.NextKeyMarker, out.NextUploadIdMarker = encode(page.Key), page.ID
	}
	for _, u := range page.Uploads {
		one := upload{Key: encode(u.Key), UploadId: u.ID, Initiator: &owner{u.Initiator}, Owner: ownerOf(page.Bucket.Account), StorageClass: "STANDARD", Initiated: stamp(u.Initiated)}
		if u.Chosen {
			one.ChecksumAlgorithm, one.ChecksumType = string(u.Algorithm), u.ChecksumType()
		}
		out.Upload = append(out.Upload, one)
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, prefix{encode(p)})
	}
	return x.write("ListMultipartUploadsResult", out)
}
