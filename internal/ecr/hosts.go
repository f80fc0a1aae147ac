package ecr

import (
	"context"
	"strings"
)

// base is where a registry is: its scheme, its host and, if it has one, its port. Without a
// domain all are where the server is; with one each has a host of its own, as on AWS, and
// the server's port.
func (s *Service) base(ctx context.Context, n Name) string {
	base := strings.TrimSuffix(s.baseURL(ctx), "/")
	if s.domain == "" {
		return base
	}
	scheme, host, _ := strings.Cut(base, "://")
	port := ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		port = host[colon:]
	}
	if n.Public {
		return scheme + "://public.ecr." + s.domain + port
	}
	return scheme + "://" + n.Account + ".dkr.ecr." + n.Region + "." + s.domain + port
}

// host is the host, and the port if there is one, in the names of a registry's images.
func (s *Service) host(ctx context.Context, n Name) string {
	_, host, _ := strings.Cut(s.base(ctx, n), "://")
	return host
}

// privateURI is the name of a private repository's images.
func (s *Service) privateURI(ctx context.Context, n Name) string {
	if s.domain != "" {
		return s.host(ctx, n) + "/" + n.Name
	}
	return s.host(ctx, n) + "/" + n.Account + "/" + n.Region + "/" + n.Name
}

// publicURI is where the images of a public registry are, by its alias.
func (s *Service) publicURI(ctx context.Context, alias string) string {
	return s.host(ctx, Name{Public: true}) + "/" + alias
}
