package server_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdk "github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// aTableProduct is a product whose launch makes a table.
const aTableProduct = `
Parameters: {Name: {Type: String}}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Ref Name
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
Outputs: {Arn: {Value: !GetAtt Table.Arn}}
`

// TestLaunchedProductIsReal launches a product whose template is read from another server, and
// uses what it made.
func TestLaunchedProductIsReal(t *testing.T) {
	t.Parallel()
	templates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(aTableProduct)) }))
	t.Cleanup(templates.Close)
	s := servertest.Start(t, func(c *server.Config) { c.AllowEgress = []string{templates.Listener.Addr().String()} })
	ctx, client := t.Context(), sdk.NewFromConfig(s.AWS())
	p, err := client.CreateProduct(ctx, &sdk.CreateProductInput{
		Name: new("Table"), Owner: new("data-team"), ProductType: types.ProductTypeCloudFormationTemplate, IdempotencyToken: new("product"),
		ProvisioningArtifactParameters: &types.ProvisioningArtifactProperties{Name: new("v1.0"), Info: map[string]string{"LoadTemplateFromURL": templates.URL + "/t.yaml"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	product := p.ProductViewDetail.ProductViewSummary.ProductId
	f, err := client.CreatePortfolio(ctx, &sdk.CreatePortfolioInput{DisplayName: new("models"), ProviderName: new("YourOrg"), IdempotencyToken: new("portfolio")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.AssociateProductWithPortfolio(ctx, &sdk.AssociateProductWithPortfolioInput{ProductId: product, PortfolioId: f.PortfolioDetail.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AssociatePrincipalWithPortfolio(ctx, &sdk.AssociatePrincipalWithPortfolioInput{
		PortfolioId: f.PortfolioDetail.Id, PrincipalType: types.PrincipalTypeIam, PrincipalARN: new("arn:aws:iam::" + servertest.Account + ":root"),
	}); err != nil {
		t.Fatal(err)
	}
	launched, err := client.ProvisionProduct(ctx, &sdk.ProvisionProductInput{
		ProductId: product, ProvisioningArtifactName: new("v1.0"), ProvisionedProductName: new("mine"), ProvisionToken: new("launch"),
		ProvisioningParameters: []types.ProvisioningParameter{{Key: new("Name"), Value: new("launched")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := func(id *string) {
		t.Helper()
		for {
			r, err := client.DescribeRecord(ctx, &sdk.DescribeRecordInput{Id: id})
			if err != nil {
				t.Fatal(err)
			}
			switch r.RecordDetail.Status {
			case types.RecordStatusSucceeded:
				return
			case types.RecordStatusFailed:
				t.Fatal(*r.RecordDetail.RecordErrors[0].Description)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	ended(launched.RecordDetail.RecordId)
	tables := dynamodb.NewFromConfig(s.AWS())
	d, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new("launched")})
	if err != nil {
		t.Fatal(err)
	}
	tags, err := tables.ListTagsOfResource(ctx, &dynamodb.ListTagsOfResourceInput{ResourceArn: d.Table.TableArn})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, tag := range tags.Tags {
		found = found || *tag.Key == "aws:servicecatalog:productArn"
	}
	if !found {
		t.Error("the table has no AutoTags")
	}
	gone, err := client.TerminateProvisionedProduct(ctx, &sdk.TerminateProvisionedProductInput{ProvisionedProductName: new("mine"), TerminateToken: new("end")})
	if err != nil {
		t.Fatal(err)
	}
	ended(gone.RecordDetail.RecordId)
	if _, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new("launched")}); err == nil {
		t.Error("the table is still there")
	}
}
