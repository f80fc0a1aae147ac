package platform_test

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

// TestSettings makes every component with all of its settings; the programs' own tests have
// the usual ones.
func TestSettings(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"Team": "data", "Purpose": "tests"}
	made, _, err := pulumitest.Run(t, func(ctx *pulumi.Context) (pulumi.Map, error) {
		_, err := platform.NewModelCatalog(ctx, "catalog", &platform.ModelCatalogArgs{TableName: "models", DeletionProtection: true, Tags: tags})
		if err != nil {
			return nil, err
		}
		if _, err := platform.NewPredictionCache(ctx, "cache", &platform.PredictionCacheArgs{TableName: "answers", Tags: tags}); err != nil {
			return nil, err
		}
		if _, err := platform.NewDependencies(ctx, "deps", &platform.DependenciesArgs{Upstream: "outside", Publishers: []string{"arn:p"}, Tags: tags}); err != nil {
			return nil, err
		}
		if _, err := platform.NewModelImages(ctx, "images", &platform.ModelImagesArgs{Repository: "m", Tags: tags}); err != nil {
			return nil, err
		}
		_, err = platform.NewCatalogService(ctx, "service", &platform.CatalogServiceArgs{
			TemplateUrl: "https://example.com/t", Product: "P", Portfolio: "Q", LaunchRole: "R", LaunchPolicy: "{}", ExecutionRole: "E",
		})
		return nil, err
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ resource, property, value string }{
		{"aws:dynamodb/table:Table catalog", "name", "models"},
		{"aws:dynamodb/table:Table cache", "name", "answers"},
		{"aws:codeartifact/repository:Repository deps-upstream", "repository", "outside"},
		{"aws:ecr/repository:Repository images", "name", "m"},
		{"aws:servicecatalog/product:Product service", "name", "P"},
		{"aws:servicecatalog/portfolio:Portfolio service", "name", "Q"},
		{"aws:iam/role:Role service-launch", "name", "R"},
		{"aws:iam/rolePolicy:RolePolicy service-launch", "policy", "{}"},
		{"aws:iam/role:Role service-execution", "name", "E"},
		{"aws:servicecatalog/constraint:Constraint service", "parameters", `{"LocalRoleName":"R"}`},
	} {
		if got := made[want.resource][want.property]; got != want.value {
			t.Errorf("%s: %s is %v", want.resource, want.property, got)
		}
	}
	for _, resource := range []string{
		"aws:dynamodb/table:Table catalog", "aws:dynamodb/table:Table cache", "aws:codeartifact/domain:Domain deps",
		"aws:codeartifact/repository:Repository deps", "aws:codeartifact/repository:Repository deps-upstream",
		"aws:ecr/repository:Repository images", "aws:ecrpublic/repository:Repository images",
	} {
		got, _ := made[resource]["tags"].(map[string]any)
		if got["Team"] != "data" || got["Purpose"] != "tests" {
			t.Errorf("%s has the tags %v", resource, got)
		}
	}
	if _, _, err := pulumitest.Run(t, func(ctx *pulumi.Context) (pulumi.Map, error) {
		_, err := platform.NewCatalogService(ctx, "service", nil)
		return nil, err
	}, nil); err == nil {
		t.Error("a product without a template is made")
	}
}
