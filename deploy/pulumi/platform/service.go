package platform

import (
	"encoding/json"
	"errors"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/servicecatalog"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// CatalogService offers a model as a product: other teams find it in a portfolio, and launch
// it with the rights of a role that they do not have themselves.
type CatalogService struct {
	pulumi.ResourceState

	Product       *servicecatalog.Product
	Portfolio     *servicecatalog.Portfolio
	LaunchRole    *iam.Role
	ExecutionRole *iam.Role
	ProductId     pulumi.IDOutput
	PortfolioId   pulumi.IDOutput
}

// CatalogServiceArgs are the settings of a CatalogService.
type CatalogServiceArgs struct {
	TemplateUrl string // of the CloudFormation template of v1.0; required
	Product     string // "MLModelProduct"
	Portfolio   string // "MLModelPortfolio"
	LaunchRole  string // "ServiceCatalogLaunchRole"
	// LaunchPolicy is what the role may do, as a policy document: by default, make stacks
	// with tables and endpoints, pass them the execution role, and read the template.
	LaunchPolicy    string
	ExecutionRole   string   // "ModelExecutionRole", in which endpoints run
	PredictionCache string   // "predictionCacheTable", from which they answer
	Principals      []string // ARNs of who may launch
	ShareWith       string   // the number of an account that gets the portfolio offered
}

// launchActions are what the role of products needs whose templates make tables and endpoints.
var launchActions = []string{
	"cloudformation:CreateStack", "cloudformation:DeleteStack", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks",
	"cloudformation:GetTemplateSummary", "cloudformation:SetStackPolicy", "cloudformation:UpdateStack", "cloudformation:ValidateTemplate",
	"dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive",
	"dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
	"s3:GetObject",
	"sagemaker:AddTags", "sagemaker:CreateEndpoint", "sagemaker:CreateEndpointConfig", "sagemaker:CreateModel",
	"sagemaker:DeleteEndpoint", "sagemaker:DeleteEndpointConfig", "sagemaker:DeleteModel", "sagemaker:DeleteTags",
	"sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel", "sagemaker:ListTags",
	"sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities",
}

// runActions are what an endpoint needs beside its prediction cache: its image and its data.
var runActions = []string{
	"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer", "s3:GetObject",
}

// cacheActions are what an endpoint does to its prediction cache.
var cacheActions = []string{
	"dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
}

// NewCatalogService makes the product with its first version, the portfolio with those who may
// launch from it, the role by which they do, and the one in which endpoints run.
func NewCatalogService(ctx *pulumi.Context, name string, args *CatalogServiceArgs, opts ...pulumi.ResourceOption) (*CatalogService, error) {
	if args == nil || args.TemplateUrl == "" {
		return nil, errors.New("platform: a catalog service needs the URL of its product's template")
	}
	s := &CatalogService{}
	if err := ctx.RegisterComponentResource("modelwharf:platform:CatalogService", name, s, opts...); err != nil {
		return nil, err
	}
	for _, make := range []func(*pulumi.Context, string, *CatalogServiceArgs) error{s.roles, s.offer, s.constrain, s.admit} {
		if err := make(ctx, name, args); err != nil {
			return nil, err
		}
	}
	s.ProductId, s.PortfolioId = s.Product.ID(), s.Portfolio.ID()
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{"productId": s.ProductId, "portfolioId": s.PortfolioId})
}

