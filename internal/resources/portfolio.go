package resources

import (
	"context"

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
	empty(r, "Description", &in.Description)
	if in.AddTags, in.RemoveTags, err = catalogTags(r); err != nil {
		return made, err
	}
	return cloudformation.Made{PhysicalID: r.PhysicalID, Attributes: attributes("PortfolioName", in.DisplayName)}, h.tell(ctx, "UpdatePortfolio", in)
}

func (h portfolios) Delete(ctx context.Context, r *cloudformation.Request) error {
	return absent(h.tell(ctx, "DeletePortfolio", &servicecatalog.DeletePortfolioInput{Id: &r.PhysicalID}), "ResourceNotFoundException")
}
