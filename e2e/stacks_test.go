package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const exporting = `
Parameters:
  Stage: {Type: String, AllowedValues: [test, production]}
Resources:
  Catalog:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: catalog
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      Tags: [{Key: stage, Value: !Ref Stage}]
Outputs:
  Name: {Value: !Ref Catalog, Export: {Name: catalog-name}}
`

// TestAWSCommandStacks walks the life of a stack with the aws command: deployed, watched by
// waiters, changed by a change set, and deleted.
func TestAWSCommandStacks(t *testing.T) {
	t.Parallel()
	aws := start(t).aws(t)
	file := filepath.Join(t.TempDir(), "catalog.yaml")
	if err := os.WriteFile(file, []byte(exporting), 0o600); err != nil {
		t.Fatal(err)
	}
	// deploy is given text output: it prints no JSON.
	deploy := func(stage string) string {
		t.Helper()
		out, stderr, err := aws.try("cloudformation", "deploy", "--stack-name", "catalog", "--template-file", file, "--parameter-overrides", "Stage="+stage, "--no-fail-on-empty-changeset")
		if err != nil {
			t.Fatalf("%v\n%s%s", err, out, stderr)
		}
		return out + stderr
	}
	if said := aws.fails("cloudformation", "create-stack", "--stack-name", "catalog", "--template-body", "file://"+file, "--parameters", "ParameterKey=Stage,ParameterValue=other"); !strings.Contains(said, "ValidationError") {
		t.Errorf("a value that is not allowed: %s", said)
	}
	if said := deploy("test"); !strings.Contains(said, "Successfully created/updated stack - catalog") {
		t.Errorf("deployed: %s", said)
	}
	if said := deploy("test"); !strings.Contains(said, "No changes to deploy") {
		t.Errorf("deployed again: %s", said)
	}
	exports := aws.run("cloudformation", "list-exports")
	if at(t, exports, "Exports", 0, "Name") != "catalog-name" || at(t, exports, "Exports", 0, "Value") != "catalog" {
		t.Errorf("exports %v", exports)
	}
	aws.run("cloudformation", "create-change-set", "--stack-name", "catalog", "--change-set-name", "production", "--use-previous-template",
		"--parameters", "ParameterKey=Stage,ParameterValue=production")
	aws.run("cloudformation", "wait", "change-set-create-complete", "--stack-name", "catalog", "--change-set-name", "production")
	change := at(t, aws.run("cloudformation", "describe-change-set", "--stack-name", "catalog", "--change-set-name", "production"), "Changes", 0, "ResourceChange")
	if at(t, change, "Action") != "Modify" || at(t, change, "Replacement") != "False" || at(t, change, "LogicalResourceId") != "Catalog" {
		t.Errorf("the change is %v", change)
	}
	aws.run("cloudformation", "execute-change-set", "--stack-name", "catalog", "--change-set-name", "production")
	aws.run("cloudformation", "wait", "stack-update-complete", "--stack-name", "catalog")
	tags := aws.run("dynamodb", "list-tags-of-resource", "--resource-arn", "arn:aws:dynamodb:us-east-1:000000000000:table/catalog")
	if !slices.ContainsFunc(at(t, tags, "Tags").([]any), func(tag any) bool {
		return at(t, tag, "Key") == "stage" && at(t, tag, "Value") == "production"
	}) {
		t.Errorf("tags %v", tags)
	}
	events := at(t, aws.run("cloudformation", "describe-stack-events", "--stack-name", "catalog"), "StackEvents").([]any)
	if at(t, events[0], "ResourceStatus") != "UPDATE_COMPLETE" || at(t, events[len(events)-1], "ResourceStatus") != "REVIEW_IN_PROGRESS" {
		t.Errorf("first event %v, last %v", events[len(events)-1], events[0])
	}
	summary := aws.run("cloudformation", "validate-template", "--template-body", "file://"+file)
	if at(t, summary, "Parameters", 0, "ParameterKey") != "Stage" {
		t.Errorf("validated %v", summary)
	}
	id := at(t, aws.run("cloudformation", "describe-stacks", "--stack-name", "catalog"), "Stacks", 0, "StackId").(string)
	aws.run("cloudformation", "delete-stack", "--stack-name", "catalog")
	aws.run("cloudformation", "wait", "stack-delete-complete", "--stack-name", "catalog")
	if status := at(t, aws.run("cloudformation", "describe-stacks", "--stack-name", id), "Stacks", 0, "StackStatus"); status != "DELETE_COMPLETE" {
		t.Errorf("deleted, it is %v", status)
	}
	if said := aws.fails("cloudformation", "describe-stacks", "--stack-name", "catalog"); !strings.Contains(said, "Stack with id catalog does not exist") {
		t.Error(said)
	}
	// A waiter sees a creation that fails.
	aws.run("cloudformation", "create-stack", "--stack-name", "bad", "--template-body",
		"Resources: {R: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: NO}}}", "--on-failure", "ROLLBACK")
	if said := aws.fails("cloudformation", "wait", "stack-create-complete", "--stack-name", "bad"); !strings.Contains(said, "ROLLBACK_COMPLETE") {
		t.Error(said)
	}
}

