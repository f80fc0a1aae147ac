package resources

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// provisionedProduct is AWS::ServiceCatalog::CloudFormationProvisionedProduct. Its outputs are
// attributes: Outputs.X.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-cloudformationprovisionedproduct.html
func provisionedProduct(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::ServiceCatalog::CloudFormationProvisionedProduct", NamedBy: "ProvisionedProductName",
		Properties: properties("AcceptLanguage", "NotificationArns*", "PathId", "PathName", "ProductId", "ProductName", "ProvisionedProductName*",
			"ProvisioningArtifactId", "ProvisioningArtifactName", "ProvisioningParameters", "ProvisioningPreferences", "Tags"),
		Attributes: []string{"CloudformationStackArn", "RecordId", "ProvisionedProductId", "Outputs.*"},
		Handler:    provisionedProducts{s},
	}
}

type provisionedProducts struct{ service }

// Create launches the product, and waits until it is launched. The token makes that it is
// launched once, however often the step is tried.
func (h provisionedProducts) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.ProvisionProductInput{ProvisionToken: &r.Token, ProvisionedProductName: new(named(r, "ProvisionedProductName"))}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	tags, err := givenTags(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, catalogTag)
	out, err := ask[servicecatalog.ProvisionProductOutput](ctx, h.service, "ProvisionProduct", in)
	if err != nil {
		return made, err
	}
	made.PhysicalID = *out.RecordDetail.ProvisionedProductId
	if err := r.Began(made.PhysicalID); err != nil {
		return made, err
	}
	return h.outcome(ctx, made.PhysicalID, out.RecordDetail)
}

// Update updates what was launched. Its tags are told only if they are others: they may not be
// changed without a constraint that allows it.
func (h provisionedProducts) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	made.PhysicalID = r.PhysicalID
	in := &servicecatalog.UpdateProvisionedProductInput{UpdateToken: &r.Token, ProvisionedProductId: &r.PhysicalID}
	if err := fill(in, without(r.Properties, "ProvisionedProductName")); err != nil {
		return made, err
	}
	next, err := givenTags(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	last, err := givenTags(r.Previous, r.PreviousTags)
	if err != nil {
		return made, err
	}
	if !maps.Equal(next, last) {
		in.Tags = pairs(next, catalogTag)
	}
	out, err := ask[servicecatalog.UpdateProvisionedProductOutput](ctx, h.service, "UpdateProvisionedProduct", in)
	if err != nil {
		return made, err
	}
	return h.outcome(ctx, r.PhysicalID, out.RecordDetail)
}

// Delete terminates it, as soon as nothing else happens to it.
func (h provisionedProducts) Delete(ctx context.Context, r *cloudformation.Request) error {
	const gone = "ResourceNotFoundException"
	for {
		d, err := ask[servicecatalog.DescribeProvisionedProductOutput](ctx, h.service, "DescribeProvisionedProduct", &servicecatalog.DescribeProvisionedProductInput{Id: &r.PhysicalID})
		if err != nil {
			return absent(err, gone)
		}
		if text(d.ProvisionedProductDetail.Status) != "UNDER_CHANGE" {
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	out, err := ask[servicecatalog.TerminateProvisionedProductOutput](ctx, h.service, "TerminateProvisionedProduct",
		&servicecatalog.TerminateProvisionedProductInput{ProvisionedProductId: &r.PhysicalID, TerminateToken: &r.Token})
	if err != nil {
		return absent(err, gone)
	}
	_, err = h.ended(ctx, out.RecordDetail)
	return err
}

// ended waits for the end of a record. One that failed is an error, with its reason.
func (h provisionedProducts) ended(ctx context.Context, r *servicecatalog.RecordDetail) (*servicecatalog.DescribeRecordOutput, error) {
	for {
		out, err := ask[servicecatalog.DescribeRecordOutput](ctx, h.service, "DescribeRecord", &servicecatalog.DescribeRecordInput{Id: r.RecordId})
		if err != nil {
			return nil, err
		}
		switch text(out.RecordDetail.Status) {
		case "SUCCEEDED":
			return out, nil
		case "FAILED":
			var why []string
			for _, e := range out.RecordDetail.RecordErrors {
				why = append(why, text(e.Description))
			}
			return nil, errors.New(strings.Join(why, "; "))
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// outcome waits for the end of a launch or an update, and reads what came of it.
func (h provisionedProducts) outcome(ctx context.Context, id string, r *servicecatalog.RecordDetail) (cloudformation.Made, error) {
	made := cloudformation.Made{PhysicalID: id}
	out, err := h.ended(ctx, r)
	if err != nil {
		return made, err
	}
	made.Attributes = attributes("RecordId", r.RecordId, "ProvisionedProductId", &id)
	in := &servicecatalog.DescribeRecordInput{Id: r.RecordId}
	for {
		for _, o := range out.RecordOutputs {
			if *o.OutputKey == "CloudformationStackARN" {
				made.Attributes["CloudformationStackArn"] = template.NewText(text(o.OutputValue))
				continue
			}
			made.Attributes["Outputs."+*o.OutputKey] = template.NewText(text(o.OutputValue))
		}
		if in.PageToken = out.NextPageToken; in.PageToken == nil {
			return made, nil
		}
		if out, err = ask[servicecatalog.DescribeRecordOutput](ctx, h.service, "DescribeRecord", in); err != nil {
			return made, err
		}
	}
}

// givenTags are the tags of a launch: without the system's, for its stack has its own.
func givenTags(properties *template.Node, stack map[string]string) (map[string]string, error) {
	tags, err := tagsOf(properties, stack)
	maps.DeleteFunc(tags, func(k, _ string) bool { return api.SystemTag(k) })
	return tags, err
}
