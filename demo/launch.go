package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog"
	"github.com/aws/aws-sdk-go-v2/service/servicecatalog/types"
)

// launchedName is what the other team calls what it launches, and its endpoint.
const launchedName = "iris-of-another-team"

// storeProduct stores the template of a version of the product: that of an endpoint, with the
// version's image as what it launches. It returns its URL.
func storeProduct(ctx context.Context, templates *bucket, repository, number string) (url string, err error) {
	template, err := os.ReadFile("deploy/cloudformation/model-endpoint.yaml")
	if err != nil {
		return "", err
	}
	parameter := []byte("\n  Image:\n    Type: String\n")
	fixed := bytes.Replace(template, parameter, fmt.Appendf(parameter, "    Default: %s:%s\n", repository, number), 1)
	if bytes.Equal(fixed, template) {
		return "", errors.New("the template of endpoints has no parameter Image")
	}
	name := modelID + "-" + number + ".yaml"
	folder, err := templates.store(ctx, map[string][]byte{name: fixed})
	return folder + "/" + name, err
}

// offer makes a version of the product, if it is not there yet.
func offer(ctx context.Context, cfg aws.Config, templates *bucket, p *platform, number string) error {
	name := "v" + number
	template, err := storeProduct(ctx, templates, p.imageRepository, number)
	if err != nil {
		return err
	}
	client := servicecatalog.NewFromConfig(cfg)
	there, err := client.ListProvisioningArtifacts(ctx, &servicecatalog.ListProvisioningArtifactsInput{ProductId: &p.product})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(there.ProvisioningArtifactDetails, func(d types.ProvisioningArtifactDetail) bool { return *d.Name == name }) {
		say("the product has %s from an earlier run", name)
		return nil
	}
	_, err = client.CreateProvisioningArtifact(ctx, &servicecatalog.CreateProvisioningArtifactInput{
		ProductId: &p.product, IdempotencyToken: new(rand.Text()),
		Parameters: &types.ProvisioningArtifactProperties{
			Name: &name, Type: types.ProvisioningArtifactTypeCloudFormationTemplate, Info: map[string]string{"LoadTemplateFromURL": template},
		},
	})
	if err == nil {
		say("the product has %s", name)
	}
	return err
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

// launch launches v1.0 of the product for the team, which may not make an endpoint itself, and
// returns that version's id.
func launch(ctx context.Context, team *member, p *platform) (artifact string, err error) {
	client := servicecatalog.NewFromConfig(team.cfg)
	found, err := client.SearchProducts(ctx, &servicecatalog.SearchProductsInput{})
	if err != nil {
		return "", err
	}
	if len(found.ProductViewSummaries) != 1 || *found.ProductViewSummaries[0].ProductId != p.product {
		return "", fmt.Errorf("the team finds %d products", len(found.ProductViewSummaries))
	}
	say("the other team finds %s", *found.ProductViewSummaries[0].Name)
	if err := terminate(ctx, client); err != nil {
		return "", err
	}
	provision := func(instance string) (*servicecatalog.ProvisionProductOutput, error) {
		return client.ProvisionProduct(ctx, &servicecatalog.ProvisionProductInput{
			ProductId: &p.product, ProvisioningArtifactName: new("v1.0"), ProvisionedProductName: new(launchedName), ProvisionToken: new(rand.Text()),
			ProvisioningParameters: []types.ProvisioningParameter{
				{Key: new("EndpointName"), Value: new(launchedName)}, {Key: new("InstanceType"), Value: &instance},
			},
		})
	}
	if _, err := provision("ml.p5.48xlarge"); !isCode(err, "InvalidParametersException") {
		return "", fmt.Errorf("an instance that the template does not allow: %w", err)
	}
	say("it wants an instance that the template does not allow: refused")
	began := time.Now()
	launched, err := provision("ml.m5.large")
	if err != nil {
		return "", err
	}
	if err := recorded(ctx, client, launched.RecordDetail); err != nil {
		return "", err
	}
	say("v1.0 launched in %v, with the rights of the launch role: the endpoint %s answers", time.Since(began).Round(time.Millisecond), launchedName)

	out, err := client.DescribeRecord(ctx, &servicecatalog.DescribeRecordInput{Id: launched.RecordDetail.RecordId})
	if err != nil {
		return "", err
	}
	for _, o := range out.RecordOutputs {
		if *o.OutputKey == "CloudformationStackARN" {
			_, err = cloudformation.NewFromConfig(team.cfg).DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: o.OutputValue})
		}
	}
	if !isCode(err, "AccessDenied") {
		return "", fmt.Errorf("the team deletes the stack itself: %w", err)
	}
	say("it may not touch the stack behind it: AccessDenied")
	return *launched.RecordDetail.ProvisioningArtifactId, nil
}

// update brings what was launched to another version of the product, and returns that one's id.
func update(ctx context.Context, team *member, version string) (artifact string, err error) {
	began := time.Now()
	client := servicecatalog.NewFromConfig(team.cfg)
	out, err := client.UpdateProvisionedProduct(ctx, &servicecatalog.UpdateProvisionedProductInput{
		ProvisionedProductName: new(launchedName), ProvisioningArtifactName: &version, ProductName: new("MLModelProduct"), UpdateToken: new(rand.Text()),
		ProvisioningParameters: []types.UpdateProvisioningParameter{{Key: new("EndpointName"), UsePreviousValue: true}},
	})
	if err != nil {
		return "", err
	}
	if err := recorded(ctx, client, out.RecordDetail); err != nil {
		return "", err
	}
	say("the other team updates what it launched to %s, in %v", version, time.Since(began).Round(time.Millisecond))
	return *out.RecordDetail.ProvisioningArtifactId, nil
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
		ProvisionedProductName: new(launchedName), TerminateToken: new(rand.Text()),
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
