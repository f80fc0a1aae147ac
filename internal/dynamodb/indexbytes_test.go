package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestIndexesOfLargeItems writes the largest transaction, and a batch that is too much for
// one commit, to a table with as many indexes of whole items as there can be.
func TestIndexesOfLargeItems(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 300 MB")
	}
	t.Parallel()
	f := start(t)
	c, table := f.client, tableFor(t)
	in := &sdk.CreateTableInput{TableName: &table, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema("id", ""), AttributeDefinitions: definitions("id:S", "kind:S")}
	for n := range 20 {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: aws.String(fmt.Sprint("index", n)), KeySchema: keySchema("kind", ""), Projection: projection("ALL")})
	}
	if _, err := c.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 409_000)
	item := func(n int) attrs { return attrs{"id": str(fmt.Sprint(n)), "kind": str("k"), "text": str(text)} }
	ten := &sdk.TransactWriteItemsInput{}
	for n := range 10 {
		ten.TransactItems = append(ten.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: &table, Item: item(n)}})
	}
	if _, err := c.TransactWriteItems(t.Context(), ten); err != nil {
		t.Fatal(err)
	}
	clear := &sdk.TransactWriteItemsInput{}
	for n := range 10 {
		clear.TransactItems = append(clear.TransactItems, types.TransactWriteItem{Delete: &types.Delete{TableName: &table, Key: attrs{"id": str(fmt.Sprint(n))}}})
	}
	if _, err := c.TransactWriteItems(t.Context(), clear); err != nil {
		t.Fatal(err)
	}

	var requests []types.WriteRequest
	for n := range 17 {
		requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(n)}})
	}
	batches := 0
	for left := map[string][]types.WriteRequest{table: requests}; len(left) > 0; batches++ {
		out, err := c.BatchWriteItem(t.Context(), &sdk.BatchWriteItemInput{RequestItems: left})
		if err != nil {
			t.Fatal(err)
		}
		left = out.UnprocessedItems
	}
	if batches != 2 {
		t.Errorf("%d batches, want 2", batches)
	}
	d, err := c.DescribeTable(t.Context(), &sdk.DescribeTableInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range d.Table.GlobalSecondaryIndexes {
		if *x.ItemCount != 17 || *x.IndexSizeBytes != *d.Table.TableSizeBytes {
			t.Errorf("%s has %d items of %d bytes, the table %d of %d", *x.IndexName, *x.ItemCount, *x.IndexSizeBytes, *d.Table.ItemCount, *d.Table.TableSizeBytes)
		}
	}

	// What even the half of it cannot hold is an error of the client's.
	hundred := &sdk.TransactWriteItemsInput{}
	for n := range 17 {
		hundred.TransactItems = append(hundred.TransactItems, types.TransactWriteItem{Update: &types.Update{TableName: &table, Key: attrs{"id": str(fmt.Sprint(n))},
			UpdateExpression: aws.String("SET more = :m"), ExpressionAttributeValues: attrs{":m": num("1")}}})
	}
	_, err = c.TransactWriteItems(t.Context(), hundred)
	wantError(t, err, validation, "The items of the request and their entries in indexes are more than the 128 MB that are written at once")
}
