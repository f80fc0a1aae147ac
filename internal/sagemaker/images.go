package sagemaker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	goruntime "runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr"
	"github.com/modelwharf/modelwharf/internal/runtime"
)

// imageName is the name of an image as it was given: "HOST/PATH:TAG" or "HOST/PATH@DIGEST".
type imageName struct {
	repository string // with the host
	reference  string // a tag, or a digest
	path       ecr.Path
}

var (
	// registryHost is the host of a private registry as on AWS, also below another domain.
	registryHost = regexp.MustCompile(`^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.`)
	publicHost   = regexp.MustCompile(`^public\.ecr\.`)
)

// parseImage reads the name of an image. All images are this server's, so the host says only
// where in the name the registry is. ok is false for a name that no image here can have.
func parseImage(text string) (n imageName, ok bool) {
	n.repository, n.reference = text, "latest"
	if name, d, found := strings.Cut(text, "@"); found {
		n.repository, n.reference = name, d
	}
	slash := strings.LastIndexByte(n.repository, '/')
	if colon := strings.LastIndexByte(n.repository, ':'); colon > slash {
		if n.reference == "latest" {
			n.reference = n.repository[colon+1:]
		}
		n.repository = n.repository[:colon]
	}
	host, path, found := strings.Cut(n.repository, "/")
	if !found {
		return n, false
	}
	if m := registryHost.FindStringSubmatch(host); m != nil {
		n.path = ecr.Path{Account: m[1], Region: m[2], Name: path}
		return n, ecr.Name{Name: path}.Valid()
	}
	if publicHost.MatchString(host) || strings.ContainsAny(host, ".:") || host == "localhost" {
		n.path, ok = ecr.ParsePath(path)
		return n, ok
	}
	return n, false
}

// resolved is the name of an image by its digest.
func (n imageName) resolved(d string) string { return n.repository + "@" + d }

// found is an image in its repository.
type foundImage struct {
	repository *ecr.Repository
	manifest   ecr.Manifest
}

// findImage finds an image, as the caller, who must be allowed to pull it: the role of the
// model. The error is ValidationException.
func (s *Service) findImage(ctx context.Context, name string) (imageName, foundImage, error) {
	n, ok := parseImage(name)
	if !ok {
		return n, foundImage{}, invalid("Invalid image URI %s. Please provide a valid Amazon Elastic Container Registry path of the image to run: images of this server are named HOST/ACCOUNT/REGION/NAME:TAG, or HOST/ALIAS/NAME:TAG if public.", name)
	}
	f, err := s.pullable(ctx, n)
	if e, told := api.AsError(err), err != nil; told {
		switch {
		case e.Code == "AccessDeniedException" || e.Code == "AccessDenied":
			return n, f, invalid("Access denied for repository: %s in registry ID: %s. Please check if your ECR repository and image exist and role %s has proper pull permissions for SageMaker: ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer",
				n.path.Name, n.path.Account, api.RequestOf(ctx).Caller.Principal).Because(err)
		case e.HTTPStatus() < http.StatusInternalServerError:
			return n, f, invalid("Requested image %s not found.", name).Because(err)
		}
	}
	return n, f, err
}

// pullable finds an image that the caller may pull, from its upstream if it is that of a pull
// through cache.
func (s *Service) pullable(ctx context.Context, n imageName) (f foundImage, err error) {
	full, err := s.images.Resolve(ctx, n.path)
	if err != nil {
		return f, err
	}
	if f.repository, err = s.images.Find(ctx, full); err != nil && api.AsError(err).Code != "RepositoryNotFoundException" {
		return f, err
	}
	if !full.Public {
		if err := s.images.Authorize(ctx, full, f.repository, "BatchGetImage", "GetDownloadUrlForLayer"); err != nil {
			return f, err
		}
	}
	r, m, err := s.images.PullThrough(ctx, full, f.repository, n.reference)
	if err != nil {
		return f, err
	}
	f.repository = r
	if m != nil {
		f.manifest = *m
		return f, nil
	}
	f.manifest, err = s.images.Pull(ctx, r, n.reference)
	return f, err
}

// image returns an image to run: of an index the one for this machine.
func (s *Service) image(ctx context.Context, name, d string) (runtime.Image, error) {
	n, ok := parseImage(name)
	if !ok {
		return runtime.Image{}, invalid("Invalid image URI %s.", name)
	}
	_, f, err := s.findImage(ctx, n.resolved(d))
	if err != nil {
		return runtime.Image{}, err
	}
	m := f.manifest
	if m.MediaType == ocispec.MediaTypeImageIndex || m.MediaType == "application/vnd.docker.distribution.manifest.list.v2+json" {
		of, err := forThisMachine(m.Bytes)
		if err != nil {
			return runtime.Image{}, invalid("The image %s: %s", name, err)
		}
		if m, err = s.images.Manifest(ctx, f.repository, string(of)); err != nil {
			return runtime.Image{}, err
		}
	}
	return runtime.Image{
		Digest: digest.Digest(m.Digest), Manifest: m.Bytes,
		Open: func(ctx context.Context, d digest.Digest) (io.ReadCloser, error) {
			size, coming, err := s.images.BlobSize(ctx, f.repository, blob.Digest(d))
			if err != nil {
				return nil, err
			}
			if coming {
				return s.images.OpenWanted(ctx, f.repository, blob.Digest(d), 0, size)
			}
			return s.images.OpenLayer(ctx, blob.Digest(d), 0, size)
		},
	}, nil
}

// forThisMachine chooses of an index the image that this machine runs.
func forThisMachine(manifest []byte) (digest.Digest, error) {
	var index ocispec.Index
	if err := json.Unmarshal(manifest, &index); err != nil {
		return "", err
	}
	var have []string
	for _, m := range index.Manifests {
		p := m.Platform
		if p == nil {
			continue
		}
		if p.OS == "linux" && p.Architecture == goruntime.GOARCH {
			return m.Digest, nil
		}
		have = append(have, p.OS+"/"+p.Architecture)
	}
	return "", fmt.Errorf("it is for %s, and this server runs linux/%s", strings.Join(have, ", "), goruntime.GOARCH)
}
