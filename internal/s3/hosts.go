package s3

import (
	"context"
	"net"
	"net/url"
	"regexp"
	"strings"
)

// awsHost is S3's own, in each form that it has had: s3.REGION, s3-REGION, s3.dualstack.REGION.
var awsHost = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-](?:dualstack\.|fips\.)?[a-z]{2,}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com$`)

var regionalHost = regexp.MustCompile(`^(?:(.+)\.)?s3(?:\.[a-z]{2,}(?:-[a-z]+)+-[0-9]+)?$`)

// HostBucket is the bucket that a host, with its port or without, is that of: BUCKET.s3.REGION.D
// or BUCKET.D below one of the server's hosts D, or a host of AWS's. It is "" with own true
// for a host of S3 without a bucket, whose paths begin with one.
func (s *Service) HostBucket(host string) (bucket string, own bool) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(host)
	if m := awsHost.FindStringSubmatch(host); m != nil {
		return m[1], true
	}
	for _, d := range s.hosts {
		if host == d {
			return "", false
		}
	}
	for _, d := range s.hosts {
		rest, ok := strings.CutSuffix(host, "."+d)
		if !ok {
			continue
		}
		if m := regionalHost.FindStringSubmatch(rest); m != nil {
			return m[1], true
		}
		if ValidBucket(rest) {
			return rest, true
		}
	}
	return "", false
}

// Locate returns the object that a URL names, if it is one of this server, by its own URL, its
// hosts or those of AWS's S3, or as s3://BUCKET/KEY.
func (s *Service) Locate(ctx context.Context, text string) (n Name, ok bool) {
	u, err := url.Parse(text)
	if err != nil {
		return n, false
	}
	path := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "s3":
		n = Name{u.Host, path}
		return n, ValidBucket(n.Bucket) && n.Key != ""
	case "http", "https":
	default:
		return n, false
	}
	bucket, own := s.HostBucket(u.Host)
	base, err := url.Parse(s.baseURL(ctx))
	if !own && (err != nil || !strings.EqualFold(u.Host, base.Host)) {
		return n, false
	}
	if n = (Name{bucket, path}); bucket == "" {
		n.Bucket, n.Key, _ = strings.Cut(path, "/")
	}
	return n, ValidBucket(n.Bucket) && n.Key != ""
}
