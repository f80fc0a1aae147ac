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

// recoverFromMistake writes a card for each version, has a script write the same nonsense over
// all of them, restores the catalog to the second before into a table beside it, and puts the
// cards back from there. It fails unless everything is as it was.
func recoverFromMistake(ctx context.Context, db *dynamodb.Client, catalogTable string) error {
	all, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	cards := map[string]string{"1.0": "Knows the sepals alone: ask it when petals are missing.", "1.1": "Knows all measurements."}
	for _, item := range all {
		if card := cards[textOf(item["ModelVersion"])]; card != "" {
			if err := writeCard(ctx, db, catalogTable, item, card); err != nil {
				return err
			}
		}
	}
	before, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	// To restore to a second is to restore to its end: the mistake is to be made in a later one.
	good := time.Now().Truncate(time.Second)
	if err := sleepUntil(ctx, good.Add(time.Second)); err != nil {
		return err
	}
	for _, item := range before {
		if item["Card"] != nil {
			if err := writeCard(ctx, db, catalogTable, item, "TBD"); err != nil {
				return err
			}
		}
	}
	say("a script writes TBD over the card of every version")

	restoredTable := catalogTable + "-restored"
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
		return fmt.Errorf("restored to %v, the catalog has other rows than it had", good)
	}
	say("the catalog as of %s, the second before, is restored in %v into a table beside it", good.UTC().Format(time.TimeOnly), time.Since(began).Round(time.Millisecond))
	for _, item := range restored {
		if card := textOf(item["Card"]); card != "" {
			if err := writeCard(ctx, db, catalogTable, item, card); err != nil {
				return err
			}
		}
	}
	after, err := items(ctx, db, catalogTable)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(after, before) {
		return errors.New("the catalog is not as it was before the mistake")
	}
	say("the cards are put back from there: every row is as it was")
	return dropTable(ctx, db, restoredTable)
}

// writeCard sets what a version's card says.
func writeCard(ctx context.Context, db *dynamodb.Client, table string, item map[string]types.AttributeValue, card string) error {
	_, err := db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &table, Key: map[string]types.AttributeValue{"ModelId": item["ModelId"], "ModelVersion": item["ModelVersion"]},
		UpdateExpression: new("SET Card = :card"), ExpressionAttributeValues: map[string]types.AttributeValue{":card": &types.AttributeValueMemberS{Value: card}},
	})
	return err
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// restore makes a table of what another one was at a second, as soon as that can be restored.
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

// dropTable drops a table if there is one, once it is restored.
func dropTable(ctx context.Context, db *dynamodb.Client, name string) error {
	for {
		_, err := db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		if _, none := errors.AsType[*types.ResourceNotFoundException](err); none {
			return nil
		}
		if _, busy := errors.AsType[*types.ResourceInUseException](err); !busy {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
