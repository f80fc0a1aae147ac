package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const (
	catalogTable    = "modelCatalogTable"
	predictionTable = "predictionCacheTable"
)

// makeTables makes the tables of the model catalog and of the prediction cache,
// where they are not there yet. Predictions expire by their sort key, and versions
// that were given a TimeToLive by that.
func makeTables(ctx context.Context, db *dynamodb.Client) error {
	if err := makeTable(ctx, db, catalogTable,
		key{"ModelId", types.ScalarAttributeTypeS}, key{"ModelVersion", types.ScalarAttributeTypeS},
		map[string]string{"Environment": "production", "Purpose": "ML Model Catalog"},
	); err != nil {
		return err
	}
	if err := makeTable(ctx, db, predictionTable,
		key{"predictionId", types.ScalarAttributeTypeS}, key{"timestamp", types.ScalarAttributeTypeN},
		map[string]string{"Environment": "Production", "Purpose": "CachePredictionOutputs"},
	); err != nil {
		return err
	}
	if err := letExpire(ctx, db, catalogTable, "TimeToLive"); err != nil {
		return err
	}
	return letExpire(ctx, db, predictionTable, "timestamp")
}

// letExpire lets the items of a table expire by an attribute, if they do not yet.
func letExpire(ctx context.Context, db *dynamodb.Client, table, attribute string) error {
	out, err := db.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &table})
	if err != nil || out.TimeToLiveDescription.AttributeName != nil {
		return err
	}
	_, err = db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: new(true)},
	})
	if err == nil {
		say("items of %s expire by %s", table, attribute)
	}
	return err
}

type key struct {
	name string
	kind types.ScalarAttributeType
}

func makeTable(ctx context.Context, db *dynamodb.Client, name string, hash, sort key, tags map[string]string) error {
	in := &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: &hash.name, AttributeType: hash.kind},
			{AttributeName: &sort.name, AttributeType: sort.kind},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: &hash.name, KeyType: types.KeyTypeHash},
			{AttributeName: &sort.name, KeyType: types.KeyTypeRange},
		},
	}
	for k, v := range tags {
		in.Tags = append(in.Tags, types.Tag{Key: &k, Value: &v})
	}
	_, err := db.CreateTable(ctx, in)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
		say("%s is there already", name)
	} else if err != nil {
		return err
	} else {
		say("%s made", name)
	}
	return dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay = 20 * time.Millisecond
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, 10*time.Second)
}
