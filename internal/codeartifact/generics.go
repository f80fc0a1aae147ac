package codeartifact

import (
	"context"
	"io"
	"strings"
	"unicode"

	"github.com/modelwharf/modelwharf/internal/api/codeartifact"
)

// PublishPackageVersion publishes an asset of a generic package's version.
func (s *Service) PublishPackageVersion(ctx context.Context, in *codeartifact.PublishPackageVersionInput) (*codeartifact.PublishPackageVersionOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, version, err := s.normalize(in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "PublishPackageVersion", n, p)
	if err != nil {
		return nil, err
	}
	if p.Format != "generic" {
		return nil, Invalid("PublishPackageVersion does not support the package format '%s': publish with the format's own tools.", p.Format)
	}
	if !validAssetName(*in.AssetName) {
		return nil, Invalid("The asset name '%s' is not valid: it has letters, digits, ~!@^&()-_+[]{};,. and single spaces within, and no '..'.", *in.AssetName)
	}
	staged, err := s.receive(ctx, p.Format, in.AssetContent)
	if err != nil {
		return nil, err
	}
	if staged.SHA256 != *in.AssetSHA256 {
		return nil, Invalid("The assetSHA256 '%s' is not that of the content, '%s'.", *in.AssetSHA256, staged.SHA256)
	}
	v, err := s.Publish(ctx, r, p, Publication{
		Version: version, Unfinished: in.Unfinished != nil && *in.Unfinished,
		Assets: []NewAsset{{Name: *in.AssetName, Staged: staged}},
	})
	if err != nil {
		return nil, err
	}
	return &codeartifact.PublishPackageVersionOutput{
		Format: &p.Format, Namespace: orNil(p.Namespace), Package: &p.Name, Version: &v.Version, VersionRevision: &v.Revision,
		Status: new(string(v.Status)), Asset: v.Asset(*in.AssetName).summary(),
	}, nil
}

// validAssetName tells whether an asset of a generic package can have a name.
// https://docs.aws.amazon.com/codeartifact/latest/ug/generic-packages-overview.html
func validAssetName(name string) bool {
	if strings.Contains(name, "..") || strings.Contains(name, "  ") || strings.TrimSpace(name) != name {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.In(r, unicode.Nl, unicode.Nd) && !strings.ContainsRune("~!@^&()-_+[]{};,. ", r)
	})
}

// GetPackageVersionAsset reads an asset, also of an upstream: then its version is retained.
func (s *Service) GetPackageVersionAsset(ctx context.Context, in *codeartifact.GetPackageVersionAssetInput) (*codeartifact.GetPackageVersionAssetOutput, error) {
	n := repositoryName(ctx, in.Domain, in.DomainOwner, in.Repository)
	p, version, err := s.normalize(in.Format, in.Namespace, in.Package, in.PackageVersion)
	if err != nil {
		return nil, err
	}
	r, err := s.onPackage(ctx, "GetPackageVersionAsset", n, p)
	if err != nil {
		return nil, err
	}
	view, err := s.View(ctx, r, p)
	if err != nil {
		return nil, err
	}
	v, a, err := view.Asset(ctx, version, *in.Asset)
	if err != nil {
		return nil, err
	}
	if in.PackageVersionRevision != nil && *in.PackageVersionRevision != v.Revision {
		return nil, notFound(aVersion, version, "Package version not found. Version '%s' has no revision '%s'.", version, *in.PackageVersionRevision)
	}
	open, err := s.Open(ctx, a.Hashes, 0, -1)
	if err != nil {
		return nil, err
	}
	return &codeartifact.GetPackageVersionAssetOutput{
		Asset: &sized{ReadCloser: open, size: a.Size, metrics: s.metrics, format: p.Format}, AssetName: &a.Name, PackageVersion: &v.Version, PackageVersionRevision: &v.Revision,
	}, nil
}

// sized is an asset's bytes, whose size is known for the answer's Content-Length.
type sized struct {
	io.ReadCloser
	size, sent int64
	metrics    *metrics
	format     string
}

// Size is how many bytes the asset has.
func (s *sized) Size() int64 { return s.size }

func (s *sized) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.sent += int64(n)
	return n, err
}

func (s *sized) Close() error {
	s.metrics.sent(s.format, s.sent)
	return s.ReadCloser.Close()
}

// normalize reads the names of a request in their one spelling. version is "" if none is
// asked for.
func (s *Service) normalize(format, namespace, name, version *string) (p PackageName, v string, err error) {
	f, err := s.format(*format)
	if err != nil {
		return p, "", err
	}
	if p, err = f.Normalize(orEmpty(namespace), *name); err != nil || version == nil {
		return p, "", err
	}
	v, err = f.NormalizeVersion(*version)
	return p, v, err
}

func (a *Asset) summary() *codeartifact.AssetSummary {
	return &codeartifact.AssetSummary{
		Name: &a.Name, Size: &a.Size,
		Hashes: map[string]string{"MD5": a.MD5, "SHA-1": a.SHA1, "SHA-256": a.SHA256, "SHA-512": a.SHA512},
	}
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
