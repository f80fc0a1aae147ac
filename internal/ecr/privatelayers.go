package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/blob"
)

func (a privateAPI) BatchCheckLayerAvailability(ctx context.Context, in *ecr.BatchCheckLayerAvailabilityInput) (*ecr.BatchCheckLayerAvailabilityOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "BatchCheckLayerAvailability")
	if err != nil {
		return nil, err
	}
	layers, failures, err := a.checkLayers(ctx, r, in.LayerDigests)
	if err != nil {
		return nil, err
	}
	out := &ecr.BatchCheckLayerAvailabilityOutput{Layers: []*ecr.Layer{}, Failures: []*ecr.LayerFailure{}}
	for _, l := range layers {
		d := &ecr.Layer{LayerDigest: &l.digest, LayerAvailability: new("UNAVAILABLE")}
		if l.available {
			d.LayerAvailability, d.LayerSize = new("AVAILABLE"), &l.size
		}
		out.Layers = append(out.Layers, d)
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, &ecr.LayerFailure{LayerDigest: &f.digest, FailureCode: &f.code, FailureReason: &f.reason})
	}
	return out, nil
}

func (a privateAPI) InitiateLayerUpload(ctx context.Context, in *ecr.InitiateLayerUploadInput) (*ecr.InitiateLayerUploadOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "InitiateLayerUpload")
	if err != nil {
		return nil, err
	}
	id, err := a.initiateUpload(ctx, r)
	if err != nil {
		return nil, err
	}
	return &ecr.InitiateLayerUploadOutput{UploadId: &id, PartSize: new(int64(partBytes))}, nil
}

func (a privateAPI) UploadLayerPart(ctx context.Context, in *ecr.UploadLayerPartInput) (*ecr.UploadLayerPartOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "UploadLayerPart")
	if err != nil {
		return nil, err
	}
	p := layerPart{*in.UploadId, *in.PartFirstByte, *in.PartLastByte, in.LayerPartBlob}
	err = a.uploadPart(ctx, r, p, func(last int64) any {
		return &ecr.InvalidLayerPartExceptionDetail{
			RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LastValidByteReceived: &last,
		}
	})
	if err != nil {
		return nil, err
	}
	return &ecr.UploadLayerPartOutput{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LastByteReceived: in.PartLastByte,
	}, nil
}

func (a privateAPI) CompleteLayerUpload(ctx context.Context, in *ecr.CompleteLayerUploadInput) (*ecr.CompleteLayerUploadOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "CompleteLayerUpload")
	if err != nil {
		return nil, err
	}
	d, err := a.completeUpload(ctx, r, *in.UploadId, in.LayerDigests)
	if err != nil {
		return nil, err
	}
	return &ecr.CompleteLayerUploadOutput{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LayerDigest: new(string(d)),
	}, nil
}

func (a privateAPI) GetDownloadUrlForLayer(ctx context.Context, in *ecr.GetDownloadUrlForLayerInput) (*ecr.GetDownloadUrlForLayerOutput, error) {
	r, err := a.permitted(ctx, privateName(ctx, in.RegistryId, in.RepositoryName), "GetDownloadUrlForLayer")
	if err != nil {
		return nil, err
	}
	url, err := a.downloadURL(ctx, r, blob.Digest(*in.LayerDigest))
	if err != nil {
		return nil, err
	}
	return &ecr.GetDownloadUrlForLayerOutput{DownloadUrl: &url, LayerDigest: in.LayerDigest}, nil
}