// roles makes the role that launches, and the one in which runs what was launched.
func (s *CatalogService) roles(ctx *pulumi.Context, name string, args *CatalogServiceArgs) (err error) {
	execution := named(args.ExecutionRole, "ModelExecutionRole")
	may := args.LaunchPolicy
	if may == "" {
		if may, err = policy(
			statement{Effect: "Allow", Action: launchActions, Resource: "*"},
			statement{
				Effect: "Allow", Action: []string{"iam:PassRole"}, Resource: "arn:aws:iam::*:role/" + execution,
				Condition: map[string]map[string]string{"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
			},
		); err != nil {
			return err
		}
	}
	s.LaunchRole, err = s.role(ctx, name+"-launch", named(args.LaunchRole, "ServiceCatalogLaunchRole"), "servicecatalog.amazonaws.com", "Launch", may)
	if err != nil {
		return err
	}
	may, err = policy(
		statement{Effect: "Allow", Action: runActions, Resource: "*"},
		statement{Effect: "Allow", Action: cacheActions, Resource: "arn:aws:dynamodb:*:*:table/" + named(args.PredictionCache, "predictionCacheTable")},
	)
	if err != nil {
		return err
	}
	s.ExecutionRole, err = s.role(ctx, name+"-execution", execution, "sagemaker.amazonaws.com", "Run", may)
	return err
}

// role makes a role that a service takes on, with a policy.
func (s *CatalogService) role(ctx *pulumi.Context, name, role, service, policyName, may string) (*iam.Role, error) {
	trust, err := policy(statement{Effect: "Allow", Principal: map[string][]string{"Service": {service}}, Action: []string{"sts:AssumeRole"}})
	if err != nil {
		return nil, err
	}
	made, err := iam.NewRole(ctx, name, &iam.RoleArgs{Name: pulumi.String(role), AssumeRolePolicy: pulumi.String(trust)}, pulumi.Parent(s))
	if err != nil {
		return nil, err
	}
	_, err = iam.NewRolePolicy(ctx, name, &iam.RolePolicyArgs{Name: pulumi.String(policyName), Role: made.Name, Policy: pulumi.String(may)}, pulumi.Parent(s))
	return made, err
}

// offer makes the product and the portfolio, and puts the one into the other.
func (s *CatalogService) offer(ctx *pulumi.Context, name string, args *CatalogServiceArgs) (err error) {
	s.Product, err = servicecatalog.NewProduct(ctx, name, &servicecatalog.ProductArgs{
		Name:               pulumi.String(named(args.Product, "MLModelProduct")),
		Type:               pulumi.String("CLOUD_FORMATION_TEMPLATE"),
		Owner:              pulumi.String("data-team"),
		Distributor:        pulumi.String("YourOrg"),
		Description:        pulumi.String("A model, ready to launch"),
		SupportDescription: pulumi.String("Ask the data team"),
		SupportEmail:       pulumi.String("data-team@example.com"),
		SupportUrl:         pulumi.String("https://example.com/models"),
		ProvisioningArtifactParameters: servicecatalog.ProductProvisioningArtifactParametersArgs{
			Name: pulumi.String("v1.0"), Description: pulumi.String("The first version"),
			Type: pulumi.String("CLOUD_FORMATION_TEMPLATE"), TemplateUrl: pulumi.String(args.TemplateUrl),
		},
	}, pulumi.Parent(s))
	if err != nil {
		return err
	}
	s.Portfolio, err = servicecatalog.NewPortfolio(ctx, name, &servicecatalog.PortfolioArgs{
		Name: pulumi.String(named(args.Portfolio, "MLModelPortfolio")), ProviderName: pulumi.String("YourOrg"),
		Description: pulumi.String("Models of the data team"),
	}, pulumi.Parent(s))
	return err
}

// constrain has the product launched by the role. The role is named, not given by its ARN, so
// that an account with which the portfolio is shared brings its own.
func (s *CatalogService) constrain(ctx *pulumi.Context, name string, args *CatalogServiceArgs) error {
	within, err := servicecatalog.NewProductPortfolioAssociation(ctx, name, &servicecatalog.ProductPortfolioAssociationArgs{
		PortfolioId: s.Portfolio.ID(), ProductId: s.Product.ID(),
	}, pulumi.Parent(s))
	if err != nil {
		return err
	}
	parameters, err := json.Marshal(map[string]string{"LocalRoleName": named(args.LaunchRole, "ServiceCatalogLaunchRole")})
	if err != nil {
		return err
	}
	_, err = servicecatalog.NewConstraint(ctx, name, &servicecatalog.ConstraintArgs{
		Type: pulumi.String("LAUNCH"), PortfolioId: s.Portfolio.ID(), ProductId: s.Product.ID(),
		Description: pulumi.String("Launched with the rights of the role alone"), Parameters: pulumi.String(parameters),
	}, pulumi.Parent(s), pulumi.DependsOn([]pulumi.Resource{within, s.LaunchRole}))
	return err
}

// admit says who may launch, here and in another account.
func (s *CatalogService) admit(ctx *pulumi.Context, name string, args *CatalogServiceArgs) error {
	for _, arn := range args.Principals {
		_, err := servicecatalog.NewPrincipalPortfolioAssociation(ctx, name+"-"+arn, &servicecatalog.PrincipalPortfolioAssociationArgs{
			PortfolioId: s.Portfolio.ID(), PrincipalArn: pulumi.String(arn), PrincipalType: pulumi.String("IAM"),
		}, pulumi.Parent(s))
		if err != nil {
			return err
		}
	}
	if args.ShareWith == "" {
		return nil
	}
	_, err := servicecatalog.NewPortfolioShare(ctx, name, &servicecatalog.PortfolioShareArgs{
		PortfolioId: s.Portfolio.ID(), PrincipalId: pulumi.String(args.ShareWith), Type: pulumi.String("ACCOUNT"),
	}, pulumi.Parent(s))
	return err
}
