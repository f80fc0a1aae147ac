package ecr

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
)

func (a publicAPI) BatchCheckLayerAvailability(ctx context.Context, in *ecrpublic.BatchCheckLayerAvailabilityInput) (*ecrpublic.BatchCheckLayerAvailabilityOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "BatchCheckLayerAvailability")
	if err != nil {
		return nil, err
	}
	layers, failures, err := a.checkLayers(ctx, r, in.LayerDigests)
	if err != nil {
		return nil, err
	}
	out := &ecrpublic.BatchCheckLayerAvailabilityOutput{Layers: []*ecrpublic.Layer{}, Failures: []*ecrpublic.LayerFailure{}}
	for _, l := range layers {
		d := &ecrpublic.Layer{LayerDigest: &l.digest, LayerAvailability: new("UNAVAILABLE")}
		if l.available {
			d.LayerAvailability, d.LayerSize = new("AVAILABLE"), &l.size
		}
		out.Layers = append(out.Layers, d)
	}
	for _, f := range failures {
		out.Failures = append(out.Failures, &ecrpublic.LayerFailure{LayerDigest: &f.digest, FailureCode: &f.code, FailureReason: &f.reason})
	}
	return out, nil
}

func (a publicAPI) InitiateLayerUpload(ctx context.Context, in *ecrpublic.InitiateLayerUploadInput) (*ecrpublic.InitiateLayerUploadOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "InitiateLayerUpload")
	if err != nil {
		return nil, err
	}
	id, err := a.initiateUpload(ctx, r)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.InitiateLayerUploadOutput{UploadId: &id, PartSize: new(int64(partBytes))}, nil
}

func (a publicAPI) UploadLayerPart(ctx context.Context, in *ecrpublic.UploadLayerPartInput) (*ecrpublic.UploadLayerPartOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "UploadLayerPart")
	if err != nil {
		return nil, err
	}
	p := layerPart{*in.UploadId, *in.PartFirstByte, *in.PartLastByte, in.LayerPartBlob}
	err = a.uploadPart(ctx, r, p, func(last int64) any {
		return &ecrpublic.InvalidLayerPartExceptionDetail{
			RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LastValidByteReceived: &last,
		}
	})
	if err != nil {
		return nil, err
	}
	return &ecrpublic.UploadLayerPartOutput{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LastByteReceived: in.PartLastByte,
	}, nil
}

func (a publicAPI) CompleteLayerUpload(ctx context.Context, in *ecrpublic.CompleteLayerUploadInput) (*ecrpublic.CompleteLayerUploadOutput, error) {
	r, err := a.open(ctx, in.RegistryId, in.RepositoryName, "CompleteLayerUpload")
	if err != nil {
		return nil, err
	}
	d, err := a.completeUpload(ctx, r, *in.UploadId, in.LayerDigests)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.CompleteLayerUploadOutput{
		RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name, UploadId: in.UploadId, LayerDigest: new(string(d)),
	}, nil
}
