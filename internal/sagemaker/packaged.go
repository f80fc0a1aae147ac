package sagemaker

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/sagemaker"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// packagedImages resolves the images of a package, which the caller must be allowed to pull.
func (s *Service) packagedImages(ctx context.Context, spec *shapes.InferenceSpecification) (digests []string, err error) {
	if spec == nil {
		return nil, nil
	}
	for _, c := range spec.Containers {
		if text(c.Image) == "" {
			return nil, invalid("Image is needed for each container of a model package.")
		}
		_, f, err := s.findImage(ctx, *c.Image)
		if err != nil {
			return nil, err
		}
		d := string(f.manifest.Digest)
		if want := text(c.ImageDigest); want != "" && want != d {
			return nil, invalid("The image %s has the digest %s, not %s.", *c.Image, d, want)
		}
		digests = append(digests, d)
	}
	return digests, nil
}

// packaged is what a model takes from a model package.
type packaged struct {
	image string
	data  *modelData
	env   map[string]string
}

// packagedContainer is the container of a package, which must be approved.
func (s *Service) packagedContainer(ctx context.Context, name string) (packaged, error) {
	p, n, err := s.findPackage(ctx, "DescribeModelPackage", name)
	if err != nil {
		return packaged{}, err
	}
	spec := p.Request.Shape.InferenceSpecification
	switch {
	case p.Version > 0 && p.Approval != approved:
		return packaged{}, invalid("Model package %s cannot be deployed: its approval status is %s.", n.arn(), p.Approval)
	case spec == nil || len(spec.Containers) != 1:
		return packaged{}, invalid("Model package %s cannot be deployed: it needs one container.", n.arn())
	}
	c := spec.Containers[0]
	image, _ := parseImage(*c.Image)
	return packaged{image.resolved(p.Digests[0]), dataOf(c.ModelDataUrl, c.ModelDataSource), c.Environment}, nil
}

// specification is what was said of a package's containers, with the digests of their images.
func (p *modelPackage) specification() *shapes.InferenceSpecification {
	spec := p.Request.Shape.InferenceSpecification
	if spec == nil {
		return nil
	}
	spec = new(*spec)
	spec.Containers = slices.Clone(spec.Containers)
	for i, c := range spec.Containers {
		c = new(*c)
		c.ImageDigest = new(p.Digests[i])
		spec.Containers[i] = c
	}
	return spec
}

// made is what was made with a client token.
type made struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

// once notes that a package is made with a client token. again says that it has been: then p
// is where that one is.
func once(ctx context.Context, tx kv.Txn, token string, p *modelPackage) (again bool, err error) {
	if token == "" {
		return false, nil
	}
	r := api.RequestOf(ctx)
	key := keyOf("token", r.Caller.Account, r.Region, token)
	old, err := read[made](ctx, tx, key)
	if err != nil || old != nil {
		if old != nil {
			p.Name, p.Version = old.Name, old.Version
		}
		return old != nil, err
	}
	return false, put(tx, key, made{p.Name, p.Version})
}
