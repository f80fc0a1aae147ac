package resources

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// link is a resource that is no more than that two others belong together: every property
// makes another one of it, and to make it again changes nothing. The service does not tell
// one that is new from one that was there; so a step looks before it begins.
type link struct {
	service
	id         [2]string // properties, whose values are its physical ID
	make, drop string    // operations
	input      func() api.Input
	undo       func() api.Input
	// linked yields, page by page, the IDs of what is linked to the resource of first.
	linked func(ctx context.Context, s service, first string, page *string) (others []string, next *string, err error)
}

func (h link) Create(ctx context.Context, r *cloudformation.Request) (made cloudformation.Made, err error) {
	in := h.input()
	if err := fill(in, r.Properties); err != nil {
		return made, err
	}
	first, second := str(r.Properties, h.id[0]), str(r.Properties, h.id[1])
	id := first + "|" + second
	if r.PhysicalID == "" {
		if err := h.free(r.Look(ctx), first, second); err != nil {
			return made, err
		}
		if err := r.Began(id); err != nil { // from here on what is there is this one
			return made, err
		}
	}
	if err := h.tell(ctx, h.make, in); err != nil && !(r.Retry && isCode(err, "DuplicateResourceException")) {
		return made, err
	}
	return cloudformation.Made{PhysicalID: id}, nil
}

// free refuses a link that is there: it is another's. What cannot be listed is left to the
// service to refuse.
func (h link) free(ctx context.Context, first, second string) error {
	for page, more := (*string)(nil), true; more; more = page != nil {
		others, next, err := h.linked(ctx, h.service, first, page)
		if err != nil {
			return absent(err, "ResourceNotFoundException", "InvalidParametersException")
		}
		if contains(others, second) {
			return servicecatalog.DuplicateResourceException("%s is already associated with %s.", second, first)
		}
		page = next
	}
	return nil
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
			s, [2]string{"PortfolioId", "ProductId"}, "AssociateProductWithPortfolio", "DisassociateProductFromPortfolio",
			func() api.Input { return &servicecatalog.AssociateProductWithPortfolioInput{} },
			func() api.Input { return &servicecatalog.DisassociateProductFromPortfolioInput{} },
			func(ctx context.Context, s service, portfolio string, page *string) (ids []string, next *string, err error) {
				out, err := ask[servicecatalog.SearchProductsAsAdminOutput](ctx, s, "SearchProductsAsAdmin", &servicecatalog.SearchProductsAsAdminInput{PortfolioId: &portfolio, PageToken: page})
				if err != nil {
					return nil, nil, err
				}
				for _, p := range out.ProductViewDetails {
					ids = append(ids, *p.ProductViewSummary.ProductId)
				}
				return ids, out.NextPageToken, nil
			},
		},
	}
}

// portfolioPrincipal is AWS::ServiceCatalog::PortfolioPrincipalAssociation.
func portfolioPrincipal(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::PortfolioPrincipalAssociation",
		Properties: properties("PortfolioId!*", "PrincipalARN!*", "PrincipalType!*", "AcceptLanguage"),
		Handler: link{
			s, [2]string{"PortfolioId", "PrincipalARN"}, "AssociatePrincipalWithPortfolio", "DisassociatePrincipalFromPortfolio",
			func() api.Input { return &servicecatalog.AssociatePrincipalWithPortfolioInput{} },
			func() api.Input { return &servicecatalog.DisassociatePrincipalFromPortfolioInput{} },
			func(ctx context.Context, s service, portfolio string, page *string) (arns []string, next *string, err error) {
				out, err := ask[servicecatalog.ListPrincipalsForPortfolioOutput](ctx, s, "ListPrincipalsForPortfolio", &servicecatalog.ListPrincipalsForPortfolioInput{PortfolioId: &portfolio, PageToken: page})
				if err != nil {
					return nil, nil, err
				}
				for _, p := range out.Principals {
					arns = append(arns, *p.PrincipalARN)
				}
				return arns, out.NextPageToken, nil
			},
		},
	}
}

// portfolioShare is AWS::ServiceCatalog::PortfolioShare.
func portfolioShare(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::PortfolioShare",
		Properties: properties("AccountId!*", "PortfolioId!*", "ShareTagOptions*", "AcceptLanguage"),
		Handler: link{
			s, [2]string{"PortfolioId", "AccountId"}, "CreatePortfolioShare", "DeletePortfolioShare",
			func() api.Input { return &servicecatalog.CreatePortfolioShareInput{} },
			func() api.Input { return &servicecatalog.DeletePortfolioShareInput{} },
			func(ctx context.Context, s service, portfolio string, page *string) (accounts []string, next *string, err error) {
				out, err := ask[servicecatalog.ListPortfolioAccessOutput](ctx, s, "ListPortfolioAccess", &servicecatalog.ListPortfolioAccessInput{PortfolioId: &portfolio, PageToken: page})
				if err != nil {
					return nil, nil, err
				}
				return out.AccountIds, out.NextPageToken, nil
			},
		},
	}
}

// tagOptionLink is AWS::ServiceCatalog::TagOptionAssociation.
func tagOptionLink(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name:       "AWS::ServiceCatalog::TagOptionAssociation",
		Properties: properties("ResourceId!*", "TagOptionId!*"),
		Handler: link{
			s, [2]string{"TagOptionId", "ResourceId"}, "AssociateTagOptionWithResource", "DisassociateTagOptionFromResource",
			func() api.Input { return &servicecatalog.AssociateTagOptionWithResourceInput{} },
			func() api.Input { return &servicecatalog.DisassociateTagOptionFromResourceInput{} },
			func(ctx context.Context, s service, option string, page *string) (ids []string, next *string, err error) {
				out, err := ask[servicecatalog.ListResourcesForTagOptionOutput](ctx, s, "ListResourcesForTagOption", &servicecatalog.ListResourcesForTagOptionInput{TagOptionId: &option, PageToken: page})
				if err != nil {
					return nil, nil, err
				}
				for _, d := range out.ResourceDetails {
					ids = append(ids, *d.Id)
				}
				return ids, out.PageToken, nil
			},
		},
	}
}
