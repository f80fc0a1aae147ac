package rest

import "testing"

// FuzzExtent: what a range asks for is in the object.
func FuzzExtent(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=7-", "bytes=9-2", "bytes=0-1,2-3", "bytes=99999999999999999999-", "bytes=-0", "", "bytes=-"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		offset, length, _, err := extent(header, size)
		if err == nil && (offset < 0 || length < 0 || length > size || offset > size-length) {
			t.Errorf("%q of %d: %d bytes from %d", header, size, length, offset)
		}
	})
}

// FuzzDocuments: no document harms.
func FuzzDocuments(f *testing.F) {
	for _, s := range []string{
		`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part></CompleteMultipartUpload>`,
		`<!DOCTYPE x [<!ENTITY e "e">]><CompleteMultipartUpload>&e;</CompleteMultipartUpload>`, `<CompleteMultipartUpload/><a/>`, `<`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var in struct {
			Part []struct {
				PartNumber int
				ETag       string
			}
		}
		_ = parse(b, "CompleteMultipartUpload", &in)
		var tags tagging
		_ = parse(b, "Tagging", &tags)
		_, _ = tagsOf(string(b))
	})
}
