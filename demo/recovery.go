package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// recoverFromMistake deletes every version of the model, as somebody does one day,
// restores the catalog to the second before into a table beside it, and puts back
// from there what was lost. It fails unless all of it is as it was.
func recoverFromMistake(ctx context.Context, db *dynamodb.Client, catalogTable string) error {
	restoredTable := catalogTable + "-restored"
	before, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	// To restore to a second is to restore to its end: the mistake is to be made in a
	// later one.
	good := time.Now().Truncate(time.Second)
	if err := sleepUntil(ctx, good.Add(time.Second)); err != nil {
		return err
	}
	if err := deleteAll(ctx, db, catalogTable, before); err != nil {
		return err
	}
	left, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	if len(left) != 0 {
		return fmt.Errorf("%d versions are left", len(left))
	}
	say("a mistake: all %d rows of %s deleted", len(before), catalogTable)

	if err := dropTable(ctx, db, restoredTable); err != nil { // of an earlier run
		return err
	}
	began := time.Now()
	if err := restore(ctx, db, catalogTable, restoredTable, good); err != nil {
		return err
	}
	restored, err := items(ctx, db, restoredTable)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(restored, before) {
		return fmt.Errorf("restored to %v, the catalog has %d rows, or others than before", good, len(restored))
	}
	say("restored to %s, the second before, in %v: every row is as it was", good.UTC().Format(time.TimeOnly), time.Since(began).Round(time.Millisecond))

	for _, item := range restored {
		if _, err := db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &catalogTable, Item: item, ConditionExpression: new("attribute_not_exists(ModelId)"),
		}); err != nil {
			return err
		}
	}
	after, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(after, before) {
		return errors.New("the catalog is not as it was before the mistake")
	}
	say("the rows are back in %s", catalogTable)
	return dropTable(ctx, db, restoredTable)
}

// restore makes a table of what another one was at a second, as soon as that can be
// restored.
func restore(ctx context.Context, db *dynamodb.Client, from, into string, to time.Time) error {
	for {
		out, err := db.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &from})
		if err != nil {
			return err
		}
		recovery := out.ContinuousBackupsDescription.PointInTimeRecoveryDescription
		if latest := recovery.LatestRestorableDateTime; latest != nil && !latest.Before(to) {
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	if _, err := db.RestoreTableToPointInTime(ctx, &dynamodb.RestoreTableToPointInTimeInput{
		SourceTableName: &from, TargetTableName: &into, RestoreDateTime: &to,
	}); err != nil {
		return err
	}
	return dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay = 20 * time.Millisecond
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &into}, 20*time.Second)
}

// items returns all rows of a table in the order of a scan.
func items(ctx context.Context, db *dynamodb.Client, table string) (found []map[string]types.AttributeValue, err error) {
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: new(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, page.Items...)
	}
	return found, nil
}

func deleteAll(ctx context.Context, db *dynamodb.Client, table string, rows []map[string]types.AttributeValue) error {
	for _, row := range rows {
		if _, err := db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &table, Key: map[string]types.AttributeValue{
			"ModelId": row["ModelId"], "ModelVersion": row["ModelVersion"],
		}}); err != nil {
			return err
		}
	}
	return nil
}

// dropTable drops a table if there is one.
func dropTable(ctx context.Context, db *dynamodb.Client, name string) error {
	_, err := db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
	if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
		return nil
	}
	return err
}
