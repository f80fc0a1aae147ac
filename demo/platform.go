package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// platform is what the five stacks have made.
type platform struct {
	catalogTable, predictionTable string
	domain, repository            string // of packages
	imageRepository               string // its URI
	product, portfolio            string
}

// deployPlatform deploys the five stacks of deploy/cloudformation, of which the last one offers
// the model as a product to who launches it. What is there already stays.
func deployPlatform(ctx context.Context, srv *server, cfg aws.Config, templates *bucket, launcher string) (*platform, error) {
	folder := os.DirFS("deploy/cloudformation")
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("deploy/cloudformation has no templates here: run the demo in the project's own folder")
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = fs.ReadFile(folder, name); err != nil {
			return nil, err
		}
	}
	url, err := templates.store(ctx, files)
	if err != nil {
		return nil, err
	}
	// The product launches the image 1.0 of the fourth stack, which is pushed later.
	who, err := arn.Parse(launcher)
	if err != nil {
		return nil, err
	}
	repository := strings.TrimPrefix(srv.url, "http://") + "/" + who.AccountID + "/" + srv.region + "/ml-model-repo"
	product, err := storeProduct(ctx, templates, repository, "1.0")
	if err != nil {
		return nil, err
	}
	say("%d templates are in the bucket %s", len(files)+1, templates.name)
	out, err := deploy(ctx, cloudformation.NewFromConfig(cfg), "platform", url+"/platform.yaml", map[string]string{
		"Templates": url, "ExternalConnection": outside(), "Principal": launcher, "ProductTemplate": product,
	})
	if err != nil {
		return nil, err
	}
	p := &platform{
		catalogTable: out["ModelCatalogTableName"], predictionTable: out["PredictionCacheTableName"],
		domain: out["DomainName"], repository: out["RepositoryName"], imageRepository: out["RepositoryUri"],
		product: out["ProductId"], portfolio: out["PortfolioId"],
	}
	if p.imageRepository != repository {
		return nil, fmt.Errorf("the images are at %s and not at %s, where the product looks for them", p.imageRepository, repository)
	}
	say("1 model catalog      table %s, with recovery to any second", p.catalogTable)
	say("2 prediction cache   table %s, whose rows expire", p.predictionTable)
	say("3 dependencies       repository %s in the domain %s", p.repository, p.domain)
	say("4 model images       %s, whose tags do not move", p.imageRepository)
	say("5 model service      product %s in the portfolio %s", p.product, p.portfolio)
	return p, nil
}

// outside is the external connection of the packages, where the server was told of one.
func outside() string {
	for _, upstream := range strings.Split(os.Getenv("MODELWHARF_UPSTREAM"), ",") {
		if name, _, _ := strings.Cut(upstream, "="); name == "public:pypi" {
			return name
		}
	}
	return ""
}
