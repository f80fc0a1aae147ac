package ecr

import (
	"context"
	"encoding/base64"

	wharf "github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/ecr"
)

// privateAPI answers the operations of ECR.
type privateAPI struct{ *Service }

var _ ecr.Backend = privateAPI{}

// API is the API of ECR.
func (s *Service) API() *wharf.Service {
	api := ecr.New(privateAPI{s})
	api.Invalid = violated
	return api
}

// privateName is the repository that a request names: in the caller's registry, unless it
// names another one.
func privateName(ctx context.Context, registry, name *string) Name {
	r := wharf.RequestOf(ctx)
	return Name{Account: registryOf(ctx, registry), Region: r.Region, Name: text(name)}
}

func registryOf(ctx context.Context, registry *string) string {
	if registry != nil {
		return *registry
	}
	return wharf.RequestOf(ctx).Caller.Account
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// basicToken is a token as GetAuthorizationToken gives it: what goes behind "Basic".
func basicToken(token string) *string {
	return new(base64.StdEncoding.EncodeToString([]byte("AWS:" + token)))
}

func (a privateAPI) GetAuthorizationToken(ctx context.Context, in *ecr.GetAuthorizationTokenInput) (*ecr.GetAuthorizationTokenOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:GetAuthorizationToken"); err != nil {
		return nil, err
	}
	token, expires, err := a.NewToken(ctx)
	if err != nil {
		return nil, err
	}
	out := &ecr.GetAuthorizationTokenOutput{}
	registries := in.RegistryIds
	if len(registries) == 0 {
		registries = []string{registryOf(ctx, nil)}
	}
	for _, registry := range registries {
		out.AuthorizationData = append(out.AuthorizationData, &ecr.AuthorizationData{
			AuthorizationToken: basicToken(token), ExpiresAt: &expires, ProxyEndpoint: new(a.base(ctx, privateName(ctx, &registry, nil))),
		})
	}
	return out, nil
}

func (a privateAPI) CreateRepository(ctx context.Context, in *ecr.CreateRepositoryInput) (*ecr.CreateRepositoryOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	tags, err := tagsFrom(ctx, in.Tags, privatePair)
	if err != nil {
		return nil, err
	}
	r := Repository{Name: n, Tags: tags, Mutability: mutabilityOf(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters)}
	if err := a.authorizeNew(ctx, &r); err != nil {
		return nil, err
	}
	if c := in.ImageScanningConfiguration; c != nil && c.ScanOnPush != nil && *c.ScanOnPush {
		return nil, noScanning()
	}
	if c := in.EncryptionConfiguration; c != nil && text(c.EncryptionType) != "AES256" {
		return nil, noKMS()
	}
	made, err := a.Service.CreateRepository(ctx, r)
	if err != nil {
		return nil, err
	}
	return &ecr.CreateRepositoryOutput{Repository: a.describe(ctx, made)}, nil
}

func (a privateAPI) DeleteRepository(ctx context.Context, in *ecr.DeleteRepositoryInput) (*ecr.DeleteRepositoryOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "DeleteRepository"); err != nil {
		return nil, err
	}
	r, err := a.Service.DeleteRepository(ctx, n, in.Force != nil && *in.Force)
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRepositoryOutput{Repository: a.describe(ctx, r)}, nil
}

func (a privateAPI) DescribeRepositories(ctx context.Context, in *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	list, next, err := a.describeRepositories(ctx, listing{
		registry: privateName(ctx, in.RegistryId, nil), names: in.RepositoryNames, token: in.NextToken, limit: in.MaxResults,
	})
	if err != nil {
		return nil, err
	}
	out := &ecr.DescribeRepositoriesOutput{NextToken: next, Repositories: []*ecr.Repository{}}
	for _, r := range list {
		out.Repositories = append(out.Repositories, a.describe(ctx, r))
	}
	return out, nil
}

func (a privateAPI) PutImageTagMutability(ctx context.Context, in *ecr.PutImageTagMutabilityInput) (*ecr.PutImageTagMutabilityOutput, error) {
	n := privateName(ctx, in.RegistryId, in.RepositoryName)
	if err := a.authorizeNamed(ctx, n, "PutImageTagMutability"); err != nil {
		return nil, err
	}
	r, err := a.SetMutability(ctx, n, mutabilityOf(in.ImageTagMutability, in.ImageTagMutabilityExclusionFilters))
	if err != nil {
		return nil, err
	}
	d := a.describe(ctx, r)
	return &ecr.PutImageTagMutabilityOutput{
		RegistryId: d.RegistryId, RepositoryName: d.RepositoryName,
		ImageTagMutability: d.ImageTagMutability, ImageTagMutabilityExclusionFilters: d.ImageTagMutabilityExclusionFilters,
	}, nil
}

func (a privateAPI) DescribeRegistry(ctx context.Context, _ *ecr.DescribeRegistryInput) (*ecr.DescribeRegistryOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:DescribeRegistry"); err != nil {
		return nil, err
	}
	replication, err := a.replicationShape(ctx)
	if err != nil {
		return nil, err
	}
	return &ecr.DescribeRegistryOutput{RegistryId: new(registryOf(ctx, nil)), ReplicationConfiguration: replication}, nil
}

func mutabilityOf(mode *string, filters []*ecr.ImageTagMutabilityExclusionFilter) Mutability {
	m := Mutability{Mode: text(mode)}
	for _, f := range filters {
		m.Filters = append(m.Filters, text(f.Filter))
	}
	return m
}

// describe is a repository as the API shows it.
func (a privateAPI) describe(ctx context.Context, r *Repository) *ecr.Repository {
	out := &ecr.Repository{
		RepositoryArn: new(r.Name.ARN()), RegistryId: &r.Name.Account, RepositoryName: &r.Name.Name,
		RepositoryUri: new(a.privateURI(ctx, r.Name)), CreatedAt: &r.Created,
		ImageTagMutability:         new(r.Mutability.mode()),
		ImageScanningConfiguration: &ecr.ImageScanningConfiguration{ScanOnPush: new(false)},
		EncryptionConfiguration:    &ecr.EncryptionConfiguration{EncryptionType: new("AES256")},
	}
	out.ImageTagMutabilityExclusionFilters = describeFilters(r.Mutability)
	return out
}

func describeFilters(m Mutability) (list []*ecr.ImageTagMutabilityExclusionFilter) {
	for _, f := range m.Filters {
		list = append(list, &ecr.ImageTagMutabilityExclusionFilter{FilterType: new("WILDCARD"), Filter: &f})
	}
	return list
}

// noKMS says that bytes at rest are encrypted by no key of AWS's KMS.
func noKMS() error {
	return failed("InvalidParameterException", "Encryption with KMS keys is not available in this version of Modelwharf")
}
