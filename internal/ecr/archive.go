package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
)

// There is no archive here, and every pull counts for the time of an image's last one. What
// would change that is refused; the rest is answered as it is.

// UpdateImageStorageClass leaves an image in the one storage class that there is.
func (a privateAPI) UpdateImageStorageClass(ctx context.Context, in *ecr.UpdateImageStorageClassInput) (*ecr.UpdateImageStorageClassOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "UpdateImageStorageClass"); err != nil {
		return nil, err
	}
	d, err := a.imageOf(ctx, n, in.ImageId)
	if err != nil {
		return nil, err
	}
	if *in.TargetStorageClass != "STANDARD" {
		return nil, ecr.ImageStorageClassUpdateNotSupportedException("The archive storage class is not available in this version of Modelwharf")
	}
	return &ecr.UpdateImageStorageClassOutput{
		RegistryId: &n.Account, RepositoryName: &n.Name, ImageStatus: new("ACTIVE"),
		ImageId: &ecr.ImageIdentifier{ImageDigest: new(string(d)), ImageTag: in.ImageId.ImageTag},
	}, nil
}

func (a privateAPI) RegisterPullTimeUpdateExclusion(ctx context.Context, _ *ecr.RegisterPullTimeUpdateExclusionInput) (*ecr.RegisterPullTimeUpdateExclusionOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:RegisterPullTimeUpdateExclusion"); err != nil {
		return nil, err
	}
	return nil, failed("InvalidParameterException", "Exclusions from the times of pulls are not available in this version of Modelwharf")
}

func (a privateAPI) DeregisterPullTimeUpdateExclusion(ctx context.Context, in *ecr.DeregisterPullTimeUpdateExclusionInput) (*ecr.DeregisterPullTimeUpdateExclusionOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:DeregisterPullTimeUpdateExclusion"); err != nil {
		return nil, err
	}
	return nil, ecr.ExclusionNotFoundException("The pull time update exclusion for '%s' does not exist in the registry with id '%s'", *in.PrincipalArn, registryName(ctx).Account)
}

func (a privateAPI) ListPullTimeUpdateExclusions(ctx context.Context, _ *ecr.ListPullTimeUpdateExclusionsInput) (*ecr.ListPullTimeUpdateExclusionsOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:ListPullTimeUpdateExclusions"); err != nil {
		return nil, err
	}
	return &ecr.ListPullTimeUpdateExclusionsOutput{PullTimeUpdateExclusions: []string{}}, nil
}
