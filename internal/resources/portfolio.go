package resources

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// portfolio is AWS::ServiceCatalog::Portfolio.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-servicecatalog-portfolio.html
func portfolio(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::Portfolio",
		Properties: properties("DisplayName!", "ProviderName!", "AcceptLanguage", "Description", "Tags"),
		Attributes: []string{"PortfolioName"},
		Handler:    portfolios{s},
	}
}

type portfolios struct{ service }

func (h portfolios) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.CreatePortfolioInput{IdempotencyToken: &r.Token}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return made, err
	}
	in.Tags = pairs(tags, catalogTag)
	out, err := ask[servicecatalog.CreatePortfolioOutput](ctx, h.service, "CreatePortfolio", in)
	if err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: *out.PortfolioDetail.Id, Attributes: attributes("PortfolioName", in.DisplayName)}, nil
}

func (h portfolios) Update(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := &servicecatalog.UpdatePortfolioInput{Id: &r.PhysicalID}
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	if in.AddTags, in.RemoveTags, err = catalogTags(r); err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: r.PhysicalID, Attributes: attributes("PortfolioName", in.DisplayName)}, h.tell(ctx, "UpdatePortfolio", in)
}

func (h portfolios) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeletePortfolio", &servicecatalog.DeletePortfolioInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}

// link is a resource that is no more than that two others belong together: every property
// makes another one of it, and to make it again changes nothing.
type link struct {
	service
	id         []string // properties, whose values are its physical ID
	make, drop string   // operations
	input      func() api.Input
	undo       func() api.Input
}

func (h link) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := h.input()
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	if err := h.tell(ctx, h.make, in); err != nil {
		return made, err
	}
	values := make([]string, len(h.id))
	for i, name := range h.id {
		values[i] = str(r.Properties, name)
	}
	return cloudformation.Made{PhysicalID: strings.Join(values, "|")}, nil
}

// Update has nothing to change but what is not kept, such as the language of errors.
func (h link) Update(_ context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	return cloudformation.Made{PhysicalID: r.PhysicalID}, nil
}

func (h link) Delete(ctx context.Context, r *cloudformation.Request) error {
	in := h.undo()
	if err := fill(in, without(r.Properties, "PrincipalType")); err != nil {
		return err
	}
	return absent(h.tell(ctx, h.drop, in), "ResourceNotFoundException")
}

// portfolioProduct is AWS::ServiceCatalog::PortfolioProductAssociation.
func portfolioProduct(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::PortfolioProductAssociation",
		Properties: properties("PortfolioId!*", "ProductId!*", "SourcePortfolioId*", "AcceptLanguage"),
		Handler: link{
			s, []string{"PortfolioId", "ProductId"}, "AssociateProductWithPortfolio", "DisassociateProductFromPortfolio",
			func() api.Input { return &servicecatalog.AssociateProductWithPortfolioInput{} },
			func() api.Input { return &servicecatalog.DisassociateProductFromPortfolioInput{} },
		},
	}
}

// portfolioPrincipal is AWS::ServiceCatalog::PortfolioPrincipalAssociation.
func portfolioPrincipal(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::PortfolioPrincipalAssociation",
		Properties: properties("PortfolioId!*", "PrincipalARN!*", "PrincipalType!*", "AcceptLanguage"),
		Handler: link{
			s, []string{"PortfolioId", "PrincipalARN"}, "AssociatePrincipalWithPortfolio", "DisassociatePrincipalFromPortfolio",
			func() api.Input { return &servicecatalog.AssociatePrincipalWithPortfolioInput{} },
			func() api.Input { return &servicecatalog.DisassociatePrincipalFromPortfolioInput{} },
		},
	}
}

// portfolioShare is AWS::ServiceCatalog::PortfolioShare.
func portfolioShare(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::PortfolioShare",
		Properties: properties("AccountId!*", "PortfolioId!*", "ShareTagOptions*", "AcceptLanguage"),
		Handler: link{
			s, []string{"PortfolioId", "AccountId"}, "CreatePortfolioShare", "DeletePortfolioShare",
			func() api.Input { return &servicecatalog.CreatePortfolioShareInput{} },
			func() api.Input { return &servicecatalog.DeletePortfolioShareInput{} },
		},
	}
}

// tagOptionLink is AWS::ServiceCatalog::TagOptionAssociation.
func tagOptionLink(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::TagOptionAssociation",
		Properties: properties("ResourceId!*", "TagOptionId!*"),
		Handler: link{
			s, []string{"TagOptionId", "ResourceId"}, "AssociateTagOptionWithResource", "DisassociateTagOptionFromResource",
			func() api.Input { return &servicecatalog.AssociateTagOptionWithResourceInput{} },
			func() api.Input { return &servicecatalog.DisassociateTagOptionFromResourceInput{} },
		},
	}
}
