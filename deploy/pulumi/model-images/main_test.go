package main

import (
	"testing"

	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

func TestModelImages(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]string{"ml-model-repo": nil, "other": {"repository": "other"}} {
		pulumitest.Want(t, deploy, config, pulumitest.Resources{
			"modelwharf:platform:ModelImages model-images": nil,
			"aws:ecrpublic/repository:Repository model-images": {
				"repositoryName": name, "tags": map[string]any{"modelwharf:image-tag-mutability": "IMMUTABLE"},
			},
			"aws:ecr/repository:Repository model-images": {"name": name, "imageTagMutability": "IMMUTABLE", "tags": map[string]any{}},
		}, map[string]any{"repository_uri": "uri:model-images", "private_repository_url": "url:model-images"})
	}
}
