package ecr

import (
	"context"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecrpublic"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// publicAPI answers the operations of ECR Public.
type publicAPI struct{ *Service }

var _ ecrpublic.Backend = publicAPI{}

// PublicAPI is the API of ECR Public.
func (s *Service) PublicAPI() *wharf.Service {
	api := ecrpublic.New(publicAPI{s})
	api.Invalid = violated
	return api
}

func (a publicAPI) GetAuthorizationToken(ctx context.Context, _ *ecrpublic.GetAuthorizationTokenInput) (*ecrpublic.GetAuthorizationTokenOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr-public:GetAuthorizationToken"); err != nil {
		return nil, err
	}
	token, expires, err := a.NewToken(ctx)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.GetAuthorizationTokenOutput{AuthorizationData: &ecrpublic.AuthorizationData{
		AuthorizationToken: basicToken(token), ExpiresAt: &expires,
	}}, nil
}

// publicName is the repository that a request names. It may say whose registry it means.
func publicName(ctx context.Context, registry, name *string) Name {
	return Name{Public: true, Account: registryOf(ctx, registry), Name: text(name)}
}

func (a publicAPI) CreateRepository(ctx context.Context, in *ecrpublic.CreateRepositoryInput) (*ecrpublic.CreateRepositoryOutput, error) {
	tags, err := tagsFrom(ctx, in.Tags, publicPair)
	if err != nil {
		return nil, err
	}
	// The field, which AWS has not, is another way to write the tag.
	if mode := in.ImageTagMutability; mode != nil {
		if said, ok := tags[mutabilityTag]; ok && said != *mode {
			return nil, invalid("imageTagMutability", "must be what the tag %s says", mutabilityTag)
		}
		tags[mutabilityTag] = *mode
	}
	r := Repository{Name: publicName(ctx, nil, in.RepositoryName), Tags: tags, Mutability: Mutability{Mode: tags[mutabilityTag]}}
	if err := a.authorizeNew(ctx, &r); err != nil {
		return nil, err
	}
	out := &ecrpublic.CreateRepositoryOutput{}
	also := func(kv.Txn, *Repository) {}
	if in.CatalogData != nil {
		d, err := catalogDataFrom(in.CatalogData)
		if err != nil {
			return nil, err
		}
		also = func(tx kv.Txn, r *Repository) { d.put(tx, r, in.CatalogData.LogoImageBlob) }
		if out.CatalogData, err = a.describeCatalogData(ctx, r.Name, d); err != nil {
			return nil, err
		}
	}
	made, err := a.createRepository(ctx, r, also)
	if err != nil {
		return nil, err
	}
	out.Repository, err = a.describe(ctx, made)
	return out, err
}

func (a publicAPI) DeleteRepository(ctx context.Context, in *ecrpublic.DeleteRepositoryInput) (*ecrpublic.DeleteRepositoryOutput, error) {
	n := publicName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DeleteRepository"); err != nil {
		return nil, err
	}
	r, err := a.Service.DeleteRepository(ctx, n, in.Force != nil && *in.Force)
	if err != nil {
		return nil, err
	}
	d, err := a.describe(ctx, r)
	return &ecrpublic.DeleteRepositoryOutput{Repository: d}, err
}

func (a publicAPI) DescribeRepositories(ctx context.Context, in *ecrpublic.DescribeRepositoriesInput) (*ecrpublic.DescribeRepositoriesOutput, error) {
	list, next, err := a.describeRepositories(ctx, listing{
		registry: publicName(ctx, in.RegistryId, nil), names: in.RepositoryNames, token: in.NextToken, limit: in.MaxResults,
	})
	if err != nil {
		return nil, err
	}
	out := &ecrpublic.DescribeRepositoriesOutput{NextToken: next, Repositories: []*ecrpublic.Repository{}}
	for _, r := range list {
		d, err := a.describe(ctx, r)
		if err != nil {
			return nil, err
		}
		out.Repositories = append(out.Repositories, d)
	}
	return out, nil
}

func (a publicAPI) DescribeRegistries(ctx context.Context, in *ecrpublic.DescribeRegistriesInput) (*ecrpublic.DescribeRegistriesOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr-public:DescribeRegistries"); err != nil {
		return nil, err
	}
	account := registryOf(ctx, nil)
	// An account has one registry, so there is no second page.
	if _, _, err := a.position(pagetoken.Listing{Account: account, Operation: "ecr-public:DescribeRegistries"}, in.NextToken, in.MaxResults); err != nil {
		return nil, err
	}
	alias, err := a.Alias(ctx, account)
	if err != nil {
		return nil, err
	}
	return &ecrpublic.DescribeRegistriesOutput{Registries: []*ecrpublic.Registry{{
		RegistryId: &account, RegistryArn: new(publicRegistryARN(account)),
		RegistryUri: new(a.publicURI(ctx, alias)), Verified: new(false),
		Aliases: []*ecrpublic.RegistryAlias{{
			Name: &alias, Status: new("ACTIVE"), PrimaryRegistryAlias: new(true), DefaultRegistryAlias: new(true),
		}},
	}}}, nil
}

// describe is a repository as the API shows it.
func (a publicAPI) describe(ctx context.Context, r *Repository) (*ecrpublic.Repository, error) {
	var reg *registry
	err := a.view(ctx, func(tx kv.Reader) error {
		b, err := tx.GetHot(ctx, registryKey(r.Name.Account))
		if err == nil {
			reg, err = decode[registry](b)
		}
		return err
	})
	if err != nil || reg == nil {
		return nil, err
	}
	return &ecrpublic.Repository{
		RepositoryArn: new(r.Name.ARN()), RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
		RepositoryUri: new(a.publicURI(ctx, reg.Alias) + "/" + r.Name.Name), CreatedAt: &r.Created,
		ImageTagMutability: new(r.Mutability.mode()),
	}, nil
}
