package catalog

import (
	"context"
	"regexp"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/ecr"
)

// imageURI is the name of an image as its users have it, in parts.
type imageURI struct {
	base       string // all before the tag and the digest
	repository ecr.Name
	reference  string // a digest, or a tag
}

// hostForm is the virtual host of a private registry.
var hostForm = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.`)

// parseImage reads the name of an image: with a host as docker pulls it, or only the name of
// a private repository of the caller. The error is ValidationException, or
// ResourceNotFoundException of an alias that nobody has.
func (s *Service) parseImage(ctx context.Context, uri string) (u imageURI, err error) {
	base, digest, byDigest := strings.Cut(uri, "@")
	u.base, u.reference = base, digest
	if i := strings.LastIndexByte(base, ':'); i > strings.LastIndexByte(base, '/') {
		u.base = base[:i]
		if !byDigest {
			u.reference = base[i+1:]
		}
	}
	if u.reference == "" {
		return u, invalid("The image '%s' needs a tag or a digest, such as fraud:1.0.", uri)
	}
	bad := invalid("'%s' is no image of this server: images are HOST/ACCOUNT/REGION/NAME:TAG, HOST/ALIAS/NAME:TAG of a public one, or NAME:TAG of the caller's own.", uri)
	host, path, hasHost := strings.Cut(u.base, "/")
	hasHost = hasHost && (strings.ContainsAny(host, ".:") || host == "localhost")
	r := api.RequestOf(ctx)
	if !hasHost {
		u.repository = ecr.Name{Account: r.Caller.Account, Region: r.Region, Name: u.base}
		if !u.repository.Valid() {
			return u, bad
		}
		return u, nil
	}
	if m := hostForm.FindStringSubmatch(host); m != nil {
		u.repository = ecr.Name{Account: m[1], Region: m[2], Name: path}
		if !u.repository.Valid() {
			return u, bad
		}
		return u, nil
	}
	p, ok := ecr.ParsePath(path)
	if !ok {
		return u, bad
	}
	if u.repository, err = s.images.Resolve(ctx, p); isCode(err, "RepositoryNotFoundException") {
		return u, notFound("There is no repository of images '%s'.", u.base)
	}
	return u, err
}

// locate returns an image by its name, after policy was asked whether the caller may have it
// held. The error is ResourceNotFoundException if it is not there.
func (s *Service) locate(ctx context.Context, uri string) (u imageURI, i *image, err error) {
	if u, err = s.parseImage(ctx, uri); err != nil {
		return u, nil, err
	}
	err = s.images.AuthorizeHold(ctx, u.repository)
	if isCode(err, "RepositoryNotFoundException") {
		return u, nil, notFound("There is no repository of images '%s': create it and push the image first.", u.repository.ARN())
	}
	if err != nil {
		return u, nil, err
	}
	r, err := s.images.Find(ctx, u.repository)
	if err != nil {
		return u, nil, err
	}
	m, err := s.images.Manifest(ctx, r, u.reference)
	if isCode(err, "ImageNotFoundException") {
		return u, nil, notFound("There is no image '%s' in the repository %s: push it first.", u.reference, u.repository.ARN())
	}
	return u, &image{u.repository, m.Digest}, err
}
