package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
)

// open returns the repository that a request names, to whom policy allows the operation.
// The registry may be an account or an alias, whose error is RegistryNotFoundException.
func (a publicAPI) open(ctx context.Context, registry, name *string, operation string) (*Repository, error) {
	n := publicName(ctx, registry, name)
	if !accountForm.MatchString(n.Account) {
		resolved, err := a.Resolve(ctx, Path{Alias: n.Account, Name: n.Name})
		if isMissing(err) {
			return nil, ecrpublic.RegistryNotFoundException("The registry with id '%s' does not exist", n.Account)
		}
		if err != nil {
			return nil, err
		}
		n = resolved
	}
	return a.permitted(ctx, n, operation)
}

func (a publicAPI) PutImage(ctx context.Context, in *ecrpublic.PutImageInput) (*ecrpublic.PutImageOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "PutImage")
	if err != nil {
		return nil, err
	}
	p, err := a.putImage(ctx, r, *in.ImageManifest, in.ImageManifestMediaType, in.ImageTag, in.ImageDigest)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.PutImageOutput{Image: &ecrpublic.Image{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
		ImageId:       &ecrpublic.ImageIdentifier{ImageDigest: new(string(p.Digest)), ImageTag: in.ImageTag},
		ImageManifest: in.ImageManifest, ImageManifestMediaType: &p.MediaType,
	}}, nil
}

func (a publicAPI) DescribeImages(ctx context.Context, in *ecrpublic.DescribeImagesInput) (*ecrpublic.DescribeImagesOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "DescribeImages")
	if err != nil {
		return nil, err
	}
	list, next, err := a.imageDetails(ctx, r, publicIDs(in.ImageIds),
		imageListing{operation: "DescribeImages", token: in.NextToken, limit: in.MaxResults})
	if err != nil {
		return nil, err
	}
	out := &ecrpublic.DescribeImagesOutput{ImageDetails: []*ecrpublic.ImageDetail{}, NextToken: next}
	for _, d := range list {
		out.ImageDetails = append(out.ImageDetails, &ecrpublic.ImageDetail{
			RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
			ImageDigest: new(string(d.digest)), ImageTags: d.tags, ImageSizeInBytes: &d.bytes, ImagePushedAt: &d.Pushed,
			ImageManifestMediaType: &d.MediaType, ArtifactMediaType: said(d.ArtifactType),
		})
	}
	return out, nil
}

func (a publicAPI) DescribeImageTags(ctx context.Context, in *ecrpublic.DescribeImageTagsInput) (*ecrpublic.DescribeImageTagsOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "DescribeImageTags")
	if err != nil {
		return nil, err
	}
	list, next, err := a.describeTags(ctx, r, imageListing{operation: "DescribeImageTags", token: in.NextToken, limit: in.MaxResults})
	if err != nil {
		return nil, err
	}
	out := &ecrpublic.DescribeImageTagsOutput{ImageTagDetails: []*ecrpublic.ImageTagDetail{}, NextToken: next}
	for _, t := range list {
		out.ImageTagDetails = append(out.ImageTagDetails, &ecrpublic.ImageTagDetail{
			ImageTag: &t.name, CreatedAt: &t.set,
			ImageDetail: &ecrpublic.ReferencedImageDetail{
				ImageDigest: new(string(t.digest)), ImageSizeInBytes: &t.bytes, ImagePushedAt: &t.Pushed,
				ImageManifestMediaType: &t.MediaType, ArtifactMediaType: said(t.ArtifactType),
			},
		})
	}
	return out, nil
}

func (a publicAPI) BatchDeleteImage(ctx context.Context, in *ecrpublic.BatchDeleteImageInput) (*ecrpublic.BatchDeleteImageOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "BatchDeleteImage")
	if err != nil {
		return nil, err
	}
	gone, failures, err := a.deleteImages(ctx, r, publicIDs(in.ImageIds))
	if err != nil {
		return nil, err
	}
	describe := func(id imageID) *ecrpublic.ImageIdentifier {
		return &ecrpublic.ImageIdentifier{ImageDigest: said(id.digest), ImageTag: said(id.tag)}
	}
	out := &ecrpublic.BatchDeleteImageOutput{ImageIds: []*ecrpublic.ImageIdentifier{}, Failures: []*ecrpublic.ImageFailure{}}
	for _, id := range gone {
		out.ImageIds = append(out.ImageIds, describe(id))
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, &ecrpublic.ImageFailure{ImageId: describe(f.imageID), FailureCode: &f.code, FailureReason: &f.reason})
	}
	return out, nil
}

func publicIDs(list []*ecrpublic.ImageIdentifier) []imageID {
	ids := make([]imageID, len(list))
	for i, id := range list {
		ids[i] = imageID{text(id.ImageDigest), text(id.ImageTag)}
	}
	return ids
}