// TestDeployCloudFormation deploys deploy/cloudformation, changes it in place and destroys
// it clean.
func TestDeployCloudFormation(t *testing.T) {
	t.Parallel()
	files := httptest.NewServer(http.FileServer(http.Dir("../deploy/cloudformation")))
	t.Cleanup(files.Close)
	s := start(t, "--allow-egress", "127.0.0.1", "--upstream", "public:pypi=http://127.0.0.1:9/simple/")
	aws := s.aws(t)
	ada := at(t, aws.run("iam", "create-user", "--user-name", "ada"), "User", "Arn").(string)
	before := s.holdings(t)
	deploy := func(environment string) {
		t.Helper()
		out, stderr, err := aws.try("cloudformation", "deploy", "--stack-name", "platform", "--template-file", "../deploy/cloudformation/platform.yaml",
			"--capabilities", "CAPABILITY_NAMED_IAM", "--parameter-overrides", "Templates="+files.URL, "Environment="+environment, "Principal="+ada)
		if err != nil {
			events := aws.run("cloudformation", "describe-stack-events", "--stack-name", "platform")
			t.Fatalf("%v\n%s%s\n%v", err, out, stderr, events)
		}
	}
	deploy("production")
	made := s.holdings(t)
	outputs := map[string]string{}
	for _, o := range at(t, aws.run("cloudformation", "describe-stacks", "--stack-name", "platform"), "Stacks", 0, "Outputs").([]any) {
		outputs[at(t, o, "OutputKey").(string)] = at(t, o, "OutputValue").(string)
	}
	for key, want := range map[string]string{
		"ModelCatalogTableName": "modelCatalogTable", "PredictionCacheTableName": "predictionCacheTable",
		"DomainName": "my-codeartifact-domain", "RepositoryName": "my-ml-model-repository",
		"RepositoryArn": "arn:aws:codeartifact:us-east-1:000000000000:repository/my-codeartifact-domain/my-ml-model-repository",
	} {
		if outputs[key] != want {
			t.Errorf("%s is %q, want %q", key, outputs[key], want)
		}
	}
	if !strings.HasSuffix(outputs["RepositoryUri"], "/ml-model-repo") {
		t.Errorf("the URI is %q", outputs["RepositoryUri"])
	}
	product := aws.run("servicecatalog", "describe-product-as-admin", "--id", outputs["ProductId"])
	if at(t, product, "ProvisioningArtifactSummaries", 0, "Name") != "v1.0" || at(t, product, "ProductViewDetail", "ProductViewSummary", "Name") != "MLModelProduct" {
		t.Errorf("the product is %v", product)
	}
	catalog := at(t, aws.run("dynamodb", "describe-table", "--table-name", "modelCatalogTable"), "Table")
	id := at(t, catalog, "TableId")
	if at(t, catalog, "GlobalSecondaryIndexes", 0, "IndexName") != "ByType" || at(t, catalog, "StreamSpecification", "StreamViewType") != "NEW_AND_OLD_IMAGES" {
		t.Errorf("the catalog is %v", catalog)
	}
	images := aws.run("ecr", "describe-repositories", "--repository-names", "ml-model-repo")
	if at(t, images, "repositories", 0, "imageTagMutability") != "IMMUTABLE" {
		t.Errorf("images %v", images)
	}
	deploy("staging")
	if again := at(t, aws.run("dynamodb", "describe-table", "--table-name", "modelCatalogTable"), "Table", "TableId"); again != id {
		t.Errorf("the table was replaced")
	}
	if after := s.holdings(t); !slices.Equal(made, after) {
		t.Errorf("before the change %q, after it %q", made, after)
	}
	aws.run("cloudformation", "delete-stack", "--stack-name", "platform")
	aws.run("cloudformation", "wait", "stack-delete-complete", "--stack-name", "platform")
	if after := s.holdings(t); !slices.Equal(before, after) {
		t.Errorf("before %q, after %q", before, after)
	}
	if left := aws.run("cloudformation", "list-stacks", "--stack-status-filter", "CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_FAILED"); len(at(t, left, "StackSummaries").([]any)) != 0 {
		t.Errorf("left %v", left)
	}
}
