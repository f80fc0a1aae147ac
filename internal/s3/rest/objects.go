package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/s3"
)

func (x *exchange) putObject() error {
	in := s3.Put{Name: x.at}
	var err error
	if in.Attributes, err = x.attributes(); err != nil {
		return err
	}
	if in.Conditions, err = x.writable(); err != nil {
		return err
	}
	if in.Content, err = x.content(); err != nil {
		return err
	}
	o, err := x.s.PutObject(x.ctx, in)
	if err != nil {
		return err
	}
	x.Writer.Header().Set("Etag", quoted(o.ETag))
	x.showChecksum(o.Checksum)
	x.Writer.Header().Set("Content-Length", "0")
	x.WriteHeader(http.StatusOK)
	return nil
}

// overrides are the parameters of GetObject that set a header of its answer.
var overrides = map[string]string{
	"response-cache-control": "Cache-Control", "response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
	"response-content-language": "Content-Language", "response-content-type": "Content-Type", "response-expires": "Expires",
}

// getObject answers GetObject and HeadObject.
func (x *exchange) getObject() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	f, err := x.s.GetObject(x.ctx, x.at)
	if err != nil {
		return err
	}
	h := x.Writer.Header()
	h.Set("Etag", quoted(f.ETag))
	h.Set("Last-Modified", f.Modified.UTC().Format(http.TimeFormat))
	if err := readable(x.Request.Header, "", f.Object); err != nil {
		if x.told(err).Status == http.StatusNotModified {
			x.WriteHeader(http.StatusNotModified)
			return nil
		}
		return err
	}
	offset, length, status, err := x.part(f)
	if err != nil {
		return err
	}
	for name, v := range f.Headers {
		h.Set(name, v)
	}
	for parameter, name := range overrides {
		if v := x.form(parameter); v != "" {
			if api.RequestOf(x.ctx).Caller.Type == api.AnonymousCaller {
				return s3.InvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
			}
			h.Set(name, v)
		}
	}
	for name, v := range f.Metadata {
		h[strings.ToLower(metaPrefix)+name] = []string{v} // as S3 spells it: boto3 shows the name as it came
	}
	if len(f.Tags) > 0 {
		h.Set("X-Amz-Tagging-Count", strconv.Itoa(len(f.Tags)))
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if status == http.StatusPartialContent {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, f.Size))
	}
	if strings.EqualFold(x.Request.Header.Get("X-Amz-Checksum-Mode"), "ENABLED") && length == f.Size {
		x.showChecksum(f.Checksum)
	}
	if x.Method == http.MethodHead {
		x.WriteHeader(status)
		return nil
	}
	body, err := f.Open(x.ctx, offset, length)
	if err != nil {
		return err
	}
	defer body.Close()
	x.WriteHeader(status)
	before := x.N
	err = x.Send(body, length)
	x.s.Sent(x.N - before)
	if err != nil {
		panic(http.ErrAbortHandler) // the client must not take what it has for the whole
	}
	return nil
}

