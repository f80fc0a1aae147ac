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
// where they are not there yet. The catalog has an index, a stream, and recovery to
// any second. Predictions expire by their sort key, and versions that were given a
// TimeToLive by that.
func makeTables(ctx context.Context, db *dynamodb.Client) error {
	catalog := tableInput(catalogTable, key{"ModelId", types.ScalarAttributeTypeS}, key{"ModelVersion", types.ScalarAttributeTypeS},
		map[string]string{"Environment": "production", "Purpose": "ML Model Catalog"})
	catalog.AttributeDefinitions = append(catalog.AttributeDefinitions,
		types.AttributeDefinition{AttributeName: new("ModelType"), AttributeType: types.ScalarAttributeTypeS},
		types.AttributeDefinition{AttributeName: new("CreationDate"), AttributeType: types.ScalarAttributeTypeS})
	catalog.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
		IndexName: new("ByType"),
		KeySchema: []types.KeySchemaElement{
			{AttributeName: new("ModelType"), KeyType: types.KeyTypeHash},
			{AttributeName: new("CreationDate"), KeyType: types.KeyTypeRange},
		},
		Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
	}}
	catalog.StreamSpecification = &types.StreamSpecification{StreamEnabled: new(true), StreamViewType: types.StreamViewTypeNewAndOldImages}
	if err := makeTable(ctx, db, catalog); err != nil {
		return err
	}
	if err := makeTable(ctx, db, tableInput(predictionTable,
		key{"predictionId", types.ScalarAttributeTypeS}, key{"timestamp", types.ScalarAttributeTypeN},
		map[string]string{"Environment": "Production", "Purpose": "CachePredictionOutputs"},
	)); err != nil {
		return err
	}
	if err := letRecover(ctx, db, catalogTable); err != nil {
		return err
	}
	if err := letExpire(ctx, db, catalogTable, "TimeToLive"); err != nil {
		return err
	}
	return letExpire(ctx, db, predictionTable, "timestamp")
}

// letRecover lets a table be restored to any second from now on, if it cannot yet.
func letRecover(ctx context.Context, db *dynamodb.Client, table string) error {
	out, err := db.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if err != nil || out.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled {
		return err
	}
	_, err = db.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName:                        &table,
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: new(true)},
	})
	if err == nil {
		say("%s can be restored to any second from now on", table)
	}
	return err
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

func tableInput(name string, hash, sort key, tags map[string]string) *dynamodb.CreateTableInput {
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
	return in
}

// makeTable makes a table if it is not there yet.
func makeTable(ctx context.Context, db *dynamodb.Client, in *dynamodb.CreateTableInput) error {
	_, err := db.CreateTable(ctx, in)
	if _, exists := errors.AsType[*types.ResourceInUseException](err); exists {
		say("%s is there already", *in.TableName)
	} else if err != nil {
		return err
	} else {
		say("%s made", *in.TableName)
	}
	return waitForTable(ctx, db, *in.TableName)
}

func waitForTable(ctx context.Context, db *dynamodb.Client, name string) error {
	return dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay = 20 * time.Millisecond
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, 20*time.Second)
}
