package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacks "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	catalog "github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
	"github.com/aws/smithy-go"
)

// productTemplate is what a launch of the product makes.
//
//go:embed product.yaml
var productTemplate string

const (
	templateBucket = "platform-templates"
	serviceStack   = "model-service"
	launchedName   = "iris-of-another-team"
	launchedTable  = "iris-answers"
)

// offerProduct deploys the model catalog service as a stack, and has another team, which may
// do nothing but look into the catalog, launch its product.
func offerProduct(ctx context.Context, cfg aws.Config, endpoint string) error {
	template, err := storeTemplate(ctx, cfg, endpoint)
	if err != nil {
		return err
	}
	team, arn, err := member(ctx, cfg, "another-team")
	if err != nil {
		return err
	}
	outsider, _, err := member(ctx, cfg, "outsider")
	if err != nil {
		return err
	}
	outputs, err := deployService(ctx, cfg, template, arn)
	if err != nil {
		return err
	}
	say("stack %s: product %s in portfolio %s", serviceStack, outputs["ProductId"], outputs["PortfolioId"])
	if err := proveHidden(ctx, outsider); err != nil {
		return err
	}
	return launch(ctx, cfg, team, outputs["ProductId"])
}

// storeTemplate puts the product's template into a bucket and returns its URL.
func storeTemplate(ctx context.Context, cfg aws.Config, endpoint string) (string, error) {
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new(templateBucket)}); err != nil && !isCode(err, "BucketAlreadyOwnedByYou") {
		return "", err
	}
	_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: new(templateBucket), Key: new("model/1.0.yaml"), Body: strings.NewReader(productTemplate)})
	say("the product's template is s3://%s/model/1.0.yaml", templateBucket)
	return endpoint + "/" + templateBucket + "/model/1.0.yaml", err
}

func isCode(err error, code string) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == code
}