// part is which bytes are asked for, by a range or by the number of a part.
func (x *exchange) part(f *s3.Found) (offset, length int64, status int, err error) {
	header := x.Request.Header.Get("Range")
	if since := x.Request.Header.Get("If-Range"); since != "" && unquoted(since) != f.ETag {
		header = ""
	}
	number := x.form("partNumber")
	if number == "" {
		offset, length, some, err := extent(header, f.Size)
		if some {
			return offset, length, http.StatusPartialContent, err
		}
		return 0, f.Size, http.StatusOK, err
	}
	if header != "" {
		return 0, 0, 0, s3.InvalidRequest("Cannot specify both Range header and partNumber query parameter")
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 10000 {
		return 0, 0, 0, s3.InvalidArgument("Part number must be an integer between 1 and 10000, inclusive")
	}
	offset, length, ok := f.Part(n)
	if !ok {
		return 0, 0, 0, s3.Refuse("InvalidPartNumber", http.StatusRequestedRangeNotSatisfiable, "The requested partnumber is not satisfiable")
	}
	if f.Parts > 0 {
		x.Writer.Header().Set("X-Amz-Mp-Parts-Count", strconv.Itoa(f.Parts))
	}
	if length == 0 {
		return 0, 0, http.StatusOK, nil
	}
	return offset, length, http.StatusPartialContent, nil
}

func (x *exchange) deleteObject() error {
	if err := x.checkVersion(); err != nil {
		return err
	}
	c, err := x.writable()
	if err == nil {
		err = x.s.DeleteObject(x.ctx, x.at, c)
	}
	if err != nil {
		return err
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

func (x *exchange) deleteObjects() error {
	var in struct {
		Quiet  bool
		Object []struct{ Key, VersionId, ETag string }
	}
	if err := x.read("Delete", &in); err != nil {
		return err
	}
	if len(in.Object) == 0 || len(in.Object) > 1000 {
		return malformed()
	}
	all := make([]s3.Deletion, 0, len(in.Object))
	type failure struct{ Key, VersionId, Code, Message string }
	type deleted struct{ Key string }
	var out struct {
		Deleted []deleted
		Error   []failure
	}
	for _, o := range in.Object {
		if o.VersionId != "" && o.VersionId != "null" {
			out.Error = append(out.Error, failure{o.Key, o.VersionId, "NoSuchVersion", "The specified version does not exist."})
			continue
		}
		all = append(all, s3.Deletion{Key: o.Key, IfMatch: unquoted(o.ETag)})
	}
	if err := x.s.DeleteObjects(x.ctx, x.at.Bucket, all); err != nil {
		return err
	}
	for _, d := range all {
		switch {
		case d.Err != nil:
			e := x.told(d.Err)
			out.Error = append(out.Error, failure{d.Key, "", e.Code, e.Message})
		case !in.Quiet:
			out.Deleted = append(out.Deleted, deleted{d.Key})
		}
	}
	return x.write("DeleteResult", out)
}

// source reads what is to be copied.
func (x *exchange) source() (s3.Name, error) {
	text := x.Request.Header.Get("X-Amz-Copy-Source")
	path, query, versioned := strings.Cut(text, "?")
	if versioned && query != "versionId=null" {
		return s3.Name{}, s3.Refuse("NoSuchVersion", http.StatusNotFound, "The specified version does not exist.")
	}
	path, err := url.PathUnescape(path)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !ok || bucket == "" || key == "" {
		return s3.Name{}, s3.InvalidArgument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	return s3.Name{Bucket: bucket, Key: key}, nil
}

func (x *exchange) copyObject() error {
	in := s3.Copy{To: x.at}
	var err error
	if in.From, err = x.source(); err != nil {
		return err
	}
	h := x.Request.Header
	directives := []string{"", "COPY", "REPLACE"}
	if d := h.Get("X-Amz-Metadata-Directive"); !slices.Contains(directives, d) {
		return s3.InvalidArgument("Unknown metadata directive.")
	}
	if d := h.Get("X-Amz-Tagging-Directive"); !slices.Contains(directives, d) {
		return s3.InvalidArgument("Unknown tagging directive.")
	}
	in.ReplaceMetadata = h.Get("X-Amz-Metadata-Directive") == "REPLACE"
	in.ReplaceTags = h.Get("X-Amz-Tagging-Directive") == "REPLACE"
	if in.Attributes, err = x.attributes(); err != nil {
		return err
	}
	if in.Conditions, err = x.writable(); err != nil {
		return err
	}
	if name := h.Get("X-Amz-Checksum-Algorithm"); name != "" {
		var ok bool
		if in.Algorithm, ok = algorithm(name); !ok {
			return s3.InvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
	}
	in.Readable = func(o *s3.Object) error { return readable(h, "X-Amz-Copy-Source-", o) }
	o, err := x.s.CopyObject(x.ctx, in)
	if err != nil {
		return err
	}
	return x.write("CopyObjectResult", struct {
		ETag         string
		LastModified string
		checksums
		ChecksumType string `xml:",omitempty"`
	}{quoted(o.ETag), stamp(o.Modified), checksumsOf(o.Checksum.Algorithm, o.Checksum.Value), o.Checksum.Type()})
}

// checksums are the members of an answer for a checksum, of which one is set.
type checksums struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
}

func checksumsOf(a s3.Algorithm, value string) (c checksums) {
	switch a {
	case s3.CRC32:
		c.ChecksumCRC32 = value
	case s3.CRC32C:
		c.ChecksumCRC32C = value
	case s3.CRC64NVME:
		c.ChecksumCRC64NVME = value
	case s3.SHA1:
		c.ChecksumSHA1 = value
	case s3.SHA256:
		c.ChecksumSHA256 = value
	}
	return c
}

// value is the checksum of an algorithm that a client sent.
func (c checksums) value(a s3.Algorithm) string {
	return map[s3.Algorithm]string{
		s3.CRC32: c.ChecksumCRC32, s3.CRC32C: c.ChecksumCRC32C, s3.CRC64NVME: c.ChecksumCRC64NVME, s3.SHA1: c.ChecksumSHA1, s3.SHA256: c.ChecksumSHA256,
	}[a]
}
