package platform

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/ecr"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/ecrpublic"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// ModelImages are the repositories of the images that serve models, a public and a private
// one. A tag, once pushed, does not move.
type ModelImages struct {
	pulumi.ResourceState

	Public               *ecrpublic.Repository
	Private              *ecr.Repository
	RepositoryUri        pulumi.StringOutput // of the public one
	PrivateRepositoryUrl pulumi.StringOutput
}

// ModelImagesArgs are the settings of ModelImages.
type ModelImagesArgs struct {
	Repository string            // "ml-model-repo"
	Tags       map[string]string // beside the one that keeps public tags where they are
}

// publicMutability is the tag by which a public repository of Modelwharf has immutable tags.
// The API of ECR Public has no setting for it; on AWS itself the tag has no effect.
const publicMutability = "modelwharf:image-tag-mutability"

// NewModelImages makes the repositories.
func NewModelImages(ctx *pulumi.Context, name string, args *ModelImagesArgs, opts ...pulumi.ResourceOption) (*ModelImages, error) {
	if args == nil {
		args = &ModelImagesArgs{}
	}
	m := &ModelImages{}
	if err := ctx.RegisterComponentResource("modelwharf:platform:ModelImages", name, m, opts...); err != nil {
		return nil, err
	}
	repository := pulumi.String(named(args.Repository, "ml-model-repo"))
	var err error
	m.Public, err = ecrpublic.NewRepository(ctx, name, &ecrpublic.RepositoryArgs{
		RepositoryName: repository,
		Tags:           tagged(args.Tags, map[string]string{publicMutability: "IMMUTABLE"}),
	}, pulumi.Parent(m))
	if err != nil {
		return nil, err
	}
	m.Private, err = ecr.NewRepository(ctx, name, &ecr.RepositoryArgs{
		Name:               repository,
		ImageTagMutability: pulumi.String("IMMUTABLE"),
		Tags:               tagged(args.Tags, nil),
	}, pulumi.Parent(m))
	if err != nil {
		return nil, err
	}
	m.RepositoryUri, m.PrivateRepositoryUrl = m.Public.RepositoryUri, m.Private.RepositoryUrl
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"repositoryUri": m.RepositoryUri, "privateRepositoryUrl": m.PrivateRepositoryUrl})
}
