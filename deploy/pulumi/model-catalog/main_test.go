package main

import (
	"testing"

	"github.com/modelwharf/modelwharf/deploy/pulumi/pulumitest"
)

func want(name string, protected bool) pulumitest.Resources {
	attribute := func(name string) map[string]any { return map[string]any{"name": name, "type": "S"} }
	return pulumitest.Resources{
		"modelwharf:platform:ModelCatalog model-catalog": nil,
		"aws:dynamodb/table:Table model-catalog": {
			"name": name, "billingMode": "PAY_PER_REQUEST", "hashKey": "ModelId", "rangeKey": "ModelVersion",
			"attributes":                []any{attribute("ModelId"), attribute("ModelVersion"), attribute("ModelType"), attribute("CreationDate")},
			"globalSecondaryIndexes":    []any{map[string]any{"name": "ByType", "hashKey": "ModelType", "rangeKey": "CreationDate", "projectionType": "ALL"}},
			"streamEnabled":             true,
			"streamViewType":            "NEW_AND_OLD_IMAGES",
			"ttl":                       map[string]any{"attributeName": "TimeToLive", "enabled": true},
			"pointInTimeRecovery":       map[string]any{"enabled": true},
			"deletionProtectionEnabled": protected,
			"tags":                      map[string]any{"Environment": "production", "Purpose": "ML Model Catalog"},
		},
	}
}

func TestModelCatalog(t *testing.T) {
	t.Parallel()
	pulumitest.Want(t, deploy, nil, want("modelCatalogTable", false),
		map[string]any{"model_catalog_table_name": "modelCatalogTable", "model_catalog_stream_arn": "arn:model-catalog/stream"})
}

func TestModelCatalogSettings(t *testing.T) {
	t.Parallel()
	pulumitest.Want(t, deploy, map[string]string{"tableName": "other", "deletionProtection": "true"}, want("other", true),
		map[string]any{"model_catalog_table_name": "other", "model_catalog_stream_arn": "arn:model-catalog/stream"})
}