// member makes a user who may look into the catalog and launch from it, with a new key.
func member(ctx context.Context, cfg aws.Config, name string) (aws.Config, string, error) {
	users := iam.NewFromConfig(cfg)
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil && !isCode(err, "EntityAlreadyExists") {
		return cfg, "", err
	}
	may := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"servicecatalog:*","Resource":"*"}]}`
	if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("Catalog"), PolicyDocument: &may}); err != nil {
		return cfg, "", err
	}
	old, err := users.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	if err != nil {
		return cfg, "", err
	}
	for _, k := range old.AccessKeyMetadata {
		if _, err := users.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId}); err != nil {
			return cfg, "", err
		}
	}
	key, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return cfg, "", err
	}
	user, err := users.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return cfg, "", err
	}
	own := cfg.Copy()
	own.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	return own, *user.User.Arn, nil
}

// deployService makes or updates the stack, and returns its outputs.
func deployService(ctx context.Context, cfg aws.Config, template, principal string) (map[string]string, error) {
	body, err := os.ReadFile("deploy/cloudformation/model-service.yaml")
	if err != nil {
		return nil, err
	}
	text, name := string(body), serviceStack
	client := cloudformation.NewFromConfig(cfg)
	parameters := []stacks.Parameter{
		{ParameterKey: new("ProductTemplate"), ParameterValue: &template}, {ParameterKey: new("Principal"), ParameterValue: &principal},
	}
	may := []stacks.Capability{stacks.CapabilityCapabilityNamedIam}
	_, err = client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &text, Parameters: parameters, Capabilities: may})
	if isCode(err, "AlreadyExistsException") {
		_, err = client.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &text, Parameters: parameters, Capabilities: may})
		if err != nil && strings.Contains(err.Error(), "No updates are to be performed") {
			err = nil
		}
	}
	for err == nil {
		var out *cloudformation.DescribeStacksOutput
		if out, err = client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name}); err != nil {
			break
		}
		switch st := out.Stacks[0]; st.StackStatus {
		case stacks.StackStatusCreateComplete, stacks.StackStatusUpdateComplete:
			outputs := map[string]string{}
			for _, o := range st.Outputs {
				outputs[*o.OutputKey] = *o.OutputValue
			}
			return outputs, nil
		default:
			if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
				return nil, fmt.Errorf("the stack %s is %s", name, st.StackStatus)
			}
		}
		err = pause(ctx)
	}
	return nil, err
}

// pause waits a moment before something is looked at again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// proveHidden shows that who is not admitted to the portfolio finds nothing.
func proveHidden(ctx context.Context, outsider aws.Config) error {
	found, err := servicecatalog.NewFromConfig(outsider).SearchProducts(ctx, &servicecatalog.SearchProductsInput{})
	if err != nil {
		return err
	}
	if n := len(found.ProductViewSummaries); n != 0 {
		return fmt.Errorf("the outsider finds %d products", n)
	}
	say("an outsider finds no product")
	return nil
}

// launch launches the product for the team, which may not make a table itself.
func launch(ctx context.Context, cfg, team aws.Config, product string) error {
	client := servicecatalog.NewFromConfig(team)
	found, err := client.SearchProducts(ctx, &servicecatalog.SearchProductsInput{})
	if err != nil {
		return err
	}
	if len(found.ProductViewSummaries) != 1 || *found.ProductViewSummaries[0].ProductId != product {
		return fmt.Errorf("the team finds %d products", len(found.ProductViewSummaries))
	}
	say("the other team finds %s", *found.ProductViewSummaries[0].Name)
	if err := terminate(ctx, client); err != nil {
		return err
	}
	provision := func(table string) (*servicecatalog.ProvisionProductOutput, error) {
		return client.ProvisionProduct(ctx, &servicecatalog.ProvisionProductInput{
			ProductId: &product, ProvisioningArtifactName: new("v1.0"), ProvisionedProductName: new(launchedName),
			ProvisionToken:         new(fmt.Sprint(time.Now().UnixNano())),
			ProvisioningParameters: []catalog.ProvisioningParameter{{Key: new("Table"), Value: &table}},
		})
	}
	if _, err := provision("NOT A NAME"); !isCode(err, "InvalidParametersException") {
		return fmt.Errorf("a bad parameter: %w", err)
	}
	say("a parameter that the template does not allow: refused")
	began := time.Now()
	launched, err := provision(launchedTable)
	if err != nil {
		return err
	}
	if err := settle(ctx, client, launched.RecordDetail.RecordId); err != nil {
		return err
	}
	if _, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new(launchedTable)}); err != nil {
		return err
	}
	say("launched in %v under the launch role: the table %s is there", time.Since(began).Round(time.Millisecond), launchedTable)
	_, err = dynamodb.NewFromConfig(team).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: new(launchedTable)})
	if !isCode(err, "AccessDeniedException") {
		return fmt.Errorf("the team deletes the table itself: %w", err)
	}
	say("the team itself may not touch it: AccessDeniedException")
	return nil
}

// terminate ends what an earlier run launched.
func terminate(ctx context.Context, client *servicecatalog.Client) error {
	gone, err := client.TerminateProvisionedProduct(ctx, &servicecatalog.TerminateProvisionedProductInput{
		ProvisionedProductName: new(launchedName), TerminateToken: new(fmt.Sprint(time.Now().UnixNano())),
	})
	if isCode(err, "ResourceNotFoundException") {
		return nil
	}
	if err != nil {
		return err
	}
	say("what an earlier run launched is terminated")
	return settle(ctx, client, gone.RecordDetail.RecordId)
}

// settle waits for the end of what a record is of.
func settle(ctx context.Context, client *servicecatalog.Client, record *string) error {
	for {
		out, err := client.DescribeRecord(ctx, &servicecatalog.DescribeRecordInput{Id: record})
		if err != nil {
			return err
		}
		switch out.RecordDetail.Status {
		case catalog.RecordStatusSucceeded:
			return nil
		case catalog.RecordStatusFailed:
			return fmt.Errorf("%s: %s", *out.RecordDetail.RecordType, *out.RecordDetail.RecordErrors[0].Description)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
