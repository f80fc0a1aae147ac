package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// serviceAction is AWS::ServiceCatalog::ServiceAction.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-serviceaction.html
func serviceAction(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::ServiceAction",
		Properties: properties("Name!", "DefinitionType!", "Definition!", "Description", "AcceptLanguage"),
		Attributes: []string{"Id"},
		Handler:    serviceActions{s},
	}
}

type serviceActions struct{ service }

// definition is what an action does: a list of keys and values in a template, a map in the API.
func definition(n *template.Node) (map[string]string, error) {
	var in struct {
		Definition []struct{ Key, Value *string }
	}
	if err := fill(&in, template.NewMap(template.Field{Name: "Definition", Value: n.Get("Definition")})); err != nil {
		return nil, err
	}
	m := map[string]string{}
	for _, d := range in.Definition {
		m[text(d.Key)] = text(d.Value)
	}
	return m, nil
}

func (h serviceActions) made(id string) cloudformation.Made {
	return cloudformation.Made{PhysicalID: id, Attributes: attributes("Id", &id)}
}

func (h serviceActions) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.CreateServiceActionInput{IdempotencyToken: &r.Token}
	if err := fill(in, without(r.Properties, "Definition")); err != nil {
		return made, err
	}
	if in.Definition, err = definition(r.Properties); err != nil {
		return made, err
	}
	out, err := ask[servicecatalog.CreateServiceActionOutput](ctx, h.service, "CreateServiceAction", in)
	if err != nil {
		return made, err
	}
	return h.made(*out.ServiceActionDetail.ServiceActionSummary.Id), nil
}

func (h serviceActions) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.UpdateServiceActionInput{Id: &r.PhysicalID}
	if err := fill(in, without(r.Properties, "Definition")); err != nil {
		return made, err
	}
	if in.Definition, err = definition(r.Properties); err != nil {
		return made, err
	}
	return h.made(r.PhysicalID), h.tell(ctx, "UpdateServiceAction", in)
}

func (h serviceActions) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeleteServiceAction", &servicecatalog.DeleteServiceActionInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}

// serviceActionLink is AWS::ServiceCatalog::ServiceActionAssociation.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-serviceactionassociation.html
func serviceActionLink(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::ServiceActionAssociation",
		Properties: properties("ProductId!*", "ProvisioningArtifactId!*", "ServiceActionId!*"),
		Handler:    actionLinks{s},
	}
}

type actionLinks struct{ service }

// Create gives a version the action. One that it has already is another's: so a step looks
// before it begins.
func (h actionLinks) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.AssociateServiceActionWithProvisioningArtifactInput{}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	id := text(in.ProductId) + "|" + text(in.ProvisioningArtifactId) + "|" + text(in.ServiceActionId)
	if r.PhysicalID == "" {
		if err := h.free(r.Look(ctx), in); err != nil {
			return made, err
		}
		if err := r.Began(id); err != nil { // from here on what is there is this one
			return made, err
		}
	}
	err = h.tell(ctx, "AssociateServiceActionWithProvisioningArtifact", in)
	if err != nil && !(r.Retry && isCode(err, "DuplicateResourceException")) {
		return made, err
	}
	return cloudformation.Made{PhysicalID: id}, nil
}

// free refuses an action that the version has. What cannot be listed is left to the service to
// refuse.
func (h actionLinks) free(ctx context.Context, in *servicecatalog.AssociateServiceActionWithProvisioningArtifactInput) error {
	list := &servicecatalog.ListServiceActionsForProvisioningArtifactInput{ProductId: in.ProductId, ProvisioningArtifactId: in.ProvisioningArtifactId}
	for {
		out, err := ask[servicecatalog.ListServiceActionsForProvisioningArtifactOutput](ctx, h.service, "ListServiceActionsForProvisioningArtifact", list)
		if err != nil {
			return absent(err, "ResourceNotFoundException", "InvalidParametersException")
		}
		for _, a := range out.ServiceActionSummaries {
			if text(a.Id) == text(in.ServiceActionId) {
				return servicecatalog.DuplicateResourceException("%s is already associated with %s.", text(a.Id), text(in.ProvisioningArtifactId))
			}
		}
		if list.PageToken = out.NextPageToken; list.PageToken == nil {
			return nil
		}
	}
}

// Update has nothing to change.
func (h actionLinks) Update(_ context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return cloudformation.Made{PhysicalID: r.PhysicalID}, nil
}

func (h actionLinks) Delete(ctx context.Context, r *cloudformation.Request) error {
	in := &servicecatalog.DisassociateServiceActionFromProvisioningArtifactInput{}
	if err := fill(in, r.Properties); err != nil {
		return err
	}
	return absent(h.tell(ctx, "DisassociateServiceActionFromProvisioningArtifact", in), "ResourceNotFoundException")
}
