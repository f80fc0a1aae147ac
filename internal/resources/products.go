package resources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// product is AWS::ServiceCatalog::CloudFormationProduct.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-cloudformationproduct.html
func product(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::ServiceCatalog::CloudFormationProduct",
		Properties: properties("Name!", "Owner!", "AcceptLanguage", "Description", "Distributor", "ProductType*", "ProvisioningArtifactParameters!",
			"ReplaceProvisioningArtifacts", "SupportDescription", "SupportEmail", "SupportUrl", "SourceConnection", "Tags"),
		Attributes: []string{"ProductName", "ProvisioningArtifactIds", "ProvisioningArtifactNames"},
		Handler:    products{s},
	}
}

type products struct{ service }

func catalogTag(k, v *string) *servicecatalog.Tag { return &servicecatalog.Tag{Key: k, Value: v} }

// catalogTags are what an update adds to a resource's tags, and which of them it removes.
func catalogTags(r *cloudformation.Request) (add []*servicecatalog.Tag, remove []string, err error) {
	err = retag(r, func(tags map[string]string) error { add = pairs(tags, catalogTag); return nil }, func(keys []string) error { remove = keys; return nil })
	return add, remove, err
}

// empty lets an update empty a text that the template had and has no more: to the service,
// none is one that stays.
func empty(r *cloudformation.Request, property string, value **string) {
	if *value == nil && (r.Retry || r.Previous.Get(property) != nil) {
		*value = new("")
	}
}

// artifacts are the versions that a product's template names, in order.
func artifacts(properties *template.Node) (list []*servicecatalog.ProvisioningArtifactProperties, err error) {
	var in struct {
		ProvisioningArtifactParameters []*servicecatalog.ProvisioningArtifactProperties
	}
	err = fill(&in, properties)
	for _, a := range in.ProvisioningArtifactParameters {
		if a.Type == nil {
			a.Type = new("CLOUD_FORMATION_TEMPLATE")
		}
	}
	return in.ProvisioningArtifactParameters, err
}

// Create makes the product with its first version, and adds the others. Tokens make the same
// calls harmless when the step is tried again.
func (h products) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.CreateProductInput{IdempotencyToken: &r.Token, ProductType: new("CLOUD_FORMATION_TEMPLATE")}
	if err := fill(in, without(r.Properties, "ProvisioningArtifactParameters")); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, catalogTag)
	versions, err := artifacts(r.Properties)
	if err != nil {
		return made, err
	}
	if len(versions) == 0 {
		return made, wrong("Properties validation failed for resource with message: #/ProvisioningArtifactParameters: expected minimum item count: 1, found: 0")
	}
	in.ProvisioningArtifactParameters = versions[0]
	out, err := ask[servicecatalog.CreateProductOutput](ctx, h.service, "CreateProduct", in)
	if err != nil {
		return made, err
	}
	id := out.ProductViewDetail.ProductViewSummary.ProductId
	made.PhysicalID = *id
	for _, v := range versions[1:] {
		if err := h.add(ctx, r, id, v); err != nil {
			return made, err
		}
	}
	return h.describe(ctx, *id)
}

// add adds a version.
func (h products) add(ctx context.Context, r *cloudformation.Request, id *string, v *servicecatalog.ProvisioningArtifactProperties) error {
	of := sha256.Sum256([]byte(text(v.Name))) // a token has fewer characters than a name
	token := r.Token + "-" + hex.EncodeToString(of[:8])
	return h.tell(ctx, "CreateProvisioningArtifact", &servicecatalog.CreateProvisioningArtifactInput{ProductId: id, Parameters: v, IdempotencyToken: &token})
}

func (h products) read(ctx context.Context, id string) (*servicecatalog.DescribeProductAsAdminOutput, error) {
	return ask[servicecatalog.DescribeProductAsAdminOutput](ctx, h.service, "DescribeProductAsAdmin", &servicecatalog.DescribeProductAsAdminInput{Id: &id})
}

func (h products) describe(ctx context.Context, id string) (made cloudformation.Made, err error) {
	d, err := h.read(ctx, id)
	if err != nil {
		return cloudformation.Made{PhysicalID: id}, err
	}
	var ids, names []string
	for _, a := range d.ProvisioningArtifactSummaries {
		ids, names = append(ids, *a.Id), append(names, *a.Name)
	}
	return cloudformation.Made{PhysicalID: id, Attributes: attributes("ProductName", d.ProductViewDetail.ProductViewSummary.Name,
		"ProvisioningArtifactIds", new(strings.Join(ids, ",")), "ProvisioningArtifactNames", new(strings.Join(names, ",")))}, nil
}

// Update changes the product, and brings its versions to what the template names: new ones
// come before old ones go, since a product is never without one. A version whose template is
// another becomes a new version of the same name.
func (h products) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.UpdateProductInput{Id: &r.PhysicalID}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	empty(r, "Description", &in.Description)
	empty(r, "Distributor", &in.Distributor)
	empty(r, "SupportDescription", &in.SupportDescription)
	empty(r, "SupportEmail", &in.SupportEmail)
	empty(r, "SupportUrl", &in.SupportUrl)
	if in.AddTags, in.RemoveTags, err = catalogTags(r); err != nil {
		return made, err
	}
	if err := h.tell(ctx, "UpdateProduct", in); err != nil {
		return made, err
	}
	if changed(r, "ProvisioningArtifactParameters") {
		if err := h.reversion(ctx, r); err != nil {
			return made, err
		}
	}
	return h.describe(ctx, r.PhysicalID)
}

// reversion adds and removes versions.
func (h products) reversion(ctx context.Context, r *cloudformation.Request) error {
	had, err := artifacts(r.Previous)
	if err != nil {
		return err
	}
	wanted, err := artifacts(r.Properties)
	if err != nil {
		return err
	}
	d, err := h.read(ctx, r.PhysicalID)
	if err != nil {
		return err
	}
	stale := map[string]bool{} // ids of versions that go
	for _, a := range d.ProvisioningArtifactSummaries {
		stale[*a.Id] = true
	}
	for _, v := range wanted {
		kept := false
		for _, a := range d.ProvisioningArtifactSummaries {
			if *a.Name == text(v.Name) && (sameTemplate(had, v) || r.Retry && a.CreatedTime.After(r.Since)) {
				kept, stale[*a.Id] = true, false
			}
		}
		if !kept {
			if err := h.add(ctx, r, &r.PhysicalID, v); err != nil {
				return err
			}
		}
	}
	for _, a := range d.ProvisioningArtifactSummaries {
		if !stale[*a.Id] {
			continue
		}
		err := h.tell(ctx, "DeleteProvisioningArtifact", &servicecatalog.DeleteProvisioningArtifactInput{ProductId: &r.PhysicalID, ProvisioningArtifactId: a.Id})
		if absent(err, "ResourceNotFoundException") != nil {
			return err
		}
	}
	return nil
}

// sameTemplate tells whether a version was there with the same template.
func sameTemplate(had []*servicecatalog.ProvisioningArtifactProperties, v *servicecatalog.ProvisioningArtifactProperties) bool {
	for _, was := range had {
		if text(was.Name) == text(v.Name) {
			return was.Info["LoadTemplateFromURL"] == v.Info["LoadTemplateFromURL"]
		}
	}
	return false
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (h products) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteProduct", &servicecatalog.DeleteProductInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}
