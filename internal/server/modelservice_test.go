package server_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestModelServiceStack deploys the model catalog service as a stack, with the template of its
// product in a bucket of the same server, which has another team launch the product.
func TestModelServiceStack(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	ctx := t.Context()
	objects := s3.NewFromConfig(s.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("templates")}); err != nil {
		t.Fatal(err)
	}
	put := func(key, body string) string {
		t.Helper()
		if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: new("templates"), Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
		return s.URL() + "/templates/" + key
	}
	one, two := put("v1.yaml", aTableProduct), put("v2.yaml", strings.Replace(aTableProduct, "Outputs: {", "Outputs: {Version: {Value: '2'}, ", 1))
	body, err := os.ReadFile("../../deploy/cloudformation/model-service.yaml")
	if err != nil {
		t.Fatal(err)
	}
	identities := iam.NewFromConfig(s.AWS())
	user, err := identities.CreateUser(ctx, &iam.CreateUserInput{UserName: new("ada")})
	if err != nil {
		t.Fatal(err)
	}
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"servicecatalog:*","Resource":"*"}]}`
	if _, err := identities.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("ada"), PolicyName: new("launch"), PolicyDocument: &may}); err != nil {
		t.Fatal(err)
	}
	key, err := identities.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: new("ada")})
	if err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(s.AWS())
	parameters := func(template string) []cfntypes.Parameter {
		return []cfntypes.Parameter{{ParameterKey: new("ProductTemplate"), ParameterValue: &template}, {ParameterKey: new("Principal"), ParameterValue: user.User.Arn}}
	}
	settled := func(want cfntypes.StackStatus) map[string]string {
		t.Helper()
		for {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: new("service")})
			if err != nil {
				t.Fatal(err)
			}
			switch st := out.Stacks[0]; {
			case st.StackStatus == want:
				outputs := map[string]string{}
				for _, o := range st.Outputs {
					outputs[*o.OutputKey] = *o.OutputValue
				}
				return outputs
			case !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS"):
				events, _ := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: new("service")})
				for _, e := range events.StackEvents {
					if e.ResourceStatusReason != nil {
						t.Log(*e.LogicalResourceId, e.ResourceStatus, *e.ResourceStatusReason)
					}
				}
				t.Fatalf("the stack is %s", st.StackStatus)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	text := string(body)
	if _, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: new("service"), TemplateBody: &text, Parameters: parameters(one), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
	}); err != nil {
		t.Fatal(err)
	}
	made := settled(cfntypes.StackStatusCreateComplete)

	ada := sdk.NewFromConfig(s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
	found, err := ada.SearchProducts(ctx, &sdk.SearchProductsInput{})
	if err != nil || len(found.ProductViewSummaries) != 1 || *found.ProductViewSummaries[0].ProductId != made["ProductId"] {
		t.Fatalf("found %+v, %v", found, err)
	}
	ended := func(id *string) {
		t.Helper()
		for {
			r, err := ada.DescribeRecord(ctx, &sdk.DescribeRecordInput{Id: id})
			if err != nil {
				t.Fatal(err)
			}
			switch r.RecordDetail.Status {
			case types.RecordStatusSucceeded:
				return
			case types.RecordStatusFailed:
				t.Fatal(*r.RecordDetail.RecordErrors[0].Description)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	launch, err := ada.ProvisionProduct(ctx, &sdk.ProvisionProductInput{
		ProductId: new(made["ProductId"]), ProvisioningArtifactName: new("v1.0"), ProvisionedProductName: new("mine"), ProvisionToken: new("launch"),
		ProvisioningParameters: []types.ProvisioningParameter{{Key: new("Name"), Value: new("launched")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended(launch.RecordDetail.RecordId)
	if _, err := dynamodb.NewFromConfig(s.AWS()).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new("launched")}); err != nil {
		t.Fatal(err)
	}

	// The stack gets another template of its product, by which the launched one is updated.
	if _, err := stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: new("service"), TemplateBody: &text, Parameters: parameters(two), Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
	}); err != nil {
		t.Fatal(err)
	}
	settled(cfntypes.StackStatusUpdateComplete)
	update, err := ada.UpdateProvisionedProduct(ctx, &sdk.UpdateProvisionedProductInput{
		ProvisionedProductName: new("mine"), ProvisioningArtifactName: new("v1.0"), ProductId: new(made["ProductId"]), UpdateToken: new("update"),
		ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("Name"), UsePreviousValue: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended(update.RecordDetail.RecordId)
	outputs, err := ada.GetProvisionedProductOutputs(ctx, &sdk.GetProvisionedProductOutputsInput{ProvisionedProductName: new("mine")})
	if err != nil || len(outputs.Outputs) != 3 {
		t.Fatalf("outputs %+v, %v", outputs, err)
	}
	gone, err := ada.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("mine"), TerminateToken: new("end")})
	if err != nil {
		t.Fatal(err)
	}
	ended(gone.RecordDetail.RecordId)
	if _, err := stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: new("service")}); err != nil {
		t.Fatal(err)
	}
	admin := sdk.NewFromConfig(s.AWS())
	for range 3000 {
		all, err := admin.SearchProductsAsAdmin(ctx, &sdk.SearchProductsAsAdminInput{})
		if err != nil {
			t.Fatal(err)
		}
		portfolios, err := admin.ListPortfolios(ctx, &sdk.ListPortfoliosInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all.ProductViewDetails)+len(portfolios.PortfolioDetails) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the product or the portfolio is left")
}
