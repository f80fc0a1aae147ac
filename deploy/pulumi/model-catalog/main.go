// The program makes the model catalog. Its settings are those of the file Pulumi.STACK.yaml:
// tableName and deletionProtection, both optional.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
)

func main() { platform.Run(deploy) }

func deploy(ctx *pulumi.Context) (pulumi.Map, error) {
	settings := config.New(ctx, "")
	catalog, err := platform.NewModelCatalog(ctx, "model-catalog", &platform.ModelCatalogArgs{
		TableName: settings.Get("tableName"), DeletionProtection: settings.GetBool("deletionProtection"),
	})
	if err != nil {
		return nil, err
	}
	return pulumi.Map{
		"model_catalog_table_name": catalog.TableName,
		"model_catalog_stream_arn": catalog.StreamArn,
	}, nil
}
