package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
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

// packages returns a client of the server's packages.
func (f *clientFlags) packages(ctx context.Context) (*codeartifact.Client, error) {
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
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	client := codeartifact.NewFromConfig(cfg)
	switch {
	case client.Options().BaseEndpoint == nil:
		return nil, errors.New("which server? Set AWS_ENDPOINT_URL or --endpoint-url, such as http://127.0.0.1:4780")
	case cfg.Region == "":
		return nil, errors.New("which region? Set AWS_REGION or --region, such as us-east-1")
	}
	return client, nil
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
