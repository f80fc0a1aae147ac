package ecr

import (
	"context"
	"encoding/json"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/blob"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

func (a privateAPI) PutImage(ctx context.Context, in *ecr.PutImageInput) (*ecr.PutImageOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "PutImage")
	if err != nil {
		return nil, err
	}
	p, err := a.putImage(ctx, r, *in.ImageManifest, in.ImageManifestMediaType, in.ImageTag, in.ImageDigest)
	if err != nil {
		return nil, err
	}
	return &ecr.PutImageOutput{Image: &ecr.Image{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
		ImageId:       &ecr.ImageIdentifier{ImageDigest: new(string(p.Digest)), ImageTag: in.ImageTag},
		ImageManifest: in.ImageManifest, ImageManifestMediaType: &p.MediaType,
	}}, nil
}

func (a privateAPI) BatchGetImage(ctx context.Context, in *ecr.BatchGetImageInput) (*ecr.BatchGetImageOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	r, err := a.permitted(ctx, n, "BatchGetImage")
	if err != nil && !isMissing(err) {
		return nil, err
	}
	ids := privateIDs(in.ImageIds)
	r, came, err := a.pullThroughAll(ctx, n, r, ids)
	if err != nil {
		return nil, err
	}
	found, failures, err := a.getImages(ctx, r, ids, came, in.AcceptedMediaTypes)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchGetImageOutput{Images: []*ecr.Image{}, Failures: privateFailures(failures)}
	for _, im := range found {
		out.Images = append(out.Images, &ecr.Image{
			RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, ImageId: describeID(im.imageID),
			ImageManifest: new(string(im.Bytes)), ImageManifestMediaType: &im.MediaType,
		})
	}
	return out, nil
}

func (a privateAPI) ListImages(ctx context.Context, in *ecr.ListImagesInput) (*ecr.ListImagesOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "ListImages")
	if err != nil {
		return nil, err
	}
	q := imageListing{operation: "ListImages", token: in.NextToken, limit: in.MaxResults}
	if f := in.Filter; f != nil {
		q.tagStatus, q.imStatus = f.TagStatus, f.ImageStatus
	}
	ids, next, err := a.listImages(ctx, r, q)
	if err != nil {
		return nil, err
	}
	return &ecr.ListImagesOutput{ImageIds: describeIDs(ids), NextToken: next}, nil
}

func (a privateAPI) DescribeImages(ctx context.Context, in *ecr.DescribeImagesInput) (*ecr.DescribeImagesOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "DescribeImages")
	if err != nil {
		return nil, err
	}
	q := imageListing{operation: "DescribeImages", token: in.NextToken, limit: in.MaxResults}
	if f := in.Filter; f != nil {
		q.tagStatus, q.imStatus = f.TagStatus, f.ImageStatus
	}
	list, next, err := a.imageDetails(ctx, r, privateIDs(in.ImageIds), q)
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeImagesOutput{ImageDetails: []*ecr.ImageDetail{}, NextToken: next}
	for _, d := range list {
		described := &ecr.ImageDetail{
			RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
			ImageDigest: new(string(d.digest)), ImageTags: d.tags, ImageSizeInBytes: &d.bytes, ImagePushedAt: &d.Pushed,
			ImageManifestMediaType: &d.MediaType, ArtifactMediaType: said(d.ArtifactType),
			SubjectManifestDigest: said(string(d.Subject)), ImageStatus: new("ACTIVE"),
		}
		if !d.pulled.IsZero() {
			described.LastRecordedPullTime = &d.pulled
		}
		out.ImageDetails = append(out.ImageDetails, described)
	}
	return out, nil
}

func (a privateAPI) BatchDeleteImage(ctx context.Context, in *ecr.BatchDeleteImageInput) (*ecr.BatchDeleteImageOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "BatchDeleteImage")
	if err != nil {
		return nil, err
	}
	gone, failures, err := a.deleteImages(ctx, r, privateIDs(in.ImageIds))
	if err != nil {
		return nil, err
	}
	return &ecr.BatchDeleteImageOutput{ImageIds: describeIDs(gone), Failures: privateFailures(failures)}, nil
}

// maxReferrersPage is how many referrers an answer of ListImageReferrers has at most.
const maxReferrersPage = 50

func (a privateAPI) ListImageReferrers(ctx context.Context, in *ecr.ListImageReferrersInput) (*ecr.ListImageReferrersOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "ListImageReferrers")
	if err != nil {
		return nil, err
	}
	subject := blob.Digest(*in.SubjectId.ImageDigest)
	if blob.Check(subject) != nil {
		return nil, invalid("subjectId.imageDigest", "must be a digest of sha256 or sha512")
	}
	out := &ecr.ListImageReferrersOutput{Referrers: []*ecr.ImageReferrer{}}
	var types []string
	if f := in.Filter; f != nil {
		types = f.ArtifactTypes
		switch text(f.ArtifactStatus) {
		case "", "ANY", "ACTIVE": // as all are
		default:
			return out, nil
		}
	}
	parameters, err := json.Marshal([]any{r.ID, subject, types})
	if err != nil {
		return nil, err
	}
	page := pagetoken.Listing{Account: r.Name.Account, Region: r.Name.Region, Operation: "ecr:ListImageReferrers", Parameters: parameters}
	after, limit, err := a.position(page, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	found, next, err := a.Referrers(ctx, r, subject, types, blob.Digest(after), min(limit, maxReferrersPage))
	if err != nil {
		return nil, err
	}
	for _, b := range found {
		d, err := decode[descriptor](b)
		if err != nil {
			return nil, err
		}
		out.Referrers = append(out.Referrers, &ecr.ImageReferrer{
			Digest: new(string(d.Digest)), MediaType: &d.MediaType, ArtifactType: said(d.ArtifactType), Size: &d.Size,
			Annotations: d.Annotations, ArtifactStatus: new("ACTIVE"),
		})
	}
	if next != "" {
		out.NextToken = new(a.seal.Seal(page, []byte(next)))
	}
	return out, nil
}

func privateIDs(list []*ecr.ImageIdentifier) []imageID {
	ids := make([]imageID, len(list))
	for i, id := range list {
		ids[i] = imageID{text(id.ImageDigest), text(id.ImageTag)}
	}
	return ids
}

func describeID(id imageID) *ecr.ImageIdentifier {
	return &ecr.ImageIdentifier{ImageDigest: said(id.digest), ImageTag: said(id.tag)}
}

func describeIDs(ids []imageID) []*ecr.ImageIdentifier {
	list := make([]*ecr.ImageIdentifier, len(ids))
	for i, id := range ids {
		list[i] = describeID(id)
	}
	return list
}

func privateFailures(failures []*imageFailure) []*ecr.ImageFailure {
	list := make([]*ecr.ImageFailure, len(failures))
	for i, f := range failures {
		list[i] = &ecr.ImageFailure{ImageId: describeID(f.imageID), FailureCode: &f.code, FailureReason: &f.reason}
	}
	return list
}

// said is a text in an answer, which is left out if it is "".
func said(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
