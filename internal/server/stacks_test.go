package server_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	catalog "github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/pebble"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

const withSecret = `{
	"Parameters": {"Secret": {"Type": "String", "NoEcho": true}},
	"Resources": {"Images": {"Type": "AWS::ECR::Repository", "Properties": {"Tags": [{"Key": "s", "Value": {"Ref": "Secret"}}]}}},
	"Outputs": {"Uri": {"Value": {"Fn::GetAtt": ["Images", "RepositoryUri"]}}}
}`

// madeOf waits for a stack and returns its outputs.
func madeOf(t *testing.T, c *cloudformation.Client, name string) map[string]string {
	t.Helper()
	for {
		out, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		switch st := out.Stacks[0]; st.StackStatus {
		case types.StackStatusCreateInProgress:
			time.Sleep(5 * time.Millisecond)
		case types.StackStatusCreateComplete:
			made := map[string]string{}
			for _, o := range st.Outputs {
				made[*o.OutputKey] = *o.OutputValue
			}
			return made
		default:
			t.Fatalf("%s is %s: %s", name, st.StackStatus, aws.ToString(st.StackStatusReason))
		}
	}
}

// TestSecretParametersAreSealedAtRest looks for the secret parameter of a stack and of a
// launch in all that their services have stored.
func TestSecretParametersAreSealedAtRest(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-that-nobody-sees"
	s := servertest.Start(t)
	stacks, products := cloudformation.NewFromConfig(s.AWS()), servicecatalog.NewFromConfig(s.AWS())
	if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("s"), TemplateBody: aws.String(withSecret), Parameters: []types.Parameter{{ParameterKey: aws.String("Secret"), ParameterValue: aws.String(secret)}},
	}); err != nil {
		t.Fatal(err)
	}
	madeOf(t, stacks, "s")

	objects := s3.NewFromConfig(s.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
	if err == nil {
		_, err = objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: aws.String("t"), Body: strings.NewReader(withSecret)})
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := products.CreateProduct(t.Context(), &servicecatalog.CreateProductInput{
		Name: aws.String("p"), Owner: aws.String("o"), ProductType: catalog.ProductTypeCloudFormationTemplate, IdempotencyToken: aws.String("p"),
		ProvisioningArtifactParameters: &catalog.ProvisioningArtifactProperties{Name: aws.String("v1"), Info: map[string]string{"LoadTemplateFromURL": s.URL() + "/templates/t"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := products.CreatePortfolio(t.Context(), &servicecatalog.CreatePortfolioInput{DisplayName: aws.String("f"), ProviderName: aws.String("o"), IdempotencyToken: aws.String("f")})
	if err == nil {
		_, err = products.AssociateProductWithPortfolio(t.Context(), &servicecatalog.AssociateProductWithPortfolioInput{ProductId: p.ProductViewDetail.ProductViewSummary.ProductId, PortfolioId: f.PortfolioDetail.Id})
	}
	if err == nil {
		_, err = products.AssociatePrincipalWithPortfolio(t.Context(), &servicecatalog.AssociatePrincipalWithPortfolioInput{
			PortfolioId: f.PortfolioDetail.Id, PrincipalType: catalog.PrincipalTypeIam, PrincipalARN: aws.String("arn:aws:iam::" + servertest.Account + ":root"),
		})
	}
	if err == nil {
		_, err = products.ProvisionProduct(t.Context(), &servicecatalog.ProvisionProductInput{
			ProductId: p.ProductViewDetail.ProductViewSummary.ProductId, ProvisioningArtifactName: aws.String("v1"), ProvisionedProductName: aws.String("mine"), ProvisionToken: aws.String("l"),
			ProvisioningParameters: []catalog.ProvisioningParameter{{Key: aws.String("Secret"), Value: aws.String(secret)}},
		})
	}
	for err == nil {
		var d *servicecatalog.DescribeProvisionedProductOutput
		if d, err = products.DescribeProvisionedProduct(t.Context(), &servicecatalog.DescribeProvisionedProductInput{Name: aws.String("mine")}); err == nil && d.ProvisionedProductDetail.Status == "AVAILABLE" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	stores, err := filepath.Glob(filepath.Join(s.Data, "store*"))
	if err != nil || len(stores) != 1 {
		t.Fatalf("stores %q (%v)", stores, err)
	}
	engine, err := pebble.Open(stores[0], pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := kv.Open(engine, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, room := range []string{"cloudformation", "servicecatalog"} {
		records := 0
		if err := db.View(t.Context(), func(tx kv.Reader) error {
			for p, err := range tx.Scan(t.Context(), kv.Range{From: tuple.Of(room), To: tuple.Below(tuple.Of(room))}) {
				if err != nil {
					return err
				}
				if records++; bytes.Contains(p.Val, []byte(secret)) {
					t.Errorf("%q has the secret", p.Key)
				}
			}
			return nil
		}); err != nil || records == 0 {
			t.Errorf("%s has %d records (%v)", room, records, err)
		}
	}
}

// TestStacksHaveTheBaseOfTheirRequest: what a stack makes in the background has URLs of the
// host by which its request came, and so have templates of stacks in it.
func TestStacksHaveTheBaseOfTheirRequest(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	config, host := s.AWS(), strings.Replace(strings.TrimPrefix(s.URL(), "http://"), "127.0.0.1", "localhost", 1)
	config.BaseEndpoint = aws.String("http://" + host)
	objects := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
	if err == nil {
		_, err = objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: aws.String("t"), Body: strings.NewReader(withSecret)})
	}
	if err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(config)
	if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String("s"), TemplateBody: aws.String(`
Resources:
  Inner: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: "http://` + host + `/templates/t", Parameters: {Secret: x}}}
Outputs:
  Uri: {Value: !GetAtt Inner.Outputs.Uri}
`)}); err != nil {
		t.Fatal(err)
	}
	if uri := madeOf(t, stacks, "s")["Uri"]; !strings.HasPrefix(uri, host+"/") {
		t.Errorf("the URI is %q, want one of %s", uri, host)
	}

	// Both stacks, and the repository, are in the metrics.
	answer, err := http.Get(s.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`modelwharf_stack_operations_total{status="CREATE_COMPLETE"} 2`, `modelwharf_stack_operation_seconds_count{operation="create"} 2`,
		`modelwharf_stack_steps_total{action="create",outcome="done",type="AWS::ECR::Repository"} 1`,
		`modelwharf_stack_step_seconds_count{action="create",type="AWS::ECR::Repository"} 1`,
	} {
		if !strings.Contains(string(metrics), line+"\n") {
			t.Errorf("the metrics have no %s", line)
		}
	}
}
