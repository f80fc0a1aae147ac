package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// productTemplate is what a launch of the product makes.
//
//go:embed product.yaml
var productTemplate []byte

const (
	launchedName  = "iris-of-another-team"
	launchedTable = "iris-answers"
)

// storeProduct stores the template of a version of the product, and returns its URL.
func storeProduct(ctx context.Context, templates *bucket, number string) (url string, err error) {
	name := modelID + "-" + number + ".yaml"
	folder, err := templates.store(ctx, map[string][]byte{name: productTemplate})
	return folder + "/" + name, err
}

// proveHidden shows that who is not admitted to the portfolio finds nothing.
func proveHidden(ctx context.Context, outsider *member) error {
	found, err := servicecatalog.NewFromConfig(outsider.cfg).SearchProducts(ctx, &servicecatalog.SearchProductsInput{})
	if err != nil {
		return err
	}
	if n := len(found.ProductViewSummaries); n != 0 {
		return fmt.Errorf("the outsider finds %d products", n)
	}
	say("an outsider finds no product")
	return nil
}

// launch launches v1.0 of the product for the team, which may not make a table itself.
func launch(ctx context.Context, cfg aws.Config, team *member, p *platform) error {
	client := servicecatalog.NewFromConfig(team.cfg)
	found, err := client.SearchProducts(ctx, &servicecatalog.SearchProductsInput{})
	if err != nil {
		return err
	}
	if len(found.ProductViewSummaries) != 1 || *found.ProductViewSummaries[0].ProductId != p.product {
		return fmt.Errorf("the team finds %d products", len(found.ProductViewSummaries))
	}
	say("the other team finds %s", *found.ProductViewSummaries[0].Name)
	if err := terminate(ctx, client); err != nil {
		return err
	}
	provision := func(table string) (*servicecatalog.ProvisionProductOutput, error) {
		return client.ProvisionProduct(ctx, &servicecatalog.ProvisionProductInput{
			ProductId: &p.product, ProvisioningArtifactName: new("v1.0"), ProvisionedProductName: new(launchedName),
			ProvisionToken:         new(fmt.Sprint(time.Now().UnixNano())),
			ProvisioningParameters: []types.ProvisioningParameter{{Key: new("Table"), Value: &table}},
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
	if err := recorded(ctx, client, launched.RecordDetail); err != nil {
		return err
	}
	if _, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: new(launchedTable)}); err != nil {
		return err
	}
	say("launched in %v under the launch role: the table %s is there", time.Since(began).Round(time.Millisecond), launchedTable)
	_, err = dynamodb.NewFromConfig(team.cfg).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: new(launchedTable)})
	if !isCode(err, "AccessDeniedException") {
		return fmt.Errorf("the team deletes the table itself: %w", err)
	}
	say("the team itself may not touch it: AccessDeniedException")
	return nil
}

// terminate ends what an earlier run launched, once nothing happens to it any more.
func terminate(ctx context.Context, client *servicecatalog.Client) error {
	for {
		out, err := client.DescribeProvisionedProduct(ctx, &servicecatalog.DescribeProvisionedProductInput{Name: new(launchedName)})
		if isCode(err, "ResourceNotFoundException") {
			return nil
		}
		if err != nil {
			return err
		}
		if out.ProvisionedProductDetail.Status != types.ProvisionedProductStatusUnderChange {
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	gone, err := client.TerminateProvisionedProduct(ctx, &servicecatalog.TerminateProvisionedProductInput{
		ProvisionedProductName: new(launchedName), TerminateToken: new(fmt.Sprint(time.Now().UnixNano())),
	})
	if isCode(err, "ResourceNotFoundException") { // its end was what happened to it
		return nil
	}
	if err != nil {
		return err
	}
	say("what an earlier run launched is terminated")
	return recorded(ctx, client, gone.RecordDetail)
}

// recorded waits for the end of what a record is of.
func recorded(ctx context.Context, client *servicecatalog.Client, r *types.RecordDetail) error {
	for {
		out, err := client.DescribeRecord(ctx, &servicecatalog.DescribeRecordInput{Id: r.RecordId})
		if err != nil {
			return err
		}
		switch r := out.RecordDetail; r.Status {
		case types.RecordStatusSucceeded:
			return nil
		case types.RecordStatusFailed, types.RecordStatusInProgressInError:
			why := errors.New("its record does not say why")
			if len(r.RecordErrors) > 0 {
				why = errors.New(*r.RecordErrors[0].Description)
			}
			return fmt.Errorf("%s of %s: %w", *r.RecordType, *r.ProvisionedProductName, why)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
