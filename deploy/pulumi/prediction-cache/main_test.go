package main

import (
	"testing"

	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

func TestPredictionCache(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]string{"predictionCacheTable": nil, "other": {"tableName": "other"}} {
		pulumitest.Want(t, deploy, config, pulumitest.Resources{
			"modelwharf:platform:PredictionCache prediction-cache": nil,
			"aws:dynamodb/table:Table prediction-cache": {
				"name": name, "billingMode": "PAY_PER_REQUEST", "hashKey": "predictionId", "rangeKey": "timestamp",
				"attributes": []any{map[string]any{"name": "predictionId", "type": "S"}, map[string]any{"name": "timestamp", "type": "N"}},
				"ttl":        map[string]any{"attributeName": "timestamp", "enabled": true},
				"tags":       map[string]any{"Environment": "Production", "Purpose": "CachePredictionOutputs"},
			},
		}, map[string]any{"prediction_cache_table_name": name})
	}
}
