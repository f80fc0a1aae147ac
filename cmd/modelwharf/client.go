package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"

	"github.com/modelwharf/modelwharf/internal/models"
)

// clientFlags are those of the commands that ask a server as its users do, by AWS's API.
type clientFlags struct {
	EndpointURL string `help:"Where the server is; by default as AWS's tools are told (AWS_ENDPOINT_URL, endpoint_url in ~/.aws/config)." placeholder:"URL"`
	Region      string `help:"The region; by default as AWS's tools are told." placeholder:"REGION"`
	Profile     string `help:"The profile of the credentials." placeholder:"NAME"`
}

// Help tells what flags cannot.
func (clientFlags) Help() string {
	return `Credentials are taken where AWS's tools take them: AWS_ACCESS_KEY_ID and its like, ~/.aws/credentials, profiles.`
}

// config are the settings of a client, of the flags and of what AWS's tools are told.
func (f *clientFlags) config(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if f.EndpointURL != "" {
		options = append(options, config.WithBaseEndpoint(f.EndpointURL))
	}
	if f.Region != "" {
		options = append(options, config.WithRegion(f.Region))
	}
	if f.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(f.Profile))
	}
	return config.LoadDefaultConfig(ctx, options...)
}

// which tells what a client needs to know and was not told.
func which(endpoint *string, region string) error {
	switch {
	case endpoint == nil:
		return errors.New("which server? Set AWS_ENDPOINT_URL or --endpoint-url, such as http://127.0.0.1:4780")
	case region == "":
		return errors.New("which region? Set AWS_REGION or --region, such as us-east-1")
	}
	return nil
}

// packages returns a client of the server's packages.
func (f *clientFlags) packages(ctx context.Context) (*codeartifact.Client, error) {
	cfg, err := f.config(ctx)
	if err != nil {
		return nil, err
	}
	client := codeartifact.NewFromConfig(cfg)
	return client, which(client.Options().BaseEndpoint, cfg.Region)
}

// models returns a client of the server's models.
func (f *clientFlags) models(ctx context.Context) (*models.Client, error) {
	cfg, err := f.config(ctx)
	if err != nil {
		return nil, err
	}
	if err := which(cfg.BaseEndpoint, cfg.Region); err != nil {
		return nil, err
	}
	return &models.Client{Endpoint: *cfg.BaseEndpoint, Region: cfg.Region, Credentials: cfg.Credentials}, nil
}

// repositoryFlags name a repository of packages.
type repositoryFlags struct {
	Domain      string `help:"The domain." required:"" placeholder:"NAME"`
	DomainOwner string `help:"The account that has the domain; by default the caller's." placeholder:"DIGITS"`
	Repository  string `help:"The repository." required:"" placeholder:"NAME"`
}

func (r *repositoryFlags) owner() *string {
	if r.DomainOwner == "" {
		return nil
	}
	return &r.DomainOwner
}
