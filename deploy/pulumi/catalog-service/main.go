// The program makes the product and its portfolio. Its setting templateUrl says where the
// product's CloudFormation template is; optional are the list principals of the ARNs of who
// may launch, and shareWith, the number of an account that gets the portfolio offered.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
)

func main() { platform.Run(deploy) }

func deploy(ctx *pulumi.Context) (pulumi.Map, error) {
	settings := config.New(ctx, "")
	args := &platform.CatalogServiceArgs{TemplateUrl: settings.Require("templateUrl"), ShareWith: settings.Get("shareWith")}
	if settings.Get("principals") != "" {
		if err := settings.GetObject("principals", &args.Principals); err != nil {
			return nil, err
		}
	}
	service, err := platform.NewCatalogService(ctx, "catalog-service", args)
	if err != nil {
		return nil, err
	}
	return pulumi.Map{
		"portfolio_id": service.PortfolioId,
		"product_id":   service.ProductId,
	}, nil
}
