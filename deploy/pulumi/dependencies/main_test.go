package main

import (
	"fmt"
	"testing"

	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

func want(domain, repository, connection, all, publishers string) pulumitest.Resources {
	return pulumitest.Resources{
		"modelwharf:platform:Dependencies dependencies": nil,
		"aws:codeartifact/domain:Domain dependencies":   {"domain": domain, "tags": map[string]any{}},
		"aws:codeartifact/repository:Repository dependencies-upstream": {
			"domain": domain, "repository": repository + "-upstream", "description": "What " + repository + " gets from outside",
			"externalConnections": map[string]any{"externalConnectionName": connection}, "tags": map[string]any{},
		},
		"aws:codeartifact/repository:Repository dependencies": {
			"domain": domain, "repository": repository, "description": "Repository for ML Model Dependencies",
			"upstreams": []any{map[string]any{"repositoryName": repository + "-upstream"}}, "tags": map[string]any{},
		},
		"aws:codeartifact/domainPermissions:DomainPermissions dependencies": {
			"domain": domain,
			"policyDocument": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"SignIn","Effect":"Allow","Principal":{"AWS":[%s]},`+
				`"Action":["codeartifact:DescribeDomain","codeartifact:GetAuthorizationToken","codeartifact:ListRepositoriesInDomain"],"Resource":"*"}]}`, all),
		},
		"aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy dependencies": {
			"domain": domain, "repository": repository,
			"policyDocument": fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Principal":{"AWS":[%s]},`+
				`"Action":["codeartifact:DescribePackageVersion","codeartifact:DescribeRepository","codeartifact:GetPackageVersionAsset","codeartifact:GetPackageVersionReadme",`+
				`"codeartifact:GetRepositoryEndpoint","codeartifact:ListPackageVersionAssets","codeartifact:ListPackageVersionDependencies","codeartifact:ListPackageVersions",`+
				`"codeartifact:ListPackages","codeartifact:ReadFromRepository"],"Resource":"*"},`+
				`{"Sid":"Publish","Effect":"Allow","Principal":{"AWS":[%s]},"Action":["codeartifact:PublishPackageVersion","codeartifact:PutPackageMetadata"],"Resource":"*"}]}`, all, publishers),
		},
	}
}

func exports(domain, repository string) map[string]any {
	return map[string]any{"domain_arn": "arn:dependencies", "domain_name": domain, "repository_arn": "arn:dependencies", "repository_name": repository}
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	root := `"arn:aws:iam::` + pulumitest.Account + `:root"`
	pulumitest.Want(t, deploy, nil, want("my-codeartifact-domain", "my-ml-model-repository", "public:pypi", root, root),
		exports("my-codeartifact-domain", "my-ml-model-repository"))
}

func TestDependenciesSettings(t *testing.T) {
	t.Parallel()
	pulumitest.Want(t, deploy, map[string]string{
		"domain": "d", "repository": "r", "connection": "public:npmjs", "publishers": `["arn:a"]`, "readers": `["arn:b","arn:c"]`,
	}, want("d", "r", "public:npmjs", `"arn:a","arn:b","arn:c"`, `"arn:a"`), exports("d", "r"))
	if _, _, err := pulumitest.Run(t, deploy, map[string]string{"readers": "nobody"}); err == nil {
		t.Error("a list that is none is taken")
	}
}
