package main

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

const template = "https://example.com/model.yaml"

func want() pulumitest.Resources {
	return pulumitest.Resources{
		"modelwharf:platform:CatalogService catalog-service": nil,
		"aws:iam/role:Role catalog-service-launch": {
			"name":             "ServiceCatalogLaunchRole",
			"assumeRolePolicy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["servicecatalog.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`,
		},
		"aws:iam/rolePolicy:RolePolicy catalog-service-launch": {
			"name": "Launch", "role": "ServiceCatalogLaunchRole",
			"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudformation:CreateStack","cloudformation:DeleteStack",` +
				`"cloudformation:DescribeStackEvents","cloudformation:DescribeStacks","cloudformation:GetTemplateSummary","cloudformation:SetStackPolicy",` +
				`"cloudformation:UpdateStack","cloudformation:ValidateTemplate","dynamodb:CreateTable","dynamodb:DeleteTable","dynamodb:DescribeContinuousBackups",` +
				`"dynamodb:DescribeTable","dynamodb:DescribeTimeToLive","dynamodb:ListTagsOfResource","dynamodb:TagResource","dynamodb:UntagResource",` +
				`"dynamodb:UpdateContinuousBackups","dynamodb:UpdateTable","dynamodb:UpdateTimeToLive","s3:GetObject",` +
				`"sagemaker:AddTags","sagemaker:CreateEndpoint","sagemaker:CreateEndpointConfig","sagemaker:CreateModel",` +
				`"sagemaker:DeleteEndpoint","sagemaker:DeleteEndpointConfig","sagemaker:DeleteModel","sagemaker:DeleteTags",` +
				`"sagemaker:DescribeEndpoint","sagemaker:DescribeEndpointConfig","sagemaker:DescribeModel","sagemaker:ListTags",` +
				`"sagemaker:UpdateEndpoint","sagemaker:UpdateEndpointWeightsAndCapacities"],"Resource":"*"},` +
				`{"Effect":"Allow","Action":["iam:PassRole"],"Resource":"arn:aws:iam::*:role/ModelExecutionRole",` +
				`"Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}}]}`,
		},
		"aws:iam/role:Role catalog-service-execution": {
			"name":             "ModelExecutionRole",
			"assumeRolePolicy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["sagemaker.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`,
		},
		"aws:iam/rolePolicy:RolePolicy catalog-service-execution": {
			"name": "Run", "role": "ModelExecutionRole",
			"policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage",` +
				`"ecr:GetAuthorizationToken","ecr:GetDownloadUrlForLayer","s3:GetObject"],"Resource":"*"},` +
				`{"Effect":"Allow","Action":["dynamodb:DeleteItem","dynamodb:DescribeTable","dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query","dynamodb:UpdateItem"],` +
				`"Resource":"arn:aws:dynamodb:*:*:table/predictionCacheTable"}]}`,
		},
		"aws:servicecatalog/product:Product catalog-service": {
			"name": "MLModelProduct", "type": "CLOUD_FORMATION_TEMPLATE", "owner": "data-team", "distributor": "YourOrg",
			"description": "A model, ready to launch", "supportDescription": "Ask the data team", "supportEmail": "data-team@example.com",
			"supportUrl": "https://example.com/models",
			"provisioningArtifactParameters": map[string]any{
				"name": "v1.0", "description": "The first version", "type": "CLOUD_FORMATION_TEMPLATE", "templateUrl": template,
			},
		},
		"aws:servicecatalog/portfolio:Portfolio catalog-service": {
			"name": "MLModelPortfolio", "providerName": "YourOrg", "description": "Models of the data team",
		},
		"aws:servicecatalog/productPortfolioAssociation:ProductPortfolioAssociation catalog-service": {
			"portfolioId": "catalog-service_id", "productId": "catalog-service_id",
		},
		"aws:servicecatalog/constraint:Constraint catalog-service": {
			"type": "LAUNCH", "portfolioId": "catalog-service_id", "productId": "catalog-service_id",
			"description": "Launched with the rights of the role alone", "parameters": `{"LocalRoleName":"ServiceCatalogLaunchRole"}`,
		},
	}
}

var exports = map[string]any{"portfolio_id": pulumi.ID("catalog-service_id"), "product_id": pulumi.ID("catalog-service_id")}

func TestCatalogService(t *testing.T) {
	t.Parallel()
	pulumitest.Want(t, deploy, map[string]string{"templateUrl": template}, want(), exports)
}

func TestCatalogServicePrincipalsAndShare(t *testing.T) {
	t.Parallel()
	all := want()
	for _, arn := range []string{"arn:aws:iam::123456789012:role/Scientist", "arn:aws:iam::123456789012:user/ada"} {
		all["aws:servicecatalog/principalPortfolioAssociation:PrincipalPortfolioAssociation catalog-service-"+arn] = map[string]any{
			"portfolioId": "catalog-service_id", "principalArn": arn, "principalType": "IAM",
		}
	}
	all["aws:servicecatalog/portfolioShare:PortfolioShare catalog-service"] = map[string]any{
		"portfolioId": "catalog-service_id", "principalId": "210987654321", "type": "ACCOUNT",
	}
	pulumitest.Want(t, deploy, map[string]string{
		"templateUrl": template, "shareWith": "210987654321",
		"principals": `["arn:aws:iam::123456789012:role/Scientist","arn:aws:iam::123456789012:user/ada"]`,
	}, all, exports)
}

func TestCatalogServiceNeedsATemplate(t *testing.T) {
	t.Parallel()
	defer func() {
		if said, ok := recover().(string); ok && !strings.Contains(said, "templateUrl") {
			t.Errorf("said %q", said)
		}
	}()
	if _, _, err := pulumitest.Run(t, deploy, nil); err == nil {
		t.Error("made without a template")
	}
}
