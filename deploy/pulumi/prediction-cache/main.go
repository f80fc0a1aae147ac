// The program makes the prediction cache. Its setting tableName is optional.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/modelwharf/modelwharf/deploy/pulumi/platform"
)

func main() { platform.Run(deploy) }

func deploy(ctx *pulumi.Context) (pulumi.Map, error) {
	cache, err := platform.NewPredictionCache(ctx, "prediction-cache", &platform.PredictionCacheArgs{
		TableName: config.New(ctx, "").Get("tableName"),
	})
	if err != nil {
		return nil, err
	}
	return pulumi.Map{
		"prediction_cache_table_name": cache.TableName,
	}, nil
}
