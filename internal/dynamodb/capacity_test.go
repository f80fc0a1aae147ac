package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestCapacity has what operations on items of known sizes consume.
func TestCapacity(t *testing.T) {
	t.Parallel()
	c, ctx := start(t).client, t.Context()
	table := aws.String(rangeTable(t, c, "N"))
	// sized is an item of a size in bytes: "id", "a", "at", a number of two bytes
	// and "v" make 8 of it.
	sized := func(at string, bytes int) attrs {
		return attrs{"id": str("a"), "at": num(at), "v": str(strings.Repeat("x", bytes-8))}
	}
	key := func(at string) attrs { return attrs{"id": str("a"), "at": num(at)} }
	const total = types.ReturnConsumedCapacityTotal
	yes, no := aws.Bool(true), aws.Bool(false)

	put := func(at string, bytes int) float64 {
		t.Helper()
		out, err := c.PutItem(ctx, &sdk.PutItemInput{TableName: table, Item: sized(at, bytes), ReturnConsumedCapacity: total})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ConsumedCapacity.CapacityUnits
	}
	get := func(at string, consistent *bool) float64 {
		t.Helper()
		out, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: key(at), ConsistentRead: consistent, ReturnConsumedCapacity: total})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ConsumedCapacity.CapacityUnits
	}
	del := func(at string) float64 {
		t.Helper()
		out, err := c.DeleteItem(ctx, &sdk.DeleteItemInput{TableName: table, Key: key(at), ReturnConsumedCapacity: total})
		if err != nil {
			t.Fatal(err)
		}
		return *out.ConsumedCapacity.CapacityUnits
	}
	for _, step := range []struct {
		name      string
		got, want float64
	}{
		{"a put of 1 KB", put("1", 1024), 1},
		{"a put of a byte more", put("1", 1025), 2},
		{"a put over a larger item", put("1", 100), 2},
		{"a put over a smaller item", put("1", 3000), 3},
		{"a consistent read of less than 4 KB", get("1", yes), 1},
		{"an eventually consistent one", get("1", nil), 0.5},
		{"a put of 4 KB", put("2", 4096), 4},
		{"a read of 4 KB", get("2", yes), 1},
		{"a put of a byte more", put("2", 4097), 5},
		{"a read of that", get("2", yes), 2},
		{"an eventually consistent one", get("2", no), 1},
		{"a read of nothing", get("3", yes), 1},
		{"an eventually consistent one", get("3", nil), 0.5},
		{"a deletion of 3 KB", del("1"), 3},
		{"a deletion of nothing", del("1"), 1},
	} {
		if step.got != step.want {
			t.Errorf("%s consumed %v, want %v", step.name, step.got, step.want)
		}
	}

	update, err := c.UpdateItem(ctx, &sdk.UpdateItemInput{TableName: table, Key: key("2"), UpdateExpression: aws.String("REMOVE v"), ReturnConsumedCapacity: types.ReturnConsumedCapacityIndexes})
	if err != nil || *update.ConsumedCapacity.CapacityUnits != 5 || *update.ConsumedCapacity.Table.CapacityUnits != 5 || *update.ConsumedCapacity.TableName != *table {
		t.Error(update, err)
	}
	none, err := c.GetItem(ctx, &sdk.GetItemInput{TableName: table, Key: key("2"), ReturnConsumedCapacity: types.ReturnConsumedCapacityNone})
	if err != nil || none.ConsumedCapacity != nil {
		t.Error(none, err)
	}

	// A query is charged for the sum of what it read, rounded up once.
	for i := range 10 {
		put(fmt.Sprint(50+i), 1000)
	}
	query, err := c.Query(ctx, &sdk.QueryInput{TableName: table, KeyConditionExpression: aws.String("id = :id AND #at >= :at"), FilterExpression: aws.String("v = :id"), ConsistentRead: yes,
		ExpressionAttributeNames: map[string]string{"#at": "at"}, ExpressionAttributeValues: attrs{":id": str("a"), ":at": num("50")}, ReturnConsumedCapacity: total})
	if err != nil || query.Count != 0 || *query.ConsumedCapacity.CapacityUnits != 3 {
		t.Error(query, err)
	}
	described, err := c.DescribeTable(ctx, &sdk.DescribeTableInput{TableName: table})
	if err != nil || *described.Table.ItemCount != 11 || *described.Table.TableSizeBytes != 10*1000+int64(len("idaat")+2) {
		t.Error(*described.Table.ItemCount, *described.Table.TableSizeBytes, err)
	}
}
