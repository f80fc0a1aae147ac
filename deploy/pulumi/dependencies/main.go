// The program makes the repositories of what models are built from. Its settings are all
// optional: domain, repository, connection ("public:pypi"), and the lists of ARNs publishers
// and readers.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
)

func main() { platform.Run(deploy) }

func deploy(ctx *pulumi.Context) (pulumi.Map, error) {
	settings := config.New(ctx, "")
	args := &platform.DependenciesArgs{
		Domain: settings.Get("domain"), Repository: settings.Get("repository"), Connection: settings.Get("connection"),
	}
	for name, list := range map[string]*[]string{"publishers": &args.Publishers, "readers": &args.Readers} {
		if settings.Get(name) == "" {
			continue
		}
		if err := settings.GetObject(name, list); err != nil {
			return nil, err
		}
	}
	d, err := platform.NewDependencies(ctx, "dependencies", args)
	if err != nil {
		return nil, err
	}
	return pulumi.Map{
		"domain_arn":      d.DomainArn,
		"domain_name":     d.DomainName,
		"repository_arn":  d.RepositoryArn,
		"repository_name": d.RepositoryName,
	}, nil
}
