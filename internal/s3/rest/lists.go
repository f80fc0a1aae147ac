package rest

import (
	"github.com/modelwharf/modelwharf/internal/s3"
)

// maxKeys is how many objects a page has at most.
const maxKeys = 1000

type content struct {
	Key               string
	VersionId         string `xml:",omitempty"`
	IsLatest          string `xml:",omitempty"`
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *owner
	StorageClass      string
}

type prefix struct{ Prefix string }

// listing reads what is to be listed, and asks for it.
func (x *exchange) listing(after, token string) (page *s3.Objects, l s3.Listing, encode func(string) string, err error) {
	if encode, err = x.encoder(); err != nil {
		return nil, l, nil, err
	}
	l = s3.Listing{Bucket: x.at.Bucket, Prefix: x.form("prefix"), Delimiter: x.form("delimiter"), After: after, Token: token}
	if l.Max, err = x.number("max-keys", maxKeys); err != nil {
		return nil, l, nil, err
	}
	asked := l.Max
	l.Max = min(l.Max, maxKeys)
	page, err = x.s.ListObjects(x.ctx, l)
	l.Max = asked
	return page, l, encode, err
}

func contentsOf(page *s3.Objects, encode func(string) string, owned bool) (all []content, prefixes []prefix) {
	for _, o := range page.Objects {
		c := content{
			Key: encode(o.Key), LastModified: stamp(o.Modified), ETag: quoted(o.ETag), Size: o.Size, StorageClass: "STANDARD",
			ChecksumAlgorithm: string(o.Checksum.Algorithm),
		}
		if c.ChecksumAlgorithm != "" {
			c.ChecksumType = o.Checksum.Type()
		}
		if owned {
			c.Owner = ownerOf(page.Bucket.Account)
		}
		all = append(all, c)
	}
	for _, p := range page.Prefixes {
		prefixes = append(prefixes, prefix{encode(p)})
	}
	return all, prefixes
}

func (x *exchange) listObjectsV2() error {
	if token, ok := x.query["continuation-token"]; ok && token[0] == "" {
		return s3.InvalidArgument("The continuation token provided is incorrect")
	}
	page, l, encode, err := x.listing(x.form("start-after"), x.form("continuation-token"))
	if err != nil {
		return err
	}
	contents, prefixes := contentsOf(page, encode, x.form("fetch-owner") == "true")
	return x.write("ListBucketResult", struct {
		Name                  string
		Prefix                string
		Delimiter             string `xml:",omitempty"`
		StartAfter            string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		IsTruncated           bool
		Contents              []content
		CommonPrefixes        []prefix
	}{
		l.Bucket, encode(l.Prefix), encode(l.Delimiter), encode(l.After), x.form("encoding-type"), l.Token, page.Token,
		len(contents) + len(prefixes), min(l.Max, maxKeys), page.More, contents, prefixes,
	})
}

func (x *exchange) listObjects() error {
	page, l, encode, err := x.listing(x.form("marker"), "")
	if err != nil {
		return err
	}
	contents, prefixes := contentsOf(page, encode, true)
	next := ""
	if page.More && l.Delimiter != "" { // otherwise it is the last key
		next = encode(page.Last)
	}
	return x.write("ListBucketResult", struct {
		Name           string
		Prefix         string
		Marker         string
		NextMarker     string `xml:",omitempty"`
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		MaxKeys        int
		IsTruncated    bool
		Contents       []content
		CommonPrefixes []prefix
	}{l.Bucket, encode(l.Prefix), encode(l.After), next, encode(l.Delimiter), x.form("encoding-type"), min(l.Max, maxKeys), page.More, contents, prefixes})
}

// listVersions lists objects as their only version, which is called "null".
func (x *exchange) listVersions() error {
	page, l, encode, err := x.listing(x.form("key-marker"), "")
	if err != nil {
		return err
	}
	versions, prefixes := contentsOf(page, encode, true)
	for i := range versions {
		versions[i].VersionId, versions[i].IsLatest = "null", "true"
	}
	next, version := "", ""
	if page.More {
		next, version = encode(page.Last), "null"
	}
	return x.write("ListVersionsResult", struct {
		Name                string
		Prefix              string
		KeyMarker           string
		VersionIdMarker     string
		NextKeyMarker       string `xml:",omitempty"`
		NextVersionIdMarker string `xml:",omitempty"`
		Delimiter           string `xml:",omitempty"`
		EncodingType        string `xml:",omitempty"`
		MaxKeys             int
		IsTruncated         bool
		Version             []content
		CommonPrefixes      []prefix
	}{
		l.Bucket, encode(l.Prefix), encode(l.After), x.form("version-id-marker"), next, version, encode(l.Delimiter), x.form("encoding-type"),
		min(l.Max, maxKeys), page.More, versions, prefixes,
	})
}
