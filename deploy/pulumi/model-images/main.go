// The program makes the repositories of images. Its setting repository is optional.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
)

func main() { platform.Run(deploy) }

func deploy(ctx *pulumi.Context) (pulumi.Map, error) {
	images, err := platform.NewModelImages(ctx, "model-images", &platform.ModelImagesArgs{
		Repository: config.New(ctx, "").Get("repository"),
	})
	if err != nil {
		return nil, err
	}
	return pulumi.Map{
		"repository_uri":         images.RepositoryUri,
		"private_repository_url": images.PrivateRepositoryUrl,
	}, nil
}
