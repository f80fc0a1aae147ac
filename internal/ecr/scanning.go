package ecr

import (
	"context"
	"errors"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// Images are not scanned here, nor signed. What would have that done is refused; what asks
// for what came of it is told that nothing did.

// noScanning says that images are not scanned.
func noScanning() error {
	return failed("InvalidParameterException", "Image scanning is not available in this version of Modelwharf")
}

// noSigning says that images are not signed when they are pushed.
func noSigning() error {
	return failed("InvalidParameterException", "Signing of images is not available in this version of Modelwharf")
}

// scanningRule says of some repositories how often their images are scanned: by hand, that
// is, never.
type scanningRule struct {
	Filters []string `json:"filters,omitempty"` // patterns of names, in which '*' stands for anything
}

// manual is the one scan frequency that there is.
const manual = "MANUAL"

func describeScanFilters(patterns []string) []*ecr.ScanningRepositoryFilter {
	list := make([]*ecr.ScanningRepositoryFilter, len(patterns))
	for i := range patterns {
		list[i] = &ecr.ScanningRepositoryFilter{Filter: &patterns[i], FilterType: new("WILDCARD")}
	}
	return list
}

func (reg *privateRegistry) describeScanning() *ecr.RegistryScanningConfiguration {
	out := &ecr.RegistryScanningConfiguration{ScanType: new("BASIC"), Rules: []*ecr.RegistryScanningRule{}}
	for _, r := range reg.Scanning {
		out.Rules = append(out.Rules, &ecr.RegistryScanningRule{ScanFrequency: new(manual), RepositoryFilters: describeScanFilters(r.Filters)})
	}
	return out
}

func (a privateAPI) PutRegistryScanningConfiguration(ctx context.Context, in *ecr.PutRegistryScanningConfigurationInput) (*ecr.PutRegistryScanningConfigurationOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:PutRegistryScanningConfiguration"); err != nil {
		return nil, err
	}
	if in.ScanType != nil && *in.ScanType != "BASIC" {
		return nil, noScanning()
	}
	next := privateRegistry{}
	for _, r := range in.Rules {
		if *r.ScanFrequency != manual {
			return nil, noScanning()
		}
		rule := scanningRule{}
		for _, f := range r.RepositoryFilters {
			rule.Filters = append(rule.Filters, *f.Filter)
		}
		next.Scanning = append(next.Scanning, rule)
	}
	err := a.changeRegistry(ctx, registryName(ctx), map[string]any{"scanType": "BASIC", "rules": next.Scanning}, func(reg *privateRegistry) error {
		reg.Scanning = next.Scanning
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.PutRegistryScanningConfigurationOutput{RegistryScanningConfiguration: next.describeScanning()}, nil
}

func (a privateAPI) GetRegistryScanningConfiguration(ctx context.Context, _ *ecr.GetRegistryScanningConfigurationInput) (*ecr.GetRegistryScanningConfigurationOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:GetRegistryScanningConfiguration"); err != nil {
		return nil, err
	}
	reg, err := a.registrySettings(ctx, registry)
	if err != nil {
		return nil, err
	}
	return &ecr.GetRegistryScanningConfigurationOutput{RegistryId: &registry.Account, ScanningConfiguration: reg.describeScanning()}, nil
}

func (a privateAPI) BatchGetRepositoryScanningConfiguration(ctx context.Context, in *ecr.BatchGetRepositoryScanningConfigurationInput) (*ecr.BatchGetRepositoryScanningConfigurationOutput, error) {
	out := &ecr.BatchGetRepositoryScanningConfigurationOutput{
		ScanningConfigurations: []*ecr.RepositoryScanningConfiguration{}, Failures: []*ecr.RepositoryScanningConfigurationFailure{},
	}
	for _, name := range in.RepositoryNames {
		if err := a.authorizeNamed(ctx, privateName(ctx, nil, &name), "BatchGetRepositoryScanningConfiguration"); err != nil {
			return nil, err
		}
	}
	err := a.view(ctx, func(tx kv.Reader) error {
		reg, err := readRegistry(ctx, tx, registryName(ctx))
		if err != nil {
			return err
		}
		for _, name := range in.RepositoryNames {
			n := privateName(ctx, nil, &name)
			_, err := find(ctx, tx, n)
			if errors.Is(err, &wharf.Error{Code: "RepositoryNotFoundException"}) {
				out.Failures = append(out.Failures, &ecr.RepositoryScanningConfigurationFailure{
					RepositoryName: &name, FailureCode: new("REPOSITORY_NOT_FOUND"), FailureReason: new(err.Error()),
				})
				continue
			}
			if err != nil {
				return err
			}
			var applied []string
			for _, r := range reg.Scanning {
				for _, f := range r.Filters {
					if lifecycle.Matches(name, f) {
						applied = append(applied, f)
					}
				}
			}
			out.ScanningConfigurations = append(out.ScanningConfigurations, &ecr.RepositoryScanningConfiguration{
				RepositoryArn: new(n.ARN()), RepositoryName: &name, ScanOnPush: new(false), ScanFrequency: new(manual),
				AppliedScanFilters: describeScanFilters(applied),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (a privateAPI) PutImageScanningConfiguration(ctx context.Context, in *ecr.PutImageScanningConfigurationInput) (*ecr.PutImageScanningConfigurationOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "PutImageScanningConfiguration"); err != nil {
		return nil, err
	}
	if _, err := a.Find(ctx, n); err != nil {
		return nil, err
	}
	if c := in.ImageScanningConfiguration; c.ScanOnPush != nil && *c.ScanOnPush {
		return nil, noScanning()
	}
	return &ecr.PutImageScanningConfigurationOutput{
		RegistryId: &n.Account, RepositoryName: &n.Name, ImageScanningConfiguration: &ecr.ImageScanningConfiguration{ScanOnPush: new(false)},
	}, nil
}

func (a privateAPI) DescribeImageScanFindings(ctx context.Context, in *ecr.DescribeImageScanFindingsInput) (*ecr.DescribeImageScanFindingsOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DescribeImageScanFindings"); err != nil {
		return nil, err
	}
	d, err := a.imageOf(ctx, n, in.ImageId)
	if err != nil {
		return nil, err
	}
	return nil, ecr.ScanNotFoundException(
		"Image scan does not exist for the image with '{imageDigest:'%s'}' in the repository with name '%s' in the registry with id '%s'", d, n.Name, n.Account)
}

// imageOf returns the digest of an image that a request names. The errors are
// InvalidParameterException, RepositoryNotFoundException and ImageNotFoundException.
func (a privateAPI) imageOf(ctx context.Context, n Name, id *ecr.ImageIdentifier) (blob.Digest, error) {
	r, err := a.Find(ctx, n)
	if err != nil {
		return "", err
	}
	if id.ImageDigest == nil && id.ImageTag == nil {
		return "", invalid("imageId", "must have an imageDigest or an imageTag")
	}
	reference := text(id.ImageDigest)
	if id.ImageDigest == nil {
		reference = *id.ImageTag
	}
	m, err := a.Manifest(ctx, r, reference)
	return m.Digest, err
}

func (a privateAPI) PutSigningConfiguration(ctx context.Context, _ *ecr.PutSigningConfigurationInput) (*ecr.PutSigningConfigurationOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:PutSigningConfiguration"); err != nil {
		return nil, err
	}
	return nil, noSigning()
}

func (a privateAPI) GetSigningConfiguration(ctx context.Context, _ *ecr.GetSigningConfigurationInput) (*ecr.GetSigningConfigurationOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:GetSigningConfiguration"); err != nil {
		return nil, err
	}
	return nil, ecr.SigningConfigurationNotFoundException("Signing configuration does not exist in the registry with id '%s'", registryName(ctx).Account)
}

func (a privateAPI) DeleteSigningConfiguration(ctx context.Context, _ *ecr.DeleteSigningConfigurationInput) (*ecr.DeleteSigningConfigurationOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:DeleteSigningConfiguration"); err != nil {
		return nil, err
	}
	return nil, ecr.SigningConfigurationNotFoundException("Signing configuration does not exist in the registry with id '%s'", registryName(ctx).Account)
}

func (a privateAPI) DescribeImageSigningStatus(ctx context.Context, in *ecr.DescribeImageSigningStatusInput) (*ecr.DescribeImageSigningStatusOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DescribeImageSigningStatus"); err != nil {
		return nil, err
	}
	d, err := a.imageOf(ctx, n, in.ImageId)
	if err != nil {
		return nil, err
	}
	return &ecr.DescribeImageSigningStatusOutput{
		RegistryId: &n.Account, RepositoryName: &n.Name, ImageId: &ecr.ImageIdentifier{ImageDigest: new(string(d)), ImageTag: in.ImageId.ImageTag},
		SigningStatuses: []*ecr.ImageSigningStatus{},
	}, nil
}
