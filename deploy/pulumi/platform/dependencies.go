package platform

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/codeartifact"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Dependencies are the repositories of what models are built from: the team's own, and one
// that fetches what the team's does not have from outside.
type Dependencies struct {
	pulumi.ResourceState

	Domain         *codeartifact.Domain
	Repository     *codeartifact.Repository
	Upstream       *codeartifact.Repository
	DomainName     pulumi.StringOutput
	DomainArn      pulumi.StringOutput
	RepositoryName pulumi.StringOutput
	RepositoryArn  pulumi.StringOutput
}

// DependenciesArgs are the settings of Dependencies.
type DependenciesArgs struct {
	Domain     string   // "my-codeartifact-domain"
	Repository string   // "my-ml-model-repository"
	Upstream   string   // the repository's name with "-upstream" behind it
	Connection string   // "public:pypi"
	Publishers []string // ARNs of who may publish and read; the account's own identities if there are none
	Readers    []string // ARNs of who may only read
	Tags       map[string]string
}

// The operations that a policy allows, each list with those before it.
var (
	signInActions  = []string{"codeartifact:DescribeDomain", "codeartifact:GetAuthorizationToken", "codeartifact:ListRepositoriesInDomain"}
	readActions    = []string{"codeartifact:DescribePackageVersion", "codeartifact:DescribeRepository", "codeartifact:GetPackageVersionAsset", "codeartifact:GetPackageVersionReadme", "codeartifact:GetRepositoryEndpoint", "codeartifact:ListPackageVersionAssets", "codeartifact:ListPackageVersionDependencies", "codeartifact:ListPackageVersions", "codeartifact:ListPackages", "codeartifact:ReadFromRepository"}
	publishActions = []string{"codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"}
)

// NewDependencies makes the domain, its two repositories, and the policies that say who may
// sign in, read and publish.
func NewDependencies(ctx *pulumi.Context, name string, args *DependenciesArgs, opts ...pulumi.ResourceOption) (*Dependencies, error) {
	if args == nil {
		args = &DependenciesArgs{}
	}
	d := &Dependencies{}
	if err := ctx.RegisterComponentResource("modelwharf:platform:Dependencies", name, d, opts...); err != nil {
		return nil, err
	}
	publishers := args.Publishers
	if len(publishers) == 0 {
		me, err := aws.GetCallerIdentity(ctx, nil, pulumi.Parent(d))
		if err != nil {
			return nil, err
		}
		publishers = []string{fmt.Sprintf("arn:aws:iam::%s:root", me.AccountId)}
	}
	if err := d.repositories(ctx, name, args); err != nil {
		return nil, err
	}
	if err := d.policies(ctx, name, publishers, args.Readers); err != nil {
		return nil, err
	}
	return d, ctx.RegisterResourceOutputs(d, pulumi.Map{
		"domainName": d.DomainName, "domainArn": d.DomainArn, "repositoryName": d.RepositoryName, "repositoryArn": d.RepositoryArn,
	})
}

func (d *Dependencies) repositories(ctx *pulumi.Context, name string, args *DependenciesArgs) (err error) {
	tags := tagged(args.Tags, nil)
	d.Domain, err = codeartifact.NewDomain(ctx, name, &codeartifact.DomainArgs{
		Domain: pulumi.String(named(args.Domain, "my-codeartifact-domain")), Tags: tags,
	}, pulumi.Parent(d))
	if err != nil {
		return err
	}
	repository := named(args.Repository, "my-ml-model-repository")
	d.Upstream, err = codeartifact.NewRepository(ctx, name+"-upstream", &codeartifact.RepositoryArgs{
		Domain:      d.Domain.Domain,
		Repository:  pulumi.String(named(args.Upstream, repository+"-upstream")),
		Description: pulumi.String("What " + repository + " gets from outside"),
		ExternalConnections: codeartifact.RepositoryExternalConnectionsArgs{
			ExternalConnectionName: pulumi.String(named(args.Connection, "public:pypi")),
		},
		Tags: tags,
	}, pulumi.Parent(d))
	if err != nil {
		return err
	}
	d.Repository, err = codeartifact.NewRepository(ctx, name, &codeartifact.RepositoryArgs{
		Domain:      d.Domain.Domain,
		Repository:  pulumi.String(repository),
		Description: pulumi.String("Repository for ML Model Dependencies"),
		Upstreams:   codeartifact.RepositoryUpstreamArray{codeartifact.RepositoryUpstreamArgs{RepositoryName: d.Upstream.Repository}},
		Tags:        tags,
	}, pulumi.Parent(d))
	if err != nil {
		return err
	}
	d.DomainName, d.DomainArn = d.Domain.Domain, d.Domain.Arn
	d.RepositoryName, d.RepositoryArn = d.Repository.Repository, d.Repository.Arn
	return nil
}

func (d *Dependencies) policies(ctx *pulumi.Context, name string, publishers, readers []string) error {
	all := map[string][]string{"AWS": append(append([]string{}, publishers...), readers...)}
	signIn, err := policy(statement{Sid: "SignIn", Effect: "Allow", Principal: all, Action: signInActions, Resource: "*"})
	if err != nil {
		return err
	}
	_, err = codeartifact.NewDomainPermissions(ctx, name, &codeartifact.DomainPermissionsArgs{
		Domain: d.Domain.Domain, PolicyDocument: pulumi.String(signIn),
	}, pulumi.Parent(d))
	if err != nil {
		return err
	}
	use, err := policy(
		statement{Sid: "Read", Effect: "Allow", Principal: all, Action: readActions, Resource: "*"},
		statement{Sid: "Publish", Effect: "Allow", Principal: map[string][]string{"AWS": publishers}, Action: publishActions, Resource: "*"},
	)
	if err != nil {
		return err
	}
	_, err = codeartifact.NewRepositoryPermissionsPolicy(ctx, name, &codeartifact.RepositoryPermissionsPolicyArgs{
		Domain: d.Domain.Domain, Repository: d.Repository.Repository, PolicyDocument: pulumi.String(use),
	}, pulumi.Parent(d))
	return err
}
